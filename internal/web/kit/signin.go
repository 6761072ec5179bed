package kit

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// signInView is what a page of a sign-in shows.
type signInView struct {
	To, Name, Message string
	Providers         []string
	Passkey           bool // passkeys can be asked for
	Step
}

// showSignIn shows the page for whoever is not signed in, or that of the next part of a sign-in.
func (s *Site) showSignIn(w http.ResponseWriter, r *http.Request, status int, v signInView) {
	if s.Providers != nil {
		v.Providers = s.Providers.SignInProviders()
	}
	v.Passkey = s.Factors != nil
	shell := s.Shell(r, Visitor{Theme: theme(r)}, "Sign in")
	switch {
	case v.Renew:
		s.Render(w, r, status, RenewPassword(shell, v))
	case v.Pending != "":
		s.Render(w, r, status, SecondFactor(shell, v))
	default:
		s.Render(w, r, status, SignIn(shell, v))
	}
}

func (s *Site) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, ok, err := s.visitor(r); err == nil && ok {
		redirect(w, r.URL.Query().Get("to"))
		return
	}
	s.showSignIn(w, r, http.StatusOK, signInView{To: local(r.URL.Query().Get("to"))})
}

// from is where a request comes from.
func from(r *http.Request) From {
	agent := r.UserAgent()
	return From{Address: sourceOf(r), Agent: agent[:min(len(agent), maxAgent)]}
}

// maxAgent bounds how much is kept of what a browser calls itself.
const maxAgent = 256

// signInForm reads a form of somebody who is not signed in yet. There is no token of a session, so that another site's
// page is told by its origin.
func (s *Site) signInForm(next func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		again := signInView{}
		switch {
		case s.Factors == nil:
			http.NotFound(w, r)
		case r.ParseForm() != nil:
			again.Message = "The form could not be read."
			s.showSignIn(w, r, http.StatusBadRequest, again)
		case foreign(r):
			again.Message = errForged.Message
			s.showSignIn(w, r, http.StatusForbidden, again)
		default:
			next(w, r)
		}
	}
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.showSignIn(w, r, http.StatusBadRequest, signInView{Message: "The form could not be read."})
		return
	}
	again := signInView{To: local(r.PostForm.Get("to")), Name: r.PostForm.Get("name")}
	if foreign(r) {
		again.Message = errForged.Message
		s.showSignIn(w, r, http.StatusForbidden, again)
		return
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	source := sourceOf(r)
	if !s.tries.begin(r.Context(), name, source) {
		again.Message = errTooMany.Message
		s.showSignIn(w, r, errTooMany.Status, again)
		return
	}
	step, ok, err := s.beginSignIn(r, name, r.PostForm.Get("secret"))
	s.tries.end(name, source, err == nil && !ok)
	s.next(w, r, step, ok, err, again, "The name and the secret do not match.")
}

func (s *Site) beginSignIn(r *http.Request, name, secret string) (Step, bool, error) {
	if s.Factors == nil {
		cookie, ok, err := s.Sessions.SignIn(r.Context(), name, secret)
		return Step{Cookie: cookie}, ok, err
	}
	return s.Factors.Begin(r.Context(), name, secret, from(r))
}

// next answers a part of a sign-in: with the session, the next part, or the page again.
func (s *Site) next(w http.ResponseWriter, r *http.Request, step Step, ok bool, err error, again signInView,
	wrong string) {
	switch {
	case err != nil:
		s.Log.Error("sign in", "error", err)
		again.Message = "Signing in failed inside the server; its log says why."
		s.showSignIn(w, r, http.StatusInternalServerError, again)
	case !ok:
		again.Message = wrong
		s.showSignIn(w, r, http.StatusUnauthorized, again)
	case step.Cookie == "":
		s.showSignIn(w, r, http.StatusOK, signInView{To: again.To, Name: again.Name, Step: step})
	default:
		http.SetCookie(w, s.cookie(sessionCookie, step.Cookie, int(s.SessionLife.Seconds())))
		redirect(w, again.To)
	}
}

// pendingView is the page of a part of a sign-in, to be shown again.
func pendingView(r *http.Request) signInView {
	return signInView{To: local(r.PostForm.Get("to")), Step: Step{
		Pending:  r.PostForm.Get("pending"),
		OneTime:  r.PostForm.Has("onetime"),
		Passkey:  r.PostForm.Has("haspasskey"),
		Recovery: r.PostForm.Has("recovery"),
	}}
}

