package awsproto

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// DefaultMaxBody bounds a request whose service says nothing else: 1 MiB, as AWS's JSON services do.
const DefaultMaxBody = 1 << 20

// Server serves generated services at one address. Requests are told apart by X-Amz-Target (JSON) or
// by the service in the signature's scope (Query).
type Server struct {
	Region  string
	Account string
	// Lookup finds the secret of an access key.
	Lookup sigv4.Lookup
	// Caller tells who an access key belongs to.
	Caller func(ctx context.Context, accessKeyID string) (Caller, error)
	Now    func() time.Time
	Log    *slog.Logger

	targets map[string]map[string]Endpoint // X-Amz-Target prefix -> operation
	queries map[string]map[string]Endpoint // signing name -> action
	infos   map[string]*Info
}

// Add serves a service.
func (s *Server) Add(services ...Service) {
	if s.targets == nil {
		s.targets, s.queries, s.infos = map[string]map[string]Endpoint{}, map[string]map[string]Endpoint{}, map[string]*Info{}
	}
	for _, svc := range services {
		info := svc.Info()
		byName := map[string]Endpoint{}
		for _, e := range svc.Endpoints() {
			byName[e.Op.Name] = e
		}
		if info.Protocol == Query {
			s.queries[info.SigningName] = byName
			s.infos[info.SigningName] = info
		} else {
			s.targets[info.Target] = byName
			s.infos[info.Target] = info
		}
	}
}

// request is one call on its way through the server.
type request struct {
	id       string
	info     *Info
	endpoint Endpoint
	body     []byte
	form     url.Values
}

// Accepts tells whether a request is for this server: an AWS call, whatever it is worth.
func (s *Server) Accepts(r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		return false
	}
	return r.Header.Get("X-Amz-Target") != "" || isForm(r)
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
	w.Header().Set("X-Amzn-Requestid", q.id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out, err := s.serve(q, w, r)
	if err != nil {
		s.fail(w, q, err)
		return
	}
	s.answer(w, q, out)
}

func (s *Server) serve(q *request, w http.ResponseWriter, r *http.Request) (any, error) {
	if err := s.route(q, r); err != nil {
		return nil, err
	}
	if err := q.read(w, r); err != nil {
		return nil, err
	}
	caller, err := s.authenticate(q, r)
	if err != nil {
		return nil, err
	}
	if err := s.operation(q, r); err != nil {
		return nil, err
	}
	return q.endpoint.call(WithCaller(r.Context(), caller), q.decode)
}

// route finds the service; the operation is looked up after the signature is verified, so that nobody
// learns from outside what is here.
func (s *Server) route(q *request, r *http.Request) error {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		prefix, _, _ := strings.Cut(target, ".")
		if q.info = s.infos[prefix]; q.info == nil {
			return &Error{Code: "UnknownOperationException", Message: fmt.Sprintf("No service here answers to the X-Amz-Target %.200q.", target)}
		}
		return nil
	}
	_, service := sigv4.Scope(r)
	if q.info = s.infos[service]; q.info == nil || q.info.Protocol != Query {
		q.info = &Info{Protocol: Query, Namespace: "https://slipway.invalid/doc/"}
		if service == "" {
			return &Error{Code: "MissingAuthenticationToken", Status: http.StatusForbidden, Message: "Request is missing Authentication Token"}
		}
		return &Error{Code: "InvalidAction", Status: http.StatusNotImplemented, Message: fmt.Sprintf("Slipway does not implement the service %.100q.", service)}
	}
	return nil
}

func (q *request) read(w http.ResponseWriter, r *http.Request) error {
	limit := q.info.MaxBody
	if limit == 0 {
		limit = DefaultMaxBody
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Error{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("The request is larger than %d bytes, the most that %s takes.", tooLarge.Limit, q.info.Name)}
	}
	if err != nil {
		return &Error{Code: "SerializationException", Message: "The request ended before its body was complete."}
	}
	q.body = body
	return nil
}

func (s *Server) authenticate(q *request, r *http.Request) (Caller, error) {
	sig, err := sigv4.Verify(r.Context(), r, sigv4.HexSHA256(q.body), s.Now(), s.Lookup)
	if refused, ok := errors.AsType[*sigv4.Error](err); ok {
		return Caller{}, refusal(q.info.Protocol, refused)
	}
	if err != nil {
		return Caller{}, err
	}
	if sig.Service != q.info.SigningName {
		return Caller{}, refusal(q.info.Protocol, &sigv4.Error{Kind: sigv4.WrongScope, Message: fmt.Sprintf("Credential should be scoped to correct service: '%s', not '%s'.", q.info.SigningName, sig.Service)})
	}
	if !q.info.global() && sig.Region != s.Region {
		return Caller{}, refusal(q.info.Protocol, &sigv4.Error{Kind: sigv4.WrongScope, Message: fmt.Sprintf("Credential should be scoped to a valid region: this server is %s, the request was signed for %s.", s.Region, sig.Region)})
	}
	return s.Caller(r.Context(), sig.AccessKeyID)
}

