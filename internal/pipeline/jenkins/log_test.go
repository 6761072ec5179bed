package jenkins

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"slipway/internal/journal"
)

// A long log is read at once, and once: what came before the connection broke is not written again.
func TestALogThatBreaksOffIsNotDoubled(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("a line of the build\n"), 400_000)
	broken := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.Atoi(r.URL.Query().Get("start"))
		w.Header().Set("X-Text-Size", strconv.Itoa(len(text)))
		w.Header().Set("Content-Length", strconv.Itoa(len(text)-start))
		end := len(text)
		if broken {
			broken, end = false, len(text)/2 // less than was promised
		}
		_, _ = w.Write(text[start:end])
	}))
	t.Cleanup(server.Close)
	logs, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logs.Close() })
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := &Build{Run: "run", Pipeline: "p"}
	at := &turn{&Service{Config: Config{Logs: logs}}, newClient(base, "u", "t", http.DefaultTransport), b, "", ""}
	if _, _, err := at.readLog(t.Context(), "/job/web/1"); err == nil || b.LogAt != 0 {
		t.Fatalf("a log that broke off was taken: %v, at %d", err, b.LogAt)
	}
	if grew, more, err := at.readLog(t.Context(), "/job/web/1"); err != nil || !grew || more {
		t.Fatalf("the rest: %t, %t, %v", grew, more, err)
	}
	group, stream := b.log()
	got, err := logs.Bytes(t.Context(), journal.Name{Group: group, Stream: stream}, 0, 2*len(text))
	if err != nil || !bytes.Equal(got.Data, text) {
		t.Errorf("the journal has %d bytes, want the %d of the log once; %v", len(got.Data), len(text), err)
	}
	if b.LogAt != int64(len(text)) || b.LogSize != b.LogAt {
		t.Errorf("it goes on at %d, with %d in the journal", b.LogAt, b.LogSize)
	}
}
