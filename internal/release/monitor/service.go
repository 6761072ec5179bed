// Package monitor implements CloudWatch's alarms and metrics over what the routers report, what clients put, and a
// Prometheus server.
package monitor

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/release/metric"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("monitor", migrations) }

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Hints           *event.Hints // hears of each change of an alarm: alarm/NAME, alarms; and of measurements: traffic
	Metrics         *metric.Store
	// Prometheus is the server that PromQL alarms ask; nil for none. Its user and password, if it has any, are sent.
	Prometheus *url.URL
	HTTP       *http.Client // to ask it with; nil for one of its own
}

// Service implements CloudWatch.
type Service struct {
	Config
	db    *store.Store
	clock clock
	// elsewhere are the names of alarms that other servers changed; "" stands for all.
	elsewhere chan string
}

// Topics of notices to other servers.
const (
	alarmNotice  = "alarm"  // the name of one that was changed
	sampleNotice = "sample" // what a router reported
	putNotice    = "put"    // the namespace of what a client put
)

// elsewhereAtOnce is how many alarms that other servers changed may wait to be read.
const elsewhereAtOnce = 256

// New returns the service. Alarms are evaluated while it runs.
func New(db *store.Store, c Config) *Service {
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: queryTimeout}
	}
	s := &Service{Config: c, db: db, clock: newClock(), elsewhere: make(chan string, elsewhereAtOnce)}
	db.OnNotice(alarmNotice, s.changedElsewhere)
	db.OnNotice(putNotice, func(namespace string) { s.clock.arrived(namespace, s.Now()) })
	db.OnNotice(sampleNotice, func(string) { s.clock.arrived(metric.LoadBalancers, s.Now()) })
	db.OnGap(s.allElsewhere)
	return s
}

// Sample keeps what a router reported, and lets the alarms that wait for it look, and the pages that show it.
func (s *Service) Sample(ctx context.Context, samples []slipway.RouterSample) error {
	err := s.Metrics.Sample(ctx, samples)
	s.clock.arrived(metric.LoadBalancers, s.Now())
	s.db.Notify(sampleNotice, "")
	s.Hints.Now("traffic") // at every server
	return err
}

// AlarmStates are the states of alarms by their names; those that there are not are left out.
func (s *Service) AlarmStates(ctx context.Context, names []string) (map[string]cw.StateValue, error) {
	states := map[string]cw.StateValue{}
	if len(names) == 0 {
		return states, nil
	}
	query, args := `SELECT name, state FROM monitor_alarms WHERE name IN `+store.In(1, len(names)), store.Args(names)
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, state string
		if err := rows.Scan(&name, &state); err != nil {
			return nil, err
		}
		states[name] = cw.StateValue(state)
	}
	return states, rows.Err()
}

func (s *Service) arn(name string) string {
	return "arn:aws:cloudwatch:" + s.Region + ":" + s.Account + ":alarm:" + name
}
