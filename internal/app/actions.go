package app

import (
	"context"
	"strings"

	"slipway/internal/build"
	"slipway/internal/deploy"
	"slipway/internal/event"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/provider/codebuild"
	"slipway/internal/pipeline/provider/codecommit"
	"slipway/internal/pipeline/provider/codedeploy"
	"slipway/internal/pipeline/provider/manual"
	"slipway/internal/pipeline/provider/s3"
	"slipway/internal/source"
	"slipway/internal/store"
)

// providers are those of the actions that Slipway runs, each with the services that it works with.
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

// tellPipelines tells pipelines of what their actions wait for, and of what starts them.
func (s *server) tellPipelines(p *pipeline.Service) {
	const subscriber = "pipelines"
	event.Pushed.Subscribe(s.db, subscriber, func(ctx context.Context, _ string, push event.Push) error {
		branch, ok := strings.CutPrefix(push.Ref, "refs/heads/")
		if !ok || push.New == "" {
			return nil
		}
		return p.Changed(ctx, codecommit.Branch(push.Repository, branch))
	})
	event.BuildEnded.Subscribe(s.db, subscriber, func(ctx context.Context, id string, _ event.Ended) error {
		return p.Ended(ctx, codebuild.Build(id))
	})
	event.DeploymentEnded.Subscribe(s.db, subscriber, func(ctx context.Context, id string, _ event.Ended) error {
		return p.Ended(ctx, codedeploy.Deployment(id))
	})
	s.objects.Created = func(ctx context.Context, tx store.Tx, o object.Object) error {
		return p.ChangedWith(ctx, tx, s3.Object(o.Bucket, o.Key), o.Version)
	}
}
