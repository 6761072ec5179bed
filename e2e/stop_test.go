package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
)

// TestStopInOrder ends a server while a long poll waits and an upload is on its way: the poll is answered, the upload
// finishes, and only then is the server gone.
func TestStopInOrder(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.bucket("box", false)
	var place struct{ At string }
	if err := json.Unmarshal(
		[]byte(must(i.slipway("api", "slipway", "WaitForChange", `{"topics": ["pipeline/none"]}`))(t)),
		&place); err != nil {
		t.Fatal(err)
	}
	poll := i.dial()
	waiting := must(http.NewRequest(http.MethodPost, i.url+"/",
		strings.NewReader(fmt.Sprintf(`{"topics": ["pipeline/none"], "since": %q, "waitSeconds": 60}`, place.At))))(t)
	waiting.Header.Set("Content-Type", "application/x-amz-json-1.1")
	waiting.Header.Set("X-Amz-Target", "Slipway_20261124.WaitForChange")
	key := sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	body := must(io.ReadAll(waiting.Body))(t)
	waiting.Body = io.NopCloser(strings.NewReader(string(body)))
	key.Sign(waiting, sigv4.HexSHA256(body), region, "slipway", time.Now())
	if err := waiting.Write(poll); err != nil {
		t.Fatal(err)
	}
	upload := i.dial()
	const half = 1 << 20
	put := must(http.NewRequest(http.MethodPut, i.url+"/box/key", nil))(t)
	key.Sign(put, sigv4.UnsignedPayload, region, "s3", time.Now())
	head := fmt.Sprintf("PUT /box/key HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", i.listen, 2*half)
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256"} {
		head += name + ": " + put.Header.Get(name) + "\r\n"
	}
	content := strings.Repeat("a", half)
	if _, err := io.WriteString(upload, head+"\r\n"+content); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the upload has begun", func() error { return i.receives(upload.LocalAddr().String()) })

	server := i.pids()["server"]
	if err := syscall.Kill(server, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = poll.SetReadDeadline(time.Now().Add(patience))
	answer, err := http.ReadResponse(bufio.NewReader(poll), waiting)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the long poll: %v, %v", answer, err)
	}
	if _, err := io.WriteString(upload, content); err != nil {
		t.Fatal(err)
	}
	_ = upload.SetReadDeadline(time.Now().Add(patience))
	if done, err := http.ReadResponse(bufio.NewReader(upload), put); err != nil || done.StatusCode != http.StatusOK {
		t.Errorf("the upload: %v, %v", done, err)
	}
	gone(t, "server", server)
}

// receives tells whether a server has read what a connection sent: nothing of it waits in the kernel.
func (i *instance) receives(client string) error {
	i.t.Helper()
	_, port, _ := strings.Cut(client, ":")
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		i.t.Fatal(err)
	}
	for line := range strings.Lines(string(must(os.ReadFile("/proc/net/tcp"))(i.t))) {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasSuffix(fields[2], fmt.Sprintf(":%04X", number)) {
			continue
		}
		if _, queued, _ := strings.Cut(fields[4], ":"); queued != "00000000" {
			return fmt.Errorf("%s bytes are not read yet", queued)
		}
		return nil
	}
	return fmt.Errorf("the connection is not there yet")
}
