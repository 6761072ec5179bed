package awsproto

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// DefaultMaxBody bounds a request whose service says nothing else: 1 MiB, as AWS's JSON services do.
const DefaultMaxBody = 1 << 20

// Server serves generated services at one address. Requests are told apart by X-Amz-Target (JSON), by their
// path (CBOR), or by the service in the signature's scope (Query).
type Server struct {
	Region  string
	Account string
	// Regions reports whether signatures for a region other than Region are accepted. If it is nil, none are. ARNs
	// always have Region.
	Regions func(region string) bool
	// Lookup finds the secret of an access key.
	Lookup sigv4.Lookup
	// Caller returns the owner of an access key, or of temporary credentials, whose token Lookup accepted.
	Caller func(ctx context.Context, accessKeyID, token string) (Caller, error)
	Now    func() time.Time
	Log    *slog.Logger
	// Detached has the operations that wait. If it is nil, there are none.
	Detached *Detached

	targets map[string]served // by what stands in X-Amz-Target or in the path
	queries map[string]served // by signing name
}

// served is a service with its operations.
type served struct {
	info      *Info
	endpoints map[string]Endpoint
}

// Add serves a service.
func (s *Server) Add(services ...Service) {
	if s.targets == nil {
		s.targets, s.queries = map[string]served{}, map[string]served{}
	}
	for _, svc := range services {
		x := served{svc.Info(), map[string]Endpoint{}}
		for _, e := range svc.Endpoints() {
			x.endpoints[e.Op.Name] = e
		}
		if x.info.Target != "" {
			s.targets[x.info.Target] = x
			// AWS's SDK for Go leaves out the namespace before the last dot.
			s.targets[x.info.Target[strings.LastIndexByte(x.info.Target, '.')+1:]] = x
		}
		if x.info.Protocol.isForm() {
			s.queries[x.info.SigningName] = x
		}
	}
}

// request is one call on its way through the server.
type request struct {
	id string
	served
	protocol Protocol
	asked    string // the operation, as far as it does not stand in the form
	endpoint Endpoint
	body     []byte
	form     url.Values
}

// Accepts reports whether a request is an AWS call, valid or not.
func (s *Server) Accepts(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	if r.Header.Get("Smithy-Protocol") != "" {
		return strings.HasPrefix(r.URL.Path, "/service/")
	}
	return r.URL.Path == "/" && (r.Header.Get("X-Amz-Target") != "" || isForm(r))
}

func isForm(r *http.Request) bool {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t == "application/x-www-form-urlencoded"
}

// NewRequestID returns an ID of the form that AWS gives each request.
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{id: NewRequestID()}
	r = r.WithContext(WithPeer(r))
	w.Header().Set("X-Amzn-Requestid", q.id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out, err := s.serve(q, w, r)
	if errors.Is(err, errDetached) {
		return
	}
	if err != nil {
		s.fail(w, q, err)
		return
	}
	s.answer(w, q, out)
}

func (s *Server) serve(q *request, w http.ResponseWriter, r *http.Request) (any, error) {
	if isOpen(r) {
		return s.serveOpen(q, w, r)
	}
	if err := s.route(q, r); err != nil {
		return nil, err
	}
	// Checks that need no body come before it is read, so that strangers cannot make the server read much.
	claim, err := s.claim(q, r)
	if err != nil {
		return nil, err
	}
	release, err := reserve(r.Context(), q.size(r))
	if err != nil {
		return nil, err
	}
	defer release()
	if err := q.read(w, r); err != nil {
		return nil, err
	}
	caller, err := s.authenticate(q, r, claim)
	if err != nil {
		return nil, err
	}
	if err := s.operation(q, r); err != nil {
		return nil, err
	}
	if s.detach(q, w, r, caller) {
		return nil, errDetached
	}
	return q.endpoint.call(WithCaller(r.Context(), caller), q.decode)
}

// route finds the service. The operation is looked up after the signature is verified, so that strangers cannot learn
// which operations exist.
func (s *Server) route(q *request, r *http.Request) error {
	if smithy := r.Header.Get("Smithy-Protocol"); smithy != "" {
		q.protocol = CBOR
		return s.routeCBOR(q, smithy, r.URL.Path)
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		at := max(0, strings.LastIndexByte(target, '.')) // a service's own name may have dots
		prefix, operation := target[:at], strings.TrimPrefix(target[at:], ".")
		q.served, q.asked = s.targets[prefix], operation
		if q.info == nil {
			return &Error{Code: "UnknownOperationException",
				Message: fmt.Sprintf("No service here answers to the X-Amz-Target %.200q.", target)}
		}
		if q.info.Speaks(JSON10) {
			q.protocol = JSON10
		}
		return nil
	}
	q.protocol = Query
	_, service := sigv4.Scope(r)
	if q.served = s.queries[service]; q.info != nil {
		q.protocol = q.info.Protocol
	} else {
		q.info = &Info{Namespace: "https://slipway.invalid/doc/"}
		if service == "" {
			return &Error{
				Code:    "MissingAuthenticationToken",
				Status:  http.StatusForbidden,
				Message: "Request is missing Authentication Token",
			}
		}
		return &Error{
			Code:    "InvalidAction",
			Status:  http.StatusNotImplemented,
			Message: fmt.Sprintf("Slipway does not implement the service %.100q.", service),
		}
	}
	return nil
}

