package main

import (
	"errors"
	"strings"
	"testing"

	"slipway/internal/runner/executor/host"
)

func TestWorks(t *testing.T) {
	broken := func(...string) (*host.Executor, error) {
		return nil, errors.New("bubblewrap is not installed (apt-get install bubblewrap)")
	}
	working := func(...string) (*host.Executor, error) { return &host.Executor{}, nil }
	for name, c := range map[string]struct{ got, want string }{
		"a sandbox":     {sandboxWords(false, working), "bubblewrap works: builds run in it"},
		"no sandbox":    {sandboxWords(false, broken), "Builds wait until it works"},
		"without one":   {sandboxWords(true, broken), "builds run with the rights of the runner"},
		"no engine":     {containerWords(t.Context(), "unix:///nowhere.sock"), "no container engine answers at unix:///nowhere.sock"},
		"none wanted":   {containerWords(t.Context(), "none"), "builds with an image wait for a runner that has"},
		"git":           {gitWords(t.Context()), "."},
		"this machine":  {place{Listen: "127.0.0.1:8080"}.transport(), "reachable from this machine only"},
		"the network":   {place{Listen: "0.0.0.0:8080"}.transport(), "others on the network can read it"},
		"its authority": {place{Listen: "0.0.0.0:8080", TLSOwn: true}.transport(), "own authority"},
		"a proxy": {place{Listen: "127.0.0.1:80", URL: "https://ci.example"}.transport(),
			"TLS proxy at https://ci.example"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
	if n := strings.Count((works{"a", "b", "c"}).lines("d"), "\n"); n != 4 {
		t.Errorf("the parts take %d lines", n)
	}
}
