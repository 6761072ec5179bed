package jenkins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer = 4 << 20 // bytes of an answer in JSON
	// headerTime is how long Jenkins may take until it begins to answer.
	headerTime = 60 * time.Second
)

// client speaks to one server of Jenkins by its remote access API ("Remote Access API" in the Jenkins handbook). It
// follows no redirects: they lead to wherever Jenkins believes itself to be, and are answers by themselves.
type client struct {
	base        *url.URL
	user, token string
	http        *http.Client
	crumb       [2]string // the header's name and value; set once Jenkins asked for one
}

func newClient(base *url.URL, user, token string, transport http.RoundTripper) *client {
	jar, _ := cookiejar.New(nil) // fails never
	return &client{base: base, user: user, token: token, http: &http.Client{
		Transport:     transport,
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// newTransport bounds how long Jenkins may take to be reached and to begin an answer.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	t.ResponseHeaderTimeout = headerTime
	return t
}

// statusError is an answer that Jenkins did not mean to give for a success.
type statusError struct {
	Status int
	Text   string // the beginning of the page
}

func (e *statusError) Error() string { return fmt.Sprintf("Jenkins answered %d: %s", e.Status, e.Text) }

// isStatus reports whether an error is an answer of one of some statuses.
func isStatus(err error, statuses ...int) bool {
	e, ok := errors.AsType[*statusError](err)
	if !ok {
		return false
	}
	for _, s := range statuses {
		if e.Status == s {
			return true
		}
	}
	return false
}

// unsent reports whether a request did not reach Jenkins, so that it may be sent again.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || isStatus(err, http.StatusServiceUnavailable)
}

// do sends a request to a path below the server, which is escaped already. Any status of 400 and above is an error.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body []byte,
	contentType string) (*http.Response, error) {
	answer, err := c.once(ctx, method, path, query, body, contentType)
	if !isStatus(err, http.StatusForbidden) || method == http.MethodGet || c.crumb[0] != "" {
		return answer, err
	}
	// With an API token no crumb is needed; with a password one is, and the session that it was made in.
	if c.crumb, err = c.askForCrumb(ctx); err != nil {
		return nil, err
	}
	return c.once(ctx, method, path, query, body, contentType)
}

func (c *client) once(ctx context.Context, method, path string, query url.Values, body []byte,
	contentType string) (*http.Response, error) {
	address := strings.TrimSuffix(c.base.String(), "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(c.user, c.token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.crumb[0] != "" {
		r.Header.Set(c.crumb[0], c.crumb[1])
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address, whose query may have values of parameters
		}
		return nil, fmt.Errorf("ask Jenkins at %s: %w", c.base.Host, err)
	}
	if answer.StatusCode < http.StatusBadRequest {
		return answer, nil
	}
	defer answer.Body.Close()
	page, _ := io.ReadAll(io.LimitReader(answer.Body, 4096)) // what it says is for people alone
	return nil, &statusError{answer.StatusCode, said(answer.Header.Get("X-Error"), string(page))}
}

// said is what a page of Jenkins says, without its tags, in one line.
func said(header, page string) string {
	if header != "" {
		return header
	}
	var b strings.Builder
	tag := false
	for _, c := range page {
		switch {
		case c == '<':
			tag = true
		case c == '>':
			tag = false
			b.WriteByte(' ')
		case !tag:
			b.WriteRune(c)
		}
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	return text[:min(len(text), 300)]
}

// askForCrumb asks for what protects against forged requests. Without protection there is none.
func (c *client) askForCrumb(ctx context.Context) ([2]string, error) {
	var crumb struct{ Crumb, CrumbRequestField string }
	err := c.get(ctx, "/crumbIssuer/api/json", nil, &crumb)
	if isStatus(err, http.StatusNotFound) {
		return [2]string{}, &statusError{http.StatusForbidden, "the user may not do this"}
	}
	return [2]string{crumb.CrumbRequestField, crumb.Crumb}, err
}

// get reads an answer in JSON.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	answer, err := c.do(ctx, http.MethodGet, path, query, nil, "")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return &statusError{answer.StatusCode, "no answer in JSON; is " + c.base.Host + " Jenkins itself?"}
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer of Jenkins at %s: %w", c.base.Host, err)
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("the answer of Jenkins at %s has more than %d bytes", c.base.Host, maxAnswer)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer of Jenkins at %s is no JSON: %w", c.base.Host, err)
	}
	return nil
}

// post sends a request that changes something, and returns the path that its answer leads to.
func (c *client) post(ctx context.Context, path string, query url.Values, body []byte,
	contentType string) (status int, location string, err error) {
	answer, err := c.do(ctx, http.MethodPost, path, query, body, contentType)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	u, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		return answer.StatusCode, "", nil //nolint:nilerr // an address that is none leads nowhere
	}
	return answer.StatusCode, u.Path, nil
}

// jobPath is the path of a job: FOLDER/NAME is /job/FOLDER/job/NAME. It reports false for what is no name of a job.
func jobPath(name string) (string, bool) {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return "", false
		}
		b.WriteString("/job/" + url.PathEscape(part))
	}
	return b.String(), true
}
