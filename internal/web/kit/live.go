package kit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxWatched = 64
	heartbeat  = 20 * time.Second
	// settle joins changes that come close together: the page is rendered once for all of them.
	settle = 60 * time.Millisecond
)

// livePath is where a page gets its changes from: what the page is, and the things that it shows. The script adds what
// it has of each part.
func livePath(page string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "/live?" + url.Values{"page": {page}, "on": names}.Encode()
}

// live sends the parts of a page that change, by server-sent events. ?page= is the page, each ?on= a thing that it
// shows, and each ?have=ID:SUM a part as the browser has it. When one of the things has changed, the page is rendered
// again for the visitor, and those of its parts are sent that differ from what the browser has.
func (s *Site) live(w http.ResponseWriter, r *http.Request, _ Visitor) error {
	q := r.URL.Query()
	names := q["on"]
	if len(names) == 0 || len(names) > maxWatched {
		return Refusal(http.StatusBadRequest,
			fmt.Sprintf("Name 1 to %d things to hear of: /live?page=/board&on=pipelines", maxWatched))
	}
	f := &follower{site: s, request: r, page: local(q.Get("page")), have: map[string]string{}, out: w}
	for _, x := range q["have"] {
		if id, sum, ok := strings.Cut(x, ":"); ok {
			f.have[id] = sum
		}
	}
	changed, stop := s.Hints.Listen(names...)
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	f.follow(changed)
	return nil
}

// follower is a browser that follows a page.
type follower struct {
	site    *Site
	request *http.Request
	page    string            // its path and query
	have    map[string]string // the sums of the parts that the browser has, by ID
	out     http.ResponseWriter
}

// errGone says that nobody follows any more.
var errGone = errors.New("the follower has gone")

// follow sends what changes until the follower goes.
func (f *follower) follow(changed <-chan struct{}) {
	err := f.send("retry: 1000\nevent: hello\ndata: " + strings.ReplaceAll(f.site.Version, "\n", " ") + "\n\n")
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for err == nil {
		err = f.sendParts()
		for waiting := true; waiting && err == nil; {
			select {
			case <-f.request.Context().Done():
				err = errGone
			case <-ticker.C:
				err = f.send(": still here\n\n")
			case <-changed:
				waiting = false
			}
		}
		if err == nil {
			err = f.settle(changed)
		}
	}
}

// settle waits for the changes that follow at once.
func (f *follower) settle(changed <-chan struct{}) error {
	select {
	case <-time.After(settle):
	case <-f.request.Context().Done():
		return errGone
	}
	select {
	case <-changed:
	default:
	}
	return nil
}

func (f *follower) send(text string) error {
	if _, err := f.out.Write([]byte(text)); err != nil {
		return errGone
	}
	if http.NewResponseController(f.out).Flush() != nil {
		return errGone
	}
	return nil
}

// sentPart is a part as the script gets it.
type sentPart struct {
	ID    string `json:"id"`
	Sum   string `json:"sum"`
	HTML  string `json:"html"`
	Title string `json:"title"` // of the page
}

// sendParts renders the page and sends the parts that differ from what the browser has. If the session has ended, the
// browser is told to load the page, which asks to sign in. A page that can't be rendered now changes nothing.
func (f *follower) sendParts() error {
	status, html := f.site.rendered(f.request, f.page)
	switch {
	case status == http.StatusUnauthorized || status >= 300 && status < 400:
		if err := f.send("event: reload\ndata: \n\n"); err != nil {
			return err
		}
		return errGone
	case status != http.StatusOK:
		return nil
	}
	title := titleOf(html)
	for _, p := range partsOf(html) {
		sum, shown := f.have[p.id]
		if !shown || sum == p.sum {
			continue
		}
		var data strings.Builder
		e := json.NewEncoder(&data) // which ends with a line break, as the event does
		e.SetEscapeHTML(false)
		if err := e.Encode(sentPart{p.id, p.sum, p.html, title}); err != nil {
			return err
		}
		if err := f.send("event: part\ndata: " + data.String() + "\n"); err != nil {
			return err
		}
		f.have[p.id] = p.sum
	}
	return nil
}

// rendered is a page as the visitor of a request gets it now.
func (s *Site) rendered(r *http.Request, page string) (status int, html string) {
	to, err := url.Parse(page)
	if err != nil {
		return http.StatusBadRequest, ""
	}
	ask := r.Clone(context.WithoutCancel(r.Context()))
	ctx, cancel := context.WithCancel(ask.Context())
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	ask = ask.WithContext(ctx)
	ask.URL, ask.RequestURI = to, page
	ask.Header = http.Header{"Cookie": r.Header["Cookie"], "Accept": {"text/html"}}
	answer := &recorder{header: http.Header{}, status: http.StatusOK}
	s.pages.ServeHTTP(answer, ask)
	return answer.status, answer.body.String()
}

// recorder takes a page in memory. It refuses what is no page, such as a stream.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorder) Header() http.Header { return a.header }

func (a *recorder) WriteHeader(status int) { a.status = status }

func (a *recorder) Write(b []byte) (int, error) {
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		return 0, errors.New("only pages are rendered")
	}
	return a.body.Write(b)
}
