// Package vault is the secrets of Secrets Manager: their versions, stages, policies and tags, and their deletion after
// a time in which they can be restored. Each version is encrypted with a key of KMS.
package vault

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("vault", migrations) }

// Keys encrypt values with keys of KMS, if the caller may use these. A key is named as in a request.
type Keys interface {
	SealBytes(ctx context.Context, key string, plain []byte, bound map[string]string) ([]byte, error)
	OpenBytes(ctx context.Context, blob []byte, bound map[string]string) ([]byte, error)
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Pager           awsproto.Pager
	Keys            Keys
}

// Service implements Secrets Manager.
type Service struct {
	Config
	db *store.Store
}

const deleteJob = "secret.delete" // its key is the ARN of the secret

// ofSecrets is the key of a secret that names none.
const ofSecrets = "alias/aws/secretsmanager"

// New returns the service and registers its job.
func New(db *store.Store, c Config) *Service {
	s := &Service{c, db}
	db.Handle(deleteJob, store.Limits{Attempts: store.Tireless}, s.deleteDue)
	return s
}

func (s *Service) prefix() string {
	return "arn:aws:secretsmanager:" + s.Region + ":" + s.Account + ":secret:"
}

// suffix makes what stands after the name in a secret's ARN: a secret that is created again is another one.
func suffix() string { return rand.Text()[:suffixSize] }

const suffixSize = 6

func badParameter(format string, args ...any) error {
	return &secretsmanager.InvalidParameterException{Message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return &secretsmanager.InvalidRequestException{Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &secretsmanager.ResourceNotFoundException{
		Message: "Secrets Manager can't find the specified secret" + fmt.Sprintf(format, args...)}
}

func refused(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
		Message: "Slipway does not implement " + what + ". docs/compatibility.md lists what it does."}
}

// place reads the token of a list's page.
func (s *Service) place(op string, filter any, token *string, after any) error {
	if !s.Pager.Place(op, filter, token, after) {
		return &secretsmanager.InvalidNextTokenException{Message: "The NextToken value is invalid."}
	}
	return nil
}

func limit(n *int32, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return int(*n)
}

func asked(b *bool) bool { return b != nil && *b }

// secret is a secret as it is kept.
type secret struct {
	document
	name, suffix string
	policy       string
	deleted, due int64
}

// document is what of a secret no query looks at.
type document struct {
	Description, Key *string
	Created, Changed time.Time
}

const columns = `SELECT name, suffix, doc, policy, deleted, due FROM sm_secrets`

func (x *secret) into() []any {
	return []any{&x.name, &x.suffix, store.JSON(&x.document), &x.policy, &x.deleted, &x.due}
}

func (s *Service) arn(x *secret) string { return s.prefix() + x.name + "-" + x.suffix }

// bound is the encryption context of a version, as at AWS.
func (s *Service) bound(x *secret, version string) map[string]string {
	return map[string]string{"SecretARN": s.arn(x), "SecretVersionId": version}
}

// key is the key of KMS that encrypts a secret.
func (x *secret) key() string {
	if x.Key == nil || *x.Key == "" {
		return ofSecrets
	}
	return *x.Key
}

// lookup finds the secret that a name, an ARN, or an ARN without its end means. It is nil if there is none.
func (s *Service) lookup(ctx context.Context, q store.Queryer, id string) (*secret, error) {
	rest, isARN := strings.CutPrefix(id, s.prefix())
	if strings.HasPrefix(id, "arn:") && !isARN {
		return nil, nil
	}
	x := &secret{}
	if at := len(rest) - suffixSize - 1; isARN && at > 0 && rest[at] == '-' {
		ok, err := store.Find(ctx, q, x.into(), columns+` WHERE name = $1 AND suffix = $2`, rest[:at], rest[at+1:])
		if ok || err != nil {
			return x, err
		}
	}
	ok, err := store.Find(ctx, q, x.into(), columns+` WHERE name = $1`, rest)
	if err != nil || !ok {
		return nil, err
	}
	return x, nil
}

// find finds a secret, which may be about to be deleted.
func (s *Service) find(ctx context.Context, q store.Queryer, id string) (*secret, error) {
	x, err := s.lookup(ctx, q, id)
	if err == nil && x == nil {
		err = notFound(".")
	}
	return x, err
}

// alive finds a secret that is not about to be deleted.
func (s *Service) alive(ctx context.Context, q store.Queryer, id string) (*secret, error) {
	x, err := s.find(ctx, q, id)
	if err == nil && x.due > 0 {
		err = badRequest("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return x, err
}

// change changes a secret that is not about to be deleted.
func (s *Service) change(ctx context.Context, id string, f func(tx store.Tx, x *secret) error) (x *secret, err error) {
	return x, s.db.Write(ctx, func(tx store.Tx) error {
		if x, err = s.alive(ctx, tx, id); err != nil {
			return err
		}
		return f(tx, x)
	})
}

// ARN is the ARN of the secret that a name or an ARN means. ok is false if there is none.
func (s *Service) ARN(ctx context.Context, id string) (arn string, ok bool, err error) {
	x, err := s.lookup(ctx, s.db, id)
	if err != nil || x == nil {
		return "", false, err
	}
	return s.arn(x), true, nil
}

// ResourcePolicy is the policy of a secret.
func (s *Service) ResourcePolicy(ctx context.Context, arn string) (text string, ok bool, err error) {
	x, err := s.lookup(ctx, s.db, arn)
	if err != nil || x == nil || x.policy == "" {
		return "", false, err
	}
	return x.policy, true, nil
}

// Tags are the tags of a secret.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	x, err := s.lookup(ctx, s.db, arn)
	if err != nil || x == nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, x.name, "", maxTags)
	of := make(map[string]string, len(all))
	for _, t := range all {
		of[t.Key] = t.Value
	}
	return of, err
}
