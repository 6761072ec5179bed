package kit

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"slipway/api/awsproto"
)

// Session is that of somebody who signed in.
type Session struct {
	Caller awsproto.Caller
	CSRF   string // every form sends it back
	Began  time.Time
}

// recent is how long after the sign-in a session may make what outlives it: keys and credentials.
const recent = 15 * time.Minute

// Confirmed reports whether a visitor said the secret lately; if not, it asks for it, and the visitor comes back
// to the page.
func (s *Site) Confirmed(w http.ResponseWriter, r *http.Request, v Visitor, to string) bool {
	if s.Recent(v) {
		return true
	}
	const why = "Sign in again to do that: what you are about to create outlives this session, which began more than " +
		"15 minutes ago."
	s.showSignIn(w, r, http.StatusForbidden, signInView{To: to, Name: v.Caller.Name, Message: why})
	return false
}

// Recent reports whether a visitor said the secret lately.
func (s *Site) Recent(v Visitor) bool { return s.Now().Sub(v.Began) <= recent }

// Visitor is who looks at a page.
type Visitor struct {
	Session
	Theme  string // light, dark, or "" for the system's
	People bool   // may see users
}

const (
	sessionCookie = "slipway"
	themeCookie   = "theme"
	maxForm       = 64 << 10 // bytes
)

// Handler is a handler for somebody who is signed in. Its error becomes a page that says what went wrong and what to
// do.
type Handler func(w http.ResponseWriter, r *http.Request, v Visitor) error

// SignedIn lets through who has a session, and takes others to sign in. What changes something must come from a page of
// ours: it carries the session's token, and no other site as its origin.
func (s *Site) SignedIn(next Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok, err := s.visitor(r)
		if err != nil {
			s.fail(w, r, v, err)
			return
		}
		if !ok {
			s.toSignIn(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := s.ours(r, v); err != nil {
				s.fail(w, r, v, err)
				return
			}
		}
		ctx := awsproto.WithMay(awsproto.WithCaller(r.Context(), v.Caller), s.may)
		if err := next(w, r.WithContext(ctx), v); err != nil {
			s.fail(w, r, v, err)
		}
	})
}

func (s *Site) visitor(r *http.Request) (v Visitor, ok bool, err error) {
	v.Theme = theme(r)
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return v, false, nil //nolint:nilerr // no cookie, nobody signed in
	}
	v.Session, ok, err = s.Sessions.Session(r.Context(), c.Value)
	return v, ok, err
}

// ours reports whether a form comes from a page of this session.
func (s *Site) ours(r *http.Request, v Visitor) error {
	if foreign(r) {
		return errForged
	}
	if err := r.ParseForm(); err != nil {
		return Refusal(http.StatusBadRequest, "The form could not be read: "+err.Error())
	}
	if subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(v.CSRF)) != 1 {
		return errForged
	}
	return nil
}

// foreign reports whether a form was sent by a page of another site, or by one that hides where it comes from
// (Origin: null).
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && !sameHost(origin, r.Host) {
		return true
	}
	from := r.Header.Get("Sec-Fetch-Site")
	return from != "" && from != "same-origin" && from != "none"
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host == host
}

// toSignIn takes a visitor to sign in, and back to the page afterwards.
func (s *Site) toSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		to := boardPath
		if from, err := url.Parse(r.Referer()); err == nil && from.Path != "" {
			to = local(from.RequestURI())
		}
		s.showSignIn(w, r, errExpired.Status, signInView{To: to, Message: errExpired.Message})
		return
	}
	if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/live") ||
		r.Header.Get("Sec-Fetch-Mode") == "cors" {
		http.Error(w, "Sign in first.", http.StatusUnauthorized)
		return
	}
	to := "/signin"
	if r.URL.Path != "/" {
		to += "?to=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// local is a path of this site, or the board: a redirect never leads elsewhere. What is returned is what is
// sent and nothing else: it is put together again from its parts, its path is clean, and the result is checked as a
// browser reads it, to which a backslash is a slash, and tabs and line ends are nothing.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(u.Path, "/") {
		return boardPath
	}
	sent := &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	if clean := path.Clean(u.Path); clean != u.Path {
		sent.Path, sent.RawPath = clean, ""
	}
	if !localForm.MatchString(sent.String()) {
		return boardPath
	}
	return sent.String()
}

const boardPath = "/board"

// localForm is one slash, and then neither a second one nor a backslash nor a control character anywhere.
var localForm = regexp.MustCompile(`^/([^/\\\x00-\x20\x7f][^\\\x00-\x20\x7f]*)?$`)

// redirect sends a browser to a page of this site, by the very bytes that were checked: http.Redirect would
// clean the path once more.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", local(to))
	w.WriteHeader(http.StatusSeeOther)
}

func (s *Site) cookie(name, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     "/",
		MaxAge:   seconds,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
		Secure:   strings.HasPrefix(s.URL, "https:"),
	}
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request, _ Visitor) error {
	if c, err := r.Cookie(sessionCookie); err == nil {
		if err := s.Sessions.SignOut(r.Context(), c.Value); err != nil {
			return err
		}
	}
	http.SetCookie(w, s.cookie(sessionCookie, "", -1))
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
	return nil
}

func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

const year = 365 * 24 * 60 * 60 // seconds

func (s *Site) setTheme(w http.ResponseWriter, r *http.Request, _ Visitor) error {
	http.SetCookie(w, s.cookie(themeCookie, r.PostForm.Get("theme"), year))
	redirect(w, r.PostForm.Get("to"))
	return nil
}
