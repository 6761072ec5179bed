package actions_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/actions"
)

// carryOut runs a workflow in a folder of its own, with files, and returns its log.
func carryOut(t *testing.T, text string, files map[string]string, with ...func(*actions.Plan)) (actions.Result, string) {
	t.Helper()
	source, work := t.TempDir(), t.TempDir()
	for name, content := range files {
		file := filepath.Join(source, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plan := actions.Plan{File: "ci.yml", Workflow: []byte(text), Source: source, InPlace: true, Work: work,
		Repository: "acme/web", GitHub: []byte(`{"repository":"acme/web","sha":"abc","ref":"refs/heads/main"}`),
		Event: []byte(`{"ref":"refs/heads/main"}`), Secrets: map[string]string{"TOKEN": "hidden-value"},
		Vars: map[string]string{"GREETING": "hello"}}
	for _, w := range with {
		w(&plan)
	}
	var out bytes.Buffer
	result := actions.Run(t.Context(), plan, &out)
	return result, out.String()
}

// job is a workflow of one job with these steps.
func job(steps string) string {
	return "on: push\njobs:\n  build:\n    runs-on: x\n    steps:\n" +
		"      " + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ")
}

func has(t *testing.T, log string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(log, w) {
			t.Errorf("%q is not in\n%s", w, log)
		}
	}
}

func hasNot(t *testing.T, log string, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if strings.Contains(log, w) {
			t.Errorf("%q is in\n%s", w, log)
		}
	}
}

// Outputs, variables, paths and contexts go from step to step.
func TestStepsHandOn(t *testing.T) {
	t.Parallel()
	r, log := carryOut(t, job(`
- id: one
  run: |
    echo "a=1" >>"$GITHUB_OUTPUT"
    printf 'B<<E\nx\ny\nE\n' >>"$GITHUB_ENV"
    mkdir bin; printf '#!/bin/sh\necho my tool' >bin/tool; chmod +x bin/tool
    echo "$PWD/bin" >>"$GITHUB_PATH"
    echo "# Title" >>"$GITHUB_STEP_SUMMARY"
- run: echo "[${{ steps.one.outputs.a }} ${{ steps.one.outcome }} ${{ env.B }} $B $(tool)]"
- env: {C: "${{ env.B }}", D: "${{ env.C }}"}
  run: echo "<$C $D ${{ env.C }}>"
- run: echo "$C${{ env.C }}|${{ vars.GREETING }}|${{ github.repository }}|$GITHUB_SHA|${{ github.event.ref }}|$CI"
- shell: python
  run: print("py", 1 + 1)
- shell: sh -x {0}
  working-directory: bin
  run: pwd
`), nil)
	if r.Failed {
		t.Errorf("it failed: %s", r.Message)
	}
	has(t, log, "[1 success x\ny x\ny my tool]", "<x\ny  x\ny>", "|hello|acme/web|abc|refs/heads/main|true", "py 2", "+ pwd",
		"/bin\n", "# Title")
}

// A failed step skips what follows but for its status functions. The first failure is the cause.
func TestFailures(t *testing.T) {
	t.Parallel()
	r, log := carryOut(t, job(`
- id: soft
  continue-on-error: true
  run: exit 3
- run: echo "${{ steps.soft.outcome }} ${{ steps.soft.conclusion }} ${{ job.status }}"
- name: Breaks
  run: |
    echo "::error file=a.go,line=3::It broke"
    exit 4
- run: echo never
- if: always()
  run: echo "always ${{ job.status }}"
- if: failure() && steps.soft.outcome == 'failure'
  run: echo "after failure"
- if: success() || github.nothing
  run: echo never
`), nil)
	has(t, log, "failure success success", "always failure", "after failure", "a.go:3: error: It broke", "✗ Breaks: exit status 4")
	hasNot(t, log, "\nnever")
	if !r.Failed || r.Step != "Breaks" || r.ExitCode != 4 || len(r.Annotations) != 1 || r.Annotations[0].Line != 3 {
		t.Errorf("%+v", r)
	}
}

