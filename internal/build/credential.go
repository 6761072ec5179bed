package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// credential opens the repositories of a forge, and its API.
type credential struct {
	server   cb.ServerType
	auth     cb.AuthType
	resource string // the ARN of the secret that has user and token
	user     string // of BASIC_AUTH
	token    string
}

func credentialPlace(server cb.ServerType) string {
	return "codebuild source credential " + string(server)
}

func (s *Service) credentialARN(server cb.ServerType) string {
	return s.arn("token", strings.ToLower(string(server)))
}

// ImportSourceCredentials implements codebuild:ImportSourceCredentials. There is one credential for a kind of forge; a
// further one takes its place unless shouldOverwrite is false.
func (s *Service) ImportSourceCredentials(ctx context.Context,
	in *cb.ImportSourceCredentialsInput) (*cb.ImportSourceCredentialsOutput, error) {
	c := credential{server: in.ServerType, auth: in.AuthType, user: awsproto.Value(in.Username), token: *in.Token}
	if err := checkCredential(&c); err != nil {
		return nil, err
	}
	if c.auth == cb.AuthTypeSecretsManager {
		c.resource, c.token = c.token, ""
		if _, err := s.fromSecret(ctx, "", c); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal([]string{c.user, c.token})
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if in.ShouldOverwrite != nil && !*in.ShouldOverwrite {
			before, err := s.credentials(ctx, tx, `WHERE server_type = $1`, string(c.server))
			if err != nil {
				return err
			}
			if len(before) > 0 {
				return &cb.ResourceAlreadyExistsException{Message: "There are source credentials for " +
					string(c.server) + " already, and shouldOverwrite is false."}
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO source_credentials (server_type, auth_type, resource, sealed)
			VALUES ($1, $2, $3, $4) ON CONFLICT (server_type) DO UPDATE
			SET auth_type = excluded.auth_type, resource = excluded.resource, sealed = excluded.sealed`,
			string(c.server), string(c.auth), c.resource, s.Seal.Seal(text, credentialPlace(c.server)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cb.ImportSourceCredentialsOutput{Arn: new(s.credentialARN(c.server))}, nil
}

// checkCredential refuses what no repository could be opened with, by name.
func checkCredential(c *credential) error {
	bitbucket := c.server == cb.ServerTypeBitbucket
	switch {
	case c.auth == cb.AuthTypeOauth:
		return invalid("The authType OAUTH is not supported by the API. Use PERSONAL_ACCESS_TOKEN, BASIC_AUTH " +
			"(BITBUCKET) or SECRETS_MANAGER.")
	case c.auth == cb.AuthTypeCodeconnections:
		return invalid("The authType CODECONNECTIONS is not supported by Slipway. Use PERSONAL_ACCESS_TOKEN, " +
			"BASIC_AUTH (BITBUCKET) or SECRETS_MANAGER.")
	case c.auth == cb.AuthTypeBasicAuth && !bitbucket:
		return invalid("The authType BASIC_AUTH is for BITBUCKET, not for %s. Use PERSONAL_ACCESS_TOKEN.", c.server)
	case c.auth == cb.AuthTypeBasicAuth && c.user == "":
		return invalid("The authType BASIC_AUTH needs a username.")
	case c.auth != cb.AuthTypeBasicAuth && c.user != "":
		return invalid("A username is valid with the authType BASIC_AUTH alone.")
	case c.auth == cb.AuthTypeSecretsManager && !strings.HasPrefix(c.token, "arn:"):
		return invalid("With the authType SECRETS_MANAGER the token is the ARN of a secret.")
	case strings.ContainsAny(c.user+c.token, "\r\n\x00"), strings.Contains(c.user, ":"):
		return invalid("The username or the token has a character that no credential has.")
	}
	return nil
}

// ListSourceCredentials implements codebuild:ListSourceCredentials. What they are is not told.
func (s *Service) ListSourceCredentials(ctx context.Context,
	_ *cb.ListSourceCredentialsInput) (*cb.ListSourceCredentialsOutput, error) {
	all, err := s.credentials(ctx, s.db, `ORDER BY server_type`)
	out := &cb.ListSourceCredentialsOutput{SourceCredentialsInfos: []cb.SourceCredentialsInfo{}}
	for _, c := range all {
		out.SourceCredentialsInfos = append(out.SourceCredentialsInfos, cb.SourceCredentialsInfo{
			Arn:        new(s.credentialARN(c.server)),
			ServerType: c.server,
			AuthType:   c.auth,
			Resource:   nonEmpty(&c.resource),
		})
	}
	return out, err
}

// DeleteSourceCredentials implements codebuild:DeleteSourceCredentials.
func (s *Service) DeleteSourceCredentials(ctx context.Context,
	in *cb.DeleteSourceCredentialsInput) (*cb.DeleteSourceCredentialsOutput, error) {
	server := strings.ToUpper(strings.TrimPrefix(*in.Arn, s.arn("token", "")))
	err := s.db.Write(ctx, func(tx store.Tx) error {
		var was string
		ok, err := store.Find(ctx, tx, []any{&was},
			`DELETE FROM source_credentials WHERE server_type = $1 RETURNING server_type`, server)
		if err == nil && (!ok || s.credentialARN(cb.ServerType(was)) != *in.Arn) {
			err = &cb.ResourceNotFoundException{Message: "Source credentials cannot be found: " + *in.Arn}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cb.DeleteSourceCredentialsOutput{Arn: in.Arn}, nil
}

func (s *Service) credentials(ctx context.Context, q store.Queryer, where string, args ...any) ([]credential, error) {
	return store.All(ctx, q, func(r *sql.Rows) (c credential, err error) {
		var sealed string
		if err = r.Scan(&c.server, &c.auth, &c.resource, &sealed); err != nil {
			return c, err
		}
		text, err := s.Seal.Open(sealed, credentialPlace(c.server))
		if err != nil {
			return c, fmt.Errorf("source credential of %s: %w", c.server, err)
		}
		var x [2]string
		err = json.Unmarshal(text, &x)
		c.user, c.token = x[0], x[1]
		return c, err
	}, `SELECT server_type, auth_type, resource, sealed FROM source_credentials `+where, args...)
}

// homes are the hosts of the forges that are run for everybody. A credential of theirs goes to no other host.
var homes = map[cb.ServerType]string{
	cb.ServerTypeGithub:    "github.com",
	cb.ServerTypeGitlab:    "gitlab.com",
	cb.ServerTypeBitbucket: "bitbucket.org",
}

// credentialFor returns what opens a source, with the secrets that a role may read; nil for none. The source's own auth
// outweighs the credential that was imported for its kind of forge.
func (s *Service) credentialFor(ctx context.Context, role string, src *cb.ProjectSource) (*credential, error) {
	server := cb.ServerType(src.Type)
	if !slices.Contains(server.Values(), string(server)) || !mayCarry(awsproto.Value(src.Location), homes[server]) {
		return nil, nil
	}
	if a := src.Auth; a != nil && a.Type == cb.SourceAuthTypeSecretsManager {
		c, err := s.fromSecret(ctx, role, credential{server: server, resource: awsproto.Value(a.Resource)})
		return &c, err
	}
	all, err := s.credentials(ctx, s.db, `WHERE server_type = $1`, string(server))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	c := all[0]
	if c.resource != "" {
		c, err = s.fromSecret(ctx, role, c)
	}
	return &c, err
}

// fromSecret reads a credential out of a secret: the JSON that CodeBuild documents, {"ServerType", "AuthType", "Token",
// "Username"}. See "Access tokens in a Secrets Manager secret" in the CodeBuild user guide.
func (s *Service) fromSecret(ctx context.Context, role string, c credential) (credential, error) {
	if s.ReadSecret == nil {
		return c, invalid("This server has no secrets.")
	}
	text, err := s.ReadSecret(ctx, role, c.resource)
	if err != nil {
		return c, invalid("The source credential in the secret %s cannot be read: %s", c.resource,
			awsproto.Message(err))
	}
	var x struct{ ServerType, AuthType, Token, Username string }
	if json.Unmarshal([]byte(text), &x) != nil || x.Token == "" {
		return c, invalid("The secret %s is no source credential: it must be a JSON object with ServerType, AuthType "+
			"and Token.", c.resource)
	}
	if x.ServerType != "" && x.ServerType != string(c.server) {
		return c, invalid("The secret %s has a source credential of %s, not of %s.", c.resource, x.ServerType, c.server)
	}
	read := credential{server: c.server, auth: cb.AuthType(x.AuthType), user: x.Username, token: x.Token}
	if read.auth != cb.AuthTypeBasicAuth {
		read.auth, read.user = cb.AuthTypePersonalAccessToken, ""
	}
	c.user, c.token = read.user, read.token
	return c, checkCredential(&read)
}

// basic is the user name and the password by which Git opens a repository.
func (c *credential) basic() (user, password string) {
	return forges[c.server].BasicAuth(c.user, c.token)
}
