package app

import (
	"context"
	"strings"

	"slipway/api/cloudwatch"
	"slipway/internal/deploy"
	"slipway/internal/event"
	"slipway/internal/pipeline/custom"
	"slipway/internal/pipeline/jenkins"
	"slipway/internal/pipeline/provider/codebuild"
	"slipway/internal/pipeline/provider/codecommit"
	"slipway/internal/pipeline/provider/codedeploy"
	"slipway/internal/pipeline/provider/rule"
	"slipway/internal/pipeline/provider/s3"
	"slipway/internal/store"
)

// Names of subscribers. They are part of the kinds of jobs, which are stored, and so must not change.
const (
	toPipelines   = "pipelines"
	toDeployments = "deployments"
)

// tellPipelines tells pipelines of what starts them, and of the ends that their actions wait for.
func tellPipelines(db *store.Store, x *stages) {
	event.Pushed.Subscribe(db, toPipelines, func(ctx context.Context, _ string, push event.Push) error {
		branch, ok := strings.CutPrefix(push.Ref, "refs/heads/")
		if !ok || push.New == "" {
			return nil
		}
		return x.pipelines.Changed(ctx, codecommit.Branch(push.Repository, branch))
	})
	event.ObjectWritten.SubscribeTo(db, toPipelines,
		func(ctx context.Context, q store.Queryer, o event.Object) (bool, error) {
			return x.pipelines.Watches(ctx, q, s3.Object(o.Bucket, o.Key))
		},
		func(ctx context.Context, _ string, o event.Object) error {
			return x.pipelines.Changed(ctx, s3.Object(o.Bucket, o.Key))
		})
	event.BuildEnded.Subscribe(db, toPipelines, func(ctx context.Context, id string, _ event.Ended) error {
		return x.pipelines.Ended(ctx, codebuild.Build(id))
	})
	event.BatchEnded.Subscribe(db, toPipelines, func(ctx context.Context, id string, _ event.Ended) error {
		return x.pipelines.Ended(ctx, codebuild.Batch(id))
	})
	event.JobEnded.Subscribe(db, toPipelines, func(ctx context.Context, run string, _ event.Ended) error {
		return x.pipelines.Ended(ctx, custom.Work(run))
	})
	event.JenkinsBuild.Subscribe(db, toPipelines, func(ctx context.Context, run string, _ event.Ended) error {
		return x.pipelines.Ended(ctx, jenkins.Work(run))
	})
	event.AlarmChanged.Subscribe(db, toPipelines, func(ctx context.Context, _ string, a event.Alarm) error {
		return x.pipelines.Ended(ctx, rule.AlarmChange(a.Name))
	})
	event.DeploymentEnded.Subscribe(db, toPipelines, func(ctx context.Context, id string, _ event.Ended) error {
		return x.pipelines.Ended(ctx, codedeploy.Deployment(id))
	})
}

// tellDeployments tells deployments of their alarms and of the ends of their releases.
func tellDeployments(db *store.Store, d *deploy.Service) {
	event.AlarmChanged.Subscribe(db, toDeployments, func(ctx context.Context, _ string, a event.Alarm) error {
		return once(ctx, db, func(tx store.Tx) error {
			return d.AlarmChanged(ctx, tx, a.Name, cloudwatch.StateValue(a.State))
		})
	})
	event.ReleaseEnded.Subscribe(db, toDeployments, func(ctx context.Context, _ string, e event.ReleaseEnd) error {
		return once(ctx, db, func(tx store.Tx) error {
			return d.ReleaseEnded(ctx, tx, e.Deployment, deploy.Released{
				Shifted: e.Promoted,
				Reason:  e.Reason,
				ByHand:  e.ByHand,
			})
		})
	})
}

// once writes together with the end of the job that ctx belongs to, so that what is written takes effect exactly once.
func once(ctx context.Context, db *store.Store, write func(store.Tx) error) error {
	return db.Write(ctx, func(tx store.Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		return store.End(ctx, tx)
	})
}
