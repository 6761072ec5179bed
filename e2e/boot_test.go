package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pids are the processes of an instance, as its locks name them.
func (i *instance) pids() map[string]int {
	all := map[string]int{}
	for _, name := range []string{"up", "server", "runner"} {
		text, err := os.ReadFile(filepath.Join(i.data, "locks", name))
		var h struct{ PID int }
		if err == nil && json.Unmarshal(text, &h) == nil {
			all[name] = h.PID
		}
	}
	return all
}

func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// gone waits until a process that has let go of its lock has ended.
func gone(t *testing.T, name string, pid int) {
	t.Helper()
	eventually(t, name+" ends with up", func() error {
		if alive(pid) {
			return fmt.Errorf("process %d is alive", pid)
		}
		return nil
	})
}

func TestBootContract(t *testing.T) {
	t.Parallel()
	i := up(t)
	if status, body := get(t, i.url+"/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	eventually(t, "the runner runs", func() error {
		if len(i.pids()) < 3 {
			return fmt.Errorf("only %v", i.pids())
		}
		return nil
	})
	if out := i.aws("sts", "get-caller-identity"); !strings.Contains(out,
		"arn:aws:iam::"+account+":user/administrator") {
		t.Error(out)
	}
	for _, args := range [][]string{{"--region", "us-west-1"}, {"--account", "1"}} {
		out, err := i.slipway(append([]string{"up", "--data", i.data, "--listen", free(t)}, args...)...)
		if err == nil || !strings.Contains(out, "region") && !strings.Contains(out, "account") {
			t.Errorf("up %v: %v %s", args, err, out)
		}
	}
	if out, err := i.slipway("up", "--data", i.data, "--listen", free(t)); err == nil ||
		!strings.Contains(out, "up already") {
		t.Errorf("a second up: %v %s", err, out)
	}
	key := filepath.Join(i.data, "keys")
	entries, err := os.ReadDir(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is readable by others: %v %v", e.Name(), info.Mode(), err)
		}
	}
	beside, err := os.ReadDir(filepath.Dir(i.data))
	if err != nil || len(beside) != 1 {
		t.Errorf("something lies beside the data folder: %v %v", beside, err)
	}
	pids := i.pids()
	if took := i.stop(); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
	for name, pid := range pids {
		gone(t, name, pid)
	}
}

// TestCrashedUpIsAdopted kills `up`: its server and runner go on, and the next `up` takes them over and ends them in
// its time.
func TestCrashedUpIsAdopted(t *testing.T) {
	t.Parallel()
	i := up(t)
	eventually(t, "the runner runs", func() error {
		if len(i.pids()) < 3 {
			return fmt.Errorf("only %v", i.pids())
		}
		return nil
	})
	before := i.pids()
	_ = syscall.Kill(before["up"], syscall.SIGKILL)
	<-i.done
	if status, _ := get(t, i.url+"/readyz"); status != 200 {
		t.Fatal("the server ended with up")
	}
	i.start()
	eventually(t, "the new up holds its lock", func() error {
		if i.pids()["up"] == before["up"] {
			return fmt.Errorf("still %d", before["up"])
		}
		return nil
	})
	after := i.pids()
	if after["server"] != before["server"] || after["runner"] != before["runner"] {
		t.Errorf("not adopted: %v, then %v", before, after)
	}
	i.stop()
	for _, name := range []string{"server", "runner"} {
		gone(t, "the adopted "+name, before[name])
	}
}

// TestGeneratedKey starts without a key in the environment: one is made up and kept for its owner. It is not printed:
// standard error is a file here, and no terminal.
func TestGeneratedKey(t *testing.T) {
	t.Parallel()
	i := prepare(t, "")
	i.noKey = true
	i.start()
	text, err := os.ReadFile(filepath.Join(i.data, "keys", "administrator"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	_, key, _ := strings.Cut(
		lines[slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "AWS_SECRET") })], "=")
	eventually(t, "it says where the key is", func() error {
		if !strings.Contains(i.log.String(), "keys/administrator") {
			return fmt.Errorf("not in %q", i.log.String())
		}
		return nil
	})
	if strings.Contains(i.log.String(), key) {
		t.Error("the key is printed into a file")
	}
}
