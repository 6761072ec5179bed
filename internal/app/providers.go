package app

import (
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/provider/codebuild"
	"slipway/internal/pipeline/provider/codecommit"
	"slipway/internal/pipeline/provider/codedeploy"
	"slipway/internal/pipeline/provider/connection"
	"slipway/internal/pipeline/provider/manual"
	"slipway/internal/pipeline/provider/s3"
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
		manual.Provider{},
		&s3.Deploy{Objects: artifacts},
		&codedeploy.Provider{Deployments: actingDeployments{x.deployments, r}},
	}
}
