package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cb "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	cd "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cp "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/chromedp/chromedp"
)

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
	b.inspect("board")

	out := must(w.pipeline.ListPipelineExecutions(t.Context(),
		&cp.ListPipelineExecutionsInput{PipelineName: aws.String(wayName)}))(t)
	builds := must(w.pipeline.ListActionExecutions(t.Context(),
		&cp.ListActionExecutionsInput{PipelineName: aws.String(wayName)}))(t)
	build := ""
	for _, a := range builds.ActionExecutionDetails {
		if *a.ActionName == "Build" && build == "" {
			build = *a.Output.ExecutionResult.ExternalExecutionId
		}
	}
	first, second := *out.PipelineExecutionSummaries[1].SourceRevisions[0].RevisionId,
		*out.PipelineExecutionSummaries[0].SourceRevisions[0].RevisionId
	deployments := must(w.deploys.ListDeployments(t.Context(), &cd.ListDeploymentsInput{}))(t)
	deployment := deployments.Deployments[0]
	for _, page := range []struct{ name, path, shows string }{
		{"pipeline", "/pipelines/way", "change 2"},
		{"execution", "/pipelines/way/executions/" + *out.PipelineExecutionSummaries[0].PipelineExecutionId,
			"change 2"},
		{"builds", "/builds", "Succeeded"},
		{"build", "/builds/" + build, "second command of " + build},
		{"project", "/projects/way", "Succeeded"},
		{"deployments", "/deployments", deployment},
		{"deployment", "/deployments/" + deployment, "Validate"},
		{"deployed-host", "/deployments/" + deployment + "/hosts/host", "BeforeInstall"},
		{"script", "/deployments/" + deployment + "/hosts/host/BeforeInstall", "BeforeInstall"},
		{"group", "/applications/way/way", deployment},
		{"sources", "/repositories", "way"},
		{"repository", "/repositories/way", "buildspec.yml"},
		{"file", "/repositories/way/file?at=main&path=hook.sh", "LIFECYCLE_EVENT"},
		{"branches", "/repositories/way/branches", "default"},
		{"commits", "/repositories/way/commits", "change 2"},
		{"commit", "/repositories/way/commits/" + second, "content 2"},
		{"diff", "/repositories/way/diff?" + url.Values{"from": {first}, "to": {second}}.Encode(), "1 line added"},
		{"access", "/settings", keyID},
		{"hosts", "/settings/hosts", "way=yes"},
		{"processes", "/settings/processes", "Connected"},
		{"secrets", "/settings/secrets", "slipway secrets put"},
		{"images", "/settings/images", "Let an image stand for a name"},
		{"find", "/find?q=way", "Repository"},
	} {
		b.visit(page.name, page.path, page.shows)
	}
	b.open("/builds/way:none")
	b.shows("There is no build")
	b.look("missing")
	b.fits("missing")
	b.accessible("missing")
	b.quiet("status of 404")
	b.open("/pipelines/nothing")
	b.shows("There is no pipeline nothing")
	b.quiet("status of 404")
}

// TestEmptyPages says what to do next where there is nothing.
func TestEmptyPages(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, up(t))
	for _, page := range []struct{ name, path, shows string }{
		{"empty-board", "/board", "aws codepipeline create-pipeline"},
		{"empty-sources", "/repositories", "aws codecommit create-repository"},
		{"empty-builds", "/builds", "aws codebuild start-build"},
		{"empty-tests", "/tests", "junit.xml"},
		{"empty-deployments", "/deployments", "aws deploy create-deployment-group"},
		{"empty-releases", "/releases", "slipway policies put"},
		{"empty-hosts", "/settings/hosts", "three lines to paste"},
		{"empty-find", "/find?q=nothing+at+all", "No results"},
	} {
		b.visit(page.name, page.path, page.shows)
	}
}

// TestFailedBuildSaysWhy looks at a build that failed, and at one whose log grows.
func TestFailedBuildSaysWhy(t *testing.T) {
	t.Parallel()
	i := up(t)
	b := newBrowser(t, i)
	i.inline("odd",
		"version: 0.2\nphases:\n  build:\n    commands:\n      - printf '\\033[31mred\\033[0m "+
			"<script>alert(1)</script>\\n'\n      - 'echo error: it is broken >&2; exit 3'\n")
	b.open("/projects/odd")
	b.shows("No builds yet")
	b.click("form .btn.go")
	b.shows("Why it failed") // the page changes in place when the build ends
	b.shows("exit 3")
	b.do(chromedp.Reload())
	b.shows("error: it is broken")
	b.shows("<script>alert(1)</script>")
	if red := eval[string](b,
		`getComputedStyle(document.querySelector(".log .term-fg31")).color`); red == eval[string](b,
		`getComputedStyle(document.querySelector(".log .l > span")).color`) {
		t.Errorf("red is %s", red)
	}
	b.inspect("failed-build")
	out, err := i.slipway("why", eval[string](b, `decodeURIComponent(location.pathname.split("/").pop())`))
	if err != nil || !strings.Contains(out, "exit code 3") || !strings.Contains(out, "error: it is broken") {
		t.Errorf("slipway why: %v\n%s", err, out)
	}
	// Retried by the keyboard alone: r leads to the button, Enter presses it.
	b.leads("r", "Retry")
	b.do(chromedp.KeyEvent("\r"))
	b.shows("odd:2")
}

