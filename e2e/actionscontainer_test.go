package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"

	"slipway/internal/runner/executor/executortest"
)

// docker calls an engine.
func docker(t *testing.T, engine string, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", append([]string{"-H", engine}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// serviceImage makes local/service:1, which serves its variable WORD after a second.
func serviceImage(t *testing.T, engine string) {
	t.Helper()
	made := docker(t, engine, "create", executortest.Busybox)
	docker(t, engine, "commit", "--change",
		`CMD ["sh", "-c", "mkdir -p /www; sleep 1; echo served $WORD >/www/index.html; exec httpd -f -p 80 -h /www"]`,
		made, "local/service:1")
	docker(t, engine, "rm", made)
}

// dockerAction has a pre and a post, arguments of its inputs and a variable.
const dockerAction = `
name: dock
inputs: {who: {default: nobody}}
runs:
  using: docker
  image: docker://local/dock:1
  pre-entrypoint: /pre
  entrypoint: /bin/sh
  post-entrypoint: /post
  args: [-c, 'echo "main ${{ inputs.who }} $INPUT_WHO $OWN $STATE_x in $PWD with $(cat content.txt)";
    echo "said=it" >>$GITHUB_OUTPUT; echo "LEFT=behind" >>$GITHUB_ENV; mkdir made; echo x >made/file']
  env: {OWN: "of ${{ inputs.who }}"}
`

const containerWorkflow = `
on: push
jobs:
  inside:
    runs-on: ubuntu-latest
    container:
      image: local/busybox:1
      env: {WHO: me}
      volumes: ["kept:/kept"]
      options: --memory 256m --workdir /tmp
    services:
      site:
        image: local/service:1
        env: {WORD: apples}
        volumes: ["kept:/www"]
        options: --health-cmd "wget -q -O- http://localhost/" --health-interval 1s --health-retries 60
    steps:
      - uses: actions/checkout@v4
      - id: one
        run: |
          [ ! -e /etc/debian_version ] && echo "in the image as $(id -u)"
          wget -q -O- http://site/
          echo "shared: $(cat /kept/index.html)"
          echo "out=$(cat content.txt)" >>"$GITHUB_OUTPUT"
          [ ! -S /var/run/docker.sock ] && echo "no engine"
          mkdir -p out && echo fresh >out/file
      - run: echo "got ${{ steps.one.outputs.out }} by $WHO"
      - uses: actions/upload-artifact@v4
        with: {name: outcome, path: out}
      - run: exit 7
        continue-on-error: true
  dock:
    needs: inside
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - {id: d, uses: acme/dock@v1, with: {who: Bob}}
      - run: rm -r made && echo "[${{ steps.d.outputs.said }} $LEFT]"
      - uses: docker://local/busybox:1
        with: {entrypoint: /bin/sh, args: -c "wc -c <content.txt; exit 0"}
  file:
    needs: dock
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./act
`

// Jobs in containers of their own, docker actions, and volumes: on a sandbox and in a container alike.
func TestActionsContainers(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	serviceImage(t, engine)
	made := docker(t, engine, "create", executortest.Busybox, "sh", "-c", `cat >/pre <<'end'
#!/bin/sh
echo x=pre >>$GITHUB_STATE
end
printf '#!/bin/sh\necho post of $STATE_x\n' >/post
chmod +x /pre /post`)
	docker(t, engine, "start", "-a", made)
	docker(t, engine, "commit", "--change", `CMD ["sh"]`, made, "local/dock:1")
	docker(t, engine, "rm", made)
	i := prepare(t, "")
	i.args = []string{"--engine", engine, "--actions-offline"}
	i.start()
	repository := func(name string) string {
		must(codecommit.NewFromConfig(i.sdk()).CreateRepository(t.Context(),
			&codecommit.CreateRepositoryInput{RepositoryName: &name}))(t)
		return i.checkout(name)
	}
	own := repository("acme-dock")
	i.commit(own, "first", map[string]string{"action.yml": dockerAction})
	i.git(own, "tag", "v1")
	i.git(own, "push", "-q", "origin", "main", "v1")
	dir := repository("web")
	i.commit(dir, "first", map[string]string{"content.txt": "of the commit",
		".github/workflows/ci.yml": containerWorkflow,
		"act/action.yml":           "runs: {using: docker, image: Dockerfile, args: [given]}\n",
		"act/Dockerfile":           "FROM local/busybox:1\nCOPY run /run\nENTRYPOINT [\"/bin/sh\", \"/run\"]\n",
		"act/run":                  "echo built and $1\n"})
	i.git(dir, "push", "-q", "origin", "main")
	url := i.url + "/v1/repos/web"
	source := func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: &url,
			Buildspec: new(".github/workflows/ci.yml")}
	}
	i.inline("host", "", source)
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("host")})
	log := i.printed(*b.Id)
	has(t, log, "in the image as 0", "served apples", "shared: served apples", "no engine", "got of the commit by me",
		"Artifact outcome: 1 file", "exit status 7", "▶ Pre acme/dock@v1", "main Bob Bob of Bob pre in /github/workspace "+
			"with of the commit", "[it behind]", "13\n", "post of pre")
	has(t, steps(b), "file: Run ./act: the image of ./act: it is built from a Dockerfile, which needs privilegedMode")
	if left := docker(t, engine, "ps", "-aq") + docker(t, engine, "volume", "ls", "-q"); left != "" {
		t.Errorf("containers or volumes are left: %s", left)
	}
	i.inline("container", "", source, inContainer)
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("container")})
	has(t, i.printed(*b.Id), "in the image as 0", "served apples", "got of the commit by me", "[it behind]")
	has(t, steps(b), "file: Run ./act: the image of ./act: it is built from a Dockerfile, which needs privilegedMode")
}