// Secrets and masks are hidden, each line of them. Commands that any output could give are refused.
func TestCommandsOfSteps(t *testing.T) {
	t.Parallel()
	r, log := carryOut(t, job(`
- run: |
    echo "the ${{ secrets.TOKEN }}"
    echo "::add-mask::first line%0Asecond line"
    echo "first line and second line"
    echo "::stop-commands::pause"
    echo "::error::not a command"
    echo "::pause::"
    echo "::debug::quiet"
    echo "::group::G"
    echo inside
    echo "::endgroup::"
    echo "::set-output name=old::value"
  id: x
- run: echo "${{ steps.x.outputs.old }}"
- run: echo "::set-env name=A::b"
`), nil)
	has(t, log, "the ***\n", "*** and ***", "::error::not a command", "▾ G\n  inside", "set-output is old", "\nvalue\n")
	hasNot(t, log, "hidden-value", "quiet\n")
	if !r.Failed || !strings.Contains(r.Message, "set-env and add-path are refused") {
		t.Errorf("%+v", r)
	}
}

func TestFoldedGroups(t *testing.T) {
	t.Parallel()
	_, log := carryOut(t, job(`
- run: |
    echo "::group::Good"
    echo one; echo two
- run: |
    echo "::group::Bad"
    echo three
    exit 1
`), nil, func(p *actions.Plan) { p.Fold = true })
	has(t, log, "▸ Good (2 lines)", "▾ Bad\n  three")
	hasNot(t, log, "  one")
}

// Jobs wait for those that they need, and get their outputs. A skipped ancestor skips the chain.
func TestJobs(t *testing.T) {
	t.Parallel()
	r, log := carryOut(t, `
on: push
env: {W: workflow}
defaults: {run: {shell: sh}}
jobs:
  last:
    needs: [first, cells]
    runs-on: x
    steps: [{run: 'echo "<${{ needs.first.outputs.v }} ${{ needs.cells.result }} ${{ needs.cells.outputs.n }}>"'}]
  first:
    runs-on: x
    outputs: {v: "${{ steps.s.outputs.v }}", secret: "${{ secrets.TOKEN }}"}
    steps: [{id: s, run: 'echo "v=$W" >>$GITHUB_OUTPUT'}]
  cells:
    needs: first
    name: Cells
    runs-on: x
    strategy: {matrix: {n: "${{ fromJSON('[1, 2]') }}", os: [linux], exclude: [{n: 3}]}}
    outputs: {n: "${{ steps.s.outputs.n }}"}
    steps: [{id: s, run: 'echo "n=${{ matrix.n }}" >>$GITHUB_OUTPUT; echo "cell ${{ strategy.job-index }} of ${{ strategy.job-total }}"'}]
  skipped: {if: "false", runs-on: x, steps: [{run: exit 1}]}
  between: {needs: skipped, if: always(), runs-on: x, steps: [{run: echo between}]}
  after: {needs: between, runs-on: x, steps: [{run: exit 1}]}
  soft: {continue-on-error: true, runs-on: x, steps: [{run: exit 1}]}
  softly: {needs: soft, runs-on: x, steps: [{run: 'echo "soft ${{ needs.soft.result }}"'}]}
`, nil)
	if r.Failed {
		t.Errorf("%s\n%s", r.Message, log)
	}
	has(t, log, "<workflow success 2>", "cell 1 of 2", "━━ Job Cells (2, linux)", "The output secret is left out", "\nbetween\n",
		"○ The job after is skipped", "soft success")
}

func TestFailFast(t *testing.T) {
	t.Parallel()
	const text = `
on: push
jobs:
  a:
    runs-on: x
    strategy: {FAST matrix: {n: [1, 2]}}
    steps: [{run: 'echo "runs ${{ matrix.n }}"; test ${{ matrix.n }} = 2'}]
  b: {needs: a, if: failure(), runs-on: x, steps: [{run: 'echo "a: ${{ needs.a.result }}"'}]}
`
	_, log := carryOut(t, strings.Replace(text, "FAST", "", 1), nil)
	has(t, log, "runs 1\n", "The job a (2) is cancelled", "a: failure")
	_, log = carryOut(t, strings.Replace(text, "FAST", "fail-fast: false,", 1), nil)
	has(t, log, "runs 1\n", "runs 2\n")
}

