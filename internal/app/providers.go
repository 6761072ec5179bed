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
) []pipeline.Provider {
	return []pipeline.Provider{
		&codecommit.Provider{Repositories: repositories, Artifacts: objects},
		&s3.Source{Objects: objects},
		&codebuild.Provider{Builds: builds},
		manual.Provider{},
		&s3.Deploy{Objects: objects},
		&codedeploy.Provider{Deployments: deployments},
	}
}
