package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Names in the folder of tools: the FIFO in which Git's credential helper asks, and the helper.
const (
	askName    = "git-ask"
	helperName = "git-credential"
)

// askingScript asks the runner for a password: a signature is for one repository and 15 minutes, so that none can be
// given beforehand. It opens the FIFO of the answer before it asks, so that the answer is not lost.
const askingScript = `#!/bin/sh
[ "$1" = get ] || exit 0
host= path=
while IFS='=' read -r key value && [ -n "$key" ]; do
	case $key in host) host=$value ;; path) path=$value ;; esac
done
reply=%[1]s/reply.$$
mkfifo -m 600 "$reply" || exit 0
exec 7<>"$reply"
printf 'reply.%%s %%s %%s\n' "$$" "$host" "$path" >%[1]s/%[2]s
read -r user <&7 && read -r password <&7
rm -f "$reply"
[ -z "$user" ] || printf 'username=%%s\npassword=%%s\n' "$user" "$password"
`

// gitHelper answers a build's Git, which asks for passwords of repositories of this server.
type gitHelper struct {
	build *build
	ask   *os.File
	hosts []string
	done  chan struct{}
}

// helpGit lets Git in the build's room ask for passwords. It may be called several times.
func (b *build) helpGit() error {
	if b.git != nil || b.Endpoint == "" {
		return nil
	}
	fifo, _, err := b.space.tool(askName)
	if err != nil {
		return err
	}
	helper := filepath.Join(filepath.Dir(fifo), helperName)
	if err := syscall.Mkfifo(fifo, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "mkfifo", Path: fifo, Err: err}
	}
	if err := os.WriteFile(helper, fmt.Appendf(nil, askingScript, quoted(b.space.place.Tools), askName),
		0o755); err != nil {
		return err
	}
	if err := errors.Join(b.space.own(fifo), b.space.own(helper)); err != nil {
		return err
	}
	ask, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	h := &gitHelper{build: b, ask: ask, hosts: b.gitHosts(), done: make(chan struct{})}
	b.git = h
	go h.serve()
	return nil
}

// gitHosts are the names of this server: the runner's, and those in its clone URLs.
func (b *build) gitHosts() (hosts []string) {
	addresses := []string{b.Endpoint}
	for _, s := range b.order.Sources {
		if s.Here {
			addresses = append(addresses, s.URL)
		}
	}
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	return hosts
}

// helperConfig makes Git ask the helper for this server's repositories.
func (b *build) helperConfig() (config [][2]string) {
	for _, host := range b.gitHosts() {
		for _, scheme := range []string{"http", "https"} {
			of := "credential." + scheme + "://" + host
			config = append(config, [2]string{of + ".helper", path.Join(b.space.place.Tools, helperName)},
				[2]string{of + ".useHttpPath", "true"})
		}
	}
	return config
}

func (h *gitHelper) serve() {
	defer close(h.done)
	r := bufio.NewReaderSize(h.ask, 8<<10)
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // no question of the helper's is so long
		}
		if err != nil {
			return
		}
		h.answer(strings.TrimSuffix(string(line), "\n"))
	}
}

// answer writes a user name and a password to the FIFO that the question names. Who asks for another server or path
// gets two empty lines.
func (h *gitHelper) answer(question string) {
	words := strings.Split(question, " ")
	if len(words) != 3 || !strings.HasPrefix(words[0], "reply.") || strings.ContainsRune(words[0], '/') {
		return
	}
	root, err := os.OpenRoot(filepath.Dir(h.ask.Name()))
	if err != nil {
		return
	}
	defer root.Close()
	if info, err := root.Lstat(words[0]); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return
	}
	f, err := root.OpenFile(words[0], os.O_WRONLY|openNonblock, 0)
	if err != nil {
		return
	}
	defer f.Close()
	user, password := "", ""
	for _, host := range h.hosts {
		if repository := "/" + words[2]; host == words[1] && strings.HasPrefix(repository, "/v1/repos/") {
			user, password = h.password(host, repository)
		}
	}
	_, _ = f.WriteString(user + "\n" + password + "\n")
}

// password signs for a repository as the build. Without an identity there is none.
func (h *gitHelper) password(host, repository string) (user, password string) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	as, err := h.build.Identity.Credentials(ctx)
	if err != nil {
		h.build.log.say("Git gets no password for %s: %v", repository, err)
		return "", ""
	}
	user, password = as.Key.GitPassword(host, repository, h.build.order.Region, time.Now())
	h.build.log.conceal(password)
	return user, password
}

func (h *gitHelper) close() {
	_ = h.ask.Close()
	<-h.done
}

// configureGit writes the helper into the Git configuration of the build's own user, as CodeBuild does for
// git-credential-helper.
func (b *build) configureGit() error {
	if b.Endpoint == "" { // without a server the user's own configuration counts
		return nil
	}
	if err := b.helpGit(); err != nil {
		return err
	}
	var text strings.Builder
	for _, host := range b.gitHosts() {
		for _, scheme := range []string{"http", "https"} {
			fmt.Fprintf(&text, "[credential %q]\n\thelper = %s\n\tuseHttpPath = true\n", scheme+"://"+host,
				path.Join(b.space.place.Tools, helperName))
		}
	}
	dir, rest, err := b.space.room.Files(path.Join(b.space.place.Home, ".gitconfig"))
	if err != nil {
		return err
	}
	file := filepath.Join(dir, rest)
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return err
	}
	return b.space.own(file)
}
