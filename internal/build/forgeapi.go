package build

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

const (
	forgeTime   = 15 * time.Second // that a forge may take to answer
	forgeAnswer = 1 << 20          // bytes of its answer that are read
)

// newForgeClient makes the client that calls forges. Whoever may make a project names the host, so that it follows no
// redirects, and reaches neither the services of a cloud's machines (link-local addresses) nor, unless local, this one.
func newForgeClient(local bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			a := at.Addr().Unmap()
			if a.IsLoopback() && local || a.IsGlobalUnicast() {
				return nil
			}
			return fmt.Errorf("%s is no address of a forge", a)
		}}
	return &http.Client{
		Timeout:       forgeTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext,
			TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1},
	}
}

// forgeAPI is the API of a forge, as seen by a credential.
type forgeAPI struct {
	client *http.Client
	base   string // of its URLs
	path   string // of the repository: OWNER/NAME
	cred   *credential
}

// apiOf is the API of the forge that a source is at.
func apiOf(client *http.Client, src *cb.ProjectSource, c *credential) (*forgeAPI, error) {
	u, err := url.Parse(awsproto.Value(src.Location))
	if err != nil {
		return nil, err
	}
	a := &forgeAPI{client: client, cred: c, path: strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")}
	switch src.Type {
	case cb.SourceTypeGithub:
		a.base = "https://api.github.com"
	case cb.SourceTypeGithubEnterprise:
		a.base = u.Scheme + "://" + u.Host + "/api/v3"
	case cb.SourceTypeBitbucket:
		a.base = "https://api.bitbucket.org/2.0"
	default:
		a.base = u.Scheme + "://" + u.Host + "/api/v4"
	}
	return a, nil
}

// call sends a request and reads the answer into out, which may be nil. A path that is a URL is called as it is.
func (a *forgeAPI) call(ctx context.Context, method, path string, in, out any) (status int, err error) {
	target := path
	if strings.HasPrefix(path, "/") {
		target = a.base + path
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
		return 0, a.failed(method, err.Error())
	}
	a.authorize(r)
	answer, err := a.client.Do(r)
	if err != nil {
		return 0, a.failed(method, "it cannot be reached: "+err.Error())
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, forgeAnswer))
	if err != nil {
		return 0, a.failed(method, err.Error())
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return answer.StatusCode, a.failed(method, "it answers "+answer.Status+" "+said(text))
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			return answer.StatusCode, a.failed(method, "its answer is no JSON: "+err.Error())
		}
	}
	return answer.StatusCode, nil
}

func (a *forgeAPI) authorize(r *http.Request) {
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Slipway")
	switch a.cred.server {
	case cb.ServerTypeGitlab, cb.ServerTypeGitlabSelfManaged:
		r.Header.Set("Private-Token", a.cred.token)
	case cb.ServerTypeBitbucket:
		if a.cred.user != "" {
			r.SetBasicAuth(a.cred.user, a.cred.token)
			return
		}
		fallthrough
	default:
		r.Header.Set("Authorization", "Bearer "+a.cred.token)
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

// failed is the error of a forge as AWS has it.
func (a *forgeAPI) failed(method, why string) error {
	return &cb.OAuthProviderException{Message: fmt.Sprintf("The webhook of %s could not be changed at the forge "+
		"(%s %s): %s. The token needs the right to manage webhooks. Or set manualCreation, and create the webhook at "+
		"the forge with the payload URL and the secret that are returned.", a.path, method, a.base, why)}
}
