package router

import (
	"strings"
	"testing"

	elb "slipway/api/elbv2"
)

// TestJudge: + is a check that passed, - one that failed; the state after each is the first letter of it.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name, from, results, states string
		healthy, unhealthy          int
	}{
		{"a new target needs one check", "initial", "+", "h", 5, 2},
		{"a new target that fails", "initial", "---", "iuu", 5, 2},
		{"a new target that fails once", "initial", "-+", "ih", 5, 2},
		{"a healthy target fails in a row", "healthy", "-+--", "hhhu", 5, 2},
		{"an unhealthy target passes in a row", "unhealthy", "++-+++", "uuuuuh", 3, 2},
	} {
		j := judge{state: elb.TargetHealthStateEnum(c.from),
			check: healthCheck{healthy: c.healthy, unhealthy: c.unhealthy}}
		for i, r := range c.results {
			f := finding{}
			if r == '-' {
				f = finding{elb.TargetHealthReasonEnumTargetTimeout, "Request timed out"}
			}
			before := j.state
			if changed := j.result(f); before != j.state && !changed {
				t.Errorf("%s: a change was not told", c.name)
			}
			if !strings.HasPrefix(string(j.state), c.states[i:i+1]) {
				t.Errorf("%s: %s after %s", c.name, j.state, c.results[:i+1])
			}
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		matcher, code string
		want          bool
	}{{"200", "200", true}, {"200", "201", false}, {"200-299", "250", true}, {"200,301-302", "302", true},
		{"200,301-302", "303", false}, {"12", "12", true}, {"0", "", false}} {
		if got := matches(c.matcher, c.code); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.matcher, c.code, got)
		}
	}
}
