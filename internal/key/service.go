// Package key is the keys of KMS: symmetric ones, which encrypt and decrypt here, with the Key Management Service API
// over them. A key's materials are kept sealed under the server's own key, and never leave the server.
package key

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/kms"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("key", migrations) }

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Pager           awsproto.Pager
	Seal            *seal.Sealer
}

// Service implements the Key Management Service.
type Service struct {
	Config
	db *store.Store
}

const (
	deleteJob = "key.delete" // its key is the key's ID
	rotateJob = "key.rotate"
)

// New returns the service and registers its jobs.
func New(db *store.Store, c Config) *Service {
	s := &Service{c, db}
	db.Handle(deleteJob, store.Limits{Attempts: store.Tireless}, s.deleteDue)
	db.Handle(rotateJob, store.Limits{Attempts: store.Tireless}, s.rotateDue)
	return s
}

func (s *Service) arn(id string) string { return s.prefix() + "key/" + id }

// prefix is the beginning of the ARNs of keys and aliases.
func (s *Service) prefix() string { return "arn:aws:kms:" + s.Region + ":" + s.Account + ":" }

func notFound(format string, args ...any) error {
	return &kms.NotFoundException{Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &awsproto.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

func unsupported(what string) error {
	return &kms.UnsupportedOperationException{Message: "Slipway does not implement " + what +
		". docs/compatibility.md lists what it does."}
}

func notImplemented(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
		Message: "Slipway does not implement " + what + ". docs/compatibility.md lists what it does."}
}

// wouldHaveSucceeded is the answer of a dry run that may do what it asks.
func wouldHaveSucceeded() error {
	return &kms.DryRunOperationException{Message: "The request would have succeeded, but the DryRun option is set."}
}

// limit is the number of a page's entries.
func limit(n *int32, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return int(*n)
}

// place reads a marker of a list.
func (s *Service) place(op string, filter any, marker *string) (after string, err error) {
	if !s.Pager.Place(op, filter, marker, &after) {
		return "", &kms.InvalidMarkerException{Message: "The marker is not one of this list."}
	}
	return after, nil
}

// page cuts a list that has one entry too many, and returns the marker of the next page.
func page[T any](s *Service, op string, filter any, all []T, most int, at func(T) string) (some []T, next *string) {
	if len(all) <= most {
		return all, nil
	}
	return all[:most], s.Pager.Token(op, filter, at(all[most-1]))
}

// ResourcePolicy is the policy of a key.
func (s *Service) ResourcePolicy(ctx context.Context, arn string) (text string, ok bool, err error) {
	id, ok := strings.CutPrefix(arn, s.arn(""))
	if !ok {
		return "", false, nil
	}
	ok, err = store.Find(ctx, s.db, []any{&text}, `SELECT policy FROM kms_keys WHERE id = $1`, id)
	return text, ok, err
}

// Tags are the tags of a key.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	id, ok := strings.CutPrefix(arn, s.arn(""))
	if !ok {
		return nil, nil
	}
	all, err := tags.List(ctx, s.db, id, "", maxTags)
	of := make(map[string]string, len(all))
	for _, t := range all {
		of[t.Key] = t.Value
	}
	return of, err
}
