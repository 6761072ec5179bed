package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/chromedp/chromedp"
)

// onePixel is a PNG.
const onePixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// testFilesSpec leaves a picture that the report names, one that only has the test's name, a page, a link out of the
// build, a file that is not there, and a trace.
const testFilesSpec = `version: 0.2
phases:
  build:
    commands:
      - mkdir -p shots; echo ` + onePixel + ` | base64 -d | tee shots/named.png > "shots/Cart -- adds prices up (failed).png"
      - echo '<script>document.title = origin</script>' > shots/report.html; ln -s /etc/passwd shots/passwd.txt
      - |
        cat > unit.xml <<'X'
        <testsuite><testcase classname="Cart" name="adds prices up"><failure message="12 is not 48"/><system-out>
        [[ATTACHMENT|shots/named.png]] [[ATTACHMENT|shots/none.png]] [[ATTACHMENT|/etc/passwd]]
        [[ATTACHMENT|trace.zip]]</system-out></testcase>
        <testcase classname="Cart" name="is empty"><flakyFailure message="once"/></testcase></testsuite>
        X
reports:
  ui: {files: unit.xml, attachments: ['shots/*']}
`

func traceZip(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"test.trace": `{"type":"context-options","wallTime":5,"monotonicTime":5,"title":"x"}
{"type":"before","callId":"1","startTime":6,"title":"Click","subtitle":"Add tea"}
{"type":"after","callId":"1","endTime":9,"error":{"message":"no such button"}}`,
		"0.trace":          `{"type":"screencast-frame","file":"screencast/1.png","timestamp":7}`,
		"screencast/1.png": string(must(base64.StdEncoding.DecodeString(onePixel))(t)),
	} {
		must(io.WriteString(must(z.Create(name))(t), text))(t)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fromRepository makes a project that builds the repository of its name, by its buildspec.yml.
func (i *instance) fromRepository(name string) {
	i.inline(name, "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: new(i.url + "/v1/repos/" + name)}
	})
}

// What tests leave is kept with their report, and shown beside the failure; nothing comes from outside of the build.
func TestFilesThatTestsLeave(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("shop")}))(t)
	dir := i.checkout("shop")
	i.commit(dir, "Add the cart", map[string]string{"trace.zip": traceZip(t), "buildspec.yml": testFilesSpec})
	i.git(dir, "push", "-q", "origin", "main")
	i.fromRepository("shop")
	build := i.build(&codebuild.StartBuildInput{ProjectName: new("shop"), SourceVersion: new("refs/heads/main")})
	log := must(i.slipway("logs", *build.Id))(t)
	if build.BuildStatus != types.StatusTypeSucceeded || len(build.ReportArns) != 1 {
		t.Fatalf("%s, %v\n%s", build.BuildStatus, build.ReportArns, log)
	}
	has(t, log, "Report ui: 2 test(s), 1 failed, 0 skipped; 1 passed only when run again; 4 file(s) of tests",
		"A file of the report ui is not kept: shots/none.png is not there", "/etc/passwd")
	has(t, must(i.slipway("reports", build.ReportArns[0], "--files"))(t), "shots/named.png", "adds prices up", "trace.zip")
	to := filepath.Join(folder(t), "left")
	must(i.slipway("reports", build.ReportArns[0], "--save", to))(t)
	picture := must(os.ReadFile(filepath.Join(to, "shots", "named.png")))(t)
	if base64.StdEncoding.EncodeToString(picture) != onePixel {
		t.Errorf("%d bytes are saved", len(picture))
	}
	unsigned := must(http.Get(i.url + "/v1/report-file?report=" + build.ReportArns[0] + "&file=0"))(t)
	_ = unsigned.Body.Close()
	if unsigned.StatusCode != 400 {
		t.Errorf("without a signature the answer is %s", unsigned.Status)
	}

	b := newBrowser(t, i)
	name := build.ReportArns[0][strings.LastIndexByte(build.ReportArns[0], '/')+1:]
	b.visit("report-files", "/reports/"+name, "named.png")
	b.do(chromedp.Poll[chromedp.Void](`document.querySelector(".shots img").complete`))
	if width := eval[int](b, `document.querySelector(".shots img").naturalWidth`); width != 1 {
		t.Errorf("the picture is %d wide", width)
	}
	b.visit("test-files", "/tests/shop-ui/case?prefix=Cart&name=adds+prices+up", "12 is not 48")
	b.visit("report-files", "/reports/"+name, "named.png")
	b.do(chromedp.Click(`//a[text()="Steps of the trace"]`))
	b.shows("no such button")
	b.inspect("test-trace")
	// A page of a build has no origin, so that it is nobody here.
	b.visit("report-files", "/reports/"+name, "report.html")
	const link = `[...document.querySelectorAll("a")].find(a => a.textContent == "report.html").href`
	b.do(chromedp.Navigate(eval[string](b, link)))
	if title := eval[string](b, "document.title"); title != "null" {
		t.Errorf("the page's origin is %q", title)
	}
}

// The example with a real browser works as its buildspec says, and its failure is shown with the page.
func TestExampleWithABrowser(t *testing.T) {
	t.Parallel()
	for tool, install := range map[string]string{"npm": "npm", "chromium": "chromium"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: no %s here. Install it with: apt-get install -y %s", tool, install)
		}
	}
	i, ctx := up(t), t.Context()
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("basket")}))(t)
	dir := i.checkout("basket")
	if err := os.CopyFS(dir, os.DirFS("../examples/browser")); err != nil {
		t.Fatal(err)
	}
	page := string(must(os.ReadFile(filepath.Join(dir, "site", "index.html")))(t))
	const added, joined = "Number(sum.value) + Number(button.dataset.price)", "sum.value + button.dataset.price"
	broken := strings.Replace(page, added, joined, 1)
	i.commit(dir, "Add the basket", map[string]string{"site/index.html": broken})
	i.git(dir, "push", "-q", "origin", "main")
	i.fromRepository("basket")
	build := i.build(&codebuild.StartBuildInput{ProjectName: new("basket"), SourceVersion: new("refs/heads/main")})
	log := must(i.slipway("logs", *build.Id))(t)
	if strings.Contains(log, "npm error") && !strings.Contains(log, "playwright test") {
		t.Skipf("SKIPPED: npm cannot install Playwright here:\n%s", log)
	}
	if build.BuildStatus != types.StatusTypeFailed || len(build.ReportArns) != 1 {
		t.Fatalf("%s, %v\n%s", build.BuildStatus, build.ReportArns, log)
	}
	has(t, must(i.slipway("why", *build.Id))(t), "basket › adds prices up")
	b := newBrowser(t, i)
	name := build.ReportArns[0][strings.LastIndexByte(build.ReportArns[0], '/')+1:]
	b.visit("browser-report", "/reports/"+name, "test-failed-1.png")
	b.do(chromedp.Click(`//a[text()="Steps of the trace"]`))
	b.shows("Add a cup")
	b.inspect("browser-trace")
}
