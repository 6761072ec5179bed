package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"

	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
)

// sdk is the AWS SDK's configuration for the instance, with the administrator's key.
func (i *instance) sdk() aws.Config { return i.sdkAs(keyID, secret) }

func (i *instance) sdkAs(id, key string) aws.Config {
	transport := http.DefaultTransport.(*http.Transport)
	if i.trust != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(must(os.ReadFile(i.trust))(i.t))
		transport = transport.Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return aws.Config{APIOptions: []func(*middleware.Stack) error{exercised.record}, Region: region,
		BaseEndpoint: aws.String(i.url),
		HTTPClient:   &http.Client{Transport: whole{transport}},
		Credentials:  credentials.NewStaticCredentialsProvider(id, key, ""),
		Retryer:      func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) }}
}

// whole sends requests whose bodies are in memory. The SDK closes the body of a request as soon as an answer begins; if
// that is before the transport has looked for the body's end, the transport takes it for an error and closes the
// connection, in the midst of a long answer. People's programs do not notice, since the SDK tries again; here it tries
// once.
type whole struct{ http.RoundTripper }

func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return w.RoundTripper.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	return w.RoundTripper.RoundTrip(sent)
}

// aws runs the aws CLI; the test is skipped where there is none.
func (i *instance) aws(args ...string) string {
	i.t.Helper()
	out, err := i.awsFails(args...)
	if err != nil {
		i.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (i *instance) awsFails(args ...string) (string, error) {
	i.t.Helper()
	cli(i.t)
	i.forked.Do(func() { i.cli = newCommandLine(i) })
	var out string
	var err error
	if i.cli != nil {
		out, err = i.cli.run(args)
	} else {
		c := exec.Command("aws", args...)
		c.Env = append(environment(), i.client()...)
		var said []byte
		said, err = c.CombinedOutput()
		out = string(said)
	}
	if len(args) > 1 {
		exercised.note("aws "+args[0], args[1], err)
	}
	return out, err
}

// cli skips a test where there is no aws CLI that takes its endpoint from the environment.
func cli(t testing.TB) {
	t.Helper()
	if why := noCLI(); why != "" {
		t.Skipf("SKIPPED: %s. Install it with: pip install awscli", why)
	}
}

var noCLI = sync.OnceValue(func() string {
	out, err := exec.Command("aws", "--version").Output()
	if err != nil {
		return "there is no aws CLI here"
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "aws-cli/%d.%d.", &major, &minor); err != nil || major == 1 && minor < 29 ||
		major == 2 && minor < 13 {
		return "the aws CLI here is too old to know AWS_ENDPOINT_URL"
	}
	return ""
})

// client is the environment in which clients reach the instance.
func (i *instance) client() []string {
	var trust []string
	if i.trust != "" {
		trust = []string{"SLIPWAY_CA=" + i.trust, "AWS_CA_BUNDLE=" + i.trust, "GIT_SSL_CAINFO=" + i.trust}
	}
	return append(trust, "AWS_ENDPOINT_URL="+i.url, "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_DEFAULT_REGION="+region, "AWS_REGION="+region,
		"AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "HOME="+os.TempDir(), "SLIPWAY_ENDPOINT="+i.url)
}

// slipway runs a command of the binary as a client of the instance.
func (i *instance) slipway(args ...string) (string, error) {
	if out, ok := i.asked(args); ok {
		return out, nil
	}
	c := exec.Command(i.program, args...)
	c.Env = append(environment(), i.client()...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// asked is what `slipway api slipway OPERATION INPUT` prints, without a process for it: tests that wait ask often. What
// goes wrong is left to the program itself.
func (i *instance) asked(args []string) (string, bool) {
	if len(args) != 4 || args[0] != "api" || args[1] != "slipway" || i.trust != "" || i.noKey {
		return "", false
	}
	r, err := http.NewRequest(http.MethodPost, i.url+"/", strings.NewReader(args[3]))
	if err != nil {
		return "", false
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", new(slipway.Service).Info().Target+"."+args[2])
	sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}.Sign(r, sigv4.HexSHA256([]byte(args[3])), region,
		"slipway", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", false
	}
	defer resp.Body.Close()
	var out bytes.Buffer
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || json.Indent(&out, text, "", "  ") != nil {
		return "", false
	}
	return out.String() + "\n", true
}

// git runs git in a folder, signing in with the binary's credential helper.
func (i *instance) git(dir string, args ...string) string {
	i.t.Helper()
	out, err := i.gitFails(dir, args...)
	if err != nil {
		i.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (i *instance) gitFails(dir string, args ...string) (string, error) {
	c := exec.Command("git",
		append([]string{"-c", "credential.helper=!'" + i.program + "' git-credential", "-c",
			"credential.useHttpPath=true", "-c", "protocol.version=2"}, args...)...)
	c.Dir = dir
	c.Env = append(append(environment(), i.client()...), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada",
		"GIT_COMMITTER_EMAIL=ada@example.com")
	out, err := c.CombinedOutput()
	return string(out), err
}

// commit writes files into a checkout, commits and pushes them.
func (i *instance) commit(dir, message string, files map[string]string) {
	i.t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			i.t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			i.t.Fatal(err)
		}
	}
	i.git(dir, "add", "-A")
	i.git(dir, "commit", "-q", "-m", message)
}

// checkout makes a local repository whose origin is one of the instance's.
func (i *instance) checkout(repository string) string {
	i.t.Helper()
	dir := folder(i.t)
	i.git(dir, "init", "-q", "-b", "main")
	i.git(dir, "remote", "add", "origin", i.url+"/v1/repos/"+repository)
	return dir
}
