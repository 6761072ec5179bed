package container

import (
	"archive/tar"
	"bytes"
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

// An image is built of a Dockerfile and what lies beside it, once for the same files. What fails says why.
func testRecipe(t *testing.T, e *Executor) {
	recipe := func(file string) room.Recipe {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for name, text := range map[string]string{"Dockerfile": file, "kept": "beside"} {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return room.Recipe{Context: out.Bytes(), Dockerfile: "Dockerfile"}
	}
	const good = "FROM " + busybox + "\nCOPY kept /kept\nENTRYPOINT [\"cat\", \"/kept\"]\n"
	var said []string
	image, err := e.BuildImage(t.Context(), recipe(good), func(line string) { said = append(said, line) })
	if err != nil || len(said) == 0 {
		t.Fatalf("built %q, %v; said %q", image, err, said)
	}
	r := &containerRoom{engine: e, spec: room.Spec{Image: image}}
	if of, err := r.image(t.Context()); err != nil || strings.Join(of.program.Entrypoint, " ") != "cat /kept" {
		t.Errorf("the image: %+v, %v", of, err)
	}
	if _, err := e.BuildImage(t.Context(), recipe("FROM "+busybox+"\nCOPY missing /x\n"), func(string) {}); err == nil ||
		!strings.Contains(err.Error(), "missing") {
		t.Errorf("a Dockerfile that fails: %v", err)
	}
}

// A service gets volumes by name, and no folder of the machine.
func testVolumes(t *testing.T, e *Executor) {
	for volume, want := range map[string]string{
		"/:/host":                 "a folder of the runner's machine",
		"../x:/y":                 "a folder of the runner's machine",
		"/var/run/docker.sock:/s": "a folder of the runner's machine",
		"a:b":                     "must be NAME:PATH",
		"a:/b:c:d":                "must be NAME:PATH",
		"kept:/":                  "must be NAME:PATH",
	} {
		err := e.volumes(t.Context(), &serviceSpec{}, "/room", []string{volume})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", volume, err, want)
		}
	}
	spec := serviceSpec{Labels: map[string]string{labelRoom: "/room"}}
	if err := e.volumes(t.Context(), &spec, "/room", []string{"kept:/kept:ro", "/own"}); err != nil {
		t.Fatal(err)
	}
	if b := spec.HostConfig.Binds; len(b) != 1 || !strings.HasSuffix(b[0], "-kept:/kept:ro") || len(spec.Volumes) != 1 {
		t.Errorf("binds %q, volumes %v", b, spec.Volumes)
	}
	if err := e.removeVolumes(t.Context(), labelRoom+"=/room"); err != nil {
		t.Error(err)
	}
	name := strings.TrimSuffix(spec.HostConfig.Binds[0], ":/kept:ro")
	if err := e.api.call(t.Context(), "GET", "/volumes/"+name, nil, nil); !gone(err) {
		t.Errorf("the volume is left: %v", err)
	}
}
