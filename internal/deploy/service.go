// Package deploy is the Deploy stage: applications, deployment groups, revisions, and deployments. It implements
// CodeDeploy but for what is about on-premises instances. What deployments go to is a Platform; package server has the
// one for hosts.
package deploy

import (
	"embed"
	"log/slog"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/event"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package and of its platforms.
func Migrations() store.Migrations { return store.Tables("deploy", migrations) }

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Logs            Logs
	Platforms       map[cd.ComputePlatform]Platform // groups of other platforms are kept, and can't be deployed to
	Balancer        Balancer
	Releases        Releases
	Alarms          Alarms
	Roles           Roles // nil: deployments act as nobody, and nothing asks for rights
	// Hints hears of each change of a deployment and of commands that wait; nil if nobody but this service listens.
	Hints *event.Hints
}

// Service implements CodeDeploy.
type Service struct {
	Config
	db      *store.Store
	writing writing
}

// Jobs. Their names are stored.
const (
	timerJob    = "deploy.timer"    // an event of a unit has taken too long
	limitJob    = "deploy.limit"    // a deployment has taken too long
	logsJob     = "deploy.logs"     // a deployment has ended: so have its logs
	actJob      = "deploy.move"     // a platform carries out an event of a unit
	undoJob     = "deploy.undo"     // the traffic of a blue/green deployment goes back
	waitJob     = "deploy.wait"     // a blue/green deployment has waited long enough
	alarmJob    = "deploy.alarm"    // a deployment looks at its alarms
	rollbackJob = "deploy.rollback" // a deployment ends and is rolled back
)

// New returns the service. Its jobs run once db works.
func New(db *store.Store, c Config) *Service {
	if c.Hints == nil {
		c.Hints = event.NewHints(db)
	}
	s := &Service{Config: c, db: db}
	db.Handle(timerJob, store.Limits{Parallel: 8}, s.timer)
	db.Handle(limitJob, store.Limits{Parallel: 2}, s.limit)
	db.Handle(logsJob, store.Limits{Parallel: 2}, s.finishLogs)
	db.Handle(actJob, store.Limits{Parallel: 8}, s.act)
	db.Handle(undoJob, store.Limits{Parallel: 4, Attempts: store.Tireless}, s.undo)
	db.Handle(waitJob, store.Limits{Parallel: 2}, s.waited)
	db.Handle(alarmJob, store.Limits{Parallel: 2}, s.lookAtAlarms)
	db.Handle(rollbackJob, store.Limits{Parallel: 2, Attempts: store.Tireless}, s.endInRollback)
	return s
}

func (s *Service) arn(kind, name string) string {
	return "arn:aws:codedeploy:" + s.Region + ":" + s.Account + ":" + kind + name
}

// unsupported answers what is kept here but can't be carried out yet: HTTP 501, never a pretended success.
func unsupported(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: 501, Message: "Slipway does not implement " + what}
}
