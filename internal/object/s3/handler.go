// Package s3 serves the object store as S3. It implements the part of S3's REST API that the aws CLI (s3 cp, ls, rm,
// sync, mb, rb, presign), `aws deploy push` and the transfer managers of the SDKs use. Other operations return
// NotImplemented.
package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/internal/object"
	"slipway/internal/object/setting"
)

// Handler serves S3.
type Handler struct {
	Objects *object.Store
	Region  string
	Account string
	Regions func(region string) bool // whose signatures are accepted besides Region's; nil for none
	Lookup  sigv4.Lookup
	Caller  func(ctx context.Context, accessKeyID, token string) (awsproto.Caller, error)
	// Authorize returns an error if the caller in ctx has not a right.
	Authorize Authorizer
	// May answers the same without a record of a refusal. If it is nil, who may read may know which keys there are.
	May func(ctx context.Context, r Right) bool
	// Notify tells a topic of SNS a message about a bucket. If it is nil, there are no topics.
	Notify func(ctx context.Context, bucket, topicARN, message string) error
	Now    func() time.Time
	Log    *slog.Logger
}

// Accepts reports whether a request is for S3. It is if it has a signature for S3, even a malformed one, or a form that
// has one. A cookie never makes it so.
func Accepts(r *http.Request) bool {
	if _, service := sigv4.Scope(r); service != "" {
		return service == "s3"
	}
	if Preflight(r) && r.URL.Path != "/" {
		return true
	}
	if r.URL.Query().Has("AWSAccessKeyId") || strings.HasPrefix(r.Header.Get("Authorization"), "AWS ") {
		return true
	}
	return r.URL.Path != "/" && r.Header.Get("X-Amz-Target") == "" && sigv4.Attempted(r)
}

// request is one call on its way through the handler.
type request struct {
	*http.Request
	h           *Handler
	w           http.ResponseWriter
	id          string
	query       url.Values
	bucket, key string
	sig         *sigv4.Signature // nil for a Version 2 query
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r, h: h, w: w, id: awsproto.NewRequestID(), query: r.URL.Query()}
	header := w.Header()
	header.Set("X-Amz-Request-Id", q.id)
	// An object may be an HTML page. It must not run scripts on this origin.
	header.Set("Content-Security-Policy", "sandbox")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Server", "Slipway")
	q.bucket, q.key = address(r)
	if err := q.serve(); err != nil {
		q.fail(err)
	}
}

