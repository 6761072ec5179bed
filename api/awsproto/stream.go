package awsproto

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// Verify returns the caller of a request that has no body and is not an operation, but belongs to a service.
func (s *Server) Verify(r *http.Request, service *Info) (Caller, error) {
	caller, _, err := s.verify(r, service, sigv4.HexSHA256(nil))
	return caller, err
}

// VerifyBody returns the caller of a request that is not an operation and has a body, and the SHA-256 of the body in
// hexadecimal digits that was signed. Who reads the body compares it.
func (s *Server) VerifyBody(r *http.Request, service *Info) (Caller, string, error) {
	caller, hash, err := s.verify(r, service, "")
	if err == nil && !isSHA256(hash) {
		err = &Error{Code: "InvalidSignatureException",
			Message: "Sign the SHA-256 of the body, in x-amz-content-sha256."}
	}
	return caller, hash, err
}

func isSHA256(hash string) bool {
	return len(hash) == 64 && strings.Trim(hash, "0123456789abcdef") == ""
}

// verify returns the caller of a request whose body has a hash, and that hash; "" takes the one that the request names.
func (s *Server) verify(r *http.Request, service *Info, hash string) (Caller, string, error) {
	q := &request{served: served{info: service}}
	claim, err := s.claim(q, r)
	if err != nil {
		return Caller{}, "", err
	}
	sig, err := claim.Verify(hash)
	if err != nil {
		return Caller{}, "", refused(q.protocol, err)
	}
	caller, err := s.Caller(r.Context(), sig.AccessKeyID, sig.Token)
	return caller, sig.PayloadHash, err
}

// Fail answers a request that Verify was asked about with an error, in JSON.
func (s *Server) Fail(w http.ResponseWriter, service *Info, err error) {
	q := &request{id: NewRequestID(), served: served{info: service}}
	w.Header().Set("X-Amzn-Requestid", q.id)
	s.fail(w, q, err)
}

// Get sends a signed request that is not an operation of a service, and returns an answer with the status 200. The
// error is the model's, or an *Error.
func (c *Client) Get(ctx context.Context, service *Info, path string, query url.Values) (*http.Response, error) {
	return c.Send(ctx, service, http.MethodGet, path, query, Body{Reader: http.NoBody, SHA256: sigv4.HexSHA256(nil)})
}

// Body is what a request carries.
type Body struct {
	io.Reader
	Size   int64  // in bytes
	SHA256 string // in hexadecimal digits
}

// Send sends a signed request with a body that is not an operation of a service, and returns an answer with the status
// 200. The error is the model's, or an *Error.
func (c *Client) Send(ctx context.Context, service *Info, method, path string, query url.Values,
	body Body) (*http.Response, error) {
	address := strings.TrimSuffix(c.Endpoint, "/") + path + "?" + query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, address, body.Reader)
	if err != nil {
		return nil, err
	}
	r.ContentLength = body.Size
	r.Header.Set("X-Amz-Content-Sha256", body.SHA256) // who streams the body must know the hash before
	c.Credentials.Sign(r, body.SHA256, c.Region, service.SigningName, time.Now())
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, DefaultMaxBody))
	op := &Operation{Service: service, Name: method + " " + path}
	if err != nil {
		err = fmt.Errorf("%s: %w", op.Name, err)
	}
	return nil, errors.Join(answered(op, resp.StatusCode, text, json.Unmarshal), err)
}
