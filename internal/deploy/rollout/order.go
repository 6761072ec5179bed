package rollout

import "fmt"

// Health is what is known of a target from the deployments of its group so far.
type Health struct {
	Healthy  bool   // the last deployment to it succeeded
	Revision string // what was installed last with success; "" if that is not known
}

// Rank is a target's place in the order of a deployment: unhealthy targets first, then those with an unknown revision,
// an old one, the current one (instances-health.md). current is the group's last successful revision.
func (h Health) Rank(current string) int {
	switch {
	case !h.Healthy:
		return 0
	case h.Revision == "":
		return 1
	case h.Revision != current:
		return 2
	}
	return 3
}

// After is a target's health after an attempt to deploy a revision to it. current is the group's last successful
// revision.
func (h Health) After(succeeded bool, revision, current string) Health {
	if succeeded {
		return Health{true, revision}
	}
	if h.Revision == current {
		h.Revision = ""
	}
	h.Healthy = false
	return h
}

func invalid(p Plan) string {
	hosts := "hosts"
	if p.Total == 1 {
		hosts = "host"
	}
	return fmt.Sprintf(
		"The deployment needs %d healthy hosts at all times, but its group has %d %s: not one of them could be taken "+
			"out of service. "+
			"Choose a deployment configuration with a smaller minimum, or add hosts.", p.Minimum, p.Total, hosts)
}
