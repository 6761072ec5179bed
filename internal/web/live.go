package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	maxWatched = 64
	heartbeat  = 20 * time.Second
	// settle joins changes that come close together: the page is read once for all of them.
	settle = 60 * time.Millisecond
)

// live tells a page, by server-sent events, that something it shows has changed: ?on=pipeline/NAME&on=… The
// page then reads itself anew; the event carries nothing.
func (s *site) live(w http.ResponseWriter, r *http.Request, _ visitor) error {
	names := r.URL.Query()["on"]
	if len(names) == 0 || len(names) > maxWatched {
		return &problem{http.StatusBadRequest,
			fmt.Sprintf("Name 1 to %d things to hear of: /live?on=pipelines", maxWatched)}
	}
	changed, stop := s.Hints.Listen(names...)
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	send := func(text string) bool {
		_, err := w.Write([]byte(text))
		return err == nil && out.Flush() == nil
	}
	if !send("retry: 1000\nevent: hello\ndata: " + strings.ReplaceAll(s.Version, "\n", " ") + "\n\n") {
		return nil
	}
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-ticker.C:
			if !send(": still here\n\n") {
				return nil
			}
		case <-changed:
			select {
			case <-time.After(settle):
			case <-r.Context().Done():
				return nil
			}
			select {
			case <-changed:
			default:
			}
			if !send("event: changed\ndata: \n\n") {
				return nil
			}
		}
	}
}
