package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cp "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/chromedp/chromedp"
)

// TestPalette finds and goes by the keyboard alone.
func TestPalette(t *testing.T) {
	t.Parallel()
	w := newWay(t)
	b := newBrowser(t, w.instance)
	b.open("/settings")
	ctrlK := chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	b.do(ctrlK)
	b.shows("Create a host") // what can be done, before anything is asked for
	b.do(chromedp.KeyEvent("change 1"))
	found := func() {
		t.Helper()
		eventually(t, "the change is found", func() error {
			if text := eval[string](b,
				`document.querySelector("#hits:not([hidden]) [aria-selected=true]")?.innerText ?? ""`); !strings.Contains(text, "Change") || !strings.Contains(text, "change 1") {
				return errors.New(text)
			}
			return nil
		})
	}
	found()
	b.look("palette")
	b.accessible("palette")
	b.do(ctrlK) // on a phone, where they looked too, it closes
	found()
	b.do(chromedp.KeyEvent("\r"))
	b.shows("Actions")
	if path := eval[string](b, "location.pathname"); !strings.HasPrefix(path, "/pipelines/way/executions/") {
		t.Errorf("it leads to %s", path)
	}
	// What can be done on the page itself is led to, and not done.
	b.open("/pipelines/way")
	b.do(ctrlK, chromedp.KeyEvent("release latest"))
	eventually(t, "the button is found", func() error {
		if text := eval[string](b,
			`document.querySelector("#hits:not([hidden]) [aria-selected=true]")?.innerText ?? ""`); !strings.Contains(
			text, "Release latest change") {
			return errors.New(text)
		}
		return nil
	})
	b.do(chromedp.KeyEvent("\r"))
	if name := eval[string](b, focused); name != "Release latest change" {
		t.Errorf("it leads to %q", name)
	}
	// g and a letter go elsewhere, ? says how, j and k walk.
	b.do(chromedp.KeyEvent("?"))
	b.shows("next, previous error")
	b.do(chromedp.KeyEvent("g"), chromedp.KeyEvent("s"))
	b.shows("Repositories, by name")
	b.leads("j", "way")
	b.do(chromedp.KeyEvent("\r"))
	b.shows("buildspec.yml")
	b.leads("/", "")
	if id := eval[string](b, `document.activeElement.id`); id != "find" {
		t.Errorf("/ leads to %q", id)
	}
	b.quiet()
}

// TestThemeAndSession changes the light, signs out, and sends a form after the session has ended.
func TestThemeAndSession(t *testing.T) {
	t.Parallel()
	i := up(t)
	b := openBrowser(t, i)
	b.look("sign-in")
	b.fits("sign-in")
	b.accessible("sign-in")
	b.do(chromedp.SendKeys("#name", keyID), chromedp.SendKeys("#secret", "wrong"), chromedp.Click("form button"))
	b.shows("do not match")
	b.quiet("status of 401")
	b.do(chromedp.Navigate(i.url+"/settings/hosts"), chromedp.WaitVisible("#name"))
	b.signIn()
	b.shows("three lines to paste") // the page that was asked for
	b.click("#account summary")
	b.click("button[value=dark]")
	eventually(t, "it is dark", func() error {
		if theme, err := glance[string](b, `document.documentElement?.dataset.theme ?? ""`); err != nil ||
			theme != "dark" {
			return fmt.Errorf("it is %q (%w)", theme, err)
		}
		return nil
	})
	b.do(chromedp.WaitVisible("#create-host"))
	b.shows("three lines to paste")
	// Another tab signs out; the form of this one, filled in by then, says so, and loses nothing. It is one script,
	// for a page learns by itself that its session has ended.
	if status := awaited[int](b, `(() => {
		const name = document.querySelector("#host-name"), create = document.querySelector("#create-host")
		name.value = "web1"
		return fetch("/signout", {method: "POST", headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: "csrf=" + document.querySelector("[name=csrf]").value})
			.then((r) => { setTimeout(() => create.click()); return r.status })
	})()`); status != http.StatusOK {
		t.Fatal(status)
	}
	b.shows("Your session has ended")
	b.look("session-ended")
	b.accessible("session-ended")
	b.quiet("status of 401")
	b.signIn()
	b.shows("three lines to paste")
}

