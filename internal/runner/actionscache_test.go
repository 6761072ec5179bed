package runner

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"slipway/internal/actions"
)

// The caches of a project are found by their key, or by the newest that a restore key begins; another project has none
// of them. What was used least recently goes when there is too much.
func TestActionCaches(t *testing.T) {
	t.Parallel()
	c := newActionCaches(t.TempDir())
	c.limit = 30
	do := func(project, method, body string, query url.Values) (int, string, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, actions.CachePath+"?"+query.Encode(), strings.NewReader(body))
		w := httptest.NewRecorder()
		c.of(project).ServeHTTP(w, r)
		return w.Code, w.Header().Get(actions.MatchedHeader), w.Body.String()
	}
	put := func(key, body string) int {
		code, _, _ := do("web", http.MethodPut, body, url.Values{"key": {key}, "version": {"1"}})
		return code
	}
	get := func(key string, restore ...string) string {
		_, matched, body := do("web", http.MethodGet, "", url.Values{"key": {key}, "version": {"1"}, "restore": restore})
		if matched == "" {
			return ""
		}
		return matched + "=" + body
	}
	for key, want := range map[string]int{"a-1": 201, "b": 201} {
		if got := put(key, "text of "+key); got != want {
			t.Errorf("put %s: %d, want %d", key, got, want)
		}
	}
	if got := put("a-1", "other"); got != http.StatusConflict {
		t.Errorf("a second time: %d", got)
	}
	if got := get("a-1"); got != "a-1=text of a-1" {
		t.Error(got)
	}
	if got := get("a-2", "z", "a-"); got != "a-1=text of a-1" {
		t.Error(got)
	}
	if got := get("a", "c"); got != "" {
		t.Errorf("a key is no prefix: %s", got)
	}
	if code, _, _ := do("other", http.MethodGet, "", url.Values{"key": {"a-1"}, "version": {"1"}}); code != http.StatusNotFound {
		t.Errorf("another project: %d", code)
	}
	if code, _, _ := do("web", http.MethodGet, "", url.Values{"key": {"a-1"}, "version": {"2"}}); code != http.StatusNotFound {
		t.Errorf("other paths: %d", code)
	}
	if got := put("huge", strings.Repeat("x", 40)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", got)
	}
	get("a-1") // b is the one that is not used
	if got := put("c", strings.Repeat("c", 15)); got != http.StatusCreated {
		t.Errorf("with less room: %d", got)
	}
	if get("b") != "" || get("a-1") == "" || get("c") == "" {
		t.Errorf("left are %q %q %q", get("a-1"), get("b"), get("c"))
	}
	if err := c.write(io.MultiReader(strings.NewReader("half"), broken{}), c.dir, c.dir+"/half", savedCache{}); err == nil {
		t.Error("half a cache is kept")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the build has gone") }
