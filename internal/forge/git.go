package forge

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Remote is a repository of a forge, which Git reads by https.
type Remote struct {
	URL            string
	User, Password string // "" for a repository that is open to all
	Local          bool   // it may be at this machine
}

// RemoteError is what Git could not do, in its words. Refused says that trying again helps nobody.
type RemoteError struct {
	Message string
	Refused bool
}

// Error implements error.
func (e *RemoteError) Error() string { return e.Message }

// commitID is the ID of a commit, whole.
var commitID = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// IsCommit reports whether a text is the whole ID of a commit.
func IsCommit(text string) bool { return commitID.MatchString(text) }

// refused is how git words that a server is there and does not have or give the repository.
var refused = regexp.MustCompile(`(?i)authentication failed|could not read (username|password)|not found|` +
	`returned error: 40[0134]|not our ref|couldn't find remote ref|no address of a forge|denied`)

// Refs are the branches and tags of a repository, by their full names, with the commits they lead to. Only those that
// match the patterns are listed, if there are any.
func (r *Remote) Refs(ctx context.Context, patterns ...string) (map[string]string, error) {
	args := append([]string{"ls-remote", "--heads", "--tags", "--", r.URL}, patterns...)
	out, err := r.git(ctx, os.TempDir(), args...)
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		id, ref, ok := strings.Cut(line, "\t")
		if !ok || !IsCommit(id) {
			continue
		}
		refs[strings.TrimSuffix(ref, "^{}")] = id // of an annotated tag the commit comes after the tag
	}
	return refs, nil
}

// git runs Git with what opens the repository.
func (r *Remote) git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	env, err := r.environment(ctx, dir)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir, c.Env = dir, env
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err = c.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("git is not installed on the server")
	}
	message := lastLine(said.String())
	if message == "" {
		message = err.Error()
	}
	return nil, &RemoteError{Message: fmt.Sprintf("git %s of %s failed: %s", args[0], r.URL, message),
		Refused: refused.MatchString(said.String())}
}

// lastLine is the line of Git's messages that says most, of 300 bytes at most.
func lastLine(said string) string {
	best := ""
	for line := range strings.SplitSeq(strings.TrimSpace(said), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal:") || strings.HasPrefix(line, "error:") || best == "" {
			best = line
		}
	}
	return strings.ToValidUTF8(best[:min(len(best), 300)], "")
}

// environment is that of Git: none of the server's variables, and a configuration that opens this repository alone.
func (r *Remote) environment(ctx context.Context, dir string) ([]string, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, &RemoteError{Message: "the repository's address " + r.URL + " is no URL of https", Refused: true}
	}
	config := [][2]string{
		{"protocol.allow", "never"},
		{"protocol.http.allow", "always"},
		{"protocol.https.allow", "always"},
		{"core.hooksPath", "/dev/null"},
		{"core.fsmonitor", "false"},
		{"credential.helper", ""},
		{"http.followRedirects", "false"},
		{"init.defaultBranch", "main"},
		{"advice.detachedHead", "false"},
		{"gc.auto", "0"},
	}
	pinned, err := r.pinned(ctx, u)
	if err != nil {
		return nil, err
	}
	if pinned != "" {
		config = append(config, [2]string{"http.curloptResolve", pinned})
	}
	if r.Password != "" {
		basic := base64.StdEncoding.EncodeToString([]byte(r.User + ":" + r.Password))
		config = append(config, [2]string{"http." + r.URL + ".extraHeader", "Authorization: Basic " + basic})
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "nobody"), "LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir), "GIT_CONFIG_COUNT=" + strconv.Itoa(len(config))}
	for _, name := range []string{"https_proxy", "HTTPS_PROXY", "http_proxy", "no_proxy", "NO_PROXY", "SSL_CERT_FILE",
		"GIT_SSL_CAINFO"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	for i, x := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, x[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, x[1]))
	}
	return env, nil
}

// pinned looks up the host's addresses, of which each must be Reachable, and has Git use these: a name cannot lead
// elsewhere a moment later. With a proxy, which looks names up itself, it is "".
func (r *Remote) pinned(ctx context.Context, u *url.URL) (string, error) {
	if os.Getenv("https_proxy")+os.Getenv("HTTPS_PROXY")+os.Getenv("http_proxy") != "" {
		return "", nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return "", &RemoteError{Message: fmt.Sprintf("the host of %s is not known: %v", r.URL, err)}
	}
	var texts []string
	for _, a := range all {
		if err := Reachable(a, r.Local); err != nil {
			return "", &RemoteError{Message: fmt.Sprintf("%s: %v", r.URL, err), Refused: true}
		}
		text := a.Unmap().String()
		if a.Unmap().Is6() {
			text = "[" + text + "]"
		}
		texts = append(texts, text)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Hostname() + ":" + port + ":" + strings.Join(texts, ","), nil
}
