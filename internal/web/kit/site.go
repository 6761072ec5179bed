// Package kit is what the pages are made of: their frame and components, sessions, static files, live updates, and the
// words and addresses that they share.
package kit

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codeconnections"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/iam"
	"slipway/api/secretsmanager"
	"slipway/api/slipway"
	"slipway/api/ssm"
	"slipway/internal/event"
)

// Sessions signs people in and out.
type Sessions interface {
	// SignIn checks a name (an access key or a user) and its secret, and returns the cookie of a new session.
	SignIn(ctx context.Context, name, secret string) (cookie string, ok bool, err error)
	// Session returns who a cookie belongs to, and the token that the session's forms carry.
	Session(ctx context.Context, cookie string) (x Session, ok bool, err error)
	SignOut(ctx context.Context, cookie string) error
}

// Factors sign people in who need more than a password: a one-time password, a passkey, a recovery code, or another
// password. A sign-in that goes on is a sealed text, which the pages carry from one form to the next.
type Factors interface {
	// Begin is SignIn, and says what follows.
	Begin(ctx context.Context, name, secret string, from From) (Step, bool, error)
	Second(ctx context.Context, pending, code string) (Step, bool, error)
	// Renew sets another password. With an error, the step says what is asked for again.
	Renew(ctx context.Context, pending, password string) (Step, bool, error)
	// AskPasskey returns what the browser needs to ask for a passkey; with no pending sign-in, for any passkey.
	AskPasskey(pending string, from From) (options, next string, ok bool, err error)
	ByPasskey(ctx context.Context, pending, response string) (Step, bool, error)
}

// Providers sign people in by OpenID Connect.
type Providers interface {
	SignInProviders() []string
	// Elsewhere returns where to send the browser, and what it keeps until it comes back.
	Elsewhere(name, to string) (address, kept string, err error)
	FromElsewhere(ctx context.Context, name, kept, state, code string, from From) (s Step, to string, err error)
}

// From is where somebody signs in from.
type From struct{ Address, Agent string }

// Step is what follows a part of a sign-in: a session, or another part.
type Step struct {
	Cookie                     string
	Pending                    string
	OneTime, Passkey, Recovery bool // the second factors that there are
	Renew                      bool // another password is needed
}

// Public is what everybody may read of projects that are public, without a session.
type Public interface {
	// PublicProject returns the name of a project by its alias.
	PublicProject(ctx context.Context, alias string) (string, bool, error)
	// PublicBuilds returns the newest builds of a project, or the one with an ID alone.
	PublicBuilds(ctx context.Context, project, id string) ([]codebuild.Build, error)
	ReadLog(ctx context.Context, in *slipway.ReadLogInput) (*slipway.ReadLogOutput, error)
}

