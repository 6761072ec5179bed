package app

import (
	"time"

	"slipway/internal/build"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/provider/codebuild"
	"slipway/internal/pipeline/provider/codecommit"
	"slipway/internal/pipeline/provider/codedeploy"
	"slipway/internal/pipeline/provider/commands"
	"slipway/internal/pipeline/provider/connection"
	"slipway/internal/pipeline/provider/manual"
	"slipway/internal/pipeline/provider/rule"
	"slipway/internal/pipeline/provider/s3"
	"slipway/internal/release/monitor"
	"slipway/internal/source"
)

// providers returns the providers of all actions that Slipway runs.
func providers(
	repositories *source.Service,
	x *stages,
	objects *object.Store,
	r *rights,
) []pipeline.Provider {
	artifacts := actingObjects{objects, r}
	return []pipeline.Provider{
		&codecommit.Provider{Repositories: actingRepositories{repositories, r}, Artifacts: artifacts},
		&connection.Provider{Repositories: actingConnections{x.connections, r}, Artifacts: artifacts},
		&s3.Source{Objects: artifacts},
		&codebuild.Provider{Builds: actingBuilds{x.builds, r}},
		&commands.Provider{Builds: x.builds, Ended: &codebuild.Provider{Builds: x.builds}},
		manual.Provider{},
		&s3.Deploy{Objects: artifacts},
		&codedeploy.Provider{Deployments: actingDeployments{x.deployments, r}},
	}
}

// rules returns the providers of the rules of stage conditions.
func rules(builds *build.Service, alarms *monitor.Service, now func() time.Time, r *rights) []pipeline.RuleProvider {
	return []pipeline.RuleProvider{
		rule.Variable{},
		rule.Window{Now: now},
		rule.Alarm{Alarms: actingAlarms{alarms, r}, Now: now},
		rule.Build{Builds: &codebuild.Provider{Builds: actingBuilds{builds, r}}},
	}
}
