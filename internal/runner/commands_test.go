package runner

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shells are those that may run the commands of CodeBuild's images in a build: each with the tools that are there.
var shells = [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}}

// inShells runs a test with a function that runs one of the commands in each shell of this machine.
func inShells(t *testing.T, dir string, test func(t *testing.T, run func(env []string, args ...string) (string, error))) {
	for _, shell := range shells {
		t.Run(shell[0], func(t *testing.T) {
			if _, err := exec.LookPath(shell[0]); err != nil {
				t.Skipf("SKIPPED: no %s here. Install it with: apt-get install -y %s", shell[0], shell[0])
			}
			tools, err := filepath.Abs("commands")
			if err != nil {
				t.Fatal(err)
			}
			test(t, func(env []string, args ...string) (string, error) {
				t.Helper()
				args[0] = filepath.Join(tools, args[0])
				c := exec.CommandContext(t.Context(), shell[0], append(slices.Clone(shell[1:]), args...)...)
				c.Dir, c.Env = dir, append([]string{"PATH=" + os.Getenv("PATH") + ":" + tools}, env...)
				out, err := c.CombinedOutput()
				return string(out), err
			})
		})
	}
}

func TestGlobSearch(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/x_test.js", "a/b/y_test.js", "c d/it's_test.js", "q.js", "q.ts", "q.jsx", "a+b.js", ".git/h_test.js"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inShells(t, dir, func(t *testing.T, run func([]string, ...string) (string, error)) {
		for pattern, want := range map[string]string{
			"**/*_test.js": "a/b/y_test.js a/x_test.js c d/it's_test.js",
			"a/*_test.js":  "a/x_test.js",
			"./*.{js,ts}":  "a+b.js q.js q.ts",
			"q.?s":         "q.js q.ts",
			"a+b.js":       "a+b.js",
			"a/**":         "a/b/y_test.js a/x_test.js",
			"none*":        "",
		} {
			out, err := run(nil, "codebuild-glob-search", pattern)
			if got := strings.Join(strings.Split(strings.TrimSuffix(out, "\n"), "\n"), " "); got != want || err != nil {
				t.Errorf("%s: %q, %v; want %q", pattern, got, err, want)
			}
		}
		if out, err := run(nil, "codebuild-glob-search", "a/{b"); err == nil || !strings.Contains(out, "has no }") {
			t.Errorf("%q, %v", out, err)
		}
	})
}

// TestTestsRun has each file in one build, whatever the strategy; no file moves between the builds that there were when
// there is one more, under stability; and the longest file stands alone, under recorded-durations.
func TestTestsRun(t *testing.T) {
	times := filepath.Join("commands", testTimes)
	t.Cleanup(func() { _ = os.Remove(times) })
	inShells(t, t.TempDir(), func(t *testing.T, run func([]string, ...string) (string, error)) {
		split := func(strategy string, shards int, search string) map[string]int {
			t.Helper()
			of := map[string]int{}
			for i := range shards {
				env := []string{fmt.Sprintf("SLIPWAY_SHARD=%d", i), fmt.Sprintf("SLIPWAY_SHARDS=%d", shards)}
				out, err := run(env, "codebuild-tests-run", "--files-search", search, "--sharding-strategy="+strategy,
					"--test-command", `printf 'run %s\n'`)
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				for line := range strings.Lines(out) {
					if file, ok := strings.CutPrefix(strings.TrimSpace(line), "run "); ok {
						if _, twice := of[file]; twice {
							t.Errorf("%s: %s is run twice", strategy, file)
						}
						of[file] = i
					}
				}
			}
			return of
		}
		_ = os.Remove(times)
		const search = `seq 1 40 | sed 's/^/it'"'"'s test /'`
		for _, strategy := range []string{"equal-distribution", "stability", "recorded-durations"} {
			three, four := split(strategy, 3, search), split(strategy, 4, search)
			if len(three) != 40 || len(four) != 40 {
				t.Errorf("%s: %d and %d files were run", strategy, len(three), len(four))
			}
			for file, i := range four {
				if strategy == "stability" && i != 3 && three[file] != i {
					t.Errorf("%s moved from %d to %d", file, three[file], i)
				}
			}
			each := map[int]int{}
			for i := range maps.Values(three) {
				each[i]++
			}
			if strategy != "stability" && (each[0] != 14 || each[1] != 13 || each[2] != 13) {
				t.Errorf("%s: %v", strategy, each)
			}
		}
		if err := os.WriteFile(times, []byte("5000000000\ttests.slow.SlowTest\n1000000000\ttests.b\n1000000000\tshop.C\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		of := split("recorded-durations", 2, `printf 'tests/b.py\ntests/slow.py\nsrc/shop/C.java\nnew.py\n'`)
		if of["tests/b.py"] == of["tests/slow.py"] || of["src/shop/C.java"] == of["tests/slow.py"] {
			t.Errorf("%v", of)
		}
	})
}

func TestTestsRunSaysWhatIsWrong(t *testing.T) {
	inShells(t, t.TempDir(), func(t *testing.T, run func([]string, ...string) (string, error)) {
		for want, args := range map[string][]string{
			"--test-command is missing":         {"--files-search", "x"},
			"--files-search is missing":         {"--test-command", "x"},
			"has found no files":                {"--test-command", "x", "--files-search", "true"},
			"ended with 3":                      {"--test-command", "x", "--files-search", "exit 3"},
			"it can be equal-distribution":      {"--test-command", "x", "--files-search", "x", "--sharding-strategy", "y"},
			"--nope is no option":               {"--nope=1"},
			"--sharding-strategy has no value":  {"--sharding-strategy"},
			"1 of 1 files are this build's\nb'": {"--test-command", "printf %s", "--files-search", "echo \"b'\""},
		} {
			out, err := run(nil, append([]string{"codebuild-tests-run"}, args...)...)
			if !strings.Contains(out, want) || (err == nil) != strings.HasPrefix(want, "1 of") {
				t.Errorf("%q: %q, %v", args, out, err)
			}
		}
		out, err := run(nil, "codebuild-tests-run", "--files-search", "seq 1 2", "--test-command", `echo "[$CODEBUILD_CURRENT_SHARD_FILES]"; exit 5`)
		e, ok := errors.AsType[*exec.ExitError](err)
		if !strings.Contains(out, "[1\n2]\n") || !ok || e.ExitCode() != 5 {
			t.Errorf("%q, %v", out, err)
		}
	})
}

// A build without a debug session goes on at a breakpoint, as in CodeBuild.
func TestBreakpointsDoNothing(t *testing.T) {
	inShells(t, t.TempDir(), func(t *testing.T, run func(env []string, args ...string) (string, error)) {
		for _, command := range []string{"codebuild-breakpoint", "codebuild-resume"} {
			if out, err := run(nil, command); err != nil || !strings.HasPrefix(out, command+": this build ") {
				t.Errorf("%s: %q, %v", command, out, err)
			}
		}
	})
}
