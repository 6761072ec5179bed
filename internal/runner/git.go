package runner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"slipway/api/slipway"
	"slipway/internal/runner/room"
)

const openNonblock = syscall.O_NONBLOCK

// cloning fetches a version of a repository into the folder it is in: $1 URL, $2 depth or 0, $3 the version, $4 what
// the version is: head, commit, ref, pinned (the commit $6 of a ref) or name, $5 submodules or "", $7 whether the
// objects are kept for later builds or "". Those of an earlier build may be there, with the commits that it had.
const cloning = `set -e
git init -q .
git remote add origin "$1" 2>/dev/null || true # it is there, if an earlier try was broken off
kept=.git/objects/info/slipway-kept
[ -z "$7" ] || [ ! -f $kept ] || sed 's,.*,create refs/slipway/kept/& &,' $kept | git update-ref --stdin
depth=; [ "$2" = 0 ] || depth="--depth=$2"
fetch() { git fetch -q --no-tags $depth origin "$@"; }
case $4 in
head) fetch HEAD; at=FETCH_HEAD ;;
ref) fetch "+$3:refs/slipway/version"; at=refs/slipway/version ;;
name) fetch "+refs/heads/$3:refs/remotes/origin/$3" 2>/dev/null && at="refs/remotes/origin/$3" ||
	{ fetch "+refs/tags/$3:refs/tags/$3"; at="refs/tags/$3"; } ;;
pinned)
	at=$6
	fetch "+$3:refs/slipway/version"
	git cat-file -e "$6^{commit}" 2>/dev/null || {
		depth=
		fetch "$6" 2>/dev/null || git fetch -q --unshallow origin "+$3:refs/slipway/version"
	} ;;
commit)
	at=$3
	if [ -n "$depth" ]; then
		fetch "$3" 2>/dev/null || git fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*'
	else
		git fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*'
		git cat-file -e "$3^{commit}" 2>/dev/null || fetch "$3"
	fi ;;
esac
git checkout -q --detach "$at^{commit}" --
if [ -n "$7" ]; then
	[ ! -f $kept ] || sed 's,.*,delete refs/slipway/kept/&,' $kept | git update-ref --stdin
	mkdir -p .git/objects/info
	{ git rev-parse HEAD; git for-each-ref --count=1000 --format='%(objectname)'; } | sort -u >$kept.new
	mv $kept.new $kept
fi
[ -z "$5" ] || git submodule update -q --init --recursive $depth
git rev-parse HEAD
`

var commitID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`) })

// pinned is a reference with the commit that it must have been at: refs/heads/NAME^{COMMIT} ("Source version sample
// with CodeBuild").
var pinned = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(refs/[^^]+)\^\{([0-9a-f]{40}(?:[0-9a-f]{24})?)\}$`)
})

// badRef is what no reference of Git has in it, and what git itself would read as something else.
var badRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[-/.]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|\.lock(/|$)|[/.]$|/\.|^@$`)
})

// brokenOff is how git words that a server went away, or was about to.
var brokenOff = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)failed to connect|couldn't connect|connection re(fused|set)|recv failure|` +
		`empty reply|unexpected disconnect|hung up unexpectedly|returned error: 50\d`)
})

// maxClones is how often a repository of the server's own is tried to be fetched, with pauses that together last some
// fifteen seconds.
const maxClones = 10

// clone fetches a Git repository into a folder, with the objects that an earlier build has left where there are some.
func (b *build) clone(ctx context.Context, s slipway.Source, dir string) (commit string, err error) {
	kept := b.sourceCacheOf(s, dir)
	defer kept.close()
	kept.restore(ctx)
	commit, err = b.cloneAgain(ctx, s, dir, kept != nil)
	if err != nil && kept.restored() && ctx.Err() == nil && !brokenOff().MatchString(err.Error()) {
		b.log.say("source cache: not used: %v", err)
		kept.drop(kept.found)
		commit, err = b.cloneAgain(ctx, s, dir, true)
	}
	if err == nil {
		kept.save(ctx)
	}
	return commit, err
}

