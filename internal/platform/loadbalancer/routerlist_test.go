package loadbalancer_test

import (
	"testing"

	"slipway/api/slipway"
)

func TestListRouters(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.balanced("web", 8001)
	out := must(w.router.PollRouter(t.Context(),
		&slipway.PollRouterInput{Router: new("edge"), AppliedVersion: new(int64(0)), WaitSeconds: new(int32(0))}))(t)
	list := must(w.router.ListRouters(t.Context(), &slipway.ListRoutersInput{}))(t)
	if len(list.Routers) != 1 || *list.Routers[0].Name != "edge" || *list.Routers[0].AppliedVersion != 0 ||
		*list.Routers[0].Version != *out.Version || list.Routers[0].SeenTime.IsZero() {
		t.Errorf("%+v", list.Routers)
	}
}
