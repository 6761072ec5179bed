package app

import (
	"slipway/internal/build"
	"slipway/internal/deploy"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/provider/codebuild"
	"slipway/internal/pipeline/provider/codecommit"
	"slipway/internal/pipeline/provider/codedeploy"
	"slipway/internal/pipeline/provider/manual"
	"slipway/internal/pipeline/provider/s3"
	"slipway/internal/source"
)

// providers returns the providers of all actions that Slipway runs.
func providers(
	repositories *source.Service,
	builds *build.Service,
	deployments *deploy.Service,
	objects *object.Store,
	r *rights,
) []pipeline.Provider {
	artifacts := actingObjects{objects, r}
	return []pipeline.Provider{
		&codecommit.Provider{Repositories: actingRepositories{repositories, r}, Artifacts: artifacts},
		&s3.Source{Objects: artifacts},
		&codebuild.Provider{Builds: actingBuilds{builds, r}},
		manual.Provider{},
		&s3.Deploy{Objects: artifacts},
		&codedeploy.Provider{Deployments: actingDeployments{deployments, r}},
	}
}