// cloneAgain fetches a Git repository into a folder. A build goes on while the server restarts.
func (b *build) cloneAgain(ctx context.Context, s slipway.Source, dir string, keep bool) (commit string, err error) {
	pause := time.Duration(0)
	for range maxClones {
		if commit, err = b.cloneOnce(ctx, s, dir, keep); err == nil || !s.Here || ctx.Err() != nil ||
			!brokenOff().MatchString(err.Error()) {
			break
		}
		if pause == 0 {
			b.log.say("The server does not answer; the build waits for it: %v", err)
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(ctx, pause)
	}
	return commit, err
}

// cloneOnce does it with Git in the build's own room.
func (b *build) cloneOnce(ctx context.Context, s slipway.Source, dir string, keep bool) (string, error) {
	address, env, err := b.remote(ctx, s)
	if err != nil {
		return "", err
	}
	kind, version, commit := "name", s.Version, ""
	switch {
	case version == "":
		kind = "head"
	case commitID().MatchString(version):
		kind = "commit"
	case pinned().MatchString(version):
		m := pinned().FindStringSubmatch(version)
		if kind, version, commit = "pinned", m[1], m[2]; badRef().MatchString(version) {
			return "", fmt.Errorf("the source version %.200q names no branch, tag or pull request", s.Version)
		}
	case badRef().MatchString(version):
		return "", fmt.Errorf("the source version %.200q is no commit, branch or tag", version)
	case strings.HasPrefix(version, "refs/"):
		kind = "ref"
	case strings.HasPrefix(version, "pr/"):
		kind, version = "ref", "refs/pull/"+strings.TrimPrefix(version, "pr/")+"/head"
	}
	yes := func(is bool) string {
		if is {
			return "yes"
		}
		return ""
	}
	depth := strconv.Itoa(int(max(0, s.Depth)))
	script := "cd " + quoted(dir) + " || exit 1\n" + cloning
	var out, said bytes.Buffer
	err = b.space.room.Run(ctx, room.Command{
		Args: []string{"/bin/sh", "-c", script, "git", address, depth, version, kind, yes(s.Submodules), commit,
			yes(keep)},
		Env:    env,
		Needs:  "git",
		Stdout: &limitedBuffer{&out, 4096},
		Stderr: &limitedBuffer{&said, 4096},
	})
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("git clone of %s failed: %s", address,
			cmp.Or(strings.TrimSpace(strings.ToValidUTF8(said.String(), "\uFFFD")), err.Error()))
	}
	commit = strings.TrimSpace(out.String())
	if !commitID().MatchString(commit) {
		return "", fmt.Errorf("git clone of %s ended without a commit", address)
	}
	return commit, nil
}

// gitConfig is configuration of Git: names and values, of which a later one outweighs an earlier one.
type gitConfig [][2]string

func (c *gitConfig) set(name, value string) { *c = append(*c, [2]string{name, value}) }

// environment is what a Git gets that has no other configuration.
func (c gitConfig) environment(home string) []string {
	env := append(baseEnvironment(), "HOME="+home, "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_SSH_COMMAND=ssh -oBatchMode=yes -oStrictHostKeyChecking=accept-new",
		"GIT_CONFIG_COUNT="+strconv.Itoa(len(c)))
	for i, x := range c {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, x[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, x[1]))
	}
	return env
}

// careful is the configuration with which every repository is fetched.
func careful() gitConfig {
	return gitConfig{
		{"protocol.allow", "never"},
		{"protocol.http.allow", "always"},
		{"protocol.https.allow", "always"},
		{"protocol.ssh.allow", "always"},
		{"core.hooksPath", "/dev/null"},
		{"core.fsmonitor", "false"},
		{"init.defaultBranch", "main"},
		{"advice.detachedHead", "false"},
		{"http.followRedirects", "initial"},
		{"credential.helper", ""},
		{"gc.auto", "0"},
		{"fetch.unpackLimit", "1"}, // what is fetched stays one file
	}
}

