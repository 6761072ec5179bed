package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"

	"slipway/internal/runner/executor/executortest"
)

// stepsSpec has steps in one phase, and commands in the next, which get what the steps left.
const stepsSpec = `version: 0.2
env:
  variables: {GREETING: hello}
phases:
  pre_build:
    steps:
      - id: one
        name: Make something
        run: |
          echo "::add-mask::not-to-be-seen"
          echo "made=by $(id -u) in $PWD" >>"$GITHUB_OUTPUT"
          echo "LEFT=behind" >>"$GITHUB_ENV"
          echo "/left/bin" >>"$GITHUB_PATH"
      - run: echo "[${{ steps.one.outputs.made }}] ${{ vars.GREETING }} $GREETING not-to-be-seen ${{ hashFiles('none') }}."
        shell: sh
      - if: failure()
        run: echo never
  build:
    commands:
      - echo "LEFT=$LEFT PATH=$PATH"
  post_build:
    steps:
      - run: |
          echo "::error file=main.go,line=7::It does not compile"
          exit 9
`

// Steps of a buildspec run in a sandbox and in a container alike. The cause of a failure has its annotations.
func TestActionsInABuildspec(t *testing.T) {
	t.Parallel()
	i := prepare(t, "")
	i.args = []string{"--engine", executortest.Docker(t)}
	i.start()
	i.inline("host", stepsSpec)
	i.inline("container", stepsSpec, inContainer)
	for _, name := range []string{"host", "container"} {
		b := i.build(&codebuild.StartBuildInput{ProjectName: &name})
		log := i.printed(*b.Id)
		has(t, steps(b), "PRE_BUILD BUILD POST_BUILD=FAILED(COMMAND_EXECUTION_ERROR: Error while executing steps: Run echo "+
			`"::error file=main.go,line=7::It does not compile": exit status 9. main.go:7: error: It does not compile)`)
		has(t, log, "in /codebuild/output/src] hello hello *** .", "LEFT=behind PATH=/left/bin:", "▶ Make something")
		if strings.Contains(log, "never\n") && !strings.Contains(log, "○ Run echo never (skipped)") {
			t.Errorf("%s: a skipped step ran:\n%s", name, log)
		}
	}
}

