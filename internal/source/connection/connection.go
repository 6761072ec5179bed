package connection

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cc "slipway/api/codeconnections"
	"slipway/internal/store"
)

// maxConnections is the quota of connections of an account ("Quotas for connections").
const maxConnections = 250

func invalid(format string, args ...any) error {
	return &awsproto.Error{Code: "InvalidInputException", Message: fmt.Sprintf(format, args...)}
}

// CreateConnection implements codeconnections:CreateConnection. A connection is pending until CompleteConnection gives
// it a token, as one of AWS is until somebody completes it on the console.
func (s *Service) CreateConnection(ctx context.Context,
	in *cc.CreateConnectionInput) (*cc.CreateConnectionOutput, error) {
	if (in.ProviderType == "") == (in.HostArn == nil) {
		return nil, invalid("Give either ProviderType or HostArn, and not both.")
	}
	if _, hosted := public[in.ProviderType]; in.HostArn == nil && !hosted {
		return nil, invalid("A connection of the provider type %s is to a host of yours. Make the host with "+
			"CreateHost, and give its ARN as HostArn.", in.ProviderType)
	}
	id := uuid.NewString()
	c := &connection{id: id, doc: details{Created: s.Now().UnixMilli(), Connection: cc.Connection{
		ConnectionName:   in.ConnectionName,
		ConnectionArn:    new(s.place(nameIn(ctx)) + "connection/" + id),
		ProviderType:     in.ProviderType,
		OwnerAccountId:   &s.Account,
		ConnectionStatus: cc.ConnectionStatusPending,
		HostArn:          in.HostArn,
	}}}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if in.HostArn != nil {
			hostID, h, err := s.hostOf(ctx, tx, *in.HostArn)
			if err != nil {
				return err
			}
			c.host, c.doc.ProviderType, c.doc.HostArn = hostID, h.ProviderType, h.HostArn
		}
		return s.insert(ctx, tx, c, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &cc.CreateConnectionOutput{ConnectionArn: c.doc.ConnectionArn, Tags: in.Tags}, nil
}

func (s *Service) insert(ctx context.Context, tx store.Tx, c *connection, tags []cc.Tag) error {
	var n int
	used, err := store.Find(ctx, tx, []any{&n}, `SELECT 1 FROM connections WHERE name = $1`, *c.doc.ConnectionName)
	if err == nil && used {
		err = invalid("A connection with the name %s already exists.", *c.doc.ConnectionName)
	}
	if err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM connections`).Scan(&n); err != nil {
		return err
	}
	if n >= maxConnections {
		return &cc.LimitExceededException{
			Message: fmt.Sprintf("This account has %d connections already, the most that it may have", n)}
	}
	_, err = tx.Exec(ctx, `INSERT INTO connections (id, name, host, doc) VALUES ($1, $2, $3, $4)`, c.id,
		*c.doc.ConnectionName, c.host, store.JSON(&c.doc))
	if err != nil {
		return err
	}
	s.Hints.Changed(tx, "connections")
	return setTags(ctx, tx, "connection/"+c.id, tags)
}

// GetConnection implements codeconnections:GetConnection.
func (s *Service) GetConnection(ctx context.Context, in *cc.GetConnectionInput) (*cc.GetConnectionOutput, error) {
	c, err := s.connection(ctx, s.db, *in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	return &cc.GetConnectionOutput{Connection: &c.doc.Connection}, nil
}

// ListConnections implements codeconnections:ListConnections, by name.
func (s *Service) ListConnections(ctx context.Context, in *cc.ListConnectionsInput) (*cc.ListConnectionsOutput, error) {
	after, filter := "", []string{string(in.ProviderTypeFilter), awsproto.Value(in.HostArnFilter)}
	if !s.Pager.Place("ListConnections", filter, in.NextToken, &after) {
		return nil, invalid("The next token is not valid: it was not made for this list.")
	}
	all, err := s.connections(ctx, s.db, `ORDER BY c.name`) // there are few
	if err != nil {
		return nil, err
	}
	hostID := s.idOf("host", filter[1])
	all = slices.DeleteFunc(all, func(c *connection) bool {
		return *c.doc.ConnectionName <= after || filter[0] != "" && string(c.doc.ProviderType) != filter[0] ||
			filter[1] != "" && c.host != hostID
	})
	out := &cc.ListConnectionsOutput{Connections: []cc.Connection{}}
	limit := pageOf(in.MaxResults)
	for i, c := range all {
		if i == limit {
			out.NextToken = s.Pager.Token("ListConnections", filter, *all[i-1].doc.ConnectionName)
			break
		}
		out.Connections = append(out.Connections, c.doc.Connection)
	}
	return out, nil
}

// pageOf is how many entries a page of a list has.
func pageOf(asked *int32) int {
	if n := awsproto.Value(asked); n > 0 {
		return int(n)
	}
	return 100
}

// DeleteConnection implements codeconnections:DeleteConnection, with what is known of the connection's deliveries.
// Pipelines that use it fail from then on.
func (s *Service) DeleteConnection(ctx context.Context,
	in *cc.DeleteConnectionInput) (*cc.DeleteConnectionOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		c, err := s.connection(ctx, tx, *in.ConnectionArn)
		if err != nil {
			return err
		}
		for _, table := range []string{"connection_deliveries", "connection_seen", "connection_repositories"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE connection = $1`, c.id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM connection_tags WHERE resource = $1`, "connection/"+c.id); err != nil {
			return err
		}
		s.Hints.Changed(tx, "connections")
		_, err = tx.Exec(ctx, `DELETE FROM connections WHERE id = $1`, c.id)
		return err
	})
}
