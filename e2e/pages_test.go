package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cd "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cp "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// browser is a real one, signed in at an instance.
type browser struct {
	t       testing.TB
	ctx     context.Context
	url     string
	mu      sync.Mutex
	refused []string // what the content security policy refused
}

func newBrowser(t testing.TB, i *instance) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: no chromium here. Install it with: apt-get install -y chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(folder(t)))
	for _, flag := range []string{"disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, url: i.url}
	b.do(chromedp.Navigate(i.url+"/"), chromedp.WaitVisible("#name"))
	if err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*log.EventEntryAdded); ok && e.Entry != nil && strings.Contains(e.Entry.Text, "Content Security Policy") {
			b.mu.Lock()
			b.refused = append(b.refused, e.Entry.Text)
			b.mu.Unlock()
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SendKeys("#name", keyID), chromedp.SendKeys("#secret", secret), chromedp.Click("form button"), chromedp.WaitVisible("#board"))
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// shows waits until the page's text has something. No page shows what should have been replaced in it.
func (b *browser) shows(what string) {
	b.t.Helper()
	eventually(b.t, "the page shows "+what, func() error {
		text := eval[string](b, `document.body?.innerText ?? ""`)
		for _, raw := range []string{"@Ago", "@State", "%!", "{ "} {
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

// look takes pictures into the folder SLIPWAY_SHOTS, if it is set: as people see the page, in both lights and on a phone.
func (b *browser) look(name string) {
	b.t.Helper()
	dir := os.Getenv("SLIPWAY_SHOTS")
	if dir == "" {
		return
	}
	for _, theme := range []string{"light", "dark"} {
		for suffix, width := range map[string]int64{"": 1400, "-phone": 360} {
			b.do(chromedp.EmulateViewport(width, 1000))
			_ = eval[any](b, `document.documentElement.dataset.theme = "`+theme+`"`)
			png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				b.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+"-"+theme+suffix+".png"), png, 0o644); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	b.do(chromedp.EmulateViewport(1400, 1000))
}

// fits fails if a page scrolls sideways on a phone, or is larger than a page may be.
func (b *browser) fits(name string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(360, 800))
	if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 360 {
		b.t.Errorf("%s is %d px wide on a phone of 360: %s", name, wide, eval[string](b, `[...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > 361).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join("\n")`))
	}
	b.do(chromedp.EmulateViewport(1400, 1000))
	if n := eval[int](b, "document.documentElement.outerHTML.length"); n > 120_000 && !strings.Contains(name, "build") {
		b.t.Errorf("%s has %d characters", name, n)
	}
}

// TestPages walks through the pages as a person does, while a change goes its way.
func TestPages(t *testing.T) {
	w := newWay(t)
	b := newBrowser(t, w.instance)
	b.shows("way")
	b.shows("Live")
	_ = eval[any](b, "window.notReloaded = 1")
	w.push() // change 2
	b.shows("change 2")
	if eval[int](b, "window.notReloaded") != 1 {
		t.Error("the board was loaded anew; it should have changed in place")
	}
	w.settles(true)
	b.look("board")
	b.fits("board")

	out := must(w.pipeline.ListPipelineExecutions(t.Context(), &cp.ListPipelineExecutionsInput{PipelineName: aws.String(wayName)}))(t)
	builds := must(w.pipeline.ListActionExecutions(t.Context(), &cp.ListActionExecutionsInput{PipelineName: aws.String(wayName)}))(t)
	build := ""
	for _, a := range builds.ActionExecutionDetails {
		if *a.ActionName == "Build" && build == "" {
			build = *a.Output.ExecutionResult.ExternalExecutionId
		}
	}
	deployments := must(w.deploys.ListDeployments(t.Context(), &cd.ListDeploymentsInput{}))(t)
	for name, page := range map[string]struct{ path, shows string }{
		"pipeline":    {"/pipelines/way", "change 2"},
		"execution":   {"/pipelines/way/executions/" + *out.PipelineExecutionSummaries[0].PipelineExecutionId, "change 2"},
		"builds":      {"/builds", "Succeeded"},
		"build":       {"/builds/" + build, "second command of " + build},
		"project":     {"/projects/way", "Succeeded"},
		"deployments": {"/deployments", deployments.Deployments[0]},
		"deployment":  {"/deployments/" + deployments.Deployments[0], "Validate"},
		"script":      {"/deployments/" + deployments.Deployments[0] + "/hosts/host/BeforeInstall", "BeforeInstall"},
		"group":       {"/applications/way/way", deployments.Deployments[0]},
		"missing":     {"/builds/way:none", "There is no build"},
		"repository":  {"/repositories/way", "buildspec.yml"},
		"sources":     {"/repositories", "way"},
	} {
		b.do(chromedp.Navigate(w.url + page.path))
		b.shows(page.shows)
		b.look(name)
		b.fits(name)
		b.links(name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.refused) > 0 {
		t.Errorf("the content security policy refused: %v", b.refused)
	}
}

// links fails for links of a page that lead nowhere.
func (b *browser) links(name string) {
	b.t.Helper()
	bad, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`(async () => {
		const bad = [];
		const seen = new Set();
		for (const a of document.querySelectorAll("a[href]")) {
			const u = new URL(a.href);
			if (u.origin !== location.origin || seen.has(u.pathname)) continue;
			seen.add(u.pathname);
			if (u.pathname === location.pathname) continue;
			const r = await fetch(u.pathname + u.search);
			if (!r.ok) bad.push(r.status + " " + u.pathname);
		}
		return bad;
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	if len(bad) > 0 {
		b.t.Errorf("%s has links that lead nowhere: %v", name, bad)
	}
}

// TestFailedBuildSaysWhy looks at a build that failed, and at one whose log grows.
func TestFailedBuildSaysWhy(t *testing.T) {
	w := newWay(t)
	b := newBrowser(t, w.instance)
	if out, err := w.slipway("api", "codebuild", "CreateProject", `{"name": "odd", "serviceRole": "arn:aws:iam::`+account+`:role/b", "source": {"type": "NO_SOURCE",
		"buildspec": "version: 0.2\nphases:\n  build:\n    commands:\n      - printf '\\033[31mred\\033[0m <script>alert(1)</script>\\n'\n      - 'echo error: it is broken >&2; exit 3'\n"},
		"artifacts": {"type": "NO_ARTIFACTS"}, "environment": {"type": "LINUX_CONTAINER", "image": "host", "computeType": "BUILD_GENERAL1_SMALL"}}`); err != nil {
		t.Fatal(out)
	}
	b.do(chromedp.Navigate(w.url + "/projects/odd"))
	b.shows("Nothing was built yet")
	b.do(chromedp.Click("form .btn.go"))
	b.shows("Why it failed") // the page changes in place when the build ends
	b.shows("exit 3")
	b.do(chromedp.Reload())
	b.shows("error: it is broken")
	b.shows("<script>alert(1)</script>")
	if red := eval[string](b, `getComputedStyle(document.querySelector(".log .term-fg31")).color`); red == eval[string](b, `getComputedStyle(document.querySelector(".log .l > span")).color`) {
		t.Errorf("red is %s", red)
	}
	b.look("failed-build")
	b.fits("build that failed")
	out, err := w.slipway("why", eval[string](b, `decodeURIComponent(location.pathname.split("/").pop())`))
	if err != nil || !strings.Contains(out, "exit code 3") || !strings.Contains(out, "error: it is broken") {
		t.Errorf("slipway why: %v\n%s", err, out)
	}
}

// TestApprovalOnThePage approves a change where it waits, and rejects the next one; a page that is out of date can do neither.
func TestApprovalOnThePage(t *testing.T) {
	w := newWay(t)
	d := wayPipeline()
	gate := cptypes.ActionDeclaration{Name: aws.String("Gate"), Configuration: map[string]string{"CustomData": "Look at #{src.CommitMessage}"},
		ActionTypeId: &cptypes.ActionTypeId{Category: cptypes.ActionCategoryApproval, Owner: cptypes.ActionOwnerAws, Provider: aws.String("Manual"), Version: aws.String("1")}}
	d.Stages[0].Actions[0].Namespace = aws.String("src")
	d.Stages = slices.Insert(d.Stages, 2, cptypes.StageDeclaration{Name: aws.String("Approve"), Actions: []cptypes.ActionDeclaration{gate}})
	must(w.pipeline.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d}))(t)
	b := newBrowser(t, w.instance)
	b.do(chromedp.Navigate(w.url + "/pipelines/way"))
	w.push()
	b.shows("Look at change 2")
	b.look("approval")
	b.fits("approval")
	b.do(chromedp.SendKeys("textarea[name=comment]", "it looks good"), chromedp.Click("button[value=Approved]"))
	w.settles(true)
	b.shows("Nothing moves")
	w.push()
	b.shows("Look at change 3")
	b.do(chromedp.Navigate(w.url+"/pipelines/way/approve/Approve/Gate"), chromedp.SendKeys("textarea[name=comment]", "not today"))
	out, err := w.slipway("api", "codepipeline", "GetPipelineState", `{"name": "way"}`)
	if err != nil || !strings.Contains(out, `"token"`) {
		t.Fatal(err, out)
	}
	b.do(chromedp.Click("button[value=Rejected]"))
	eventually(t, "it is rejected", func() error {
		all, err := w.executions()
		if err != nil || all[0].Status != cptypes.PipelineExecutionStatusFailed {
			return fmt.Errorf("%s, %w", all[0].Status, err)
		}
		return nil
	})
	eventually(t, "the page", func() error { // what the button led to may still be on its way, and ends this one
		return chromedp.Do(b.ctx, chromedp.Navigate(w.url+"/pipelines/way"))
	})
	b.shows("not today")
	b.look("rejected")
}
