package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// key reads one of the data folder's access keys.
func (i *instance) key(name string) (id, secret string) {
	i.t.Helper()
	for line := range strings.Lines(string(must(os.ReadFile(filepath.Join(i.data, "keys", name)))(i.t))) {
		switch k, v, _ := strings.Cut(strings.TrimSpace(line), "="); k {
		case "AWS_ACCESS_KEY_ID":
			id = v
		case "AWS_SECRET_ACCESS_KEY":
			secret = v
		}
	}
	if id == "" || secret == "" {
		i.t.Fatalf("no key of %s", name)
	}
	return id, secret
}

// sandboxed skips a test where builds cannot be closed in.
func sandboxed(t testing.TB) {
	t.Helper()
	if out, err := exec.Command("bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: bubblewrap does not work here (%v %s). Install it with: apt-get install -y bubblewrap", err,
			out)
	}
}

// TestBuildCannotReach runs a build that looks for what is not its own: keys, the data folder, another build, the
// server, the runner.
func TestBuildCannotReach(t *testing.T) {
	t.Parallel()
	sandboxed(t)
	i, ctx := prepare(t, ""), t.Context()
	i.env = []string{"AWS_SECRET_ACCESS_KEY=secret-of-the-environment", "AWS_SESSION_TOKEN=secret-of-the-environment",
		"SLIPWAY_TOKEN=secret-of-the-environment", "SOME_PASSWORD=secret-of-the-environment"}
	i.start()
	_, runnerSecret := i.key("runner")
	i.bucket("out", false)
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	dir := i.checkout("web")
	i.commit(dir, "first", map[string]string{"file": "content"})
	i.git(dir, "push", "-q", "origin", "main")

	const neighbours = "secret-of-the-neighbour"
	i.inline("neighbour",
		"version: 0.2\nphases:\n  build:\n    commands:\n      - for d in . ~ /tmp; do echo $SECRET | tee "+
			"$d/secret-file >/dev/null; done\n      - export MORE=$SECRET; echo hidden; sleep 1000\n")
	neighbour := *must(codebuild.NewFromConfig(i.sdk()).StartBuild(ctx,
		&codebuild.StartBuildInput{ProjectName: new("neighbour"),
			EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: new("SECRET"), Value: new(neighbours)}}}))(
		t).Build.Id
	i.says(neighbour, "\nhidden")

	// Whatever a command finds it prints; each of those that look for something must find nothing and end with
	// READ-NOTHING.
	spy := strings.NewReplacer("DATA", i.data, "PARENT", filepath.Dir(i.data), "HOST", i.listen, "URL",
		i.url).Replace(`version: 0.2
phases:
  build:
    commands:
      - env; set
      - ls -la DATA PARENT 2>/dev/null; cat DATA/keys/* DATA/slipway.db DATA/place.json 2>/dev/null; find / -xdev \( -name slipway.db -o -name seal -o -name administrator -o -name secret-file \) 2>/dev/null; find / -name secret-file 2>/dev/null; echo LOOKED
      - grep -rIls secret-of- /etc /opt /tmp /root /var /run /home /srv /mnt /codebuild /dev/shm 2>/dev/null; echo LOOKED
      - for p in /proc/[0-9]*; do tr '\0' '\n' < $p/environ; ls -l $p/fd $p/cwd $p/root; cat $p/root/keys/*; done 2>/dev/null | grep -e secret-of -e 'DATA' -e SECRET_ACCESS; echo LOOKED
      - grep -ri -e authorization -e extraheader -e AKIA .git; git config --list | grep -i -e header -e credential; echo LOOKED
      - touch /usr/mine /etc/mine /opt/mine /mine 2>/dev/null && echo WROTE; mount -t tmpfs none /mnt 2>/dev/null && echo MOUNTED; test "$(id -u)" = 0 && echo ROOT; echo LOOKED
      - git ls-remote URL/v1/repos/web 2>/dev/null && echo CLONED; echo LOOKED
      - |
        bash -c 'call() { exec 5<>/dev/tcp/${1%:*}/${1#*:}; printf "$2" >&5; cat <&5; }
        call HOST "POST / HTTP/1.0\r\nHost: HOST\r\nX-Amz-Target: CodeBuild_20161006.ListProjects\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}" | tail -1
        call HOST "GET /out HTTP/1.0\r\nHost: HOST\r\n\r\n" | head -1
        call HOST "GET /pipelines HTTP/1.0\r\nHost: HOST\r\n\r\n" | head -1'
      - ln -s DATA/keys keys; ln -s ../../home home; ln -s / all; echo LOOKED
  post_build:
    commands: [kill -9 -1]
artifacts:
  files: [keys/*, 'keys', home/*, 'all/etc/hostname', file]
  enable-symlinks: no
`)
	if strings.Contains(spy, "URL") {
		t.Fatal("an address is missing")
	}
	i.inline("spy", spy, func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: new(i.url + "/v1/repos/web"),
			Buildspec: &spy}
		in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("out"), Name: new("spied")}
	})
	pids := i.pids()
	b := i.ended(*i.start1("spy"))
	log := i.printed(*b.Id)
	said := ""
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "[Container] ") {
			said += line
		}
	}
	for _, bad := range []string{secret, runnerSecret, neighbours, "secret-of-the-environment", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SLIPWAY_", "SOME_PASSWORD", "secret-file",
		"\n" + i.data, "slipway.db\n", "WROTE\n", "MOUNTED\n", "ROOT\n", "CLONED\n"} {
		if strings.Contains(said, bad) {
			t.Errorf("the build finds %q:\n%s", bad, said)
		}
	}
	if n := strings.Count(said, "LOOKED\n"); n != 7 {
		t.Errorf("%d of 7 commands looked:\n%s", n, log)
	}
	if has(t, said, "MissingAuthenticationTokenException"); strings.Count(said, "HTTP/1.0 303 See Other")+
		strings.Count(said, "HTTP/1.0 403 Forbidden") != 2 {
		// to where one signs in, or not at all
		t.Errorf("the server answers a build:\n%s", said)
	}
	if got := i.keys("out"); len(got) != 1 || got[0] != "spied/file" {
		t.Errorf("artifacts %v", got)
	}
	if now := i.pids(); fmt.Sprint(now) != fmt.Sprint(pids) {
		t.Errorf("the processes were %v, and are %v", pids, now)
	}
	if left := i.left(*b.Id); left != "" {
		t.Errorf("there are %s", left)
	}
	// The neighbour noticed nothing.
	if out := must(codebuild.NewFromConfig(i.sdk()).BatchGetBuilds(ctx,
		&codebuild.BatchGetBuildsInput{Ids: []string{neighbour}}))(t); *out.Builds[0].CurrentPhase != "BUILD" {
		t.Errorf("the neighbour is in %s", *out.Builds[0].CurrentPhase)
	}
	// A runner that is killed takes its builds with it; the next one says so.
	_ = syscall.Kill(pids["runner"], syscall.SIGKILL)
	if b := i.ended(neighbour); b.BuildStatus != types.StatusTypeFault || !strings.Contains(steps(b), "uncertain") {
		t.Errorf("%s: %s", b.BuildStatus, steps(b))
	}
	if left := i.left(neighbour); left != "" {
		t.Errorf("after the runner's death there are %s", left)
	}
	if files := builtFiles(t, i.data); len(files) > 0 {
		t.Errorf("files of builds are left: %v", files)
	}
}

