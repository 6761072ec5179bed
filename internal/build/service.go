// Package build is the Build stage: projects, builds and the runners that take them, with CodeBuild's API over them.
package build

import (
	"context"
	"embed"
	"io"
	"log/slog"
	"net/http"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/forge"
	"slipway/internal/journal"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("build", migrations) }

// Reports keeps what the tests of builds reported.
type Reports interface {
	// Record keeps the reports of a build that ends, with the writes of tx, and returns their ARNs.
	Record(ctx context.Context, tx store.Tx, build *codebuild.Build, of slipway.Origin,
		reports []slipway.Report) ([]string, error)
	// Times returns how long the suites of a project's tests took in its newest reports.
	Times(ctx context.Context, q store.Queryer, project string) ([]slipway.TestTime, error)
	// Failed returns tests that failed in reports, up to a limit, those first that tell most. q is the database, or the
	// transaction that has recorded the reports.
	Failed(ctx context.Context, q store.Queryer, reportArns []string, limit int) ([]slipway.FailedTest, error)
	// Exports returns where the files of a project's reports go, for those whose groups are exported.
	Exports(ctx context.Context, project string, reports []string) ([]slipway.ReportExport, error)
	// Group returns when a report group was made; false if there is none.
	Group(ctx context.Context, q store.Queryer, arn string) (time.Time, bool, error)
}

// Logs are the logs of builds.
type Logs interface {
	// AppendSince opens a log to append to it. A log that does not exist begins at a time.
	AppendSince(n journal.Name, begin time.Time) (*journal.Writer, error)
	Remove(n journal.Name) error
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	URL             string // of this server, for the clone URLs of its repositories
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Seal            *seal.Sealer // of the secrets of webhooks
	Reports         Reports
	Logs            Logs
	Roles           Roles // nil: builds act with no rights at all
	// RolesThrough are those of pipelines' commands: a pipeline's role, and what it may assume.
	RolesThrough func(role string) Roles
	Tokens       Tokens       // nil: builds get no identity tokens
	Hints        *event.Hints // hears of each change of a build; nil for nobody
	// ReadObject opens an object with the rights of a project's role: a buildspec may lie in one.
	ReadObject func(ctx context.Context, role, bucket, key string) (io.ReadCloser, error)
	// WriteObject writes an object with the rights of a project's role: the combined artifact of a batch.
	WriteObject func(ctx context.Context, role, bucket, key string, body io.Reader) error
	// ReadSecret reads a secret of Secrets Manager with the rights of a project's role, or of the caller without one.
	ReadSecret func(ctx context.Context, role, arn string) (string, error)
	// Local says that forges may be at this machine, as it is for a server that is reached from it alone.
	Local bool
	// Hold is how long a runner's poll waits for something to do; 0 is 50 seconds.
	Hold time.Duration
	// Silence is how long a runner may be unheard of before its builds end as FAULT; 0 is three minutes: the minute in
	// which it polls again, and two more.
	Silence time.Duration
	// Room tells why no build may begin, as when the disk is nearly full: builds wait first. nil: there is always room.
	Room func() error
}

// Service implements CodeBuild's projects and builds, and the runners' part of Slipway's own API.
type Service struct {
	Config
	db         *store.Store
	started    time.Time // before it nobody could be heard of
	runners    runners
	progresses progresses
	images     store.Kept[map[string]string] // that were named
	policies   resourcePolicies
	fleets     knownFleets
	refusals   refusals
	forges     *http.Client
}

// Kinds of jobs.
const (
	jobQueued = "build.queued" // the end of a build's time in the queue
	jobRunner = "build.runner" // a look at whether a runner that has builds is still heard of
	jobLog    = "build.log"    // the removal of a build's log
	jobFleet  = "build.fleet"  // the end of the builds that wait for a fleet that was deleted

	jobBatch   = "build.batch"   // the end of the time that a batch may take
	jobCombine = "build.combine" // the putting together of a batch's artifacts
)

// New returns the service and registers its jobs.
func New(db *store.Store, c Config) *Service {
	if c.Hold == 0 {
		c.Hold = 50 * time.Second
	}
	if c.Silence == 0 {
		c.Silence = 3 * time.Minute
	}
	s := &Service{Config: c, db: db, started: c.Now(), forges: forge.NewClient(c.Local)}
	s.runners.init()
	s.progresses.init()
	s.listenToPeers()
	db.Handle(jobQueued, store.Limits{Parallel: 4}, s.queueTimeout)
	db.Handle(jobRunner, store.Limits{Parallel: 2}, s.watchRunner)
	db.Handle(jobBatch, store.Limits{Parallel: 2}, s.batchTimeout)
	db.Handle(jobCombine, store.Limits{Parallel: 2, Time: combineTime}, s.combine)
	db.Handle(jobFleet, store.Limits{Parallel: 1}, s.endFleet)
	db.Handle(jobLog, store.Limits{Parallel: 2}, s.removeLog)
	return s
}

func (s *Service) arn(kind, name string) string {
	return "arn:aws:codebuild:" + s.Region + ":" + s.Account + ":" + kind + "/" + name
}