// A job with the ones that it needs is run alone.
func TestOneJob(t *testing.T) {
	t.Parallel()
	const text = `
on: push
jobs:
  a: {runs-on: x, steps: [{run: echo in a}]}
  b: {needs: a, runs-on: x, outputs: {o: v}, steps: [{run: echo in b}]}
  c: {runs-on: x, steps: [{run: echo in c}]}
`
	r, log := carryOut(t, text, nil, func(p *actions.Plan) { p.Job = "b" })
	has(t, log, "\nin a\n", "\nin b\n")
	hasNot(t, log, "\nin c\n")
	if r.Outputs["o"] != "v" {
		t.Errorf("%+v", r)
	}
	if r, _ := carryOut(t, text, nil, func(p *actions.Plan) { p.Job = "d" }); !strings.Contains(r.Message, "it has a, b, c") {
		t.Error(r.Message)
	}
}

// A local workflow is called with inputs and secrets, and gives outputs back.
func TestReusableWorkflow(t *testing.T) {
	t.Parallel()
	files := map[string]string{".github/workflows/called.yml": `
on:
  workflow_call:
    inputs: {n: {type: number, default: 3}, who: {type: string, required: true}, yes: {type: boolean}}
    secrets: {KEY: {required: true}}
    outputs: {o: {value: "${{ jobs.j.outputs.o }}"}}
jobs:
  j:
    runs-on: x
    outputs: {o: "${{ steps.s.outputs.o }}"}
    steps: [{id: s, run: 'echo "<${{ inputs.who }} ${{ inputs.n + '' }}>" '}]
`}
	files[".github/workflows/called.yml"] = strings.Replace(files[".github/workflows/called.yml"], "${{ inputs.n + '' }}",
		"${{ toJSON(inputs.n) }} ${{ toJSON(inputs.yes) }} ${{ secrets.KEY }} [$W]", 1)
	files[".github/workflows/called.yml"] = strings.Replace(files[".github/workflows/called.yml"], `>" '}`,
		`>"; echo "o=back" >>$GITHUB_OUTPUT'}`, 1)
	const call = `
on: push
env: {W: not seen}
jobs:
  c: {uses: ./.github/workflows/called.yml, with: {who: Bob, yes: true}, secrets: {KEY: "${{ secrets.TOKEN }}"}}
  d: {needs: c, runs-on: x, steps: [{run: 'echo "came ${{ needs.c.outputs.o }}"'}]}
`
	r, log := carryOut(t, call, files)
	if r.Failed {
		t.Errorf("%s\n%s", r.Message, log)
	}
	has(t, log, "<Bob 3 true *** []>", "came back", "━━ Job c / j")
	for wrong, want := range map[string]string{"who: Bob": "needs the input who", "{KEY:": "has no secret OTHER"} {
		with := map[string]string{"who: Bob": "n: 1", "{KEY:": "{OTHER:"}[wrong]
		if r, _ := carryOut(t, strings.Replace(call, wrong, with, 1), files); !strings.Contains(r.Message, want) {
			t.Errorf("%q, want %q", r.Message, want)
		}
	}
}

// A composite action has its own inputs and steps; the outputs are what it says.
func TestCompositeAction(t *testing.T) {
	t.Parallel()
	files := map[string]string{"act/action.yml": `
inputs: {who: {default: nobody}, more: {default: "${{ github.repository }}"}}
outputs: {o: {value: "${{ steps.s.outputs.o }}"}}
runs:
  using: composite
  steps:
    - id: s
      shell: bash
      run: |
        echo "<${{ inputs.who }} ${{ inputs.more }} $INPUT_WHO $E ${GITHUB_ACTION_PATH##*/}>"
        echo "o=out of it" >>$GITHUB_OUTPUT
        echo "LEFT=behind" >>$GITHUB_ENV
    - {if: "inputs.who == 'Bob'", uses: ./inner, with: {a: b}}
`, "inner/action.yml": "runs: {using: composite, steps: [{shell: sh, run: 'echo inner $LEFT $E'}, {if: \"env.FAIL == 'yes'\", shell: sh, run: exit 5}]}"}
	r, log := carryOut(t, job(`
- {id: a, uses: ./act, with: {who: Bob}, env: {E: e}}
- run: echo "[${{ steps.a.outputs.o }} $LEFT $E]"
- {uses: ./inner, env: {FAIL: "yes"}, name: Inner}
`), files)
	has(t, log, "<Bob acme/web  e act>", "inner behind e", "[out of it behind ]", "has no input a")
	if !r.Failed || r.Step != "Inner" {
		t.Errorf("%+v", r)
	}
}

