// Package parameter is the Parameter Store of Systems Manager: parameters with their versions, labels and tags. Values
// are not readable in the database: those of the type SecureString are encrypted with a key of KMS, the others are
// sealed under the server's own key.
package parameter

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/ssm"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("parameter", migrations) }

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
	Seal            *seal.Sealer
	Keys            Keys
}

// Service implements the Parameter Store.
type Service struct {
	Config
	db *store.Store
}

// New returns the service.
func New(db *store.Store, c Config) *Service { return &Service{c, db} }

// ofSSM is the key of a SecureString that names none.
const ofSSM = "alias/aws/ssm"

func (s *Service) prefix() string { return "arn:aws:ssm:" + s.Region + ":" + s.Account + ":parameter/" }

// ARN is the ARN of a parameter, which leaves out the slash that its name begins with.
func (s *Service) ARN(name string) string { return s.prefix() + strings.TrimPrefix(name, "/") }

func invalid(format string, args ...any) error {
	return &awsproto.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

func refused(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
		Message: "Slipway does not implement " + what + ". docs/compatibility.md lists what it does."}
}

// notFound is AWS's answer, which has no words beside the name.
func notFound(name string) error {
	return &ssm.ParameterNotFound{Message: "Parameter " + name + " not found."}
}

// place reads the token of a list's page.
func (s *Service) place(op string, filter any, token *string, after any) error {
	if !s.Pager.Place(op, filter, token, after) {
		return &ssm.InvalidNextToken{Message: "The specified token is not valid."}
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

// NameOf is the name of the parameter that a request names: without a version or label, and not as an ARN.
func (s *Service) NameOf(ctx context.Context, given string) (string, error) {
	name, _, err := s.parse(ctx, given)
	return name, err
}

// parse parts what a request names into a name and a selector, which is a version or a label. An ARN does not say
// whether the name begins with a slash: a name with another slash does.
func (s *Service) parse(ctx context.Context, given string) (name, selector string, err error) {
	rest, isARN := strings.CutPrefix(given, s.prefix())
	if strings.HasPrefix(given, "arn:") && !isARN {
		return "", "", notFound(given)
	}
	name, selector, _ = strings.Cut(rest, ":")
	if !isARN {
		return name, selector, nil
	}
	if strings.Contains(name, "/") {
		return "/" + name, selector, nil
	}
	ok, err := store.Find(ctx, s.db, []any{new(string)}, `SELECT name FROM ssm_parameters WHERE name = $1`, "/"+name)
	if ok {
		name = "/" + name
	}
	return name, selector, err
}
