package jenkins

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/pipeline"
	"slipway/internal/store"
)

// server is a server of Jenkins, as it is stored.
type server struct {
	Name    string `json:"name"`
	Version string `json:"version"` // of the action types
	URL     string `json:"url"`
	User    string `json:"user"`
	Token   string `json:"token"` // sealed
	Changed int64  `json:"changed"`
}

func place(name string) string { return "jenkins " + name }

// serversNotice tells the other servers of Slipway that one of Jenkins changed.
const serversNotice = "pipeline.jenkins"

// maxServers bounds how many there are.
const maxServers = 50

// all are the servers by their names.
func (s *Service) all(ctx context.Context) (map[string]*server, error) {
	return s.servers.Get(func() (map[string]*server, error) { return s.read(ctx) })
}

func (s *Service) read(ctx context.Context) (map[string]*server, error) {
	rows, err := store.All(ctx, s.db, func(r *sql.Rows) (*server, error) {
		x := new(server)
		return x, r.Scan(store.JSON(x))
	}, `SELECT doc FROM pipeline_jenkins_servers`)
	if err != nil {
		return nil, err
	}
	known := map[string]*server{}
	for _, x := range rows {
		known[x.Name] = x
	}
	return known, nil
}

// readWithin bounds how long a reader without a context waits for the database.
const readWithin = 10 * time.Second

// now are the servers for callers without a context. While the database cannot be read there are none.
func (s *Service) now() map[string]*server {
	ctx, cancel := context.WithTimeout(context.Background(), readWithin)
	defer cancel()
	known, err := s.all(ctx)
	if err != nil {
		s.Log.Error("the servers of Jenkins cannot be read", "error", err)
	}
	return known
}

func (s *Service) changed(tx store.Tx) {
	tx.Notify(serversNotice, "")
	tx.AfterCommit(s.servers.Forget)
}

func refuse(format string, args ...any) error {
	return &slipway.InvalidJenkinsServerException{Message: fmt.Sprintf(format, args...)}
}

// PutJenkinsServer implements slipway:PutJenkinsServer. It asks the server who it is with the user's token, so that a
// wrong address or token is told at once. A token that is not given stays the one that it was, for the same address.
func (s *Service) PutJenkinsServer(
	ctx context.Context,
	in *slipway.PutJenkinsServerInput,
) (*slipway.PutJenkinsServerOutput, error) {
	x := &server{
		Name:    *in.Name,
		Version: awsproto.Value(in.Version),
		URL:     *in.Url,
		User:    *in.UserName,
		Changed: s.Now().UnixMilli(),
	}
	if x.Version == "" {
		x.Version = "1"
	}
	known, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	before := known[x.Name]
	token := awsproto.Value(in.Token)
	switch {
	case token == "" && before != nil && before.URL == x.URL && before.User == x.User:
		x.Token = before.Token
	case token == "":
		return nil, refuse("The API token of %s is missing. Make one on the page of the user in Jenkins, below "+
			"Security", x.User)
	default:
		x.Token = s.Seal.Seal([]byte(token), place(x.Name))
	}
	if before == nil && len(known) >= maxServers {
		return nil, refuse("There are %d servers of Jenkins already; delete one first", maxServers)
	}
	version, err := s.greet(ctx, x)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO pipeline_jenkins_servers (name, doc) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET doc = excluded.doc`, x.Name, store.JSON(x))
		s.changed(tx)
		return err
	})
	return &slipway.PutJenkinsServerOutput{Server: shown(x), JenkinsVersion: &version}, err
}

// greet asks a server who it is, and returns its version.
func (s *Service) greet(ctx context.Context, x *server) (version string, err error) {
	c, err := s.client(x)
	if err != nil {
		return "", err
	}
	answer, err := c.do(ctx, "GET", "/api/json", url.Values{"tree": {"mode"}}, nil, "")
	switch {
	case isStatus(err, 401, 403):
		return "", refuse("Jenkins at %s refuses the user %s with this API token: %v", x.URL, x.User, err)
	case err != nil:
		return "", refuse("Jenkins cannot be reached at %s: %v", x.URL, err)
	}
	defer answer.Body.Close()
	if version = answer.Header.Get("X-Jenkins"); version == "" {
		return "", refuse("%s is not the address of Jenkins: its answer (%s) has no header X-Jenkins", x.URL,
			answer.Status)
	}
	return version, nil
}

// client is one that speaks to a server as its user.
func (s *Service) client(x *server) (*client, error) {
	base, err := url.Parse(x.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil ||
		base.RawQuery != "" || base.Fragment != "" {
		return nil, refuse("%q is no address of Jenkins: it must be as https://jenkins.example.com/, without user and "+
			"password", x.URL)
	}
	token, err := s.Seal.Open(x.Token, place(x.Name))
	if err != nil {
		return nil, err
	}
	return newClient(base, x.User, string(token), s.transport), nil
}

func shown(x *server) *slipway.JenkinsServer {
	return &slipway.JenkinsServer{
		Name:        &x.Name,
		Version:     &x.Version,
		Url:         &x.URL,
		UserName:    &x.User,
		ChangedTime: awsproto.At(time.UnixMilli(x.Changed)),
	}
}

// ListJenkinsServers implements slipway:ListJenkinsServers, by name.
func (s *Service) ListJenkinsServers(
	ctx context.Context,
	_ *slipway.ListJenkinsServersInput,
) (*slipway.ListJenkinsServersOutput, error) {
	known, err := s.all(ctx)
	out := &slipway.ListJenkinsServersOutput{Servers: []slipway.JenkinsServer{}}
	for _, x := range sorted(known) {
		out.Servers = append(out.Servers, *shown(x))
	}
	return out, err
}

// DeleteJenkinsServer implements slipway:DeleteJenkinsServer. Actions that wait for its builds fail.
func (s *Service) DeleteJenkinsServer(
	ctx context.Context,
	in *slipway.DeleteJenkinsServerInput,
) (*slipway.DeleteJenkinsServerOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		var name string
		found, err := store.Find(ctx, tx, []any{&name},
			`DELETE FROM pipeline_jenkins_servers WHERE name = $1 RETURNING name`, *in.Name)
		if err == nil && !found {
			err = &slipway.JenkinsServerNotFoundException{Message: "There is no server of Jenkins " + *in.Name}
		}
		s.changed(tx)
		return err
	})
}

// asRefusal is the error of a step that ends the build: a refusal, or a refusal of another service.
func asRefusal(err error) (*pipeline.Refusal, bool) {
	if r, ok := errors.AsType[*pipeline.Refusal](err); ok {
		return r, true
	}
	if se, ok := errors.AsType[awsproto.ServiceError](err); ok && se.HTTPStatus() < http.StatusInternalServerError {
		return &pipeline.Refusal{Code: "PermissionError", Message: awsproto.Message(se)}, true
	}
	return nil, false
}
