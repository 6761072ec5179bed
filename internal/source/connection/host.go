package connection

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/google/uuid"

	cc "slipway/api/codeconnections"
	"slipway/internal/store"
)

// maxHosts is the quota of hosts of an account ("Quotas for connections").
const maxHosts = 50

// statusAvailable is the status of a host. One of AWS is pending until an app is registered there; here a connection's
// token is all that is needed.
const statusAvailable = "AVAILABLE"

// CreateHost implements codeconnections:CreateHost. Besides those of AWS it takes the provider types Gitea, which is
// Forgejo's too, and Git, for any server that has repositories at https.
func (s *Service) CreateHost(ctx context.Context, in *cc.CreateHostInput) (*cc.CreateHostOutput, error) {
	if _, hosted := public[in.ProviderType]; hosted {
		return nil, invalid("The provider type %s needs no host. Give it to CreateConnection; a host is of the type "+
			"GitHubEnterpriseServer, GitLabSelfManaged, Gitea or Git.", in.ProviderType)
	}
	endpoint, err := checkEndpoint(*in.ProviderEndpoint)
	if err != nil {
		return nil, err
	}
	id := idFor(*in.Name)
	h := &host{Created: s.Now().UnixMilli(), Host: cc.Host{
		Name:             in.Name,
		HostArn:          new(s.place(nameIn(ctx)) + "host/" + id),
		ProviderType:     in.ProviderType,
		ProviderEndpoint: &endpoint,
		VpcConfiguration: in.VpcConfiguration,
		Status:           new(statusAvailable),
	}}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		var n int
		used, err := store.Find(ctx, tx, []any{&n}, `SELECT 1 FROM connection_hosts WHERE name = $1`, *in.Name)
		if err == nil && used {
			err = invalid("A host with the name %s already exists.", *in.Name)
		}
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM connection_hosts`).Scan(&n); err != nil {
			return err
		}
		if n >= maxHosts {
			return &cc.LimitExceededException{
				Message: fmt.Sprintf("This account has %d hosts already, the most that it may have", n)}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO connection_hosts (id, name, doc) VALUES ($1, $2, $3)`, id, *in.Name,
			store.JSON(h)); err != nil {
			return err
		}
		return setTags(ctx, tx, "host/"+id, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &cc.CreateHostOutput{HostArn: h.HostArn, Tags: in.Tags}, nil
}

// idFor is what follows host/ in an ARN: the name, and eight digits.
func idFor(name string) string {
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", r) {
			return r
		}
		return '-'
	}, name)
	return plain + "-" + uuid.NewString()[:8]
}

// checkEndpoint refuses an address at which tokens could be read by others.
func checkEndpoint(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", invalid("The ProviderEndpoint %q is no URL such as https://git.example.com.", address)
	}
	ip := net.ParseIP(u.Hostname())
	own := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !own) {
		return "", invalid("The ProviderEndpoint %q must begin with https://: tokens are sent to it.", address)
	}
	return strings.TrimRight(address, "/"), nil
}

// GetHost implements codeconnections:GetHost.
func (s *Service) GetHost(ctx context.Context, in *cc.GetHostInput) (*cc.GetHostOutput, error) {
	_, h, err := s.hostOf(ctx, s.db, *in.HostArn)
	if err != nil {
		return nil, err
	}
	return &cc.GetHostOutput{
		Name:             h.Name,
		Status:           h.Status,
		ProviderType:     h.ProviderType,
		ProviderEndpoint: h.ProviderEndpoint,
		VpcConfiguration: h.VpcConfiguration,
	}, nil
}

// ListHosts implements codeconnections:ListHosts, by name.
func (s *Service) ListHosts(ctx context.Context, in *cc.ListHostsInput) (*cc.ListHostsOutput, error) {
	after := ""
	if !s.Pager.Place("ListHosts", nil, in.NextToken, &after) {
		return nil, invalid("The next token is not valid: it was not made for this list.")
	}
	limit := pageOf(in.MaxResults)
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (h cc.Host, err error) {
		var kept host
		err = r.Scan(store.JSON(&kept))
		return kept.Host, err
	}, `SELECT doc FROM connection_hosts WHERE name > $1 ORDER BY name LIMIT $2`, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := &cc.ListHostsOutput{Hosts: append([]cc.Host{}, all...)}
	if len(all) > limit {
		out.Hosts = all[:limit]
		out.NextToken = s.Pager.Token("ListHosts", nil, *all[limit-1].Name)
	}
	return out, nil
}

// UpdateHost implements codeconnections:UpdateHost. The connections of a host that moves must be completed again: their
// tokens were for the other address.
func (s *Service) UpdateHost(ctx context.Context, in *cc.UpdateHostInput) (*cc.UpdateHostOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		id, h, err := s.hostOf(ctx, tx, *in.HostArn)
		if err != nil {
			return err
		}
		if in.VpcConfiguration != nil {
			h.VpcConfiguration = in.VpcConfiguration
		}
		if in.ProviderEndpoint != nil {
			endpoint, err := checkEndpoint(*in.ProviderEndpoint)
			if err != nil {
				return err
			}
			if endpoint != *h.ProviderEndpoint {
				if err := s.disconnect(ctx, tx, id); err != nil {
					return err
				}
			}
			h.ProviderEndpoint = &endpoint
		}
		_, err = tx.Exec(ctx, `UPDATE connection_hosts SET doc = $2 WHERE id = $1`, id, store.JSON(h))
		return err
	})
}

// disconnect makes the connections of a host pending again.
func (s *Service) disconnect(ctx context.Context, tx store.Tx, id string) error {
	all, err := s.connections(ctx, tx, `WHERE c.host = $1`, id)
	if err != nil {
		return err
	}
	for _, c := range all {
		c.doc.ConnectionStatus, c.doc.Account, c.doc.Message = cc.ConnectionStatusPending, "", ""
		c.sealed = ""
		if err := s.save(ctx, tx, c); err != nil {
			return err
		}
	}
	return nil
}

// DeleteHost implements codeconnections:DeleteHost. A host that has connections stays.
func (s *Service) DeleteHost(ctx context.Context, in *cc.DeleteHostInput) (*cc.DeleteHostOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		id, h, err := s.hostOf(ctx, tx, *in.HostArn)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM connections WHERE host = $1`, id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return &cc.ResourceUnavailableException{Message: fmt.Sprintf(
				"The host %s has %d connections. Delete them before the host.", *h.Name, n)}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM connection_tags WHERE resource = $1`, "host/"+id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM connection_hosts WHERE id = $1`, id)
		return err
	})
}
