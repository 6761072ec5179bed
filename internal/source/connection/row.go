package connection

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"

	cc "slipway/api/codeconnections"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// details are what is stored of a connection besides its secrets.
type details struct {
	cc.Connection
	Account string `json:"account,omitzero"` // whose token it has, at the forge
	Message string `json:"message,omitzero"` // why its status is ERROR
	Created int64  `json:"created"`
}

// connection is one in the database.
type connection struct {
	id, host      string
	doc           details
	user, token   string // that open its repositories
	path, secret  string // of its webhook: the last part of the payload URL, and what deliveries are signed with
	sealed, hooks string // these two, sealed
	endpoint      string // of its host
}

// host is a forge that somebody runs, as it is stored.
type host struct {
	cc.Host
	Created int64 `json:"created"`
}

func sealPlace(id string) string    { return "connection " + id }
func webhookPlace(id string) string { return "connection webhook " + id }

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

const selectConnections = `SELECT c.id, c.host, c.doc, c.sealed, c.webhook, COALESCE(h.doc, '{}')
	FROM connections c LEFT JOIN connection_hosts h ON h.id = c.host `

func (s *Service) connections(ctx context.Context, q store.Queryer, where string, args ...any) ([]*connection, error) {
	return store.All(ctx, q, func(r *sql.Rows) (*connection, error) {
		c, h := &connection{}, host{}
		if err := r.Scan(&c.id, &c.host, store.JSON(&c.doc), &c.sealed, &c.hooks, store.JSON(&h)); err != nil {
			return nil, err
		}
		if h.ProviderEndpoint != nil {
			c.endpoint = *h.ProviderEndpoint
		}
		if err := s.open(c.sealed, sealPlace(c.id), &c.user, &c.token); err != nil {
			return nil, err
		}
		return c, s.open(c.hooks, webhookPlace(c.id), &c.path, &c.secret)
	}, selectConnections+where, args...)
}

// open opens a pair that was sealed; "" is an empty one.
func (s *Service) open(sealed, place string, one, other *string) error {
	if sealed == "" {
		return nil
	}
	text, err := s.Seal.Open(sealed, place)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	var pair [2]string
	err = json.Unmarshal(text, &pair)
	*one, *other = pair[0], pair[1]
	return err
}

func (s *Service) sealPair(place, one, other string) (string, error) {
	text, err := json.Marshal([]string{one, other})
	return s.Seal.Seal(text, place), err
}

// connection returns the connection of an ARN, or ResourceNotFoundException.
func (s *Service) connection(ctx context.Context, q store.Queryer, arn string) (*connection, error) {
	id := s.idOf("connection", arn)
	all, err := s.connections(ctx, q, `WHERE c.id = $1`, id)
	if err == nil && (id == "" || len(all) == 0) {
		err = notFound(arn)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// hostOf returns the host of an ARN, or ResourceNotFoundException.
func (s *Service) hostOf(ctx context.Context, q store.Queryer, arn string) (id string, h *host, err error) {
	id = s.idOf("host", arn)
	h, err = store.Document[host](ctx, q, `SELECT doc FROM connection_hosts WHERE id = $1`, id)
	if err == nil && (id == "" || h == nil) {
		err = notFound(arn)
	}
	return id, h, err
}

// kinds are the forges of the types of providers. One that is not here has Git alone.
var kinds = map[cc.ProviderType]forge.Forge{
	cc.ProviderTypeGitHub:                 forge.GitHub,
	cc.ProviderTypeGitHubEnterpriseServer: forge.GitHub,
	cc.ProviderTypeGitLab:                 forge.GitLab,
	cc.ProviderTypeGitLabSelfManaged:      forge.GitLab,
	cc.ProviderTypeBitbucket:              forge.Bitbucket,
	cc.ProviderTypeGitea:                  forge.Gitea,
}

// public are the addresses of the forges that are run for everybody, and of their APIs.
var public = map[cc.ProviderType][2]string{
	cc.ProviderTypeGitHub:    {"https://github.com", forge.GitHubAPI},
	cc.ProviderTypeGitLab:    {"https://gitlab.com", forge.GitLabAPI},
	cc.ProviderTypeBitbucket: {"https://bitbucket.org", forge.BitbucketAPI},
}

// address is where the repositories of a connection are, without a slash at the end.
func (c *connection) address() string {
	if at, ok := public[c.doc.ProviderType]; ok && c.endpoint == "" {
		return at[0]
	}
	return c.endpoint
}

// api is the API of the forge of a connection; nil for one that has Git alone.
func (s *Service) api(c *connection) *forge.API {
	kind, ok := kinds[c.doc.ProviderType]
	if !ok {
		return nil
	}
	a := &forge.API{Client: s.forges, Forge: kind, User: c.user, Token: c.token}
	if at, ok := public[c.doc.ProviderType]; ok && c.endpoint == "" {
		a.Base = at[1]
	} else {
		a.Base = kind.BaseAt(c.endpoint)
	}
	return a
}
