package app

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestConcealed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environment, clean []string
		secrets            map[string]string
	}{
		"nothing": {nil, nil, nil},
		"no secrets": {
			[]string{"PATH=/bin", "AWS_REGION=eu-central-1", "EMPTY="},
			[]string{"PATH=/bin", "AWS_REGION=eu-central-1", "EMPTY="},
			nil,
		},
		"secrets": {
			[]string{"SLIPWAY_DATABASE=postgres://u:p@h/d?a=b", "PATH=/bin", "AWS_SECRET_ACCESS_KEY=s"},
			[]string{"PATH=/bin"},
			map[string]string{"SLIPWAY_DATABASE": "postgres://u:p@h/d?a=b", "AWS_SECRET_ACCESS_KEY": "s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clean, pipe, err := concealed(c.environment)
			if err != nil || !slices.Equal(clean, c.clean) || (pipe != nil) != (c.secrets != nil) {
				t.Fatalf("got %q, a pipe = %t, %v", clean, pipe != nil, err)
			}
			if pipe == nil {
				return
			}
			defer pipe.Close()
			var got map[string]string
			if err := json.NewDecoder(pipe).Decode(&got); err != nil || len(got) != len(c.secrets) {
				t.Fatalf("got %q, %v, want %q", got, err, c.secrets)
			}
			for name, want := range c.secrets {
				if got[name] != want {
					t.Errorf("%s: got %q, want %q", name, got[name], want)
				}
			}
		})
	}
	_, _, err := concealed([]string{"AWS_SESSION_TOKEN=" + strings.Repeat("x", 33<<10)})
	says(t, "more than a pipe holds", err, "at most 32 KiB")
}

// Secrets that come by a pipe are variables again.
func TestReceiveSecrets(t *testing.T) {
	for _, name := range []string{secretsFD, concealedMark, "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	says(t, "no pipe", receiveSecrets(), "")
	if os.Getenv(concealedMark) != "" {
		t.Error("secrets came without a pipe")
	}
	receive := func(pipe *os.File) error {
		fd, err := syscall.Dup(int(pipe.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if err := pipe.Close(); err != nil {
			t.Fatal(err)
		}
		t.Setenv(secretsFD, strconv.Itoa(fd))
		return receiveSecrets()
	}
	_, pipe, err := concealed([]string{"AWS_SECRET_ACCESS_KEY=s"})
	if err != nil {
		t.Fatal(err)
	}
	says(t, "a pipe", receive(pipe), "")
	if got := os.Getenv("AWS_SECRET_ACCESS_KEY"); got != "s" || os.Getenv(concealedMark) == "" ||
		os.Getenv(secretsFD) != "" {
		t.Errorf("got the secret %q, the mark %q, the descriptor %q", got, os.Getenv(concealedMark),
			os.Getenv(secretsFD))
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	says(t, "a pipe that is cut", receive(read), "read the secrets that were handed over")
}

// A process that conceals its secrets has them, and its environment as others see it has not.
func TestConceal(t *testing.T) {
	const child, secret = "APP_TEST_CONCEAL", "a secret of the test"
	if os.Getenv(child) != "" {
		if err := Conceal(); err != nil {
			t.Fatal(err)
		}
		if got := os.Getenv("AWS_SECRET_ACCESS_KEY"); got != secret {
			t.Errorf("the process has the secret %q, want %q", got, secret)
		}
		if os.Getenv(concealedMark) != "" {
			t.Error("the mark is left: a second call does nothing")
		}
		if seen, err := os.ReadFile("/proc/self/environ"); err == nil && strings.Contains(string(seen), secret) {
			t.Error("the secret is in /proc/self/environ")
		}
		return
	}
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-test.run=^TestConceal$", "-test.v")
	c.Env = append(os.Environ(), child+"=yes", "AWS_SECRET_ACCESS_KEY="+secret)
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestConceal") {
		t.Errorf("%v\n%s", err, out)
	}
}
