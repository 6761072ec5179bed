package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a real one, signed in at an instance.
type browser struct {
	t    testing.TB
	ctx  context.Context
	url  string
	mu   sync.Mutex
	said []string // what its console said of errors
	left []string // addresses elsewhere that it asked
	sent []string // data of the events that pages were sent
}

func newBrowser(t testing.TB, i *instance) *browser {
	t.Helper()
	b := openBrowser(t, i)
	b.signIn()
	return b
}

// openBrowser is at the page to sign in.
func openBrowser(t testing.TB, i *instance) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: no chromium here. Install it with: apt-get install -y chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(folder(t)))
	for _, flag := range []string{"disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync",
		"force-prefers-reduced-motion"} { // what is seen must not hang on when one looks
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, url: i.url}
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as the context that starts it
		t.Fatal(err)
	}
	b.do(chromedp.Navigate("about:blank"), chromedp.EmulateViewport(desktop, 900))
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(i.url+"/"), chromedp.WaitVisible("#name"))
	return b
}

// hear notes what the browser has to say.
func (b *browser) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *log.EventEntryAdded:
		if e.Entry != nil && e.Entry.Level == log.EntryLevelError {
			b.said = append(b.said, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.said = append(b.said, "console.error")
		}
	case *network.EventEventSourceMessageReceived:
		b.sent = append(b.sent, e.Data)
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, b.url+"/") && !strings.HasPrefix(u, "about:") &&
			!strings.HasPrefix(u, "data:") {
			b.left = append(b.left, u)
		}
	}
}

// quiet fails if the console has said anything of errors but what is expected, or if anything was asked elsewhere.
func (b *browser) quiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	said := slices.DeleteFunc(b.said, func(s string) bool {
		return slices.ContainsFunc(expected, func(e string) bool { return strings.Contains(s, e) })
	})
	if len(said) > 0 || len(b.left) > 0 {
		b.t.Errorf("the console says %q, and these were asked: %q", said, b.left)
	}
	b.said, b.left = nil, nil
}

func (b *browser) signIn() {
	b.t.Helper()
	b.do(chromedp.SendKeys("#name", keyID), chromedp.SendKeys("#secret", secret), chromedp.Click("form button"),
		chromedp.WaitVisible("main[data-live]"))
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// click clicks on an element. A live page may replace it between the look and the click, which then did not happen: it
// is looked up again.
func (b *browser) click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.WaitVisible(selector), chromedp.Click(selector))
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "Could not find node with given id") {
			b.t.Fatalf("click %s: %v", selector, err)
		}
	}
}

// glance evaluates something on a page that may go away meanwhile.
func glance[T any](b *browser, expression string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
}

func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := glance[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func awaited[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// shows waits until the page's text has something. No page shows what should have been replaced in it.
func (b *browser) shows(what string) {
	b.t.Helper()
	eventually(b.t, "the page shows "+what, func() error {
		text, err := glance[string](b, `document.body?.innerText ?? ""`)
		if err != nil {
			return err
		}
		for _, raw := range []string{"@Ago", "@State", "%!"} {
			if strings.Contains(text, raw) {
				b.t.Errorf("the page shows %s: %q", raw, text)
			}
		}
		if !strings.Contains(text, what) {
			return fmt.Errorf("it shows %q", text)
		}
		return nil
	})
}

// focused is the name of what has the focus; "-" if nothing has.
const focused = `document.activeElement && document.activeElement !== document.body ? document.activeElement.textContent.trim().replace(/\s+/g, " ") : "-"`

// leads presses a key until it leads to what begins with a name: the page may have come just now, and not listen yet.
func (b *browser) leads(key, name string) {
	b.t.Helper()
	eventually(b.t, key+" leads to "+name, func() error {
		b.do(chromedp.KeyEvent(key))
		if got, err := glance[string](b, focused); err != nil || !strings.HasPrefix(got, name) || got == "-" {
			return fmt.Errorf("it leads to %q (%w)", got, err)
		}
		return nil
	})
}

// shots is the folder for pictures: SLIPWAY_SHOTS, or the test's own with go test -artifacts; "" for none.
func (b *browser) shots() string {
	if dir := os.Getenv("SLIPWAY_SHOTS"); dir != "" {
		return dir
	}
	if f := flag.Lookup("test.artifacts"); f != nil && f.Value.String() == "true" {
		return b.t.ArtifactDir()
	}
	return ""
}

// sight is a way to look at a page.
type sight struct {
	theme string
	width int64
}

const phone, desktop = 360, 1400

var sights = []sight{{"light", desktop}, {"dark", desktop}, {"light", phone}, {"dark", phone}}

func (b *browser) sight(s sight) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(s.width, 900))
	_ = eval[any](b, `document.documentElement.dataset.theme = "`+s.theme+`"`)
}

