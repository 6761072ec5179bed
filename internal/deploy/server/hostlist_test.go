package server_test

import (
	"testing"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

func TestListHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newHost("db1", map[string]string{"role": "db"})
	h := w.newHost("web1", map[string]string{"role": "web", "zone": "a"})
	w.start(h)
	w.until(func() bool {
		out, err := w.slipway.ListHosts(t.Context(), &slipway.ListHostsInput{})
		return err == nil && out.Hosts[1].SeenTime != nil
	})
	one := must[*slipway.ListHostsOutput](t)(w.slipway.ListHosts(t.Context(),
		&slipway.ListHostsInput{MaxResults: new(int32(1))}))
	if len(one.Hosts) != 1 || *one.Hosts[0].Name != "db1" || one.Hosts[0].SeenTime != nil ||
		one.Hosts[0].Tags["role"] != "db" || one.NextToken == nil {
		t.Fatalf("%+v", one)
	}
	two := must[*slipway.ListHostsOutput](t)(w.slipway.ListHosts(t.Context(),
		&slipway.ListHostsInput{MaxResults: new(int32(1)), NextToken: one.NextToken}))
	if len(two.Hosts) != 1 || *two.Hosts[0].Name != "web1" || len(two.Hosts[0].Tags) != 2 || two.NextToken != nil {
		t.Fatalf("%+v", two)
	}
	if _, err := w.slipway.ListHosts(t.Context(),
		&slipway.ListHostsInput{NextToken: new("made up")}); awsproto.Code(err) != "InvalidNextTokenException" {
		t.Error(err)
	}
}
