// Package deploy is the Deploy stage: applications, deployment groups, revisions and on-premises hosts, deployments to
// them, and the queue of commands that the hosts' agents ask for. It implements CodeDeploy and the host-command
// protocol of its agent.
package deploy

import (
	"context"
	"embed"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/event"
	"slipway/internal/identity"
	"slipway/internal/journal"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("deploy", migrations) }

// Hosts keeps the identities of hosts; an *identity.Service is one. What takes a transaction counts once that is
// committed and Reload was called.
type Hosts interface {
	UserARN(name string) string
	PutHost(ctx context.Context, tx store.Tx, name string, k identity.Key) error
	EnsureHostUser(ctx context.Context, tx store.Tx, arn string) (ours bool, err error)
	EndKeys(ctx context.Context, tx store.Tx, arn string) error
	Reload(ctx context.Context) error
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Journal         *journal.Journal
	Hosts           Hosts
	Bundles         Bundles // nil if they lie elsewhere; then their content is not bound to what hosts are told
	Balancer        Balancer
	Releases        Releases
	Alarms          Alarms
	Hints           *event.Hints   // hears of each change of a deployment; nil for nobody
	HostNetworks    []netip.Prefix // whose addresses hosts may publish besides their own
	KeyDir          string         // of the key that signs deployment specifications
	Hold            time.Duration  // how long a poll is held; 0 for 50 s. AWS's agent waits 80 s.
}

// Service implements CodeDeploy, the host-command protocol, and slipway:CreateHost.
type Service struct {
	Config
	db      *store.Store
	hosts   *presence
	signer  func() (*signer, error)
	outputs outputs
	digests digests
}

// Jobs.
const (
	timerJob = "deploy.timer" // a host's command has taken too long
	limitJob = "deploy.limit" // a deployment has
	logsJob  = "deploy.logs"  // a deployment has ended: so have its logs
	moveJob  = "deploy.move"  // a host joins or leaves its target groups
	undoJob  = "deploy.undo"  // the traffic of a blue/green deployment goes back
	waitJob  = "deploy.wait"  // a blue/green deployment has waited long enough
	alarmJob = "deploy.alarm" // a deployment looks at its alarms
)

// New returns the service. Its jobs run once db works.
func New(db *store.Store, c Config) *Service {
	if c.Hold == 0 {
		c.Hold = 50 * time.Second
	}
	s := &Service{Config: c, db: db, hosts: newPresence()}
	s.signer = sync.OnceValues(func() (*signer, error) { return openSigner(c.KeyDir, c.Now()) })
	s.outputs.open = map[journal.Name]*output{}
	db.Handle(timerJob, store.Limits{Parallel: 8}, s.timer)
	db.Handle(limitJob, store.Limits{Parallel: 2}, s.limit)
	db.Handle(logsJob, store.Limits{Parallel: 2}, s.finishLogs)
	db.Handle(moveJob, store.Limits{Parallel: 8}, s.move)
	db.Handle(undoJob, store.Limits{Parallel: 4, Attempts: store.Tireless}, s.undo)
	db.Handle(waitJob, store.Limits{Parallel: 2}, s.waited)
	db.Handle(alarmJob, store.Limits{Parallel: 2}, s.lookAtAlarms)
	return s
}

func (s *Service) arn(kind, name string) string {
	return "arn:aws:codedeploy:" + s.Region + ":" + s.Account + ":" + kind + name
}

// unsupported answers what is kept here but can't be carried out yet: HTTP 501, never a pretended success.
func unsupported(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: 501, Message: "Slipway does not implement " + what}
}