// look takes pictures, if they are wanted: as people see the page, in both lights, at a desk and on a phone.
func (b *browser) look(name string) {
	b.t.Helper()
	dir := b.shots()
	if dir == "" {
		return
	}
	for _, s := range sights {
		b.sight(s)
		png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		suffix := ""
		if s.width == phone {
			suffix = "-phone"
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+s.theme+suffix+".png"), png, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	b.sight(sights[0])
}

// maxPage is how large a page may be, in bytes.
const maxPage = 60_000

// fits fails if a page scrolls sideways on a phone, or is larger than a page may be.
func (b *browser) fits(name string) {
	b.t.Helper()
	b.sight(sight{"dark", phone})
	if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > phone {
		b.t.Errorf("%s is %d px wide on a phone of %d: %s", name, wide, phone,
			eval[string](b,
				`[...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > 361).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join("\n")`))
	}
	b.sight(sights[0])
	if n := eval[int](b, "performance.getEntriesByType('navigation')[0].decodedBodySize"); n > maxPage {
		b.t.Errorf("%s has %d bytes", name, n)
	}
}

// links fails for links of a page that lead nowhere.
func (b *browser) links(name string) {
	b.t.Helper()
	bad := awaited[[]string](b, `(async () => {
		const bad = [];
		const seen = new Set();
		for (const a of document.querySelectorAll("main a[href]")) {
			const u = new URL(a.href);
			if (u.origin !== location.origin || seen.has(u.pathname + u.search)) continue;
			seen.add(u.pathname + u.search);
			if (u.pathname === location.pathname) continue;
			const r = await fetch(u.pathname + u.search);
			if (!r.ok) bad.push(r.status + " " + u.pathname + u.search);
		}
		return bad;
	})()`)
	if len(bad) > 0 {
		b.t.Errorf("%s has links that lead nowhere: %v", name, bad)
	}
}

// axe is the source of axe-core, from npm; why says why it is not here.
var axe = sync.OnceValues(func() (source, why string) {
	dir, err := os.MkdirTemp("", "slipway-axe-")
	if err != nil {
		return "", err.Error()
	}
	defer os.RemoveAll(dir)
	if _, err := exec.LookPath("npm"); err != nil {
		return "", "no npm here. Install it with: apt-get install -y npm"
	}
	if out, err := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", dir,
		"axe-core@4").CombinedOutput(); err != nil {
		return "", fmt.Sprintf("npm install axe-core@4: %v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", err.Error()
	}
	return string(text), ""
})

// accessible fails for what axe-core finds: in the light at a desk, and in the dark on a phone.
func (b *browser) accessible(name string) {
	b.t.Helper()
	source, why := axe()
	if why != "" {
		b.t.Logf("SKIPPED: axe-core on %s: %s", name, why)
		return
	}
	_ = eval[any](b, source+"; true")
	for _, s := range []sight{sights[0], sights[3]} {
		b.sight(s)
		found := awaited[string](b,
			`axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations.map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.target + " " + n.failureSummary).join("; "))))`)
		var all []string
		if err := json.Unmarshal([]byte(found), &all); err != nil {
			b.t.Fatal(err)
		}
		if len(all) > 0 {
			b.t.Errorf("axe-core finds on %s, %s, %d px:\n%s", name, s.theme, s.width, strings.Join(all, "\n"))
		}
	}
	b.sight(sights[0])
}

// visit goes to a page and looks at all that every page keeps.
func (b *browser) visit(name, path, shows string) {
	b.t.Helper()
	b.open(path)
	b.shows(shows)
	b.inspect(name)
}

// inspect looks at the page that is open.
func (b *browser) inspect(name string) {
	b.t.Helper()
	b.look(name)
	b.fits(name)
	b.links(name)
	b.accessible(name)
	b.quiet()
}
