// Package e2e drives the built binary with the clients that people use: git, the AWS SDK, the aws CLI, a browser.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
)

const (
	region  = "eu-north-1"
	account = "210987654321"
	keyID   = "AKIAE2E0000000000000"
	secret  = "e2e-secret-of-the-administrator"
)

// binary builds slipway once, with build tags.
func binary(t testing.TB, tags string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if path, ok := built.paths[tags]; ok {
		return path
	}
	if built.dir == "" {
		var err error
		if built.dir, err = os.MkdirTemp("", "slipway-e2e-"); err != nil {
			t.Fatal(err)
		}
		built.paths = map[string]string{}
	}
	path := filepath.Join(built.dir, "slipway"+tags)
	c := exec.Command("go", "build", "-tags", tags, "-o", path, "../cmd/slipway")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	built.paths[tags] = path
	return path
}

var built struct {
	mu    sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	if address := os.Getenv("SLIPWAY_E2E_TARGET"); address != "" { // this process is the target of a router
		os.Exit(serveTarget(address))
	}
	flag.Parse()
	code := m.Run()
	if code == 0 {
		code = exercised.check()
	}
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// instance is a running `slipway up`.
type instance struct {
	t       testing.TB
	program string
	data    string
	listen  string
	url     string
	args    []string
	env     []string
	verb    string // the command that is started, "" for up
	noKey   bool   // of the administrator in the environment
	trust   string // a file with the authority of the server's certificate
	log     *output
	process *exec.Cmd
	done    chan struct{}

	forked sync.Once
	cli    *commandLine // nil where each command is a program of its own
}

// output collects what processes print, in a file: they may outlive the one that was started with it.
type output struct {
	once sync.Once
	f    *os.File
}

func (o *output) file(t testing.TB) *os.File {
	o.once.Do(func() {
		var err error
		if o.f, err = os.CreateTemp("", "slipway-e2e-log-"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(o.f.Name()); _ = o.f.Close() })
	})
	return o.f
}

func (o *output) String() string {
	if o.f == nil {
		return ""
	}
	text, err := os.ReadFile(o.f.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// up starts `slipway up` in a folder of its own and ends it with the test.
func up(t testing.TB, args ...string) *instance {
	t.Helper()
	i := prepare(t, "")
	i.args = args
	i.start()
	return i
}

// prepare makes an instance that is not started yet.
func prepare(t testing.TB, tags string) *instance {
	t.Helper()
	listen := free(t)
	i := &instance{t: t, program: binary(t, tags), data: filepath.Join(folder(t), "data"), listen: listen,
		url: "http://" + listen, log: new(output)}
	i.log.file(t) // goes after the process
	t.Cleanup(func() {
		i.stop()
		if t.Failed() {
			t.Logf("slipway up printed:\n%s", tail(i.log.String(), 100))
		}
	})
	return i
}

// folder is a temporary folder that builds in a sandbox can be kept out of, and that every user may walk through.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "slipway-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts `slipway up` and waits until it answers.
func (i *instance) start() {
	i.t.Helper()
	i.launch()
	i.ready()
}

func (i *instance) launch() {
	i.t.Helper()
	c := exec.Command(i.program,
		append([]string{cmp.Or(i.verb, "up"), "--data", i.data, "--listen", i.listen, "--region", region, "--account",
			account},
			i.args...)...)
	c.Env = append(environment(), i.env...)
	if !i.noKey {
		c.Env = append(c.Env, "SLIPWAY_ACCESS_KEY_ID="+keyID, "SLIPWAY_SECRET_ACCESS_KEY="+secret)
	}
	c.Stdout, c.Stderr = i.log.file(i.t), i.log.file(i.t)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.process, i.done = c, make(chan struct{})
	go func() {
		_ = c.Wait()
		close(i.done)
	}()
}

// environment is this process's, without anything that would point elsewhere.
func environment() []string {
	var kept []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "SLIPWAY_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// ready waits until the server answers.
func (i *instance) ready() {
	i.t.Helper()
	eventually(i.t, "the server answers", func() error {
		resp, err := http.Get(i.url + "/readyz")
		if err != nil {
			select {
			case <-i.done:
				i.t.Fatalf("slipway up ended:\n%s", tail(i.log.String(), 50))
			default:
			}
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// stop asks `up` to end, and returns how long that took.
func (i *instance) stop() time.Duration {
	if i.process == nil {
		return 0
	}
	began := time.Now()
	_ = i.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.done:
	case <-time.After(15 * time.Second):
		i.t.Errorf("slipway up did not end within 15 s of SIGTERM")
		_ = i.process.Process.Kill()
		<-i.done
	}
	i.process = nil
	return time.Since(began)
}

// patience bounds every wait; a machine under load is slow.
const patience = 90 * time.Second

// eventually waits until f returns no error: the state of another process can only be asked for.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

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
	c := exec.Command(i.program, args...)
	c.Env = append(environment(), i.client()...)
	out, err := c.CombinedOutput()
	return string(out), err
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

// get fetches a URL.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// must takes the value of a call that must not fail.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// says fails unless an error is the one wanted, by AWS's code.
func says(t testing.TB, err error, code string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), code) {
		t.Errorf("%v; it should be %s", err, code)
	}
}
