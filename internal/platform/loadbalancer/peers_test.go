package loadbalancer_test

import (
	"errors"
	"testing"
	"time"

	"slipway/api/slipway"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/store/storetest"
)

// A router speaks to one server; another one on the same PostgreSQL knows what it serves and how it finds its targets.
func TestRoutersOfAnotherServer(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t).Database(t)
	here := on(t, storetest.OpenDSN(t, dsn, loadbalancer.Migrations()))
	there := on(t, storetest.OpenDSN(t, dsn, loadbalancer.Migrations()))
	_, listener, blue, green := here.balanced("web", 8001)
	weights := map[string]int{blue: 50, green: 50}
	if err := here.service.Weigh(t.Context(), []string{listener}, weights); err != nil {
		t.Fatal(err)
	}
	here.register(blue, "10.0.0.1")
	table := here.take("one", 0)
	// That it was heard of is passed on without waiting: it is said until it has arrived.
	until := func(what string, is func() error) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for err := is(); err != nil; err = is() {
			select {
			case <-deadline:
				t.Fatalf("%s: %v", what, err)
			case <-time.After(10 * time.Millisecond):
			}
			here.report("one", table.Version, nil, target(blue, "10.0.0.1:8000", "healthy", 0))
		}
	}
	until("the weights are in effect for the other server", func() error {
		ok, err := there.service.InEffect(t.Context(), []string{listener}, weights)
		if err == nil && !ok {
			err = errors.New("they are not")
		}
		return err
	})
	until("the target is healthy for the other server", func() error {
		if got := there.healthOf(blue); got != "healthy" {
			return errors.New(got)
		}
		return nil
	})
	select {
	case <-there.health:
	case <-time.After(20 * time.Second):
		t.Error("the other server does not let those look that wait for the target's health")
	}
	routers := must(there.router.ListRouters(t.Context(), &slipway.ListRoutersInput{}))(t).Routers
	if len(routers) != 1 || *routers[0].Name != "one" || *routers[0].AppliedVersion != table.Version {
		t.Errorf("the other server lists %+v", routers)
	}
}
