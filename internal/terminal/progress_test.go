package terminal

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type slow time.Duration

func (s slow) RoundTrip(*http.Request) (*http.Response, error) {
	<-time.After(time.Duration(s))
	return &http.Response{StatusCode: http.StatusOK}, nil
}

func TestProgress(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		900 * time.Millisecond: "",
		2500 * time.Millisecond: "\r\x1b[KGetBoard waits for slipway:8080, 1 s\r\x1b[KGetBoard waits for " +
			"slipway:8080, 2 s\r\x1b[K",
	} {
		synctest.Test(t, func(t *testing.T) {
			var screen strings.Builder
			r, err := http.NewRequest(http.MethodPost, "http://slipway:8080/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Target", "Slipway_20261124.GetBoard")
			if resp, err := (Progress{slow(wait), &screen}).RoundTrip(r); err != nil ||
				resp.StatusCode != http.StatusOK {
				t.Error(resp, err)
			}
			if screen.String() != want {
				t.Errorf("an answer after %s shows %q, not %q", wait, screen.String(), want)
			}
		})
	}
}
