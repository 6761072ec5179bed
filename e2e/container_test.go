package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"slipway/internal/runner/executor/executortest"
)

// inContainer gives a project the image that the engines of tests have.
func inContainer(in *codebuild.CreateProjectInput) {
	in.Environment.Image = new(executortest.Busybox)
}

// A build in a container gets its source though the image has no Git, has the image's programs and home folder, and
// puts out artifacts. It sees neither the server's data nor the runner's environment or keys, nor the engine.
func TestBuildInAContainer(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	i := prepare(t, "")
	i.args, i.env = []string{"--engine", engine}, []string{"A_SECRET_OF_THE_RUNNER=seen"}
	i.start()
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(t.Context(),
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	dir := i.checkout("web")
	i.commit(dir, "first", map[string]string{"content.txt": "of the commit", "buildspec.yml": `version: 0.2
env:
  exported-variables: [MADE]
phases:
  install:
    commands:
      - . /root/.profile
      - echo "$GREETING by $(id -u) in $PWD, $HOME, $CODEBUILD_BUILD_IMAGE"
      - test -z "$(command -v git)$(command -v bash)"
  build:
    commands:
      - MADE="$(cat content.txt)"
      - mkdir -p out && echo "$MADE" >out/made.txt
      - cat /proc/1/environ /proc/self/environ | grep -c A_SECRET_OF_THE_RUNNER | sed 's/^/secrets /'
      - test ! -e ` + i.data + ` && test ! -e ` + strings.TrimPrefix(engine, "unix://") + ` && echo nothing of the machine
      - echo late >/root/late; sleep 1000 & true
artifacts:
  files: ['**/*']
  base-directory: out
`})
	i.git(dir, "push", "-q", "origin", "main")
	i.bucket("built", false)
	url := i.url + "/v1/repos/web"
	i.inline("web", "", inContainer, func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: &url}
		in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("built"), Name: new("web.zip"),
			Packaging: types.ArtifactPackagingZip}
	})
	for range 2 { // the second finds nothing of the first
		b := i.build(&codebuild.StartBuildInput{ProjectName: new("web")})
		if b.BuildStatus != types.StatusTypeSucceeded {
			t.Fatalf("%s\n%s", steps(b), i.printed(*b.Id))
		}
		has(t, i.printed(*b.Id), "Running in a container of the image "+executortest.Busybox+"@sha256:",
			"hello by 0 in /codebuild/output/src, /root, "+executortest.Busybox, "secrets 0", "nothing of the machine")
		if e := b.ExportedEnvironmentVariables; len(e) != 1 || *e[0].Value != "of the commit" {
			t.Errorf("exported %+v", e)
		}
	}
	if got := entries(t, i.object("built", "web.zip")); got != "made.txt" {
		t.Errorf("the artifact has %s", got)
	}
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("web"), ImageOverride: new("no.such.registry/image:1")})
	has(t, steps(b), "PROVISIONING=FAILED(BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: the image no.such.registry/image:1 "+
		"cannot be pulled")
}

