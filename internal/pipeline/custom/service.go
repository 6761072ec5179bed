// Package custom has the action types that requests make, and hands their actions to job workers as jobs: a worker
// polls for jobs, acknowledges one, and puts its result. It is a provider of actions that keeps what it works on.
// Source: "Create and add a custom action in CodePipeline" in the CodePipeline user guide, and the operations
// PollForJobs, AcknowledgeJob, GetJobDetails and PutJob… of its API reference.
package custom

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	cp "slipway/api/codepipeline"
	"slipway/internal/event"
	"slipway/internal/pipeline"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

// Config is what the service needs to know of where it runs, and what it works with.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Log             *slog.Logger
	Seal            *seal.Sealer
	Hints           *event.Hints
	// Credentials makes temporary credentials for a job's artifacts; nil: jobs get none.
	Credentials func(ctx context.Context, g Grant) (*cp.AWSSessionCredentials, error)
	// Key is the key of a pipeline's artifact store; nil for none.
	Key func(ctx context.Context, pipeline string) (*cp.EncryptionKey, error)
}

// Service implements the operations of custom action types and of job workers, and is the provider of their actions.
type Service struct {
	Config
	db    *store.Store
	types store.Kept[*known]
}

// Work is what an action waits for: the last of its jobs.
func Work(run string) pipeline.Wait { return pipeline.Wait{Kind: "job", ID: run} }

// timeoutJob ends a job that nobody ended in time, and later deletes it. Its key is the job's ID.
const timeoutJob = "custom.timeout"

// New returns the service. Its jobs run once db works.
func New(ctx context.Context, db *store.Store, c Config) (*Service, error) {
	s := &Service{Config: c, db: db}
	db.Handle(timeoutJob, store.Limits{Parallel: 4, Attempts: store.Tireless}, s.timeOut)
	db.OnNotice(typesNotice, func(string) { s.types.Forget() })
	db.OnGap(s.types.Forget)
	_, err := s.all(ctx)
	return s, err
}

// world is what a decision may know of the world.
func (s *Service) world() World { return World{Now: s.Now().UnixMilli(), NewID: uuid.NewString} }
