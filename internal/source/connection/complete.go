package connection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	cc "slipway/api/codeconnections"
	"slipway/api/slipway"
	"slipway/internal/forge"
	"slipway/internal/store"
)

func refuse(format string, args ...any) error {
	return &slipway.InvalidConnectionException{Message: fmt.Sprintf(format, args...)}
}

// named returns the connection of an ARN for Slipway's own operations.
func (s *Service) named(ctx context.Context, q store.Queryer, arn string) (*connection, error) {
	c, err := s.connection(ctx, q, arn)
	if awsproto.Code(err) == "ResourceNotFoundException" {
		err = refuse("There is no connection %s.", arn)
	}
	return c, err
}

// CompleteConnection implements slipway:CompleteConnection. It asks the forge whose token it is, so that a wrong one is
// told at once, and makes the connection available. A further token takes the place of the one before.
func (s *Service) CompleteConnection(ctx context.Context,
	in *slipway.CompleteConnectionInput) (*slipway.CompleteConnectionOutput, error) {
	c, err := s.named(ctx, s.db, *in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	c.user, c.token = awsproto.Value(in.UserName), strings.TrimSpace(awsproto.Value(in.Token))
	if err := checkToken(c); err != nil {
		return nil, err
	}
	if c.doc.Account, err = s.accountOf(ctx, c); err != nil {
		return nil, err
	}
	c.doc.ConnectionStatus, c.doc.Message = cc.ConnectionStatusAvailable, ""
	if c.sealed, err = s.sealPair(sealPlace(c.id), c.user, c.token); err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.named(ctx, tx, *in.ConnectionArn); err != nil {
			return err
		}
		return s.save(ctx, tx, c)
	})
	if err != nil {
		return nil, err
	}
	return &slipway.CompleteConnectionOutput{
		ConnectionStatus: new(string(c.doc.ConnectionStatus)),
		Account:          given(c.doc.Account),
	}, nil
}

func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// save writes a connection with its token.
func (s *Service) save(ctx context.Context, tx store.Tx, c *connection) error {
	s.Hints.Changed(tx, "connections", "connection/"+c.id)
	_, err := tx.Exec(ctx, `UPDATE connections SET doc = $2, sealed = $3 WHERE id = $1`, c.id, store.JSON(&c.doc),
		c.sealed)
	return err
}

// checkToken refuses what no repository could be opened with.
func checkToken(c *connection) error {
	kind, api := kinds[c.doc.ProviderType]
	switch {
	case c.token == "" && api:
		return refuse("A token of %s is needed. It needs the right to read repositories, to read and write commit "+
			"statuses, and, to make webhooks, to manage these.", c.doc.ProviderType)
	case c.token == "" && c.user != "":
		return refuse("A user name needs a password or a token.")
	case strings.ContainsAny(c.user+c.token, "\r\n\x00"), strings.Contains(c.user, ":"):
		return refuse("The user name or the token has a character that no credential has.")
	case c.user != "" && api && kind != forge.Bitbucket:
		return refuse("A token of %s needs no user name.", c.doc.ProviderType)
	}
	return nil
}

// accountOf asks the forge whose token a connection has.
func (s *Service) accountOf(ctx context.Context, c *connection) (string, error) {
	a := s.api(c)
	if a == nil {
		return c.user, nil
	}
	var who struct {
		Login    string `json:"login"`
		UserName string `json:"username"`
		Name     string `json:"display_name"`
	}
	status, err := a.Call(ctx, http.MethodGet, "/user", nil, &who)
	refused, ok := errors.AsType[*forge.CallError](err)
	switch {
	case !ok:
		return cmp.Or(who.Login, who.UserName, who.Name), err
	case status == http.StatusForbidden && a.Forge == forge.Bitbucket:
		return "", nil // the access token of a repository or a workspace, which is nobody's
	case status == http.StatusUnauthorized:
		return "", refuse("The forge at %s does not take the token: it answers 401. Make a new one there.", a.Base)
	}
	return "", refuse("The forge cannot be asked whose token it is: %v", refused)
}
