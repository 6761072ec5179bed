package kit

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestLocal(t *testing.T) {
	for to, want := range map[string]string{
		"/pipelines/web?after=x%20y":    "/pipelines/web?after=x%20y",
		"/builds/web:1":                 "/builds/web:1",
		"/":                             "/",
		"":                              boardPath,
		"board":                         boardPath,
		"//evil.example":                boardPath,
		"/\\evil.example":               "/%5Cevil.example",
		"/./\\evil.example":             "/%5Cevil.example",
		"/.//evil.example":              "/evil.example",
		"/x/..//evil.example":           "/evil.example",
		"/%2f%2fevil.example":           "/evil.example",
		"/./%5Cevil.example":            "/%5Cevil.example",
		"/\t/evil.example":              boardPath,
		"https://evil.example/":         boardPath,
		"javascript:alert(1)":           boardPath,
		"/x\r\nSet-Cookie: slipway=1":   boardPath,
		"/board?to=\\\\evil.example":    boardPath,
		"/repositories/a%2Fb/commits/1": "/repositories/a%2Fb/commits/1",
	} {
		if got := local(to); got != want {
			t.Errorf("%q leads to %q, not %q", to, got, want)
		}
	}
}

// FuzzLocal resolves what is sent as a browser does, which takes a backslash for a slash and drops tabs and line ends.
func FuzzLocal(f *testing.F) {
	f.Add("/./\\evil.example")
	f.Add("/./%5Cevil.example")
	f.Add("/..//evil.example/%2e%2e/")
	base, _ := url.Parse("http://slipway.example/signin")
	f.Fuzz(func(t *testing.T, to string) {
		w := httptest.NewRecorder()
		redirect(w, to)
		sent := w.Header().Get("Location")
		u, err := base.Parse(strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(sent))
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			t.Errorf("%q leads to %q: %v", to, sent, err)
		}
	})
}

func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		origin, site string
		want         bool
	}{{"", "", false}, {"http://slipway.example", "same-origin", false}, {"", "none", false}, {"null", "", true},
		{"http://evil.example", "", true}, {"", "cross-site", true}, {"", "same-site", true}} {
		r := httptest.NewRequest("POST", "http://slipway.example/signin", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if got := foreign(r); got != c.want {
			t.Errorf("Origin %q, Sec-Fetch-Site %q: %t", c.origin, c.site, got)
		}
	}
}
