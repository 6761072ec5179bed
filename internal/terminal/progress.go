package terminal

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// patience is how long a request may take before the terminal says what is waited for.
const patience = time.Second

// Progress shows which request is waited for once it takes more than a second, in a line that is cleared afterwards.
type Progress struct {
	http.RoundTripper
	Terminal io.Writer
}

// RoundTrip implements http.RoundTripper.
func (p Progress) RoundTrip(r *http.Request) (*http.Response, error) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		began, told := time.Now(), false
		ticker := time.NewTicker(patience)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				if told {
					fmt.Fprint(p.Terminal, "\r\x1b[K")
				}
				return
			case <-ticker.C:
				told = true
				_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
				fmt.Fprintf(p.Terminal, "\r\x1b[K%s waits for %s, %d s", operation, r.URL.Host,
					int(time.Since(began).Seconds()))
			}
		}
	}()
	resp, err := p.RoundTripper.RoundTrip(r)
	close(end)
	<-ended
	return resp, err
}
