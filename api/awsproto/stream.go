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
	q := &request{served: served{info: service}}
	claim, err := s.claim(q, r)
	if err != nil {
		return Caller{}, err
	}
	return s.authenticate(q, r, claim)
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
	address := strings.TrimSuffix(c.Endpoint, "/") + path + "?" + query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	c.Credentials.Sign(r, sigv4.HexSHA256(nil), c.Region, service.SigningName, time.Now())
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, DefaultMaxBody))
	op := &Operation{Service: service, Name: http.MethodGet + " " + path}
	return nil, errors.Join(answered(op, resp.StatusCode, body, json.Unmarshal), wrap(path, err))
}

func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("GET %s: %w", path, err)
}
