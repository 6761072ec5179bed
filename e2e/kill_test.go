package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inTraffic tells whether a fault point is on the way of a blue/green deployment alone.
func inTraffic(point string) bool {
	stage, _, _ := strings.Cut(point, ".")
	return slices.Contains([]string{"traffic", "release", "monitor", "loadbalancer", "router"}, stage)
}

// points are the fault points in the code.
func points(t testing.TB) []string {
	t.Helper()
	call := regexp.MustCompile(`fault\.Point\("([^"]+)"\)`)
	var all []string
	err := filepath.WalkDir("../internal", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestKillAtEveryPoint kills the process that reaches a fault point, for each point on a change's way and for several
// times that it is reached, and looks whether the change still arrives.
func TestKillAtEveryPoint(t *testing.T) {
	t.Parallel()
	w := newWay(t)
	elsewhere := func(point string) bool {
		// A change starts no sandbox, and its tests leave no files; see TestKilledSandbox and TestKilledInTheMidst.
		return inTraffic(point) || slices.ContainsFunc([]string{"batch.", "cache.", "sandbox.", "testfile.", "webhook."},
			func(of string) bool { return strings.HasPrefix(point, of) })
	}
	for _, point := range slices.DeleteFunc(points(t), elsewhere) {
		for _, nth := range occasions(point) {
			name := fmt.Sprintf("%s:%d", point, nth)
			ok := t.Run(name, func(t *testing.T) {
				w.t, w.instance.t = t, t
				mark := filepath.Join(folder(t), "died")
				w.restart("SLIPWAY_FAULT="+name, "SLIPWAY_FAULT_FILE="+mark)
				w.push()
				// What a runner or an agent had begun when it was killed is uncertain, and must not be done again.
				w.settles(!strings.HasPrefix(point, "runner.") && !strings.HasPrefix(point, "agent."))
				if _, err := os.Stat(mark); err != nil && nth == 1 {
					t.Errorf("nobody came by %s: it is no point on this way", name)
				}
			})
			if !ok {
				w.t, w.instance.t = t, t
				t.Logf("the agent printed:\n%s", tail(w.agent.log.String(), 30))
				return
			}
		}
	}
	w.t, w.instance.t = t, t
}

// occasions are the times at which a point is tried; those of the store are reached by each write on the way.
func occasions(point string) []int {
	if os.Getenv("SLIPWAY_LONG") == "" {
		return fewOccasions(point)
	}
	if point == "store.before-commit" || point == "store.after-commit" {
		return []int{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 23, 26, 30, 35, 40}
	}
	if strings.HasPrefix(point, "store.") || strings.HasPrefix(point, "pipeline.") ||
		strings.HasPrefix(point, "deploy.") || strings.HasPrefix(point, "agent.") {
		return []int{1, 2, 3, 5}
	}
	return []int{1}
}

func fewOccasions(point string) []int {
	if point == "store.before-commit" || point == "store.after-commit" {
		return []int{1, 3, 5, 8, 12, 18, 26, 40}
	}
	if strings.HasPrefix(point, "store.") || strings.HasPrefix(point, "pipeline.") ||
		strings.HasPrefix(point, "deploy.") || strings.HasPrefix(point, "agent.") {
		return []int{1, 3}
	}
	return []int{1}
}

// TestKillAtRandom kills the server, the runner or the agent at a random moment, in ten runs, or thirty in the long
// test.
func TestKillAtRandom(t *testing.T) {
	t.Parallel()
	w := newWay(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for run := range rounds(10, 30) {
		victim := []string{"server", "runner", "agent"}[r.IntN(3)]
		after := time.Duration(r.IntN(250)) * time.Millisecond
		ok := t.Run(fmt.Sprintf("%d %s after %s", run, victim, after), func(t *testing.T) {
			w.t, w.instance.t = t, t
			killed := make(chan struct{})
			time.AfterFunc(after, func() {
				defer close(killed)
				if victim == "agent" {
					w.agent.kill()
					return
				}
				text, err := os.ReadFile(filepath.Join(w.data, "locks", victim))
				var h struct{ PID int }
				if err == nil && json.Unmarshal(text, &h) == nil && h.PID > 1 {
					_ = syscall.Kill(h.PID, syscall.SIGKILL)
				}
			})
			w.push()
			<-killed
			w.settles(victim == "server")
		})
		if !ok {
			break
		}
	}
	w.t, w.instance.t = t, t
}
