// Package logs is the CloudWatch Logs face of the journal, and Slipway's own window on it.
package logs

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	cwl "slipway/api/logs"
	"slipway/internal/journal"
	"slipway/internal/store"
)

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Pager           awsproto.Pager
	Now             func() time.Time
}

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("logs", migrations) }

// Service implements CloudWatch Logs and slipway:ReadLog.
type Service struct {
	Config
	db      *store.Store
	journal Journal
	locks   locks
}

// New returns the service and registers its jobs.
func New(db *store.Store, j Journal, c Config) *Service {
	s := &Service{Config: c, db: db, journal: j}
	db.Handle(retentionJob, store.Limits{Time: time.Hour, Attempts: store.Tireless}, s.expire)
	return s
}

const (
	pageEvents = 10_000
	pageBytes  = 1 << 20 // AWS's size of a page of events
	eventCost  = 26      // that AWS counts beside a message's bytes
)

func (s *Service) arn(group string) string {
	return "arn:aws:logs:" + s.Region + ":" + s.Account + ":log-group:" + group
}

func invalid(format string, args ...any) error {
	return &cwl.InvalidParameterException{Message: fmt.Sprintf(format, args...)}
}

func badToken() error { return invalid("The specified nextToken is invalid.") }

// group is the name of the group that a request means, by name or by identifier (a name or an ARN).
func (s *Service) group(name, id *string) (string, error) {
	switch {
	case name != nil && id != nil:
		return "", invalid("LogGroupName and LogGroupIdentifier cannot both be specified.")
	case name != nil:
		return *name, nil
	case id == nil:
		return "", invalid("Either LogGroupName or LogGroupIdentifier is required.")
	}
	return strings.TrimSuffix(strings.TrimPrefix(*id, s.arn("")), ":*"), nil
}

// missing returns the error for a group or stream that does not exist.
func missing(err error, what string) error {
	if errors.Is(err, journal.ErrNotExist) {
		return &cwl.ResourceNotFoundException{Message: "The specified " + what + " does not exist."}
	}
	if errors.Is(err, journal.ErrName) {
		return invalid("The specified %s cannot be a name: %v", what, err)
	}
	return err
}

// allStreams reads the streams of a group, window by window.
func (s *Service) allStreams(ctx context.Context, group, prefix string, yield func(journal.Stream) bool) error {
	const window = 1000
	for after := ""; ; {
		page, err := s.journal.Streams(ctx, group, prefix, after, window)
		if err != nil {
			return missing(err, "log group")
		}
		for _, st := range page {
			if !yield(st) {
				return nil
			}
			after = st.Name
		}
		// A stream that was just removed can make a page shorter than the limit. Only an empty page is the end.
		if len(page) == 0 {
			return nil
		}
	}
}

func stamp(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}
