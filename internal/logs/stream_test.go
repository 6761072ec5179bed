package logs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"slipway/api/slipway"
)

// serveStream serves a journal's logs, to everybody but "nobody".
func serveStream(t *testing.T, s *Service) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(&Stream{
		Service: s,
		Verify: func(r *http.Request, _, _ string) error {
			if r.URL.User != nil || r.Header.Get("Nobody") != "" {
				return errors.New("refused")
			}
			return nil
		},
		Fail: func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusBadRequest) },
	})
	t.Cleanup(server.Close)
	return server
}

func get(ctx context.Context, t *testing.T, address string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range header {
		r.Header.Set(name, "yes")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestALogIsStreamedAsItWasWritten(t *testing.T) {
	s, j := open(t)
	server := serveStream(t, s)
	at := server.URL + slipway.LogPath + "?group=" + group + "&stream=raw"
	w := log(t, j, "raw")
	if _, err := w.Write([]byte("a\x00\xff\nno newline")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address string
		status  int
		want    string
	}{
		{at, http.StatusOK, "a\x00\xff\nno newline"},
		{at + "&offset=4", http.StatusOK, "no newline"},
		{at + "&offset=4000", http.StatusOK, ""},
		{at + "&offset=-1", http.StatusBadRequest, "ValidationException: offset counts bytes from 0.\n"},
		{at + "none", http.StatusBadRequest, "There is no log rawnone in " + group + ".\n"},
	} {
		resp, text := get(t.Context(), t, c.address)
		if resp.StatusCode != c.status || text != c.want {
			t.Errorf("%s: %s, %q, want %q", c.address, resp.Status, text, c.want)
		}
	}
	if resp, text := get(t.Context(), t, at, "Nobody"); resp.StatusCode != http.StatusBadRequest ||
		text != "refused\n" {
		t.Errorf("nobody gets %s, %q", resp.Status, text)
	}
}

func TestALogIsFollowedToItsEnd(t *testing.T) {
	s, j := open(t)
	at := serveStream(t, s).URL + slipway.LogPath + "?group=" + group + "&stream=later&follow=true"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	type answer struct{ text, complete string }
	got := make(chan answer, 1)
	go func() { // before there is a log
		resp, text := get(ctx, t, at)
		got <- answer{text, resp.Trailer.Get(slipway.LogComplete)}
	}()
	w := log(t, j, "later")
	write(t, w, "one", "two")
	write(t, w, "three")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if a := <-got; a.text != "one\ntwo\nthree\n" || a.complete != "true" {
		t.Errorf("got %q, complete %q", a.text, a.complete)
	}
}
