package container

import (
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/runner/executor/executortest"
	"slipway/internal/runner/room"
)

// testPrivate pulls an image with an account. Nobody without the account can use it afterwards, by any of its names;
// who has it needs no registry any more, and is told the same digest.
func testPrivate(t *testing.T, e *Executor) {
	registry := executortest.NewRegistry(t)
	image := registry.Host + "/team/tool:1"
	account := &room.Registry{User: executortest.AccountUser, Password: executortest.AccountPassword}
	first := open(t, e, room.Spec{Image: image, Registry: account}).Place().Image
	if !strings.HasPrefix(first, image+"@sha256:") {
		t.Errorf("the image is %q", first)
	}
	if again := open(t, e, room.Spec{Image: image, Registry: account}).Place().Image; again != first {
		t.Errorf("the image is first %q, then %q", first, again)
	}
	_, digest, _ := strings.Cut(first, "@")
	byDigest := registry.Host + "/team/tool@" + digest
	if by := open(t, e, room.Spec{Image: byDigest, Registry: account}).Place().Image; by != byDigest {
		t.Errorf("by its digest the image is %q", by)
	}
	if n := registry.Served.Load(); n == 0 {
		t.Error("the image was not pulled")
	}
	var of struct{ ID string }
	private := privateRepository(image, account) + ":1"
	if err := e.api.call(t.Context(), "GET", "/images/"+private+"/json", nil, &of); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{image, byDigest, of.ID,
		strings.TrimPrefix(of.ID, "sha256:")[:20]} {
		for _, as := range []*room.Registry{nil, {User: executortest.AccountUser, Password: "another"}} {
			r, err := e.Open(t.Context(),
				room.Spec{Dir: filepath.Join(t.TempDir(), "room"), Image: name, Registry: as})
			if err == nil {
				_ = r.Close()
				t.Errorf("%s is open to %v", name, as)
			}
		}
	}
	if registry.Refused.Load() == 0 {
		t.Error("the registry was not asked again")
	}
}
