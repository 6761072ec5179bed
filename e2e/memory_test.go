package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
)

// maxResident is what a server may hold in memory, whatever others do to it.
const maxResident = 200 << 20

// resident is how much memory a process holds, in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	for line := range strings.Lines(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)))(t))) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return must(strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB"))))(t) << 10
		}
	}
	t.Fatalf("process %d has no VmRSS", pid)
	return 0
}

// dial opens a connection to the instance, closed with the test.
func (i *instance) dial() net.Conn {
	i.t.Helper()
	c := must(net.Dial("tcp", i.listen))(i.t)
	i.t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestSlowStrangers has 200 strangers begin large requests and stop: each is refused by its head, and none costs
// memory.
func TestSlowStrangers(t *testing.T) {
	t.Parallel()
	i := up(t)
	var conns []net.Conn
	for range 200 {
		c := i.dial()
		head := "POST / HTTP/1.1\r\nHost: " + i.listen + "\r\nX-Amz-Target: CodeCommit_20150413.CreateCommit\r\n" +
			"Content-Type: application/x-amz-json-1.1\r\nContent-Length: 33000000\r\n\r\n"
		if _, err := c.Write(append([]byte(head), bytes.Repeat([]byte("a"), 64<<10)...)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusBadRequest {
			t.Fatalf("a stranger gets %s", resp.Status)
		}
	}
	if n := resident(t, i.pids()["server"]); n > maxResident {
		t.Errorf("the server holds %d MB", n>>20)
	}
}

// TestManyLongPolls holds ten thousand long polls open, and asks for something else beside them.
func TestManyLongPolls(t *testing.T) {
	const polls = 10_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < polls+1000 {
		t.Skipf("SKIPPED: %d files may be open, and %d are needed; raise the limit with: ulimit -n 20000", limit.Cur,
			polls+1000)
	}
	i := up(t)
	var request bytes.Buffer
	out := must(i.slipway("api", "slipway", "WaitForChange", `{"topics": ["pipeline/none"]}`))(t)
	var place struct{ At string }
	if err := json.Unmarshal([]byte(out), &place); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"topics": ["pipeline/none"], "since": %q, "waitSeconds": 60}`, place.At)
	r := must(http.NewRequest(http.MethodPost, i.url+"/", strings.NewReader(body)))(t)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Slipway_20261124.WaitForChange")
	sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}.Sign(r, sigv4.HexSHA256([]byte(body)), region,
		"slipway", time.Now())
	if err := r.Write(&request); err != nil {
		t.Fatal(err)
	}
	before := resident(t, i.pids()["server"])
	for range polls {
		if _, err := i.dial().Write(request.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	i.createRepository("beside")
	if threads := openFiles(t, i.pids()["server"]); threads < polls {
		t.Errorf("the server has %d files open: not all polls are held", threads)
	}
	n := resident(t, i.pids()["server"])
	t.Logf("%d long polls: %d MB, %d MB before", polls, n>>20, before>>20)
	if n > maxResident {
		t.Errorf("the server holds %d MB with %d long polls", n>>20, polls)
	}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	return len(must(os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)))(t))
}
