package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"slipway/internal/runner/executor/container"
	"slipway/internal/runner/executor/host"
)

// works are the parts of Slipway that depend on the machine, each as one line of what `slipway up` prints.
type works struct {
	sandbox, git, containers string
}

// lookAround checks which parts work here while the server starts. It takes some milliseconds, and a second at most.
func lookAround(ctx context.Context, noSandbox bool, engine string) <-chan works {
	found := make(chan works, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		found <- works{
			sandbox:    sandboxWords(noSandbox, host.Sandboxed),
			git:        gitWords(ctx),
			containers: containerWords(ctx, engine),
		}
	}()
	return found
}

// lines are the four lines: sandbox, git, containers, transport.
func (w works) lines(transport string) string {
	return fmt.Sprintf("  sandbox     %s\n  git         %s\n  containers  %s\n  transport   %s\n",
		w.sandbox, w.git, w.containers, transport)
}

func sandboxWords(noSandbox bool, find func(hidden ...string) (*host.Executor, error)) string {
	_, err := find()
	switch {
	case err == nil:
		return "bubblewrap works: builds run in it"
	case noSandbox:
		return fmt.Sprintf("none (%v): builds run with the rights of the runner", err)
	}
	return fmt.Sprintf("none: %v. Builds wait until it works, or until you start with --no-sandbox", err)
}

func gitWords(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "version").Output()
	if err != nil {
		return "not installed: repositories need git 2.36 or newer (apt-get install git)"
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "git version ")
}

func containerWords(ctx context.Context, engine string) string {
	config, err := engineConfig(engine)
	if err != nil {
		return "none: builds with an image wait for a runner that has an engine"
	}
	e, err := container.New(ctx, config)
	if err != nil {
		return fmt.Sprintf("none: %v. Builds with an image wait for it; others run on this machine", err)
	}
	return e.About() + " works: builds with an image run in it"
}

// engineConfig is how the engine is reached that an option names.
func engineConfig(engine string) (container.Config, error) {
	switch engine {
	case "none":
		return container.Config{}, errors.New("this runner was started with --engine none")
	case "auto":
		return container.Config{}, nil
	}
	return container.Config{Host: engine}, nil
}

// transport says whether the server is reached by TLS, and what plain HTTP means there.
func (p place) transport() string {
	switch t := p.tls(); {
	case t.Own:
		return "https, with a certificate of the data folder's own authority"
	case t.On():
		return "https"
	case strings.HasPrefix(p.url(), "https://"):
		return "plain HTTP at " + p.Listen + ", behind the TLS proxy at " + p.url()
	case loopback(p.Listen):
		return "plain HTTP, reachable from this machine only"
	}
	return "plain HTTP: others on the network can read it. Use --tls-own, --tls-cert or --acme"
}

// loopback reports whether an address can be reached from this machine only.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
