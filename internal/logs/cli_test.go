package logs

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	cwl "slipway/api/logs"
)

// TestTail has the aws CLI follow a group in which one stream grows and another begins.
func TestTail(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skipf("SKIPPED: no aws CLI here. Install it with: pip install awscli")
	}
	s, j := open(t)
	wire := &awsproto.Server{Region: "eu-central-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: "secret"}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) { return awsproto.Caller{}, nil }}
	wire.Add(cwl.New(awsproto.Hooks{}, s))
	server := httptest.NewServer(wire)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	one := log(t, j, "one")
	write(t, one, "first ERROR", "noise")
	command := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, "aws", append([]string{"--endpoint-url", server.URL, "logs"}, args...)...)
		c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=secret",
			"AWS_DEFAULT_REGION=eu-central-1", "AWS_CONFIG_FILE=/dev/null", "PYTHONUNBUFFERED=1")
		return c
	}
	if out, err := command("tail", group).CombinedOutput(); err != nil &&
		strings.Contains(string(out), "nvalid choice") {
		// Version 1 of the CLI has no tail: what it is made of must do.
		out, err := command("filter-log-events", "--log-group-name", group, "--filter-pattern", "ERROR", "--query",
			"events[].message", "--output", "text").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "first ERROR" {
			t.Errorf("%s, %v", out, err)
		}
		t.Skipf("SKIPPED: this aws CLI has no logs tail. Install version 2 of it")
	}
	c := command("tail", group, "--follow", "--format", "short", "--filter-pattern", "ERROR")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(io.Reader(out))
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("tail ended: %v", lines.Err())
		}
		return lines.Text()
	}
	if got := next(); !strings.HasSuffix(got, "first ERROR") {
		t.Errorf("%s", got)
	}
	write(t, one, "more noise", "second ERROR")
	if got := next(); !strings.HasSuffix(got, "second ERROR") {
		t.Errorf("%s", got)
	}
	write(t, log(t, j, "two"), "third ERROR")
	if got := next(); !strings.HasSuffix(got, "third ERROR") {
		t.Errorf("%s", got)
	}
	cancel()
	_ = c.Wait()
}
