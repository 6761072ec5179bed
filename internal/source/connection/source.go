package connection

import (
	"context"
	"io"
	"regexp"
	"strings"

	cc "slipway/api/codeconnections"
	"slipway/internal/forge"
)

// repositoryName is the form of a FullRepositoryId: OWNER/NAME, of GitLab with all groups, of Git any path.
var repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*$`)

// checkRepository refuses a name that would lead elsewhere.
func checkRepository(name string) error {
	if !repositoryName.MatchString(name) || strings.Contains("/"+name+"/", "/../") {
		return refuse("%q is no repository of a forge: it is named OWNER/REPOSITORY.", name)
	}
	return nil
}

// available returns the connection of an ARN, if it has a token.
func (s *Service) available(ctx context.Context, arn string) (*connection, error) {
	c, err := s.named(ctx, s.db, arn)
	if err == nil && c.doc.ConnectionStatus != cc.ConnectionStatusAvailable {
		err = refuse("The connection %s is %s. Complete it with a token, on its page or with slipway connections "+
			"complete.", *c.doc.ConnectionName, c.doc.ConnectionStatus)
	}
	return c, err
}

// remote is a repository of a connection.
func (s *Service) remote(c *connection, repository string) *forge.Remote {
	r := &forge.Remote{URL: c.address() + "/" + repository, Local: s.Local}
	if kind, ok := kinds[c.doc.ProviderType]; ok {
		r.URL += ".git"
		r.User, r.Password = kind.BasicAuth(c.user, c.token)
	} else if c.token != "" {
		r.User, r.Password = c.user, c.token
	}
	return r
}

// Take writes a commit of a repository as a zip.
func (s *Service) Take(ctx context.Context, want forge.Wanted, w io.Writer) (forge.Commit, error) {
	c, err := s.available(ctx, want.Connection)
	if err != nil {
		return forge.Commit{}, err
	}
	if err := checkRepository(want.Repository); err != nil {
		return forge.Commit{}, err
	}
	commit, err := s.remote(c, want.Repository).Take(ctx, want, w)
	commit.URL = c.commitURL(want.Repository, commit.ID)
	return commit, err
}

// commitURL is the page of a commit at the forge; "" where there is none.
func (c *connection) commitURL(repository, id string) string {
	base := c.address() + "/" + repository
	switch kinds[c.doc.ProviderType] {
	case forge.GitHub, forge.Gitea:
		return base + "/commit/" + id
	case forge.GitLab:
		return base + "/-/commit/" + id
	case forge.Bitbucket:
		return base + "/commits/" + id
	}
	return ""
}

// ChangedFiles lists what an event of a connection's repository changed.
func (s *Service) ChangedFiles(ctx context.Context, id string, e *forge.Event) ([]string, error) {
	c, err := s.available(ctx, s.place(newName)+"connection/"+id)
	if err != nil {
		return nil, err
	}
	if err := checkRepository(e.Repository.Name); err != nil {
		return nil, err
	}
	return s.remote(c, e.Repository.Name).ChangedFiles(ctx, e)
}
