// Package webtest renders pages for tests, with services that tests make up.
package webtest

import (
	"bytes"
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/iam"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/web/kit"
)

// Now is the time at which pages are rendered.
var Now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// At is a moment some time before Now.
func At(ago time.Duration) *awsproto.Time { return awsproto.At(Now.Add(-ago)) }

// session is one that everybody is in.
type session struct{}

func (session) SignIn(context.Context, string, string) (string, bool, error) {
	return "cookie", true, nil
}

func (session) Session(context.Context, string) (kit.Session, bool, error) {
	return kit.Session{Caller: awsproto.Caller{Name: "ada"}, CSRF: "token", Began: Now}, true, nil
}

func (session) SignOut(context.Context, string) error { return nil }

// Pages are pages as a visitor sees them who is signed in.
type Pages struct {
	t       *testing.T
	Hints   *event.Hints
	handler http.Handler
	log     bytes.Buffer
}

// Open returns the pages of a stage. Services that are not given answer that they are not implemented.
func Open(t *testing.T, routes func(*kit.Site) func(*kit.Mux), c kit.Config) *Pages {
	p := &Pages{t: t, Hints: event.NewHints(nil)}
	c.Sessions, c.Hints = session{}, p.Hints
	c.URL, c.Region, c.Account, c.Version = "http://slipway.example", "eu-central-1", "123456789012", "test"
	c.Log = slog.New(slog.NewTextHandler(&p.log, nil))
	c.Now = func() time.Time { return Now }
	if c.Source == nil {
		c.Source = codecommit.Unimplemented{}
	}
	if c.Builds == nil {
		c.Builds = codebuild.Unimplemented{}
	}
	if c.Deployments == nil {
		c.Deployments = codedeploy.Unimplemented{}
	}
	if c.Pipelines == nil {
		c.Pipelines = codepipeline.Unimplemented{}
	}
	if c.Slipway == nil {
		c.Slipway = slipway.Unimplemented{}
	}
	if c.IAM == nil {
		c.IAM = iam.Unimplemented{}
	}
	s := kit.New(c)
	p.handler = s.Handler(routes(s))
	return p
}

func (p *Pages) ask(r *http.Request) *httptest.ResponseRecorder {
	r.AddCookie(&http.Cookie{Name: "slipway", Value: "cookie"})
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

// Read is the text of a page, as people read it.
func (p *Pages) Read(path string) string {
	return plain(p.ask(httptest.NewRequest(http.MethodGet, path, nil)))
}

// plain is what people read of an answer.
func plain(answer *httptest.ResponseRecorder) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(answer.Body.String(), " "))), " ")
}

var tags = regexp.MustCompile(`(?s)<[^>]*>`)

// Shows fails the test unless a page has texts, as people read them.
func (p *Pages) Shows(path string, texts ...string) {
	p.t.Helper()
	answer := p.ask(httptest.NewRequest(http.MethodGet, path, nil))
	read := plain(answer)
	if answer.Code != http.StatusOK {
		p.t.Fatalf("%s answers %d: %s\n%s", path, answer.Code, read, p.log.String())
	}
	for _, text := range texts {
		if !strings.Contains(read, text) {
			p.t.Errorf("%s does not say %q: %s", path, text, read)
		}
	}
}

// Get returns the answer for a path.
func (p *Pages) Get(path string) *http.Response {
	p.t.Helper()
	return p.ask(httptest.NewRequest(http.MethodGet, path, http.NoBody)).Result()
}

// Status is what a page answers with.
func (p *Pages) Status(path string) int {
	return p.ask(httptest.NewRequest(http.MethodGet, path, nil)).Code
}

// Send sends a form of a page, and returns where that leads.
func (p *Pages) Send(path string, form url.Values) string {
	p.t.Helper()
	answer := p.post(path, form)
	if answer.Code != http.StatusSeeOther {
		p.t.Fatalf("%s answers %d: %s", path, answer.Code, answer.Body)
	}
	return answer.Header().Get("Location")
}

// Answer sends a form that is answered with a page, and returns what people read there.
func (p *Pages) Answer(path string, form url.Values) (read string, status int) {
	answer := p.post(path, form)
	return plain(answer), answer.Code
}

func (p *Pages) post(path string, form url.Values) *httptest.ResponseRecorder {
	values := url.Values{"csrf": {"token"}}
	for name, v := range form {
		values[name] = v
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.ask(r)
}

// Serve serves the pages at an address, for tests that need a connection.
func (p *Pages) Serve() string {
	s := httptest.NewServer(p.handler)
	p.t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}