func (s *Site) second(w http.ResponseWriter, r *http.Request) {
	step, ok, err := s.Factors.Second(r.Context(), r.PostForm.Get("pending"), r.PostForm.Get("code"))
	s.next(w, r, step, ok, err, pendingView(r), "The code is not right, was used before, or came too late. After five "+
		"wrong codes wait for five minutes.")
}

func (s *Site) renew(w http.ResponseWriter, r *http.Request) {
	step, ok, err := s.Factors.Renew(r.Context(), r.PostForm.Get("pending"), r.PostForm.Get("secret"))
	again := signInView{To: local(r.PostForm.Get("to"))}
	if ok && step.Renew && err != nil { // the password is none that the account takes
		s.showSignIn(w, r, http.StatusBadRequest, signInView{To: again.To, Message: err.Error(), Step: step})
		return
	}
	s.next(w, r, step, ok, err, again, "This took too long. Sign in again.")
}

// askPasskey answers a script with what the browser needs to ask for a passkey.
func (s *Site) askPasskey(w http.ResponseWriter, r *http.Request) {
	options, next, ok, err := s.Factors.AskPasskey(r.PostForm.Get("pending"), from(r))
	if err != nil {
		s.Log.Error("ask for a passkey", "error", err)
	}
	if err != nil || !ok {
		http.Error(w, "A passkey cannot be asked for now.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"options": json.RawMessage(options), "state": next})
}

func (s *Site) byPasskey(w http.ResponseWriter, r *http.Request) {
	step, ok, err := s.Factors.ByPasskey(r.Context(), r.PostForm.Get("state"), r.PostForm.Get("response"))
	again := pendingView(r)
	s.next(w, r, step, ok, err, again, "The passkey is not known here, or the sign-in took too long. Try again.")
}

// elsewhereCookie keeps a sign-in at a provider until the browser comes back.
const elsewhereCookie = "slipway-elsewhere"

const elsewhereLife = 5 * 60 // seconds

func (s *Site) elsewhere(w http.ResponseWriter, r *http.Request) {
	to := local(r.URL.Query().Get("to"))
	if s.Providers == nil {
		http.NotFound(w, r)
		return
	}
	address, kept, err := s.Providers.Elsewhere(r.PathValue("name"), to)
	if err != nil {
		s.showSignIn(w, r, http.StatusBadGateway, signInView{To: to, Message: s.failedElsewhere(r, err)})
		return
	}
	http.SetCookie(w, s.cookie(elsewhereCookie, kept, elsewhereLife))
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// failedElsewhere is what somebody is told whose sign-in at a provider failed. The log has the cause.
func (s *Site) failedElsewhere(r *http.Request, err error) string {
	s.Log.Warn("sign-in by an identity provider failed", "provider", r.PathValue("name"), "error", err,
		"cause", errors.Unwrap(err))
	if said, ok := errors.AsType[interface {
		error
		SignInMessage() string
	}](err); ok {
		return said.SignInMessage()
	}
	return "The sign-in failed inside the server; its log says why."
}

func (s *Site) fromElsewhere(w http.ResponseWriter, r *http.Request) {
	if s.Providers == nil {
		http.NotFound(w, r)
		return
	}
	q := r.URL.Query()
	again := signInView{To: boardPath}
	c, err := r.Cookie(elsewhereCookie)
	if err != nil || q.Has("error") {
		again.Message = "The sign-in was not completed. Try again."
		if text := q.Get("error_description"); text != "" {
			again.Message = "The identity provider says: " + text
		}
		s.showSignIn(w, r, http.StatusUnauthorized, again)
		return
	}
	http.SetCookie(w, s.cookie(elsewhereCookie, "", -1))
	step, to, err := s.Providers.FromElsewhere(r.Context(), r.PathValue("name"), c.Value, q.Get("state"), q.Get("code"),
		from(r))
	if err != nil {
		again.Message = s.failedElsewhere(r, err)
		s.showSignIn(w, r, http.StatusForbidden, again)
		return
	}
	again.To = local(to)
	s.next(w, r, step, true, nil, again, "")
}

// secondLead says which second factors there are.
func secondLead(v signInView) string {
	switch {
	case v.OneTime && v.Step.Passkey:
		return "Type the code of your authenticator, or use a passkey."
	case v.OneTime:
		return "Type the code of your authenticator."
	}
	return "Use a passkey to go on. It is the second factor of this user."
}

func codeLabel(v signInView) string {
	switch {
	case v.OneTime && v.Recovery:
		return "Code of the authenticator, or a recovery code"
	case v.OneTime:
		return "Code of the authenticator"
	}
	return "Recovery code"
}
