package kit_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/a-h/templ"

	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

// counter is a page with two parts, of which one counts.
type counter struct {
	*kit.Site
	n atomic.Int64
}

func (c *counter) page(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	body := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := fmt.Fprintf(w, `<p id="count" data-part>%d &lt;3</p><p id="still" data-part>as ever</p>`, c.n.Load())
		return err
	})
	page := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return kit.Page(c.Shell(r, v, "Counter", "counter"), "/counter").Render(templ.WithChildren(ctx, body), w)
	})
	c.Render(w, r, http.StatusOK, page)
	return nil
}

// openCounter serves the page, and returns the address of its live updates as its script makes it.
func openCounter(t *testing.T) (c *counter, p *webtest.Pages, live string) {
	c = &counter{}
	p = webtest.Open(t, func(s *kit.Site) func(*kit.Mux) {
		c.Site = s
		return func(mux *kit.Mux) { mux.Handle("GET /counter", s.SignedIn(c.page)) }
	}, kit.Config{})
	base := p.Serve()
	body, err := io.ReadAll(get(t, base+"/counter").Body)
	if err != nil {
		t.Fatal(err)
	}
	at := regexp.MustCompile(`data-have="([^"]*)" data-live="([^"]*)"`).FindStringSubmatch(string(body))
	if at == nil {
		t.Fatalf("the page does not say what it has: %s", body)
	}
	live = base + strings.ReplaceAll(at[2], "&amp;", "&")
	for _, have := range strings.Fields(at[1]) {
		live += "&have=" + url.QueryEscape(have)
	}
	return c, p, live
}

func get(t *testing.T, address string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "slipway", Value: "cookie"})
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// event is one that a page was sent.
type event struct{ name, data string }

// events reads what a stream sends.
func events(t *testing.T, address string) <-chan event {
	body := get(t, address).Body
	all := make(chan event, 100)
	go func() {
		defer close(all)
		var e event
		for lines := bufio.NewScanner(body); lines.Scan(); {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					all <- e
				}
				e = event{}
			}
		}
	}()
	return all
}

func next(t *testing.T, all <-chan event) event {
	t.Helper()
	select {
	case e := <-all:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was sent")
		return event{}
	}
}

func TestLiveSendsThePartThatChanged(t *testing.T) {
	c, p, live := openCounter(t)
	all := events(t, live)
	if e := next(t, all); e.name != "hello" {
		t.Fatalf("%+v", e)
	}
	c.n.Store(1)
	p.Hints.Now("counter")
	e := next(t, all)
	var part struct{ ID, Sum, HTML, Title string }
	if err := json.Unmarshal([]byte(e.data), &part); err != nil || e.name != "part" {
		t.Fatalf("%+v %v", e, err)
	}
	if part.ID != "count" || part.HTML != `<p id="count" data-part>1 &lt;3</p>` || part.Title != "Counter · Slipway" {
		t.Errorf("%+v", part)
	}
	p.Hints.Now("counter") // and nothing did change
	c.n.Store(2)
	p.Hints.Now("counter")
	if e = next(t, all); !strings.Contains(e.data, ">2 ") {
		t.Errorf("%+v", e)
	}
	select {
	case e := <-all:
		t.Errorf("more was sent: %+v", e)
	default:
	}
}

// What changed between the rendering of a page and its first event is sent at once.
func TestLiveCatchesUp(t *testing.T) {
	c, _, live := openCounter(t)
	c.n.Store(5)
	all := events(t, live)
	next(t, all)
	if e := next(t, all); e.name != "part" || !strings.Contains(e.data, ">5 ") {
		t.Errorf("%+v", e)
	}
}

func TestLiveRefusesWhatIsNoPage(t *testing.T) {
	_, p, _ := openCounter(t)
	if got := p.Status("/live?page=/counter"); got != http.StatusBadRequest {
		t.Errorf("to hear of nothing answers %d", got)
	}
}
