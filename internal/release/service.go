// Package release is the Release stage: it moves the traffic of a deployment from what ran before to what is new, step
// by step, judges each step by what the users got, and takes the traffic back when that is worse.
package release

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/event"
	"slipway/internal/release/metric"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("release", migrations) }

// Traffic is the load balancer.
type Traffic interface {
	// Weigh tells it to split the traffic of listeners and rules: weights of target groups, by ARN. Told twice, it is
	// the same.
	Weigh(ctx context.Context, resources []string, weights map[string]int) error
	// InEffect reports whether the router carries traffic by these weights now.
	InEffect(ctx context.Context, resources []string, weights map[string]int) (bool, error)
}

// Release is what a deployment asks for.
type Release struct {
	DeploymentID string `json:"deploymentId"`
	Application  string `json:"application"`
	Group        string `json:"group"` // the deployment group
	// Resources are the listeners or rules whose traffic moves from the target group Baseline to Canary. All are ARNs.
	Resources []string `json:"resources"`
	Baseline  string   `json:"baseline"`
	Canary    string   `json:"canary"`
	// Routing is that of the deployment's configuration; nil is all at once. The group's release policy may have steps
	// of its own.
	Routing *cd.TrafficRoutingConfig `json:"routing,omitzero"`
	// AtOnce moves all traffic at once, whatever policy the group has: there is nothing to compare with, or what went
	// wrong is taken back.
	AtOnce bool `json:"atOnce,omitzero"`
	// Alarms are the names of those that watch the deployment. They are shown with the release; it is the deployment
	// that reacts to them.
	Alarms []string `json:"alarms,omitzero"`
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Now   func() time.Time
	Log   *slog.Logger
	Pager awsproto.Pager
	Hints *event.Hints // hears of each change of a release: release/ID, deployment/ID, releases
	// Traffic is the load balancer; without one no release can begin.
	Traffic Traffic
	// Act returns a context in which the traffic of a deployment is moved with the rights of its group's role; nil: it
	// is moved as nobody, and nothing asks for rights.
	Act func(ctx context.Context, deploymentID string) (context.Context, error)
	// GroupExists returns the error of CodeDeploy if there is no such deployment group; nil: policies can be put for
	// groups that are not there.
	GroupExists func(ctx context.Context, application, group string) error
	Alarms      Alarms // nil: the states of alarms are not shown
	// Metrics are what the routers report; without them every verdict is uncertain, and there is no graph.
	Metrics *metric.Store
}

// Service implements the operations of slipway that have to do with releases.
type Service struct {
	Config
	db *store.Store
}

// Jobs.
const (
	weighJob = "release.weigh" // the router is told a share, until it has it in effect
	timerJob = "release.timer" // a step's wait is over
	judgeJob = "release.judge" // a step's window is judged
)

// New returns the service. Its jobs run once db works.
func New(db *store.Store, c Config) *Service {
	s := &Service{Config: c, db: db}
	db.Handle(weighJob, store.Limits{Parallel: 8, Attempts: store.Tireless}, s.weigh)
	db.Handle(timerJob, store.Limits{Parallel: 4}, s.timer)
	db.Handle(judgeJob, store.Limits{Parallel: 2}, s.judge)
	return s
}