// TestTestsOnThePages reads what tests reported: what failed, and how a test case went from build to build.
func TestTestsOnThePages(t *testing.T) {
	t.Parallel()
	i := up(t)
	b := newBrowser(t, i)
	report := func(status string) string {
		return `<testsuite name="dues"><testcase classname="dues" name="TestCharge" time="0.5">` + status +
			`</testcase><testcase classname="dues" name="TestFree" time="0.1"/></testsuite>`
	}
	i.inline("tested",
		"version: 0.2\nenv:\n  variables: {REPORT: ''}\nphases:\n  build:\n    commands:\n      - printf '%s' "+
			"\"$REPORT\" > junit.xml\nreports:\n  unit:\n    files: junit.xml\n")
	for _, status := range []string{"",
		`<failure message="Charge(2h14m) = 1000, want 1125">quarter &lt;b&gt;</failure>`, "",
		`<failure message="Charge(2h14m) = 1000, want 1125"/>`} {
		i.build(&cb.StartBuildInput{ProjectName: aws.String("tested"),
			EnvironmentVariablesOverride: []cbtypes.EnvironmentVariable{{Name: aws.String("REPORT"),
				Value: aws.String(report(status))}}})
	}
	b.visit("tests", "/tests", "1 failed, 1 passed")
	b.shows("turned 3 times in 4 runs")
	b.click("#reports tbody th a")
	b.shows("What failed")
	b.shows("Charge(2h14m) = 1000, want 1125")
	b.inspect("report")
	b.do(chromedp.SendKeys("#q", "Free"), chromedp.KeyEvent("\r"))
	b.shows("TestFree")
	eventually(t, "the filter", func() error {
		if n := eval[int](b, `document.querySelectorAll("tbody tr").length`); n != 1 {
			return fmt.Errorf("%d test cases fit", n)
		}
		return nil
	})
	b.click("tbody th a")
	b.shows("It passed in all of the last 4 runs")
	name := eval[string](b, "location.pathname")
	b.visit("test-case", name+"?prefix=dues&name=TestCharge",
		"It failed in 2 of the last 4 runs, and turned 3 times between passing and failing")
	b.visit("test-group", strings.TrimSuffix(name, "/case"), "1 failed, 1 passed")
}

// TestApprovalOnThePage approves a change where it waits, and rejects the next one; a page that is out of date can do
// neither.
func TestApprovalOnThePage(t *testing.T) {
	w := newWay(t)
	d := wayPipeline()
	gate := cptypes.ActionDeclaration{Name: aws.String("Gate"),
		Configuration: map[string]string{"CustomData": "Look at #{src.CommitMessage}"},
		ActionTypeId: &cptypes.ActionTypeId{Category: cptypes.ActionCategoryApproval, Owner: cptypes.ActionOwnerAws,
			Provider: aws.String("Manual"), Version: aws.String("1")}}
	d.Stages[0].Actions[0].Namespace = aws.String("src")
	d.Stages = slices.Insert(d.Stages, 2,
		cptypes.StageDeclaration{Name: aws.String("Approve"), Actions: []cptypes.ActionDeclaration{gate}})
	must(w.pipeline.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d}))(t)
	b := newBrowser(t, w.instance)
	b.open("/pipelines/way")
	w.push()
	b.shows("Look at change 2")
	b.shows("now in Deploy") // what it changes is told against what is deployed
	b.inspect("approval")
	b.visit("approval-page", "/pipelines/way/approve/Approve/Gate", "content 1") // the diff, line by line
	b.shows("content 2")
	b.open("/board")
	b.shows("Waiting for approval")
	if n := eval[string](b, `document.getElementById("attention").innerText.trim()`); !strings.HasPrefix(n, "1") {
		t.Errorf("the bar says %q", n)
	}
	b.open("/pipelines/way")
	b.leads("a", "Approve") // and presses nothing
	b.do(chromedp.SendKeys("textarea[name=comment]", "it looks good"), chromedp.Click("button[value=Approved]"))
	w.settles(true)
	b.shows("Nothing is running")
	w.push()
	b.shows("Look at change 3")
	b.open("/pipelines/way/approve/Approve/Gate")
	b.do(chromedp.SendKeys("textarea[name=comment]", "not today"))
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
	b.inspect("rejected")
}