// A project whose buildspec is a workflow runs its jobs, each with a workspace of its own. Actions come from the
// repositories of this server and from the mirror.
func TestActionsWorkflow(t *testing.T) {
	t.Parallel()
	i := prepare(t, "")
	mirror := folder(t)
	i.args = []string{"--actions-mirror", mirror, "--actions-offline"}
	i.start()
	repository := func(name string) string {
		must(codecommit.NewFromConfig(i.sdk()).CreateRepository(t.Context(),
			&codecommit.CreateRepositoryInput{RepositoryName: &name}))(t)
		return i.checkout(name)
	}
	own := repository("acme-greet")
	i.commit(own, "first", map[string]string{"sub/action.yml": `
name: greet
inputs: {who: {required: true}}
outputs: {said: {value: "${{ steps.s.outputs.said }}"}}
runs:
  using: composite
  steps: [{id: s, shell: bash, run: 'echo "said=hi ${{ inputs.who }}" >>$GITHUB_OUTPUT'}]
`})
	i.git(own, "tag", "v1")
	i.git(own, "push", "-q", "origin", "main", "v1")
	mirrored := repository("scratch")
	i.commit(mirrored, "first", map[string]string{"main.js": `
const fs = require('fs')
console.log('input ' + process.env['INPUT_A-B'] + ' ' + process.env.STATE_x)
fs.appendFileSync(process.env.GITHUB_STATE, 'x=kept\n')
fs.appendFileSync(process.env.GITHUB_OUTPUT, 'o=from node\n')
`, "action.yml": "inputs: {a-b: {default: default}}\nruns: {using: node20, main: main.js, pre: main.js, post: main.js}\n"})
	bare := filepath.Join(mirror, "some", "script.git")
	if out, err := exec.Command("git", "clone", "-q", "--bare", mirrored, bare).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	node := ""
	if _, err := exec.LookPath("node"); err == nil {
		node = "\n      - {id: js, uses: some/script@main, with: {a-b: given}}\n      - run: echo \"<${{ steps.js.outputs.o }}>\""
	} else {
		t.Log("NOT TESTED: there is no node here, so that no JavaScript action was run")
	}
	dir := repository("web")
	i.commit(dir, "first", map[string]string{"content.txt": "of the commit", ".github/workflows/ci.yml": `
name: CI
on:
  push:
  workflow_dispatch: {inputs: {level: {default: low}}}
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: {said: "${{ steps.greet.outputs.said }}"}
    steps:
      - run: echo "empty [$(ls)]"
      - uses: actions/checkout@v4
      - run: echo "$(cat content.txt) of ${{ github.repository }} at ${{ github.ref_name }} ${{ inputs.level }}"
      - {id: greet, uses: acme/greet/sub@v1, with: {who: Bob}}` + node + `
  test:
    needs: build
    runs-on: ubuntu-latest
    outputs: {RESULT: "${{ needs.build.outputs.said }}"}
    steps:
      - run: echo "then ${{ needs.build.outputs.said }} [$(ls)] [$HIDDEN]"
  broken:
    runs-on: ubuntu-latest
    steps: [{uses: acme/missing@v9}]
`})
	i.git(dir, "push", "-q", "origin", "main")
	url := i.url + "/v1/repos/web"
	source := func(path string) func(in *codebuild.CreateProjectInput) {
		return func(in *codebuild.CreateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: &url, Buildspec: &path}
			in.SourceVersion = new("refs/heads/main")
		}
	}
	i.inline("job", "", source(".github/workflows/ci.yml#test"))
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("job"), EnvironmentVariablesOverride: []types.EnvironmentVariable{
		{Name: new("INPUT_LEVEL"), Value: new("high")}}})
	log := i.printed(*b.Id)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", steps(b), log)
	}
	has(t, log, "empty []", "of the commit of "+account+"/web at main high", "then hi Bob [] []")
	if node != "" {
		has(t, log, "▶ Pre some/script@main", "input given undefined", "input given kept", "<from node>", "▶ Post some/script@main")
	}
	if e := b.ExportedEnvironmentVariables; len(e) != 1 || *e[0].Name != "RESULT" || *e[0].Value != "hi Bob" {
		t.Errorf("exported %+v", e)
	}
	i.inline("all", "", source(".github/workflows/ci.yml"))
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("all")})
	has(t, steps(b), "broken: acme/missing@v9 cannot be had (the repository acme-missing: ", "the mirror "+mirror)
	has(t, i.printed(*b.Id), "then hi Bob []")
}

// A job's services are containers beside it, which it reaches at the machine's own address. They are ready when its
// steps begin, and gone when it has ended.
func TestActionsServices(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	serviceImage(t, engine)
	i := prepare(t, "")
	i.args = []string{"--engine", engine}
	i.start()
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(t.Context(),
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	dir := i.checkout("web")
	i.commit(dir, "first", map[string]string{".github/workflows/ci.yml": `
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    strategy: {matrix: {word: [apples, pears]}}
    services:
      site:
        image: local/service:1
        env: {WORD: "${{ matrix.word }}"}
        ports: [80]
        options: --health-cmd "wget -q -O- http://localhost/" --health-interval 1s --health-retries 60
      none: {image: ""}
    steps:
      - run: |
          exec 3<>"/dev/tcp/localhost/${{ job.services.site.ports['80'] }}"
          printf 'GET / HTTP/1.0\r\n\r\n' >&3
          cat <&3
        shell: bash
  ends:
    needs: test
    runs-on: ubuntu-latest
    services: {dies: {image: ` + executortest.Busybox + `}}
    steps: [{run: exit 1}]
`})
	i.git(dir, "push", "-q", "origin", "main")
	url := i.url + "/v1/repos/web"
	i.inline("web", "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: &url, Buildspec: new(".github/workflows/ci.yml")}
	})
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("web")})
	has(t, i.printed(*b.Id), "served apples", "served pears", "Starting the service site (local/service:1)")
	has(t, steps(b), "ends: the service dies: the service dies ended with status 0")
	if left := docker(t, engine, "ps", "-aq"); left != "" {
		t.Errorf("containers are left: %s", left)
	}
}
