package awsproto

import (
	"net/http"
	"net/url"

	"slipway/api/awsproto/sigv4"
)

// isOpen reports whether a request may be for an operation that is called without credentials. Only services that speak
// Query have such operations.
func isOpen(r *http.Request) bool {
	named := r.Header.Get("X-Amz-Target") != "" || r.Header.Get("Smithy-Protocol") != ""
	return !named && isForm(r) && !sigv4.Attempted(r)
}

// maxOpen bounds a request without credentials, in bytes, so that strangers cannot make the server read much.
const maxOpen = 64 << 10

// serveOpen serves an operation that is called without credentials. Any other one is refused for want of them.
func (s *Server) serveOpen(q *request, w http.ResponseWriter, r *http.Request) (any, error) {
	q.protocol = Query
	q.info = &Info{Namespace: "https://slipway.invalid/doc/", Protocol: Query, MaxBody: maxOpen}
	release, err := reserve(r.Context(), q.size(r))
	if err != nil {
		return nil, err
	}
	defer release()
	if err := q.read(w, r); err != nil {
		return nil, err
	}
	if q.form, err = url.ParseQuery(string(q.body)); err == nil && s.findOpen(q) {
		return q.endpoint.call(WithCaller(r.Context(), Caller{Account: s.Account}), q.decode)
	}
	return nil, &Error{
		Code:    "MissingAuthenticationToken",
		Status:  http.StatusForbidden,
		Message: "Request is missing Authentication Token",
	}
}

// findOpen finds the operation of a form among those that are called without credentials.
func (s *Server) findOpen(q *request) bool {
	for _, x := range s.queries {
		e, ok := x.endpoints[q.form.Get("Action")]
		if version := q.form.Get("Version"); ok && e.Op.Unsigned && (version == "" || version == x.info.Version) {
			q.served, q.endpoint = x, e
			return true
		}
	}
	return false
}