// Config is what the pages need.
type Config struct {
	Sessions Sessions
	// Factors and Providers are nil where people sign in by a secret alone.
	Factors   Factors
	Providers Providers
	// SessionLife is how long a cookie is kept.
	SessionLife time.Duration
	Source      codecommit.API
	Builds      codebuild.API
	Deployments codedeploy.API
	Pipelines   codepipeline.API
	Slipway     slipway.API
	IAM         iam.API
	Parameters  ssm.API
	Secrets     secretsmanager.API
	Connections codeconnections.API
	Public      Public // nil: nothing is public
	// ReportFile opens a file that a test has left, of a report that the caller in ctx may read, by its SHA-256.
	ReportFile func(ctx context.Context, report, sum string) (slipway.ReportFile, io.ReadSeekCloser, error)
	// ReportFrame opens a picture of a trace that is such a file, by its name in the trace.
	ReportFrame func(ctx context.Context, report, sum, name string) (io.ReadSeeker, error)
	// May reports whether the caller in ctx may do an action on a resource, an ARN or "*". What nobody may do is not
	// offered. Without it, all is offered.
	May   func(ctx context.Context, action, resource string) bool
	Hints *event.Hints
	// Other answers for a path that no page has, to a client that is no browser: it must not take the page of
	// a sign-in for an answer.
	Other   http.Handler
	URL     string // of this server
	Region  string
	Account string
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// Site is the pages.
type Site struct {
	Config
	static map[string]asset
	tries  *throttle
	pages  http.Handler
}

// Offers reports whether the visitor in ctx may do an action on a resource.
func (s *Site) Offers(ctx context.Context, action, resource string) bool {
	return s.May == nil || s.May(ctx, action, resource)
}

// may answers for awsproto.May, by which pages leave out what their visitor may not do.
func (s *Site) may(ctx context.Context, action, resource string) bool {
	service, _, _ := strings.Cut(action, ":")
	return s.Offers(ctx, action, "arn:aws:"+service+":"+s.Region+":"+s.Account+":"+resource)
}

// New returns a site that has no pages yet.
func New(c Config) *Site { return &Site{Config: c, static: assets(), tries: newThrottle()} }

// Mux dispatches requests to pages, and knows all that it has.
type Mux struct {
	mux      http.ServeMux
	patterns []string
}

// Handle adds what answers for a pattern.
func (m *Mux) Handle(pattern string, h http.Handler) {
	m.patterns = append(m.patterns, pattern)
	m.mux.Handle(pattern, h)
}

// HandleFunc adds what answers for a pattern.
func (m *Mux) HandleFunc(pattern string, f http.HandlerFunc) { m.Handle(pattern, f) }

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Pages is the handler of a site.
type Pages struct {
	http.Handler
	// Patterns are all that it answers for, as http.ServeMux reads them.
	Patterns []string
}

// Handler returns what answers for a site: for signing in and out, for static files, and for the pages that add adds.
func (s *Site) Handler(add ...func(*Mux)) *Pages {
	mux := &Mux{}
	mux.HandleFunc("GET /static/{file}", s.serveStatic)
	mux.HandleFunc("GET /signin", s.signInPage)
	mux.HandleFunc("POST /signin", s.signIn)
	mux.HandleFunc("POST /signin/second", s.signInForm(s.second))
	mux.HandleFunc("POST /signin/renew", s.signInForm(s.renew))
	mux.HandleFunc("POST /signin/passkey", s.signInForm(s.byPasskey))
	mux.HandleFunc("POST /signin/passkey/ask", s.signInForm(s.askPasskey))
	mux.HandleFunc("GET /signin/with/{name}", s.elsewhere)
	mux.HandleFunc("GET /signin/from/{name}", s.fromElsewhere)
	mux.Handle("POST /signout", s.SignedIn(s.signOut))
	mux.Handle("POST /theme", s.SignedIn(s.setTheme))
	mux.Handle("GET /live", s.SignedIn(s.live))
	mux.Handle("GET /{$}", s.SignedIn(func(w http.ResponseWriter, r *http.Request, _ Visitor) error {
		http.Redirect(w, r, boardPath, http.StatusSeeOther)
		return nil
	}))
	for _, f := range add {
		f(mux)
	}
	mux.Handle("/", s.otherPath())
	s.pages = mux
	return &Pages{guarded(mux), mux.patterns}
}

// otherPath answers for a path that no page has.
func (s *Site) otherPath() http.Handler {
	noPage := s.SignedIn(func(http.ResponseWriter, *http.Request, Visitor) error { return ErrNoPage })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, noCookie := r.Cookie(sessionCookie)
		if s.Other != nil && noCookie != nil && !strings.Contains(r.Header.Get("Accept"), "text/html") {
			s.Other.ServeHTTP(w, r)
			return
		}
		noPage.ServeHTTP(w, r)
	})
}

// guarded sets the headers that keep a page to itself: nothing comes from elsewhere, nothing runs that is not a
// file of ours, and nobody frames it.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set(
			"Content-Security-Policy",
			"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "+
				"media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
