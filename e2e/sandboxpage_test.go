package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// A person starts a sandbox on the pages, runs a command in it, reads what it said, and stops it.
func TestSandboxOnThePages(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.debugged()
	b := newBrowser(t, i)
	b.visit("sandboxes", "/projects/web/sandboxes", "No sandboxes yet")
	b.do(chromedp.Click(`//button[text()="Start a sandbox"]`))
	b.shows("Ready")
	b.do(chromedp.SendKeys("#command", "echo out $((6*7)); echo wrong >&2; exit 3"))
	b.do(chromedp.Click(`//button[text()="Run"]`))
	b.shows("out 42")
	b.shows("wrong")
	b.shows("exit 3")
	b.inspect("sandbox")
	b.do(chromedp.Click("button.stop"))
	b.shows("Stopped")
	b.visit("sandboxes-ended", "/projects/web/sandboxes", "Stopped")
}
