package forge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// longestAnswer is how many bytes of a forge's answer are read.
const longestAnswer = 1 << 20

// API is the API of a forge, as somebody sees it who has a token.
type API struct {
	Client *http.Client
	Forge  Forge
	Base   string // of its URLs, without a slash at the end
	User   string // of Bitbucket, for Basic authentication; "" for none
	Token  string
}

// Bases of the APIs of the forges that are run for everybody.
const (
	GitHubAPI    = "https://api.github.com"
	GitLabAPI    = "https://gitlab.com/api/v4"
	BitbucketAPI = "https://api.bitbucket.org/2.0"
)

// BaseAt is the base of the API of a forge that is run at an address.
func (f Forge) BaseAt(address string) string {
	address = strings.TrimRight(address, "/")
	switch f {
	case GitHub:
		return address + "/api/v3"
	case GitLab:
		return address + "/api/v4"
	case Bitbucket:
		return BitbucketAPI
	case Gitea:
		return address + "/api/v1"
	}
	return address
}

// CallError is a call that a forge did not do. Status is 0 where it did not answer.
type CallError struct {
	Method, Base string
	Status       int
	Why          string
	// Wait is what the forge asks to be waited for before the next call, in seconds; "" for nothing.
	Wait string
}

// Error implements error.
func (e *CallError) Error() string { return fmt.Sprintf("%s %s: %s", e.Method, e.Base, e.Why) }

func (a *API) failed(method string, status int, why string) *CallError {
	return &CallError{Method: method, Base: a.Base, Status: status, Why: why}
}

// Call sends a request and reads the answer into out, which may be nil. A path that is a URL is called as it is. Its
// errors are CallErrors.
func (a *API) Call(ctx context.Context, method, path string, in, out any) (status int, err error) {
	target := path
	if strings.HasPrefix(path, "/") {
		target = a.Base + path
	}
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return 0, a.failed(method, 0, err.Error())
	}
	a.authorize(r)
	answer, err := a.Client.Do(r)
	if err != nil {
		return 0, a.failed(method, 0, "it cannot be reached: "+err.Error())
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, longestAnswer))
	if err != nil {
		return 0, a.failed(method, answer.StatusCode, err.Error())
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		refused := a.failed(method, answer.StatusCode, "it answers "+answer.Status+" "+said(text))
		refused.Wait = answer.Header.Get("Retry-After")
		return answer.StatusCode, refused
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			return answer.StatusCode, a.failed(method, answer.StatusCode, "its answer is no JSON: "+err.Error())
		}
	}
	return answer.StatusCode, nil
}

func (a *API) authorize(r *http.Request) {
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Slipway")
	switch {
	case a.Forge == GitLab:
		r.Header.Set("Private-Token", a.Token)
	case a.Forge == Bitbucket && a.User != "":
		r.SetBasicAuth(a.User, a.Token)
	default:
		r.Header.Set("Authorization", "Bearer "+a.Token)
	}
}

// said is the message in a forge's answer.
func said(text []byte) string {
	var x struct {
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	_ = json.Unmarshal(text, &x)
	m := cmp.Or(string(x.Message), string(x.Error))
	return strings.ToValidUTF8(strings.Trim(m[:min(len(m), 300)], `"`), "")
}

// BasicAuth is the user name and the password by which Git opens repositories of the forge with a token.
func (f Forge) BasicAuth(user, token string) (name, password string) {
	switch {
	case user != "":
		return user, token
	case f == GitLab:
		return "oauth2", token
	case f == Bitbucket:
		return "x-token-auth", token
	}
	return "x-access-token", token
}
