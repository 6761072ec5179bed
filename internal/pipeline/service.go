// Package pipeline is the orchestration of the stages: definitions, what starts them, variables, and the engine that
// takes executions through their stages. It implements CodePipeline.
package pipeline

import (
	"context"
	"embed"
	"io"
	"log/slog"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/object"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("pipeline", migrations) }

// Sources is what pipelines need of the Source stage.
type Sources interface {
	// Tip returns the commit that a branch points at, or CodeCommit's errors for a repository or branch that is not
	// there.
	Tip(ctx context.Context, repository, branch string) (codecommit.Commit, error)
	GetCommit(ctx context.Context, in *codecommit.GetCommitInput) (*codecommit.GetCommitOutput, error)
	// Archive writes a commit's files as a zip.
	Archive(ctx context.Context, repository, commit string, w io.Writer) error
}

// Builds is what pipelines need of the Build stage.
type Builds interface {
	// StartForPipeline starts a build, or returns the one that it started before for the job's key.
	StartForPipeline(ctx context.Context, in *codebuild.StartBuildInput,
		job slipway.PipelineJob) (*codebuild.Build, error)
	BatchGetBuilds(ctx context.Context, in *codebuild.BatchGetBuildsInput) (*codebuild.BatchGetBuildsOutput, error)
}

// Deployments is what pipelines need of the Deploy stage.
type Deployments interface {
	// CreateForPipeline starts a deployment, or returns the ID of the one that it started before for the key.
	CreateForPipeline(ctx context.Context, key string, in *codedeploy.CreateDeploymentInput) (string, error)
	GetDeployment(ctx context.Context, in *codedeploy.GetDeploymentInput) (*codedeploy.GetDeploymentOutput, error)
}

// Config is what the service needs to know of where it runs, and of the other stages.
type Config struct {
	Region, Account string
	URL             string // of the pages
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Seal            *seal.Sealer
	Hub             *event.Hub
	Objects         *object.Store
	Sources         Sources
	Builds          Builds
	Deployments     Deployments
}

// Service implements CodePipeline.
type Service struct {
	Config
	db *store.Store
}

// parallel is how many actions may be starting at a time; those that run elsewhere do not count.
const parallel = 8

// actionTime is how long a start may take: a source packs a repository, a deployment to S3 unpacks an artifact.
const actionTime = 30 * time.Minute

// New returns the service. Its jobs run once db works.
func New(db *store.Store, c Config) *Service {
	s := &Service{Config: c, db: db}
	db.Handle(startJob, store.Limits{Parallel: parallel, Time: actionTime}, s.startAction)
	db.Handle(abandonJob, store.Limits{Parallel: parallel}, s.abandonAction)
	db.Handle(timeoutJob, store.Limits{Parallel: parallel}, s.timeoutAction)
	db.Handle(objectJob, store.Limits{Parallel: parallel}, s.objectCreated)
	event.Subscribe(db, event.Push, s.pushed)
	event.Subscribe(db,
		event.BuildEnded, func(ctx context.Context, id string, _ struct{}) error { return s.buildEnded(ctx, id) })
	event.Subscribe(db,
		event.DeploymentEnded, func(ctx context.Context, id string,
			_ struct{}) error {
			return s.deploymentEnded(ctx, id)
		})
	return s
}

// Jobs of this package; the key is an action execution's ID, or an object's version.
const (
	startJob   = "pipeline.start"
	abandonJob = "pipeline.abandon"
	timeoutJob = "pipeline.timeout"
	objectJob  = "pipeline.object"
)

func (s *Service) arn(name string) string {
	return "arn:aws:codepipeline:" + s.Region + ":" + s.Account + ":" + name
}
