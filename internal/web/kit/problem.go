package kit

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
)

// problem is an error that a page shows with a status of its own.
type problem struct {
	Status  int
	Message string
}

func (p *problem) Error() string { return p.Message }

// Refusal is an error that a page shows with a status and a message of its own.
func Refusal(status int, message string) *problem { return &problem{status, message} }

var (
	// ErrNoPage says that an address has no page.
	ErrNoPage = Refusal(http.StatusNotFound,
		"There is no such page. It may have been deleted, or the address is wrong.")
	errForged = Refusal(
		http.StatusForbidden,
		"The form was not sent from a page of this session. Go back, reload the page and send it again.",
	)
	errTooMany = Refusal(http.StatusTooManyRequests, "Too many failed tries to sign in. Wait a minute.")
	errExpired = Refusal(
		http.StatusUnauthorized,
		"Your session has ended; nothing was done. Sign in, go back to the page and send the form again.",
	)
)

// Fail answers a visitor without a session with an error.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	s.fail(w, r, Visitor{}, err)
}

// fail shows an error: a service's own words, or that the server failed.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, v Visitor, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody looks any more
	}
	status, message := http.StatusInternalServerError, "The page failed inside the server; its log says why. Try "+
		"again; if it fails again, the log has the cause."
	if p, ok := errors.AsType[*problem](err); ok {
		status, message = p.Status, p.Message
	} else if se, ok := errors.AsType[awsproto.ServiceError](err); ok {
		status, message = statusOf(se), plainWords(se)
	} else {
		s.Log.Error("page failed", "path", r.URL.Path, "error", err)
	}
	x := s.Shell(r, v, problemTitle(status))
	x.Live = nil // what is there to read again
	s.Render(w, r, status, ProblemPage(x, status, message, nextOf(r)))
}

// Denied reports whether an error is that of a visitor who may not do something.
func Denied(err error) bool {
	code := awsproto.Code(err)
	return code == "AccessDenied" || code == "AccessDeniedException"
}

// statusOf is the status of a page for a service's error: what is not there is a 404 here, whatever it is on the wire.
func statusOf(se awsproto.ServiceError) int {
	code := se.ErrorCode()
	if Denied(se) {
		return http.StatusForbidden // a 400 in most of the services
	}
	for _, end := range []string{"NotFoundException", "DoesNotExistException", "NoSuchEntity",
		"NotRegisteredException"} {
		if strings.HasSuffix(code, end) {
			return http.StatusNotFound
		}
	}
	return se.HTTPStatus()
}

// plainWords is a service's message without its code, and without what only means something to AWS.
func plainWords(se awsproto.ServiceError) string {
	message := se.Error()
	if rest, ok := strings.CutPrefix(message, se.ErrorCode()+": "); ok {
		message = rest
	}
	if rest, ok := strings.CutPrefix(message, "Account does not have a pipeline with name "); ok {
		message = "There is no pipeline " + strings.Trim(rest, "'.") + ". It may have been deleted, or renamed."
	}
	return message
}

func problemTitle(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "Not here"
	case status == http.StatusForbidden:
		return "Not allowed"
	case status == http.StatusUnauthorized:
		return "Signed out"
	case status >= http.StatusInternalServerError:
		return "The server failed"
	}
	return "Not done"
}

// nextOf are the pages that may help on: the list that the missing thing would be in, and the board.
func nextOf(r *http.Request) [][2]string {
	var next [][2]string
	for _, p := range []struct{ prefix, name, path string }{{"/repositories", "All repositories", "/repositories"},
		{"/builds", "All builds", "/builds"}, {"/projects", "All builds", "/builds"},
		{"/tests", "All tests", "/tests"}, {"/reports", "All tests", "/tests"},
		{"/deployments", "All deployments", "/deployments"}, {"/applications", "All deployments", "/deployments"},
		{"/releases", "All releases", "/releases"}, {"/settings", "Settings", "/settings"}} {
		if strings.HasPrefix(r.URL.Path, p.prefix) {
			next = append(next, [2]string{p.name, p.path})
			break
		}
	}
	if r.Method != http.MethodGet {
		if from, err := url.Parse(r.Referer()); err == nil && from.Path != "" {
			next = append(next, [2]string{"Back to the page", local(from.RequestURI())})
		}
	}
	return append(next, [2]string{"To the board", "/board"})
}
