package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/chromedp/chromedp"
)

const junitOfMood = `version: 0.2
phases:
  build:
    commands:
      - |
        if [ "$MOOD" = bad ]; then said='<failure message="2 is not 3">AssertionError</failure>'; fi
        echo "<testsuite><testcase classname='cart' name='total' time='0.2'>$said</testcase><testcase classname='cart' name='tax' time='0.1'/></testsuite>" > r.xml
        test "$MOOD" != bad
reports:
  unit: {files: r.xml}
`

// A build that failed says where in the source; a test that failed says what is known of it, and can be put in
// quarantine. By the commands, and by the pages as a person uses them.
func TestFailuresAreUnderstood(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("shop")}))(t)
	dir := i.checkout("shop")
	i.commit(dir, "Add the cart", map[string]string{"src/cart.go": strings.Repeat("// a line\n", 40) + "var total int = \"3\"\n",
		"buildspec.yml": "version: 0.2\nphases:\n  build:\n    commands:\n      - cd src\n      - \"echo './cart.go:41:19: cannot use " +
			"it as int value'; echo 'make: *** [all] Error 2'; exit 2\"\n",
		"tests.yml": junitOfMood})
	i.git(dir, "push", "-q", "origin", "main")
	url := i.url + "/v1/repos/shop"
	project := func(name, spec string) {
		i.inline(name, spec, func(in *codebuild.CreateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: &url, Buildspec: &spec}
			in.SourceVersion = new("refs/heads/main")
		})
	}
	project("shop", "buildspec.yml")
	broken := i.build(&codebuild.StartBuildInput{ProjectName: new("shop")})
	why := must(i.slipway("why", *broken.Id))(t)
	has(t, why, "src/cart.go:41:19: cannot use it as int value")

	project("tests", "tests.yml")
	run := func(mood string) types.Build {
		return i.build(&codebuild.StartBuildInput{ProjectName: new("tests"),
			EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: new("MOOD"), Value: &mood}}})
	}
	run("good")
	bad := run("bad")
	has(t, must(i.slipway("why", *bad.Id))(t), "failed test cart: total", "new; flaky: passed and failed on 1 commit")
	has(t, must(i.slipway("tests", "tests-unit"))(t), "cart: total", "passed and failed on 1 commit, ")
	must(i.slipway("tests", "quarantine", "tests-unit", "cart: total", "--reason", "waits for the clock", "--days", "3"))(t)
	away := run("bad")
	has(t, must(i.slipway("why", *away.Id))(t), "in quarantine until ")
	reports := must(codebuild.NewFromConfig(i.sdk()).BatchGetReports(ctx,
		&codebuild.BatchGetReportsInput{ReportArns: away.ReportArns}))(t).Reports
	if len(reports) != 1 || reports[0].Status != types.ReportStatusTypeSucceeded {
		t.Errorf("%+v", reports)
	}

	b := newBrowser(t, i)
	b.visit("why-place", "/builds/"+*broken.Id, "src/cart.go:41:19: cannot use it as int value")
	b.visit("why-tests", "/builds/"+*away.Id, "in quarantine until")
	b.visit("tests-overview", "/tests", "passed and failed on 1 commit")
	const page = "/tests/tests-unit/case?prefix=cart&name=total"
	b.visit("test-quarantined", page, "waits for the clock")
	b.do(chromedp.Click(`button[value="release"]`))
	b.shows("Put this test in quarantine")
	b.do(chromedp.Click("details.plate summary"), chromedp.SendKeys("#reason", "by hand"))
	b.inspect("test-quarantine")
	b.do(chromedp.Click(`button[value="quarantine"]`))
	b.shows("by hand")
	b.shows("looks after it, 14 days more")
}