func refusal(p Protocol, e *sigv4.Error) error {
	codes := map[sigv4.Kind]string{
		sigv4.Missing: "MissingAuthenticationTokenException", sigv4.Incomplete: "IncompleteSignatureException",
		sigv4.UnknownKey: "UnrecognizedClientException", sigv4.Mismatch: "InvalidSignatureException",
		sigv4.Expired: "InvalidSignatureException", sigv4.WrongScope: "InvalidSignatureException",
	}
	status := http.StatusBadRequest
	if p == Query {
		status = http.StatusForbidden
		codes = map[sigv4.Kind]string{
			sigv4.Missing: "MissingAuthenticationToken", sigv4.Incomplete: "IncompleteSignature",
			sigv4.UnknownKey: "InvalidClientTokenId", sigv4.Mismatch: "SignatureDoesNotMatch",
			sigv4.Expired: "SignatureDoesNotMatch", sigv4.WrongScope: "SignatureDoesNotMatch",
		}
	}
	return &Error{Code: codes[e.Kind], Status: status, Message: e.Message}
}

func (s *Server) operation(q *request, r *http.Request) error {
	var name string
	var among map[string]Endpoint
	if q.info.Protocol == Query {
		form, err := url.ParseQuery(string(q.body))
		if err != nil {
			return &Error{Code: "MalformedQueryString", Message: "The body is no form: " + err.Error()}
		}
		if v := form.Get("Version"); v != "" && v != q.info.Version {
			return &Error{Code: "NoSuchVersion", Message: fmt.Sprintf("The requested version (%.20s) of %s does not exist here; this is %s.", v, q.info.Name, q.info.Version)}
		}
		q.form, name, among = form, form.Get("Action"), s.queries[q.info.SigningName]
	} else {
		_, name, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		among = s.targets[q.info.Target]
	}
	endpoint, ok := among[name]
	if !ok {
		for _, other := range q.info.Others {
			if other == name {
				return NotImplemented(q.info.Name, name)
			}
		}
		return &Error{Code: "UnknownOperationException", Message: fmt.Sprintf("%s has no operation %.200q.", q.info.Name, name)}
	}
	q.endpoint = endpoint
	return nil
}

func (q *request) decode(in any) error {
	if q.info.Protocol == Query {
		return decodeForm(q.form, in)
	}
	if len(bytes.TrimSpace(q.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(q.body, in); err != nil {
		return serialization(err)
	}
	return nil
}

func serialization(err error) error {
	message := "The request is no valid JSON: " + err.Error()
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		message = fmt.Sprintf("%s can not be converted to %s at '%s'", e.Value, e.Type, e.Field)
	}
	return &Error{Code: "SerializationException", Message: message}
}

func (s *Server) answer(w http.ResponseWriter, q *request, out any) {
	if q.info.Protocol == Query {
		writeQuery(w, q, out)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if q.endpoint.Op.Empty {
		w.WriteHeader(http.StatusOK)
		return
	}
	body, err := json.Marshal(out)
	if err != nil {
		s.fail(w, q, fmt.Errorf("encode answer: %w", err))
		return
	}
	_, _ = w.Write(body) // a client that has gone away needs no answer
}

func (s *Server) fail(w http.ResponseWriter, q *request, err error) {
	se, ok := errors.AsType[ServiceError](err)
	if !ok {
		if !errors.Is(err, context.Canceled) {
			s.Log.Error("operation failed", "request", q.id, "operation", q.name(), "error", err)
		}
		se = &Error{Code: "InternalFailure", Status: http.StatusInternalServerError, Message: "The request failed inside the server. Its log says why, under request " + q.id + "."}
	}
	if q.info != nil && q.info.Protocol == Query {
		writeQueryError(w, q, se)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", se.ErrorCode())
	w.WriteHeader(se.HTTPStatus())
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": se.ErrorCode(), "message": messageOf(se)})
}

func (q *request) name() string {
	if q.endpoint.Op == nil {
		return ""
	}
	return q.endpoint.Op.Service.Name + ":" + q.endpoint.Op.Name
}

func writeQuery(w http.ResponseWriter, q *request, out any) {
	w.Header().Set("Content-Type", "text/xml")
	var b bytes.Buffer
	name := q.endpoint.Op.Name
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, name, q.info.Namespace)
	fmt.Fprintf(&b, "<%sResult>", name) // clients look for it even where it holds nothing
	encodeXML(&b, out)
	fmt.Fprintf(&b, "</%sResult>", name)
	fmt.Fprintf(&b, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", q.id, name)
	_, _ = w.Write(b.Bytes())
}

func writeQueryError(w http.ResponseWriter, q *request, se ServiceError) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(se.HTTPStatus())
	var b bytes.Buffer
	kind := "Sender"
	if se.HTTPStatus() >= 500 {
		kind = "Receiver"
	}
	fmt.Fprintf(&b, `<ErrorResponse xmlns="%s"><Error><Type>%s</Type><Code>`, q.info.Namespace, kind)
	_ = xml.EscapeText(&b, []byte(se.ErrorCode()))
	b.WriteString("</Code><Message>")
	_ = xml.EscapeText(&b, []byte(messageOf(se)))
	fmt.Fprintf(&b, "</Message></Error><RequestId>%s</RequestId></ErrorResponse>", q.id)
	_, _ = w.Write(b.Bytes())
}