// builtFiles are files that builds have left in the rooms of the runner on this machine. Rooms that are ready for
// builds to come have none.
func builtFiles(t testing.TB, data string) (files []string) {
	t.Helper()
	for _, folder := range []string{"src", "secondary", "home", "tmp"} {
		found, err := filepath.Glob(filepath.Join(data, "runner", "builds", "*", folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

// TestSecretsAtRest looks for secrets in everything that the server wrote and printed, and in the arguments of its
// processes.
func TestSecretsAtRest(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	_, runnerSecret := i.key("runner")
	h := i.host("h", nil)
	password := *must(iam.NewFromConfig(i.sdk()).CreateServiceSpecificCredential(ctx,
		&iam.CreateServiceSpecificCredentialInput{ServiceName: new("codecommit.amazonaws.com"),
			UserName: new("administrator")}))(t).ServiceSpecificCredential.ServicePassword
	must(iam.NewFromConfig(i.sdk()).CreateLoginProfile(ctx,
		&iam.CreateLoginProfileInput{UserName: new("administrator"), Password: new("correct horse battery")}))(t)
	i.inline("print", "version: 0.2\nphases: {build: {commands: [env]}}\n")
	i.ended(*i.start1("print"))
	for _, pid := range i.pids() {
		if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil ||
			strings.Contains(string(args), secret) || strings.Contains(string(args), runnerSecret) {
			t.Errorf("arguments %q %v", args, err)
		}
	}
	if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", i.pids()["runner"])); err != nil ||
		strings.Contains(string(env), secret) {
		t.Errorf("the runner has the administrator's key (%v)", err)
	}
	i.stop() // so that all of it is written
	looked := 0
	err := filepath.WalkDir(i.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Dir(path) == filepath.Join(i.data, "keys") {
			return err
		}
		looked++
		text, err := os.ReadFile(path)
		for _, s := range []string{secret, runnerSecret, h.SecretAccessKey, password, "correct horse battery"} {
			if strings.Contains(string(text), s) {
				t.Errorf("%s has the secret %s", path, s)
			}
		}
		return err
	})
	if err != nil || looked < 3 {
		t.Errorf("looked at %d files: %v", looked, err)
	}
	if strings.Contains(i.log.String(), secret) || strings.Contains(i.log.String(), runnerSecret) ||
		strings.Contains(i.log.String(), password) {
		t.Error("a secret is printed")
	}
}

// TestRolesOfKeys uses the keys of a runner and a host for what is not theirs.
func TestRolesOfKeys(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	i.bucket("out", false)
	i.put("out", "object", []byte("content"))
	id, secret := i.key("runner")
	h := i.host("h", nil)
	for name, key := range map[string][2]string{"runner": {id, secret}, "host": {h.AccessKeyId, h.SecretAccessKey}} {
		c := i.sdkAs(key[0], key[1])
		_, builds := codebuild.NewFromConfig(c).StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: new("any")})
		_, pipelines := codepipeline.NewFromConfig(c).ListPipelines(ctx, &codepipeline.ListPipelinesInput{})
		_, repositories := codecommit.NewFromConfig(c).CreateRepository(ctx,
			&codecommit.CreateRepositoryInput{RepositoryName: new("any")})
		_, users := iam.NewFromConfig(c).CreateServiceSpecificCredential(ctx,
			&iam.CreateServiceSpecificCredentialInput{UserName: new("administrator"),
				ServiceName: new("codecommit.amazonaws.com")})
		_, objects := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }).DeleteObject(ctx,
			&s3.DeleteObjectInput{Bucket: new("out"), Key: new("object")})
		for what, err := range map[string]error{"builds": builds, "pipelines": pipelines, "repositories": repositories,
			"users": users, "objects": objects} {
			if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				t.Errorf("a %s's key: %s: %v", name, what, err)
			}
		}
	}
	if got := i.object("out", "object"); got != "content" {
		t.Error(errors.New(got))
	}
}