// address finds bucket and key, in the path or, virtual-host style, with the bucket as the first label of a name that
// goes on as localhost or s3….
func address(r *http.Request) (bucket, key string) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if label, rest, ok := strings.Cut(host, "."); ok && net.ParseIP(host) == nil &&
		(rest == "localhost" || strings.HasPrefix(rest, "s3.") || strings.HasPrefix(rest, "s3-")) {
		return label, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

func (q *request) serve() error {
	if Preflight(q.Request) {
		return q.preflight()
	}
	ctx, err := q.authenticate()
	if err != nil {
		return err
	}
	q.Request = q.WithContext(ctx)
	q.hoist()
	if err := q.refuseHeaders(); err != nil {
		return err
	}
	op, do := q.operation()
	if do == nil {
		return fail(http.StatusNotImplemented, "NotImplemented",
			"Slipway's S3 does not implement "+op+". docs/compatibility.md lists what it does.")
	}
	if err := q.authorize(op); err != nil {
		return err
	}
	if err := q.crossOrigin(); err != nil {
		return err
	}
	return q.hide(do(q))
}

func (q *request) authenticate() (context.Context, error) {
	ctx := q.Context()
	var id, token string
	if isV2(q.Request) {
		var err error
		if id, token, err = verifyV2(ctx, q.Request, q.bucket, q.key, q.h.Now(), q.h.Lookup); err != nil {
			return nil, err
		}
	} else {
		sig, err := sigv4.Verify(ctx, q.Request, q.h.Now(), q.h.Lookup)
		if refused, ok := errors.AsType[*sigv4.Error](err); ok {
			return nil, signatureError(refused, q.query.Has("X-Amz-Algorithm") || q.query.Has("X-Amz-Signature"))
		}
		if err != nil {
			return nil, err
		}
		if sig.Region != q.h.Region && (q.h.Regions == nil || !q.h.Regions(sig.Region)) {
			return nil, &Error{http.StatusBadRequest, "AuthorizationHeaderMalformed",
				"The authorization header is malformed; the region '" + sig.Region + "' is wrong; expecting '" +
					q.h.Region + "'"}
		}
		q.sig, id, token = sig, sig.AccessKeyID, sig.Token
	}
	caller, err := q.h.Caller(ctx, id, token)
	if err != nil {
		return nil, err
	}
	return awsproto.WithCaller(ctx, caller), nil
}

func signatureError(e *sigv4.Error, inQuery bool) error {
	switch e.Kind {
	case sigv4.UnknownKey:
		return &Error{http.StatusForbidden, "InvalidAccessKeyId",
			"The AWS Access Key Id you provided does not exist in our records."}
	case sigv4.ExpiredToken:
		return &Error{http.StatusBadRequest, "ExpiredToken", "The provided token has expired."}
	case sigv4.Mismatch:
		return &Error{http.StatusForbidden, "SignatureDoesNotMatch", e.Message}
	case sigv4.Expired:
		if inQuery {
			return &Error{http.StatusForbidden, "AccessDenied", "Request has expired. " + e.Message}
		}
		return &Error{http.StatusForbidden, "RequestTimeTooSkewed", e.Message}
	case sigv4.NotCovered:
		return &Error{http.StatusForbidden, "AccessDenied", e.Message + ": " + strings.Join(e.Headers, ", ")}
	case sigv4.Incomplete, sigv4.WrongScope:
		if inQuery {
			return &Error{http.StatusBadRequest, "AuthorizationQueryParametersError", e.Message}
		}
		return &Error{http.StatusBadRequest, "AuthorizationHeaderMalformed", e.Message}
	}
	return &Error{http.StatusForbidden, "AccessDenied", "Access Denied"}
}

// Error is an S3 error.
type Error struct {
	Status  int
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

func fail(status int, code, message string) error { return &Error{status, code, message} }

func invalid(message string) error { return fail(http.StatusBadRequest, "InvalidArgument", message) }

// words maps errors of the object store to S3's.
var words = []struct {
	is  error
	say Error
}{
	{object.ErrNoBucket, Error{404, "NoSuchBucket", "The specified bucket does not exist"}},
	{object.ErrNoKey, Error{404, "NoSuchKey", "The specified key does not exist."}},
	{object.ErrBucketExists,
		Error{409, "BucketAlreadyOwnedByYou",
			"Your previous request to create the named bucket succeeded and you already own it."}},
	{object.ErrBucketNotEmpty, Error{409, "BucketNotEmpty", "The bucket you tried to delete is not empty"}},
	{object.ErrPrecondition,
		Error{412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"}},
	{object.ErrNoUpload,
		Error{404, "NoSuchUpload",
			"The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted " +
				"or completed."}},
	{object.ErrBadPart,
		Error{400, "InvalidPart",
			"One or more of the specified parts could not be found. The part may not have been uploaded, or the " +
				"specified entity tag may not match the part's entity tag."}},
	{object.ErrPartOrder,
		Error{400, "InvalidPartOrder",
			"The list of parts was not in ascending order. The parts list must be specified in order by part number."}},
	{object.ErrSmallPart,
		Error{400, "EntityTooSmall",
			"Your proposed upload is smaller than the minimum allowed size: 5 MiB for each part but the last."}},
	{object.ErrNoVersion, Error{404, "NoSuchVersion", "The specified version does not exist."}},
	{object.ErrNoKeys, Error{501, "NotImplemented", "This server has no keys for encryption at rest."}},
	{object.ErrVersionID, Error{400, "InvalidArgument", "Invalid version id specified"}},
	{object.ErrMarker, Error{405, "MethodNotAllowed", "The specified method is not allowed against this resource."}},
}

// known returns an error as S3 words it. It returns nil for an internal error.
func known(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*setting.Error](err); ok {
		return &Error{e.Status, e.Code, e.Message}
	}
	for _, k := range words {
		if errors.Is(err, k.is) {
			return &k.say
		}
	}
	if e, ok := errors.AsType[awsproto.ServiceError](err); ok && e.HTTPStatus() < http.StatusInternalServerError {
		if strings.HasPrefix(e.ErrorCode(), "AccessDenied") {
			return &Error{http.StatusForbidden, "AccessDenied", e.Error()}
		}
		return &Error{http.StatusBadRequest, "KMS." + e.ErrorCode(), e.Error()} // nothing else is asked
	}
	return nil
}

func (q *request) fail(err error) {
	e := known(err)
	if errors.Is(err, object.ErrNoRoom) {
		e = &Error{http.StatusServiceUnavailable, "ServiceUnavailable", err.Error()}
	}
	if e == nil && errors.Is(err, os.ErrDeadlineExceeded) {
		e = &Error{http.StatusBadRequest, "RequestTimeout",
			"Your socket connection to the server was not read from or written to within the timeout period."}
	}
	if e == nil {
		if q.Context().Err() != nil {
			return // nobody listens any more
		}
		q.h.Log.Error("s3 request failed", "request", q.id, "method", q.Method, "bucket", q.bucket, "error", err)
		e = &Error{http.StatusInternalServerError, "InternalError",
			"The request failed inside the server. Its log says why, under request " + q.id + "."}
	}
	for _, name := range []string{"Content-Length", "Etag", "Content-Encoding", "Content-Disposition",
		"Cache-Control"} {
		q.w.Header().Del(name)
	}
	q.xml(e.Status, struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Resource  string
		RequestId string
	}{Code: e.Code, Message: e.Message, Resource: q.URL.Path, RequestId: q.id})
}

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

func (q *request) xml(status int, v any) {
	body, err := xml.Marshal(v)
	if err != nil {
		q.h.Log.Error("encode s3 answer", "request", q.id, "error", err)
		status, body = http.StatusInternalServerError, nil
	}
	q.w.Header().Set("Content-Type", "application/xml")
	q.w.WriteHeader(status)
	if q.Method != http.MethodHead {
		_, _ = q.w.Write(append([]byte(xml.Header), body...))
	}
}