// limit bounds the request, in bytes.
func (q *request) limit() int64 {
	if q.info.MaxBody == 0 {
		return DefaultMaxBody
	}
	return q.info.MaxBody
}

func (q *request) tooLarge() error {
	return &Error{
		Code:    "RequestEntityTooLargeException",
		Status:  http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("The request is larger than %d bytes, the most that %s takes.", q.limit(), q.info.Name),
	}
}

// size returns how many bytes to reserve for the body of a request: its length if it is known, else the limit.
func (q *request) size(r *http.Request) int64 {
	if r.ContentLength >= 0 {
		return min(r.ContentLength, q.limit())
	}
	return q.limit()
}

func (q *request) read(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(http.MaxBytesReader(w, io.NopCloser(Paced(w, r.Body)), q.limit()), r.ContentLength)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return q.tooLarge()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{
			Code:    "RequestTimeout",
			Status:  http.StatusRequestTimeout,
			Message: "The body came too slowly: 16 KiB/s are the least.",
		}
	}
	if err != nil {
		return &Error{Code: "SerializationException", Message: "The request ended before its body was complete."}
	}
	q.body = body
	return nil
}

// largeBody is from what size on, in bytes, a body is read into memory of the size that its sender says.
const largeBody = 64 << 10

func readBody(from io.Reader, length int64) ([]byte, error) {
	if length < largeBody || length > DefaultMaxBody*4 {
		return io.ReadAll(from)
	}
	body := make([]byte, length)
	n, err := io.ReadFull(from, body)
	return body[:n], err
}

func (s *Server) operation(q *request, r *http.Request) error {
	if err := q.inflate(r.Header.Get("Content-Encoding")); err != nil {
		return err
	}
	if q.protocol.isForm() {
		form, err := url.ParseQuery(string(q.body))
		if err != nil {
			return &Error{Code: "MalformedQueryString", Message: "The body is no form: " + err.Error()}
		}
		if v := form.Get("Version"); v != "" && v != q.info.Version {
			return &Error{Code: "NoSuchVersion",
				Message: fmt.Sprintf("The requested version (%.20s) of %s does not exist here; this is %s.", v,
					q.info.Name, q.info.Version)}
		}
		q.form, q.asked = form, form.Get("Action")
	}
	endpoint, ok := q.endpoints[q.asked]
	if !ok {
		for _, other := range q.info.Others {
			if other == q.asked {
				return NotImplemented(q.info.Name, q.asked)
			}
		}
		return &Error{Code: "UnknownOperationException",
			Message: fmt.Sprintf("%s has no operation %.200q.", q.info.Name, q.asked)}
	}
	q.endpoint = endpoint
	return nil
}

func (q *request) decode(in any) error {
	switch q.protocol {
	case Query, EC2:
		return decodeForm(q.form, q.protocol, in)
	case CBOR:
		return decodeCBOR(q.body, in)
	}
	return decodeJSON(q.body, in)
}

func (s *Server) answer(w http.ResponseWriter, q *request, out any) {
	var err error
	switch q.protocol {
	case Query:
		writeQuery(w, q, out)
	case EC2:
		writeEC2(w, q, out)
	case CBOR:
		err = writeCBOR(w, out)
	default:
		err = writeJSON(w, q, out)
	}
	if err != nil {
		s.fail(w, q, fmt.Errorf("encode answer: %w", err))
	}
}

func (s *Server) fail(w http.ResponseWriter, q *request, err error) {
	se, ok := errors.AsType[ServiceError](err)
	if !ok {
		if !errors.Is(err, context.Canceled) {
			s.Log.Error("operation failed", "request", q.id, "operation", q.name(), "error", err)
		}
		se = &Error{
			Code:    "InternalFailure",
			Status:  http.StatusInternalServerError,
			Message: "The request failed inside the server. Its log says why, under request " + q.id + ".",
		}
	}
	if q.info != nil && q.info.Protocol == Query && q.protocol != Query {
		// Clients of a service that spoke Query once know its errors by the codes of then.
		w.Header().Set("X-Amzn-Query-Error", se.ErrorCode()+";"+fault(se))
	}
	switch q.protocol {
	case Query:
		writeQueryError(w, q, se)
	case EC2:
		writeEC2Error(w, q, se)
	case CBOR:
		writeCBORError(w, se)
	default:
		writeJSONError(w, q, se)
	}
}

// fault returns whether the client or the server is to blame for an error.
func fault(se ServiceError) string {
	if se.HTTPStatus() >= 500 {
		return "Receiver"
	}
	return "Sender"
}

func (q *request) name() string {
	if q.endpoint.Op == nil {
		return ""
	}
	return q.endpoint.Op.Service.Name + ":" + q.endpoint.Op.Name
}
