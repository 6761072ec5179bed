package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const buildspecs = "../../../shared/corpus/buildspec"

const junit = `<testsuite name="s"><testcase name="good"/><testcase name="bad"><failure message="m"/></testcase>` +
	`</testsuite>`

const clover = `<coverage clover="1"><project><file name="a.js" path="a.js"><line num="1" type="stmt" count="1"/>` +
	`<line num="2" type="stmt" count="0"/></file></project></coverage>`

// ran are buildspecs of the corpus as they run in a tree with the named files: which of their commands, by number and
// in which order (those of a batch's builds once), and what else must be printed.
var ran = []struct {
	file, args, files, commands, want string
}{
	{"001.yml", "--batch", "", "1-10", `build1 +SUCCEEDED .*build2 +SUCCEEDED`},
	{"002.yml", "", "src/Archive/a", "11-39", `FAILED in .*no file in src\\Archive matches`}, // for Windows
	{"003.yml", "--secrets secrets", "", "40", `SUCCEEDED in`},
	{"005.yml", "", ".test-reports/r.xml", "70-79", `failed bad: m.*report unit-test: 2 tests, 1 failed`},
	// install is not first in the file
	{"006.yml", "", "a.vsix package.json", "82-85 80-81 86-91", `a\.vsix.*artifact: 2 file`},
	{"007.yml", "", "", "92-103", `its second line.*SUCCEEDED in`},
	{"009.yml", "-e ECS_AGENT_DEB=a.deb -e ECS_AGENT_DEB_TAR=*.tar -e BUILD_LOG=out/log", "a.deb a.tar out/log",
		"117-135", `artifact: 3 file`},
	{"009.yml", "", "a.deb", "117-135", `FAILED in .*no matching artifact paths found`},
	{"010.yml", "", "", "136-148", `SUCCEEDED in`}, // version 0.1
	{"011.yml", "", "", "149-166", `SUCCEEDED in`},
	{"012.yml", "-e PROPELLER_OUTPUTS_JSON={}", "", "167-173", `exported PROPELLER_OUTPUTS_JSON=\{\}`},
	{"013.yml", "", "build/a build/b/c", "174-195", `runtime-versions is not supported yet.*artifact: 2 file`},
	{"017.yml", "-e NAME=n -e TEST_REPORT=t.xml -e COVERAGE_REPORT_XML=c.xml -e COVERAGE_REPORT_HTML=html",
		"n/test/t.xml n/test/html/a/b", "214-242", `report test-reports: 2 tests, 1 failed.*artifact: 1 file`},
	{"017.yml", "", "a", "214-242", `FAILED in .*would search the whole machine; a variable in it may be empty`},
	{"018.yml", "--secrets secrets", "build.json", "243-262", `artifact: 1 file`},
	{"021.yml", "", ".tool-versions package-lock.json uv.lock", "268-278", `SUCCEEDED in`},
	{"022.yml", "--secrets secrets", "", "279-283", `SUCCEEDED in`},
	{"022.yml", "", "", "", `FAILED in .*GPG_KEY \(Maven-GPG-Keys-Credentials:Keyname\), GPG_PASS`},
	{"026.yml", "--batch", "allure-report/a", "297-312", `NUnit +SUCCEEDED`},
	{"030.yml", "", "a b/c", "363-366", `artifact: \d+ file`},
	{"033.yml", "", "reports/checkov.xml", "443-461", `report checkov-reports: 2 tests, 1 failed`},
	{"036.yml", "--secrets secrets", "location/location", "482-489", `artifact: 1 file`},
	{"037.yml", "", "deploy/appspec.yml deploy/scripts/a deploy/image_uri.txt", "490-504", `artifact: 3 file`},
	{"038.yml", "", "aggregate_reports/r.xml artifacts/a", "505-511",
		`report e2e-reports: 2 tests, 1 failed.*artifact: 1`},
	{"043.yml", "", "coverage/clover.xml", "522-528", `coverage aws-amplify-cli-e2e-coverage-report: 50.0 % of 2 lines`},
	{"053.yml", "--batch", "", "545-549", `clang_awslc +SUCCEEDED`},
	{"054.yml", "", "coverage/fuzz/total_fuzz_coverage/a", "550-556", `artifact: 1 file`},
	{"059.yml", "", "template-export.json", "575-576", `artifact: 1 file`},
	{"060.yml", "", "codebuild_source_commit_id", "577-587", `artifact: 1 file`},
}

// secretsOfCorpus are the secrets that its buildspecs name.
const secretsOfCorpus = "WIN_ADMIN_PASS=secret-1\nWIN_JENKINS_PASS=secret-2\nWIN_MIS_USER=secret-3\n" +
	"WIN_MIS_PASS=secret-4\nWIN_BOBJ_USER=secret-5\nWIN_BOBJ_PASS=secret-6\nGITHUB_ACCESS_TOKEN=secret-7\n" +
	"JWT_SECRET=secret-8\nGPG_KEY=secret-9\nGPG_PASS=secret-a\nSONA_USERNAME=secret-b\nSONA_PASSWORD=secret-c\n" +
	"key=secret-d\n"

// TestCorpusRuns runs real buildspecs to their end with the binary.
func TestCorpusRuns(t *testing.T) {
	t.Parallel()
	corpus, err := filepath.Abs(buildspecs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("SKIPPED: no corpus at %s: its files are from public repositories and not in this one", buildspecs)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ran {
		t.Run(c.file+" "+c.args, func(t *testing.T) {
			dir := corpusTree(t, c.files)
			args := append([]string{"slipway", "run", "-b", filepath.Join(corpus, c.file)}, strings.Fields(c.args)...)
			cmd := &exec.Cmd{Path: self, Args: args, Dir: dir, Env: os.Environ()}
			out, err := cmd.CombinedOutput()
			if failed := strings.HasPrefix(c.want, "FAILED"); failed != (err != nil) {
				t.Errorf("it ended with %v", err)
			}
			if !regexp.MustCompile(`(?s)` + c.want).Match(out) {
				t.Errorf("it did not print %s", c.want)
			}
			if got, want := commandsRun(out), numbers(t, c.commands); got != want {
				t.Errorf("commands %s ran, not %s", got, want)
			}
			if bytes.Contains(out, []byte("secret-")) {
				t.Error("a secret was printed")
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}

// corpusTree makes a folder with files: reports have two tests, or coverage.
func corpusTree(t *testing.T, files string) string {
	dir := t.TempDir()
	for _, name := range strings.Fields(files) {
		text := junit
		if strings.HasSuffix(name, "clover.xml") {
			text = clover
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	write(t, filepath.Join(dir, "secrets"), secretsOfCorpus)
	return dir
}

// commandsRun are the numbers of the commands that printed theirs. A second build of a batch repeats what the first
// ran.
func commandsRun(out []byte) string {
	var all []string
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:\[\w+\] )?command (\d+)$`).FindAllSubmatch(out, -1) {
		if n := string(m[1]); !seen[n] {
			seen[n] = true
			all = append(all, n)
		}
	}
	return strings.Join(all, " ")
}

// numbers writes out ranges.
func numbers(t *testing.T, ranges string) string {
	var all []string
	for _, r := range strings.Fields(ranges) {
		from, to, many := strings.Cut(r, "-")
		if !many {
			to = from
		}
		first, err := strconv.Atoi(from)
		if err != nil {
			t.Fatal(err)
		}
		last, err := strconv.Atoi(to)
		if err != nil {
			t.Fatal(err)
		}
		for n := first; n <= last; n++ {
			all = append(all, strconv.Itoa(n))
		}
	}
	return strings.Join(all, " ")
}
