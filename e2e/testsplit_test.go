package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

const splitSpec = `version: 0.2
batch: {build-fanout: {parallelism: 3}}
phases:
  build:
    commands:
      - mkdir -p tests; for t in a b c d e; do touch tests/test_$t.py; done
      - |
        cat > run.sh <<'END'
        { echo "<testsuite>"
          for f in "$@"; do
            name=${f##*/test_} took=1; [ "$name" != c.py ] || took=50
            echo "runs $f" >&2
            echo "<testcase classname='tests.test_${name%.py}.T' name='works' time='$took'/>"
          done
          echo "</testsuite>"; } > r.xml
        END
      - codebuild-tests-run --files-search "codebuild-glob-search 'tests/test_*.py'" --test-command 'sh run.sh' --sharding-strategy recorded-durations
reports:
  unit: {files: r.xml}
`

// The builds of a fan-out part the tests among them; once reports have durations, the longest test stands alone.
func TestTestsAreSplit(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	c := i.inline("split", splitSpec, func(in *codebuild.CreateProjectInput) {
		in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
	})
	ran := func() (sets []string) {
		t.Helper()
		b := i.batch("split")
		if b.BuildBatchStatus != types.StatusTypeSucceeded {
			t.Fatal(groups(b))
		}
		for _, g := range b.BuildGroups {
			arn := *g.CurrentBuildSummary.Arn
			log := i.printed(arn[strings.LastIndexByte(arn, '/')+1:])
			var files []string
			for line := range strings.Lines(log) {
				if f, ok := strings.CutPrefix(strings.TrimSpace(line), "runs tests/test_"); ok {
					files = append(files, strings.TrimSuffix(f, ".py"))
				}
			}
			if len(files) > 0 {
				sets = append(sets, strings.Join(files, ""))
			}
		}
		slices.Sort(sets)
		return sets
	}
	if got := ran(); !slices.Equal(got, []string{"ab", "cd", "e"}) {
		t.Errorf("without durations: %q", got)
	}
	if got := ran(); !slices.Contains(got, "c") || len(got) != 3 || len(strings.Join(got, "")) != 5 {
		t.Errorf("with durations: %q", got)
	}
	reports := must(c.ListReports(ctx, &codebuild.ListReportsInput{}))(t).Reports
	if len(reports) != 6 {
		t.Errorf("%d reports", len(reports))
	}
}