// TestSettings makes keys, Git credentials and hosts on the pages, and uses them.
func TestSettings(t *testing.T) {
	t.Parallel()
	i := up(t)
	b := newBrowser(t, i)
	b.open("/settings")
	b.click("#create-key")
	b.shows("shown this once")
	b.inspect("new-key")
	var id, key string
	for line := range strings.Lines(eval[string](b, `document.getElementById("new-key").textContent`)) {
		if _, value, ok := strings.Cut(strings.TrimSpace(line), "AWS_ACCESS_KEY_ID="); ok {
			id = value
		} else if _, value, ok := strings.Cut(strings.TrimSpace(line), "AWS_SECRET_ACCESS_KEY="); ok {
			key = value
		}
	}
	opens := func() error {
		_, err := sts.NewFromConfig(i.sdkAs(id, key)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		return err
	}
	if err := opens(); err != nil {
		t.Fatal(err)
	}
	b.open("/settings")
	if strings.Contains(eval[string](b, "document.documentElement.outerHTML"), key) {
		t.Error("the secret is shown again")
	}
	for _, step := range []struct {
		do, shows string
		ok        bool
	}{{"deactivate", "Inactive", false}, {"activate", "Active", true}} {
		b.click("#change-" + id + " summary")
		b.click("#change-" + id + " button[value=" + step.do + "]")
		eventually(t, step.do, func() error {
			if text := eval[string](b,
				`[...document.querySelectorAll("tr")].find((r) => r.textContent.includes("`+id+
					`"))?.innerText ?? ""`); !strings.Contains(text, step.shows) {
				return errors.New(text)
			}
			return nil
		})
		if err := opens(); (err == nil) != step.ok {
			t.Errorf("after %s: %v", step.do, err)
		}
	}
	b.click("#change-" + id + " summary")
	b.click("#change-" + id + " button[value=delete]")
	eventually(t, "it is gone", func() error {
		if text := eval[string](b, `document.body?.innerText ?? ""`); text == "" || strings.Contains(text, id) {
			return errors.New("it is shown")
		}
		return nil
	})
	if opens() == nil {
		t.Error("a deleted key opens")
	}
	b.click("#create-git")
	b.shows("administrator-at-" + account)
	password := eval[string](b, `document.getElementById("new-git").textContent`)
	if _, err := i.slipway("api", "codecommit", "CreateRepository", `{"repositoryName": "app"}`); err != nil {
		t.Fatal(err)
	}
	if out, err := i.gitFails(t.TempDir(), "-c", "credential.helper=", "ls-remote",
		strings.Replace(i.url, "://", "://administrator-at-"+account+":"+password+"@", 1)+"/v1/repos/app"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	b.open("/settings/hosts")
	b.do(chromedp.SendKeys("#host-name", "web1"), chromedp.SendKeys("#host-tags", "service=web, zone=a"),
		chromedp.Click("#create-host"))
	b.shows("Paste this on web1")
	b.shows("slipway agent --endpoint " + i.url)
	b.shows("zone=a")
	b.inspect("new-host")
	b.open("/settings/hosts")
	b.click("#deregister-web1 summary")
	b.click("#deregister-web1 button")
	b.shows("No hosts yet")
	b.do(chromedp.SendKeys("#host-name", "web2"), chromedp.SendKeys("#host-tags", "nothing"),
		chromedp.Click("#create-host"))
	b.shows("“nothing” is no tag")
	b.look("not-done")
	b.accessible("not-done")
	b.quiet("status of 400")
}

// TestTransitionsAndRetries closes and opens a transition, stops an execution, and retries a stage, on the page of the
// pipeline.
func TestTransitionsAndRetries(t *testing.T) {
	t.Parallel()
	w := newWay(t)
	b := newBrowser(t, w.instance)
	b.open("/pipelines/way")
	b.click("#transition-1 summary")
	b.do(chromedp.SendKeys("#close-1", "until Monday"), chromedp.Click(`#transition-1 button[value=close]`))
	b.shows("Closed to Deploy")
	w.push()
	b.shows("change 2")
	eventually(t, "change 2 waits before the transition", func() error {
		state := must(w.pipeline.GetPipelineState(t.Context(), &cp.GetPipelineStateInput{Name: aws.String(wayName)}))(t)
		if state.StageStates[2].InboundExecution == nil {
			return errors.New("it does not")
		}
		return nil
	})
	b.shows("waits to enter")
	b.inspect("closed")
	// Somebody stops what waits.
	id := *must(w.pipeline.GetPipelineState(t.Context(),
		&cp.GetPipelineStateInput{Name: aws.String(wayName)}))(t).StageStates[2].InboundExecution.PipelineExecutionId
	b.click("#stop-" + id + " summary")
	b.do(chromedp.SendKeys("#why-"+id, "wrong branch"), chromedp.Click("#stop-"+id+" button[value=abandon]"))
	b.shows("“wrong branch”")
	b.click("#transition-1 summary")
	b.click(`#transition-1 button[value=open]`)
	b.shows("Open to Deploy")
	all, err := w.executions()
	if err != nil ||
		!slices.Contains([]cptypes.PipelineExecutionStatus{cptypes.PipelineExecutionStatusStopped,
			cptypes.PipelineExecutionStatusStopping}, all[0].Status) {
		t.Errorf("%v, %v", all, err)
	}
	b.quiet()
}

// TestLiveThroughARestart keeps a page live while the server is killed and started again: it catches up with what
// happened meanwhile, without being loaded anew, and hears of what happens afterwards.
func TestLiveThroughARestart(t *testing.T) {
	t.Parallel()
	w := newWay(t)
	b := newBrowser(t, w.instance)
	b.open("/pipelines/way")
	b.shows("Live")
	_ = eval[any](b, "window.notReloaded = 1")
	for range 2 {
		w.killProcess("server")
		w.push() // as soon as somebody takes it
		b.shows(fmt.Sprintf("change %d", w.pushes))
		w.settles(true)
		eventually(t, "the page shows the end", func() error {
			if text := eval[string](b,
				`document.getElementById("stages")?.innerText ?? "running"`); strings.Contains(text, "running") {
				return errors.New(text)
			}
			return nil
		})
		b.shows("Live")
		if eval[int](b, "window.notReloaded") != 1 {
			t.Fatal("the page was loaded anew; it should have changed in place")
		}
	}
	b.quiet("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
}
