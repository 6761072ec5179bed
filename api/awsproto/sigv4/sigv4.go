// Package sigv4 verifies AWS Signature Version 4 on incoming requests, in the Authorization header and in
// the query of a presigned URL, and signs outgoing ones. Rules: "Signature Version 4 signing process" in the AWS
// General Reference, and for S3 "Authenticating Requests (AWS Signature Version 4)".
package sigv4

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
	// Skew is how far a header signature's time may be from the server's clock.
	Skew = 15 * time.Minute
	// MaxExpires is the longest life of a presigned URL.
	MaxExpires = 7 * 24 * time.Hour
	// UnsignedPayload is the hash of a body that was not signed.
	UnsignedPayload = "UNSIGNED-PAYLOAD"
)

// Kind is what is wrong with a signature. Each protocol has its own code for it.
type Kind int

// Kinds of errors.
const (
	Missing      Kind = iota // the request is not signed
	Incomplete               // the signature is malformed
	UnknownKey               // nobody has this access key, or its session token is wrong
	Mismatch                 // the signature does not match
	Expired                  // too old, or from the future
	WrongScope               // signed for another region, service or day
	NotCovered               // a header that is acted on is not signed
	ExpiredToken             // temporary credentials whose time is over
)

// Error is why a signature is refused.
type Error struct {
	Kind    Kind
	Message string
	// Headers are the headers that are not signed, for an error of the kind NotCovered. S3 names them in its answer.
	Headers []string
}

func (e *Error) Error() string { return e.Message }

func refuse(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Secret is what a request with an access key must be signed with.
type Secret struct {
	Key          string // the secret access key
	SessionToken string // of temporary credentials; "" for long-lived ones
}

// Lookup returns the secret of an access key, with which a request presents a session token ("" for none). It returns
// false if there is none. The error may be an *Error, such as one of the kind ExpiredToken.
type Lookup func(ctx context.Context, accessKeyID, token string) (s Secret, ok bool, err error)

// Signature is a signature that was verified.
type Signature struct {
	AccessKeyID string
	Token       string // the session token of temporary credentials; "" for long-lived ones
	Region      string
	Service     string
	Time        time.Time
	Presigned   bool
	// PayloadHash is the hash of the body that was signed: a hex SHA-256 that the reader of the body must compare,
	// UnsignedPayload, or one of S3's STREAMING- values.
	PayloadHash string
	// Value, scope and key serve to verify the chunks of an aws-chunked body.
	Value string
	scope string
	key   []byte
}

// Signed reports whether a request has a Version 4 signature, valid or not.
func Signed(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), algorithm) || r.URL.Query().Has("X-Amz-Signature")
}

// Attempted reports whether a request has an AWS signature of any version, or a part of one. It is then meant for an
// API and not for a page.
func Attempted(r *http.Request) bool {
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS") {
		return true
	}
	for name := range r.URL.Query() {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-") || name == "AWSAccessKeyId" {
			return true
		}
	}
	return false
}

// Scope returns region and service of the signature without verifying it. It reads them from the credential even if the
// rest is malformed, and returns empty strings if there are none.
func Scope(r *http.Request) (region, service string) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm); ok {
		_, credential, _ = strings.Cut(auth, "Credential=")
		credential, _, _ = strings.Cut(credential, ",")
	}
	if parts := strings.Split(strings.TrimSpace(credential), "/"); len(parts) == 5 {
		return parts[2], parts[3]
	}
	return "", ""
}

type parsed struct {
	accessKey, date, region, service string
	headers                          []string
	signature                        string
	when                             time.Time
	expires                          time.Duration
	presigned                        bool
	token                            string
	payload                          string
}

func (p *parsed) scope() string { return p.date + "/" + p.region + "/" + p.service + "/aws4_request" }

func parse(r *http.Request) (*parsed, error) {
	if auth := r.Header.Get("Authorization"); auth != "" {
		return parseHeader(r, auth)
	}
	if q := r.URL.Query(); q.Has("X-Amz-Signature") || q.Has("X-Amz-Algorithm") {
		return parseQuery(r, q)
	}
	return nil, refuse(Missing, "Missing Authentication Token")
}

func parseHeader(r *http.Request, auth string) (*parsed, error) {
	rest, ok := strings.CutPrefix(auth, algorithm)
	if !ok {
		return nil, refuse(Incomplete, "Authorization header must start with %s", algorithm)
	}
	p := &parsed{token: r.Header.Get("X-Amz-Security-Token"), payload: r.Header.Get("X-Amz-Content-Sha256")}
	var credential, headers string
	for part := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch k {
		case "Credential":
			credential = v
		case "SignedHeaders":
			headers = v
		case "Signature":
			p.signature = v
		}
	}
	if credential == "" || headers == "" || p.signature == "" {
		return nil, refuse(Incomplete,
			"Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters")
	}
	p.headers = strings.Split(headers, ";")
	stamp := r.Header.Get("X-Amz-Date")
	var err error
	if stamp != "" {
		p.when, err = time.Parse(timeFormat, stamp)
	} else {
		p.when, err = http.ParseTime(r.Header.Get("Date"))
	}
	if err != nil {
		return nil, refuse(Incomplete,
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header in the form %s",
			timeFormat)
	}
	return p, p.credential(credential)
}