// A project's registryCredential opens its image, and that of no other project. Its password is in no log.
func TestPrivateImage(t *testing.T) {
	t.Parallel()
	registry := executortest.NewRegistry(t)
	i := up(t, "--engine", executortest.Docker(t))
	image := registry.Host + "/team/tool:1"
	keep := func(name, text string) {
		must(secretsmanager.NewFromConfig(i.sdk()).CreateSecret(t.Context(),
			&secretsmanager.CreateSecretInput{Name: &name, SecretString: &text}))(t)
	}
	keep("/CodeBuild/registry", fmt.Sprintf(`{"username": %q, "password": %q}`, executortest.AccountUser,
		executortest.AccountPassword))
	keep("/CodeBuild/wrong", `{"username": "builder", "password": "of-somebody-else"}`)
	keep("/CodeBuild/half", `{"username": "builder"}`)
	keep("/elsewhere", `{"username": "builder", "password": "out-of-reach"}`)
	with := func(credential string) func(*codebuild.CreateProjectInput) {
		return func(in *codebuild.CreateProjectInput) {
			in.ServiceRole = new("arn:aws:iam::" + account + ":role/slipway-build")
			in.Environment.Image = &image
			if credential != "" {
				in.Environment.ImagePullCredentialsType = types.ImagePullCredentialsTypeServiceRole
				in.Environment.RegistryCredential = &types.RegistryCredential{Credential: &credential,
					CredentialProvider: types.CredentialProviderTypeSecretsManager}
			}
		}
	}
	const spec = "version: 0.2\nphases: {build: {commands: ['env; echo here']}}\n"
	const pulls = "PROVISIONING=FAILED(BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: "
	for n, c := range []struct{ credential, want string }{
		{"", pulls + "the image " + image + " cannot be pulled"},
		{"/CodeBuild/registry", "BUILD POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED"},
		{"", pulls + "the image " + image + " cannot be pulled"},
		{"/CodeBuild/wrong", pulls + "the image " + image + " cannot be pulled"},
		{"/CodeBuild/half", pulls + "the registryCredential is not one: the JSON of the secret /CodeBuild/half has no key " +
			"password"},
		{"/CodeBuild/none", pulls + "the registryCredential /CodeBuild/none cannot be read"},
		{"/elsewhere", pulls + "the registryCredential /elsewhere cannot be read"},
	} {
		name := fmt.Sprintf("p%d", n)
		i.inline(name, spec, with(c.credential))
		b := i.build(&codebuild.StartBuildInput{ProjectName: &name})
		has(t, steps(b), c.want)
		if log := i.printed(*b.Id); strings.Contains(log, executortest.AccountPassword) {
			t.Errorf("the password is in the log of %s:\n%s", name, log)
		}
	}
	_, err := codebuild.NewFromConfig(i.sdk()).UpdateProject(t.Context(), &codebuild.UpdateProjectInput{Name: new("p1"),
		Environment: &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, Image: &image,
			ComputeType: types.ComputeTypeBuildGeneral1Small, RegistryCredential: &types.RegistryCredential{
				Credential: new("/CodeBuild/registry"), CredentialProvider: types.CredentialProviderTypeSecretsManager}}})
	says(t, err, "imagePullCredentialsType must be SERVICE_ROLE")
}

// A build in a container whose runner is killed ends, and the next runner removes the container. One whose engine is
// killed ends too, and so does the next.
func TestBuildInAContainerThatIsLost(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	i := up(t, "--engine", engine, "--builds", "1")
	const sleeps = "version: 0.2\nphases: {build: {commands: ['test -n \"$SHORT\" || { echo here we are; sleep 1000; }']}}\n"
	i.inline("sleeps", sleeps, inContainer)
	lost := *i.start1("sleeps")
	i.says(lost, "here we are")
	i.killProcess("runner")
	if b := i.ended(lost); b.BuildStatus != types.StatusTypeFault {
		t.Errorf("its runner was killed, and it ended as %s", steps(b))
	}
	short := &codebuild.StartBuildInput{ProjectName: new("sleeps"), EnvironmentVariablesOverride: []types.EnvironmentVariable{
		{Name: new("SHORT"), Value: new("yes")}}}
	if b := i.build(short); b.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("after it: %s", steps(b))
	}
	eventually(t, "the container is gone", func() error {
		if left := containers(t, engine); len(left) > 0 {
			return fmt.Errorf("%q are left", left)
		}
		return nil
	})
	lost = *i.start1("sleeps")
	i.says(lost, "here we are")
	killEngine(t, engine)
	if b := i.ended(lost); b.BuildStatus == types.StatusTypeSucceeded {
		t.Errorf("its engine was killed, and it ended as %s", steps(b))
	}
	if b := i.build(short); b.BuildStatus == types.StatusTypeSucceeded || len(b.Phases) == 0 {
		t.Errorf("without an engine: %s", steps(b))
	}
}

// folderOf is the folder of an engine of a test.
func folderOf(engine string) string { return filepath.Dir(strings.TrimPrefix(engine, "unix://")) }

// containers are the folders of the containers that an engine runs.
func containers(t *testing.T, engine string) []string {
	t.Helper()
	return must(filepath.Glob(filepath.Join(folderOf(engine), "exec/containerd/daemon/io.containerd.runtime.v2.task/moby/*")))(t)
}

// killEngine kills an engine and all containers of it.
func killEngine(t *testing.T, engine string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folderOf(engine), "dockerd.pid"))
	pid, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	if err := errors.Join(err, bad); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
