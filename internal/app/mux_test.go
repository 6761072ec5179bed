package app

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
)

// named answers with its name.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

// newMux is the mux of a server, whose handlers but the API answer with their names.
func newMux(t *testing.T) *mux {
	t.Helper()
	m := newServer(t, newOptions(t)).handler
	m.s3, m.git, m.logs, m.pages = named("s3"), named("git"), named("logs"), named("pages")
	return m
}

// signed is a request that is signed for a service.
func signed(method, path, service string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost"
	c := sigv4.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}
	c.Sign(r, sigv4.UnsignedPayload, "eu-central-1", service, time.Now())
	return r
}

func unsigned(method, path string, header ...string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// What shares the one address is told apart.
func TestMux(t *testing.T) {
	t.Parallel()
	m := newMux(t)
	elsewhere := unsigned(http.MethodGet, "/board")
	elsewhere.Host = "evil.example.net"
	probed := unsigned(http.MethodGet, "/healthz")
	probed.Host = "evil.example.net"
	const target = "X-Amz-Target"
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		body    string
	}{
		"page":            {unsigned(http.MethodGet, "/board"), 200, "pages"},
		"push":            {unsigned(http.MethodPost, "/v1/repos/greeter/git-receive-pack"), 200, "git"},
		"log":             {unsigned(http.MethodGet, slipway.LogPath), 200, "logs"},
		"object":          {signed(http.MethodGet, "/bucket/key", "s3"), 200, "s3"},
		"unsigned object": {unsigned(http.MethodGet, "/bucket/key"), 200, "pages"},
		"operation": {unsigned(http.MethodPost, "/", target, "CodeBuild_20161006.ListBuilds",
			"Content-Type", "application/x-amz-json-1.1"), 400, "MissingAuthenticationToken"},
		"unknown service": {signed(http.MethodGet, "/v2/apis", "apigateway"), 501, "apigateway"},
		"other host":      {elsewhere, 421, "--hosts=evil.example.net"},
		"health":          {unsigned(http.MethodGet, "/healthz"), 200, "ok"},
		"a probe":         {probed, 200, "ok"},
		"ready":           {unsigned(http.MethodGet, "/readyz"), 200, "ok"},
	} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, c.request)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s: got %d %q, want %d with %q", name, w.Code, w.Body, c.status, c.body)
		}
	}
	m.ready = func() error { return errors.New("no database") }
	w := httptest.NewRecorder()
	m.ServeHTTP(w, unsigned(http.MethodGet, "/readyz"))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "no database") {
		t.Errorf("not ready: got %d %q", w.Code, w.Body)
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	const target, accept = "X-Amz-Target", "Accept"
	for _, c := range []struct {
		request *http.Request
		want    bool
	}{
		{unsigned(http.MethodPost, "/", target, "Slipway.PollBuild"), true},
		{unsigned(http.MethodPost, "/", target, "Slipway.WaitForChange"), true},
		{unsigned(http.MethodPost, "/", target, "CodeBuild_20161006.ListBuilds"), false},
		{unsigned(http.MethodPost, "/", target, "nonsense"), false},
		{unsigned(http.MethodPost, "/service/Slipway/operation/PollRouter"), true},
		{unsigned(http.MethodPost, "/service/Slipway/operation/ListJobs"), false},
		{unsigned(http.MethodGet, slipway.LogPath), true},
		{unsigned(http.MethodGet, "/live", accept, "text/event-stream"), true},
		{unsigned(http.MethodGet, "/board", accept, "text/html"), false},
	} {
		if got := waits(c.request); got != c.want {
			t.Errorf("%s %s: got %t, want %t", c.request.Header, c.request.URL, got, c.want)
		}
	}
}

// A handler that panics costs its own request alone.
func TestMuxPanics(t *testing.T) {
	t.Parallel()
	m := newMux(t)
	l := newLogged()
	m.log = l.logger()
	m.pages = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("no such page") })
	w := httptest.NewRecorder()
	m.ServeHTTP(w, unsigned(http.MethodGet, "/board"))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "no such page") {
		t.Errorf("got %d %q, want 500 without the reason", w.Code, w.Body)
	}
	if line := l.wait(t, "a request panicked"); !strings.Contains(line, "no such page") ||
		!strings.Contains(line, "path=/board") {
		t.Errorf("the log says %s", line)
	}
}

// A handler that aborts a request drops its connection, as with net/http.
func TestMuxAborts(t *testing.T) {
	t.Parallel()
	m := newMux(t)
	m.pages = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	m.hosts = newHosts("", "127.0.0.1:0", nil)
	s := httptest.NewServer(m)
	defer s.Close()
	if status, _, err := get(s.Client(), s.URL+"/board"); err == nil {
		t.Errorf("got the answer %d, want none", status)
	}
}

// A service that is not there is refused in a form that its client reads.
func TestUnknownService(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	unknownService(w, signed(http.MethodGet, "/", "dynamodb"))
	var answer struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusNotImplemented ||
		answer.Type != "NotImplementedException" || !strings.Contains(answer.Message, `"dynamodb"`) {
		t.Errorf("JSON: got %d %s (%v)", w.Code, w.Body, err)
	}
	for name, r := range map[string]*http.Request{
		"by service": signed(http.MethodGet, "/", "route53"),
		"by header":  signed(http.MethodGet, "/", "sns"),
	} {
		if name == "by header" {
			r.Header.Set("Accept", "application/xml")
		}
		w := httptest.NewRecorder()
		unknownService(w, r)
		var answer struct {
			Code string `xml:"Error>Code"`
		}
		if err := xml.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Code != "NotImplementedException" {
			t.Errorf("%s: got %s (%v)", name, w.Body, err)
		}
	}
	w = httptest.NewRecorder()
	unknownService(w, unsigned(http.MethodGet, "/?X-Amz-Signature=x"))
	if !strings.Contains(w.Body.String(), "no service in its scope") {
		t.Errorf("without a scope: got %s", w.Body)
	}
}