func parseQuery(r *http.Request, q url.Values) (*parsed, error) {
	p := &parsed{presigned: true, token: q.Get("X-Amz-Security-Token"), signature: q.Get("X-Amz-Signature"),
		headers: strings.Split(q.Get("X-Amz-SignedHeaders"), ";"), payload: UnsignedPayload}
	if v := r.Header.Get("X-Amz-Content-Sha256"); v != "" {
		p.payload = v
	}
	for k, v := range q {
		if strings.HasPrefix(k, "X-Amz-") && len(v) != 1 {
			return nil, refuse(Incomplete, "%s must be given once", k)
		}
	}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return nil, refuse(Incomplete, "X-Amz-Algorithm only supports %q", algorithm)
	}
	var err error
	if p.when, err = time.Parse(timeFormat, q.Get("X-Amz-Date")); err != nil {
		return nil, refuse(Incomplete, "X-Amz-Date must be in the form %s", timeFormat)
	}
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if p.expires = time.Duration(seconds) * time.Second; err != nil || seconds < 0 ||
		seconds > int(MaxExpires/time.Second) {
		return nil, refuse(Incomplete, "X-Amz-Expires must be a number of seconds from 0 to 604800")
	}
	return p, p.credential(q.Get("X-Amz-Credential"))
}

func (p *parsed) credential(s string) error {
	// An access key may not hold a slash, so the scope is what follows the first.
	parts := strings.Split(s, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" || parts[0] == "" {
		return refuse(Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request")
	}
	p.accessKey, p.date, p.region, p.service = parts[0], parts[1], parts[2], parts[3]
	if !slices.IsSorted(p.headers) {
		return refuse(Incomplete, "signed headers must be sorted")
	}
	return nil
}

// covered refuses a request with a header that has an effect and is not signed, because a third party that passes the
// request on could set it. The content type may be unsigned, as at AWS: the SDK for PHP never signs it, and for a
// presigned URL only the uploader knows it.
func (p *parsed) covered(r *http.Request) error {
	var not []string
	if !slices.Contains(p.headers, "host") {
		if !p.presigned {
			return refuse(Incomplete, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
		}
		not = append(not, "host")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		actedOn := strings.HasPrefix(name, "x-amz-") || name == "content-md5"
		if _, signed := slices.BinarySearch(p.headers, name); actedOn && !signed {
			not = append(not, name)
		}
	}
	if len(not) == 0 {
		return nil
	}
	slices.Sort(not)
	return &Error{NotCovered, "There were headers present in the request which were not signed", not}
}

// Claim is a signature whose form, time, key and covered headers were checked. The body was not needed for that.
type Claim struct {
	Region, Service string
	r               *http.Request
	p               *parsed
	secret          Secret
}

// Begin checks what can be checked before the body is read, so that a stranger's body need not be.
func Begin(ctx context.Context, r *http.Request, now time.Time, lookup Lookup) (*Claim, error) {
	p, err := parse(r)
	if err != nil {
		return nil, err
	}
	if err := p.covered(r); err != nil {
		return nil, err
	}
	if p.when.Format("20060102") != p.date {
		return nil, refuse(WrongScope,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'",
			p.date, p.when.Format("20060102"))
	}
	if err := p.fresh(now); err != nil {
		return nil, err
	}
	secret, ok, err := lookup(ctx, p.accessKey, p.token)
	if err != nil {
		return nil, err
	}
	if !ok || subtle.ConstantTimeCompare([]byte(secret.SessionToken), []byte(p.token)) != 1 {
		return nil, refuse(UnknownKey, "The security token included in the request is invalid.")
	}
	return &Claim{p.region, p.service, r, p, secret}, nil
}

// Verify checks the signature of a request against the caller's clock. It does not read the body. The reader of the
// body must compare its hash with the PayloadHash of the result.
func Verify(ctx context.Context, r *http.Request, now time.Time, lookup Lookup) (*Signature, error) {
	c, err := Begin(ctx, r, now, lookup)
	if err != nil {
		return nil, err
	}
	return c.Verify("")
}

// Verify checks the signature. bodyHash is the hash of the body, or "" if a header of the request has it, as for S3.
// The reader of the body must then compare its hash with the PayloadHash of the result.
func (c *Claim) Verify(bodyHash string) (*Signature, error) {
	r, p, secret := c.r, c.p, c.secret
	if bodyHash == "" {
		bodyHash = p.payload
	}
	key := signingKey(secret.Key, p.date, p.region, p.service)
	want := sign(key, stringToSign(p.when, p.scope(), canonical(r, p, bodyHash)))
	if subtle.ConstantTimeCompare([]byte(want), []byte(p.signature)) != 1 {
		return nil, refuse(Mismatch,
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret "+
				"Access Key and signing method. Consult the service documentation for details.")
	}
	return &Signature{
		AccessKeyID: p.accessKey, Token: p.token, Region: p.region, Service: p.service, Time: p.when,
		Presigned:   p.presigned,
		PayloadHash: bodyHash, Value: p.signature, scope: p.scope(), key: key,
	}, nil
}

func (p *parsed) fresh(now time.Time) error {
	earliest, latest := p.when.Add(-Skew), p.when.Add(Skew)
	if p.presigned {
		latest = p.when.Add(p.expires)
	}
	switch {
	case now.After(latest):
		return refuse(Expired, "Signature expired: %s is now earlier than %s (server time %s)",
			p.when.Format(timeFormat), now.UTC().Add(-latest.Sub(p.when)).Format(timeFormat),
			now.UTC().Format(timeFormat))
	case now.Before(earliest):
		return refuse(Expired, "Signature not yet current: %s is still later than %s (server time %s)",
			p.when.Format(timeFormat), now.UTC().Add(Skew).Format(timeFormat), now.UTC().Format(timeFormat))
	}
	return nil
}