// A job that wants a container runs in the build's, if that is of the image.
func TestContainer(t *testing.T) {
	t.Parallel()
	text := strings.Replace(job(`- run: echo "$A ${{ env.A }}"`), "runs-on: x", "runs-on: x\n    container: {image: \"deb${{ 'ian' }}:13\", env: {A: b}}", 1)
	_, log := carryOut(t, text, nil, func(p *actions.Plan) { p.Image = "debian:13" })
	has(t, log, "b b")
	r, _ := carryOut(t, text, nil)
	has(t, r.Message, "container: this build has no container engine")
	r, _ = carryOut(t, strings.Replace(text, "env: {A: b}", "options: --privileged", 1), nil, func(p *actions.Plan) { p.Image = "debian:13" })
	has(t, r.Message, "the option --privileged: it is not supported")
}

// Time-outs end a step, or a job; what asks for it still runs.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	r, log := carryOut(t, job(`
- {run: "trap 'echo stopped; exit 1' INT; sleep 1000 & wait", timeout-minutes: 0.002, continue-on-error: true}
- run: echo goes on
`), nil)
	if r.Failed {
		t.Error(r.Message)
	}
	has(t, log, "the step has reached its timeout-minutes", "\ngoes on\n")
	r, log = carryOut(t, strings.Replace(job(`
- run: "trap 'exit 1' INT; sleep 1000 & wait"
- {if: cancelled(), run: "echo cleaned up ${{ job.status }}"}
- run: echo never
`), "runs-on: x", "runs-on: x\n    timeout-minutes: 0.002", 1), nil)
	has(t, log, "cleaned up cancelled")
	hasNot(t, log, "\nnever\n")
	if !r.Failed || !strings.Contains(r.Message, "cancelled") {
		t.Errorf("%+v", r)
	}
}

// Without InPlace each job has an empty workspace, which actions/checkout fills.
func TestCheckout(t *testing.T) {
	t.Parallel()
	_, log := carryOut(t, `
on: push
jobs:
  a:
    runs-on: x
    steps:
      - run: echo "before [$(ls)]"
      - uses: actions/checkout@v4
      - run: echo "after [$(ls)]"; touch new
      - {uses: Actions/Checkout@v4, with: {path: sub}}
      - run: echo "sub [$(ls sub)]"
      - uses: actions/checkout@v4
      - run: echo "clean [$(ls)] ${{ hashFiles('*.txt') }} [${{ hashFiles('no*') }}]"
      - {uses: actions/checkout@v4, with: {path: ../x}}
  b: {needs: a, if: always(), runs-on: x, steps: [{run: 'echo "b [$(ls)]"'}]}
`, map[string]string{"file.txt": "text"}, func(p *actions.Plan) { p.InPlace = false })
	has(t, log, "before []", "after [file.txt]", "sub [file.txt]", "b []", "leads out of the workspace",
		"clean [file.txt] aa10070a4e571b204bbdf6de20978f0f0c7710516dfd9b2721975b6ffcc693dc []")
}

// A tool that is not there is named with its version.
func TestSetup(t *testing.T) {
	t.Parallel()
	r, log := carryOut(t, job(`
- {uses: actions/setup-python@v5, with: {python-version: "3"}}
- {uses: actions/setup-java@v4, with: {java-version: 99, distribution: temurin}}
`), nil)
	has(t, log, "Python 3.")
	if !strings.Contains(r.Message, "Java 99 is wanted") {
		t.Error(r.Message)
	}
}
