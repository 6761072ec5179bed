package server

import (
	"context"
	"database/sql"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// pageSize is what lists return at once.
const pageSize = 100

// ListHosts implements slipway:ListHosts: the registered instances by name, with when each was heard of last and where
// its service is.
func (s *Service) ListHosts(ctx context.Context, in *slipway.ListHostsInput) (*slipway.ListHostsOutput, error) {
	limit, after := pageSize, ""
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	if !s.Pager.Place("ListHosts", nil, in.NextToken, &after) {
		return nil, &slipway.InvalidNextTokenException{Message: "The next token was not made for this list."}
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (slipway.Host, error) {
		var i cd.InstanceInfo
		var service string
		if err := r.Scan(store.JSON(&i), &service); err != nil {
			return slipway.Host{}, err
		}
		h := slipway.Host{
			Name:         i.InstanceName,
			IamUserArn:   i.IamUserArn,
			RegisterTime: i.RegisterTime,
			Tags:         map[string]string{},
		}
		if service != "" {
			h.ServiceAddress = &service
		}
		for _, t := range i.Tags {
			h.Tags[awsproto.Value(t.Key)] = awsproto.Value(t.Value)
		}
		return h, nil
	}, `SELECT doc, service FROM deploy_instances WHERE deregistered = 0 AND name > $1 ORDER BY name LIMIT $2`, after,
		limit+1)
	if err != nil {
		return nil, err
	}
	out := &slipway.ListHostsOutput{Hosts: []slipway.Host{}}
	if len(all) > limit {
		all = all[:limit]
		out.NextToken = s.Pager.Token("ListHosts", nil, *all[limit-1].Name)
	}
	var names []string
	for _, h := range all {
		names = append(names, *h.Name)
	}
	seen, err := s.platform.hostsSeen(ctx, names)
	for _, h := range all {
		if at := seen[*h.Name]; !at.IsZero() {
			h.SeenTime = awsproto.At(at)
		}
		out.Hosts = append(out.Hosts, h)
	}
	return out, err
}
