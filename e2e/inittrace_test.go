package e2e

import (
	"cmp"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// initialised is what the initialisers of a package cost before main begins.
type initialised struct {
	name         string
	milliseconds float64
	bytes        int
}

// The tables of the linter of GitHub's workflows are not ours to make on their first use: they have a bound of their
// own, in bytes, beside that of everything else.
const (
	linter       = "github.com/rhysd/actionlint"
	mostOfLinter = 512 << 10
)

// TestStartUpInitialisers prints what initialises itself before a command begins: every `slipway run` and every git
// push pays for it. What they allocate is the same on every machine, so that is bounded.
func TestStartUpInitialisers(t *testing.T) {
	c := exec.Command(binary(t, ""), "version")
	c.Env = append(environment(), "GODEBUG=inittrace=1")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var all []initialised
	milliseconds, bytes := 0.0, 0
	for line := range strings.Lines(string(out)) {
		var p initialised
		var at float64
		var allocations int
		if n, _ := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &p.name, &at, &p.milliseconds,
			&p.bytes, &allocations); n != 5 {
			continue
		}
		all = append(all, p)
		if p.name == linter && p.bytes <= mostOfLinter {
			continue
		}
		milliseconds, bytes = milliseconds+p.milliseconds, bytes+p.bytes
	}
	if len(all) == 0 {
		t.Fatalf("there is no trace in:\n%s", out)
	}
	slices.SortFunc(all, func(a, b initialised) int { return cmp.Compare(b.milliseconds, a.milliseconds) })
	t.Logf("%d packages initialise themselves in %.1f ms and %d bytes", len(all), milliseconds, bytes)
	for _, p := range all[:min(10, len(all))] {
		t.Logf("%6.2f ms %8d bytes  %s", p.milliseconds, p.bytes, p.name)
	}
	const most = 1 << 20
	if bytes > most {
		t.Errorf("initialisers allocate %d bytes, more than %d: make what is heavy on its first use", bytes, most)
	}
}
