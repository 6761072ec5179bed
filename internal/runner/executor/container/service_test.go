package container

import (
	"strings"
	"testing"

	"slipway/internal/runner/room"
)

// A service whose program ends at once is never ready. How one ended that ran at first is told when it is removed,
// and one that ran until then did not end by itself.
func testServices(t *testing.T, e *Executor) {
	_, err := e.Serve(t.Context(), t.TempDir(), room.Service{Name: "db", Image: busybox}, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "the service db ended with status 0") {
		t.Errorf("a program that ends at once: %v", err)
	}
	for script, want := range map[string]*room.ServiceEnd{
		"exit 7":            {Status: 7},
		"tail -f /dev/null": nil,
	} {
		id := started(t, e, script)
		if want != nil {
			if err := e.api.wait(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		end, err := e.Dismiss(id)
		if err != nil || (end == nil) != (want == nil) || want != nil && *end != *want {
			t.Errorf("%s: ended %v, %v; want %v", script, end, err, want)
		}
		if end, err := e.Dismiss(id); err != nil || end != nil {
			t.Errorf("removed twice: %v, %v", end, err)
		}
	}
}

// Whether a program ended by itself does not depend on when the engine notices it: it was killed, or it tells its own
// status.
func testServiceRace(t *testing.T, e *Executor) {
	for range 10 {
		end, err := e.Dismiss(started(t, e, "exit 7"))
		if err != nil || end != nil && end.Status != 7 {
			t.Errorf("ended %v, %v", end, err)
		}
	}
}

func started(t *testing.T, e *Executor, script string) (id string) {
	t.Helper()
	id, err := e.api.create(t.Context(), spec{Image: busybox, Cmd: []string{"sh", "-c", script}})
	if err == nil {
		err = e.api.post(t.Context(), "/containers/"+id+"/start")
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}