// remote returns a repository's address, without credentials, and the environment of Git, in which they are.
func (b *build) remote(ctx context.Context, s slipway.Source) (string, []string, error) {
	u, err := repositoryAddress(s.URL)
	if err != nil {
		return "", nil, err
	}
	config := careful()
	basic, err := b.credentialsFor(ctx, u, s, &config)
	if err != nil {
		return "", nil, err
	}
	if u.Scheme != "ssh" {
		u.User = nil
	} else if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	if basic != "" {
		// For this repository only: a signature is for its path, and a password is nobody else's business.
		header := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(basic))
		config.set("http."+u.String()+".extraHeader", header)
	}
	if s.Submodules && b.Endpoint != "" {
		if err := b.helpGit(); err != nil {
			return "", nil, err
		}
		config = append(config, b.helperConfig()...)
	}
	return u.String(), config.environment(b.space.place.Home), nil
}

// repositoryAddress reads the URL of a repository, and refuses what Git would read as something else.
func repositoryAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || strings.HasPrefix(u.Host, "-"):
		return nil, errors.New("the source's location is no URL of a Git repository")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ssh":
		return nil, fmt.Errorf("a repository is fetched by http, https or ssh, not by %q", u.Scheme)
	case u.Scheme == "ssh" && strings.HasPrefix(u.User.Username(), "-"):
		return nil, errors.New("the user in the source's location begins with a dash")
	}
	return u, nil
}

// credentialsFor returns the user and the password for a repository, with a colon between them, "" for none. Of one of
// this server's it sets the address by which this runner reaches it, and what Git must know of it.
func (b *build) credentialsFor(ctx context.Context, u *url.URL, s slipway.Source, config *gitConfig) (string, error) {
	if !s.Here {
		if u.Scheme == "ssh" {
			return "", nil
		}
		if opened, err := b.openedBy(ctx, s); err != nil || opened != "" || u.User == nil {
			return opened, err
		}
		password, _ := u.User.Password()
		return u.User.Username() + ":" + password, nil
	}
	if err := b.asReached(u); err != nil {
		return "", err
	}
	trusted, err := b.trustedByGit()
	if err != nil {
		return "", err
	}
	if trusted != "" {
		config.set("http."+u.Scheme+"://"+u.Host+"/.sslCAInfo", trusted)
	}
	// A signature must not be carried to wherever a redirect leads.
	config.set("http.followRedirects", "false")
	as, err := b.Identity.Credentials(ctx)
	if err != nil {
		return "", err
	}
	user, password := as.Key.GitPassword(u.Host, u.EscapedPath(), b.order.Region, time.Now())
	b.log.conceal(password)
	return user + ":" + password, nil
}

// asReached gives the address of a repository of this server the host by which this runner reaches the server: the one
// that the server calls itself by may be for people alone, or for its own machine.
func (b *build) asReached(u *url.URL) error {
	if b.Endpoint == "" {
		return nil
	}
	at, err := url.Parse(b.Endpoint)
	if err != nil {
		return err
	}
	u.Scheme, u.Host = at.Scheme, at.Host
	return nil
}

// trustedByGit is a file, as the room shows it, with the authorities that this server's certificate may be of; ""
// if there are none but the machine's.
func (b *build) trustedByGit() (string, error) {
	if len(b.CA) == 0 {
		return "", nil
	}
	const name = "ca.pem"
	file, inside, err := b.space.tool(name)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, b.CA, 0o644); err != nil {
		return "", err
	}
	return inside, b.space.own(file)
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	*bytes.Buffer
	limit int
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	_, _ = l.Buffer.Write(p[:min(len(p), max(0, l.limit-l.Len()))])
	return len(p), nil
}
