// Package report keeps report groups, reports and test cases of builds, and implements CodeBuild's API for them.
package report

import (
	"embed"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/object"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("report", migrations) }

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Pager           awsproto.Pager
	// Files keeps what tests leave; Room, if set, returns an error if there is no room for more.
	Files object.Blobs
	Room  func() error
}

// Service implements CodeBuild's operations on reports.
type Service struct {
	Config
	db     *store.Store
	traces chan struct{} // holds one while a trace is read
}

// New returns the service.
func New(db *store.Store, c Config) *Service {
	return &Service{Config: c, db: db, traces: make(chan struct{}, 1)}
}

// Life is how long a report is kept, as AWS keeps it.
const Life = 30 * 24 * time.Hour

// Limits of AWS.
const (
	maxCases  = 500 // of a report
	maxGroups = 5   // in one build
	aPage     = 100 // when a list's maxResults is not given
)

func (s *Service) arn(kind, name string) string {
	return "arn:aws:codebuild:" + s.Region + ":" + s.Account + ":" + kind + "/" + name
}

func invalid(format string, args ...any) error {
	return &cb.InvalidInputException{Message: fmt.Sprintf(format, args...)}
}

func badToken() error { return invalid("The nextToken is not valid for this list.") }

// checkARN returns an error if a text is not an ARN of a kind.
func (s *Service) checkARN(kind, arn string) error {
	if name, ok := strings.CutPrefix(arn, s.arn(kind, "")); !ok || name == "" {
		return invalid("Invalid %s ARN %q: it must begin with %s", kind, arn, s.arn(kind, ""))
	}
	return nil
}

func limit(n *int32) int {
	if n == nil {
		return aPage
	}
	return int(*n)
}
