// Package pipeline orchestrates the other stages: it keeps definitions, starts executions, resolves variables, and
// takes executions through their stages by the decisions of package engine. It implements CodePipeline.
//
// What an action does is up to its Provider. A new kind of action is a package provider/NAME that implements Provider,
// and Source, Waiter or Stopper where these apply; package app adds it to its list of providers, and tells the service
// what has changed or ended. Package pipelinetest checks a provider's declarations, and exercise_test.go adds two
// providers in one file.
package pipeline

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/event"
	"slipway/internal/journal"
	"slipway/internal/object"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("pipeline", migrations) }

// Config is what the service needs to know of where it runs, and what it works with.
type Config struct {
	Region, Account string
	URL             string // of the server: pages are below it
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Seal            *seal.Sealer
	Hints           *event.Hints
	Objects         *object.Store // holds the artifacts
	Providers       []Provider
	Custom          []Custom // of two that have a type the first counts
	Rules           []RuleProvider
	Roles           Roles // nil: actions act as nobody, and providers ask for no rights
	// RemoveLog deletes the log of an action; nil: actions have none of their own.
	RemoveLog func(journal.Name) error
	// MayTell returns an error if the caller in ctx may not publish to a topic; nil: everybody may.
	MayTell func(ctx context.Context, topicARN string) error
}

// Service implements CodePipeline.
type Service struct {
	Config
	db       *store.Store
	registry *registry
}

// parallel is how many actions may be starting at a time; those that run elsewhere do not count.
const parallel = 8

// actionTime is how long a start may take: a source packs a repository, a deployment to S3 unpacks an artifact.
const actionTime = 30 * time.Minute

// New returns the service. Its jobs run once db works. Two providers of one action type are an error.
func New(db *store.Store, c Config) (*Service, error) {
	r, err := newRegistry(c.Providers, c.Custom, c.Rules)
	if err != nil {
		return nil, err
	}
	s := &Service{Config: c, db: db, registry: r}
	db.Handle(startJob, store.Limits{Parallel: parallel, Time: actionTime}, s.startAction)
	db.Handle(abandonJob, store.Limits{Parallel: parallel}, s.abandonAction)
	db.Handle(timeoutJob, store.Limits{Parallel: parallel}, s.timeoutAction)
	db.Handle(lookJob, store.Limits{Parallel: parallel, Attempts: store.Tireless}, s.look)
	db.Handle(ruleJob, store.Limits{Parallel: parallel, Time: actionTime}, s.judgeRule)
	db.Handle(ruleTimer, store.Limits{Parallel: parallel, Time: actionTime}, s.judgeRule)
	return s, nil
}

// Jobs of this package; the key is an action execution's ID.
const (
	startJob   = "pipeline.start"
	abandonJob = "pipeline.abandon"
	timeoutJob = "pipeline.timeout"
	lookJob    = "pipeline.look"
	ruleJob    = "pipeline.rule" // the key is a rule execution's ID
	ruleTimer  = "pipeline.rule-timer"
)

func (s *Service) arn(name string) string {
	return "arn:aws:codepipeline:" + s.Region + ":" + s.Account + ":" + name
}
