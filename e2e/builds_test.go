package e2e

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// steps sums a build's phases up as BatchGetBuilds shows them, from DOWNLOAD_SOURCE on: those that succeeded by their
// name alone, others with status, code and message.
func steps(b types.Build) string {
	var all []string
	for _, p := range b.Phases {
		switch p.PhaseType {
		case types.BuildPhaseTypeSubmitted, types.BuildPhaseTypeQueued, types.BuildPhaseTypeProvisioning:
			if p.PhaseStatus == types.StatusTypeSucceeded {
				continue
			}
		}
		s := string(p.PhaseType)
		if p.PhaseStatus != types.StatusTypeSucceeded && p.PhaseType != types.BuildPhaseTypeCompleted {
			s += "=" + string(p.PhaseStatus)
		}
		for _, c := range p.Contexts {
			if *c.StatusCode != "" || *c.Message != "" {
				s += fmt.Sprintf("(%s: %s)", *c.StatusCode, *c.Message)
			}
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

func entries(t testing.TB, archive string) string {
	t.Helper()
	r := must(zip.NewReader(strings.NewReader(archive), int64(len(archive))))(t)
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// keys are those of a bucket's objects.
func (i *instance) keys(bucket string) []string {
	i.t.Helper()
	var all []string
	for _, o := range must(i.s3().ListObjectsV2(i.t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket}))(i.t).Contents {
		all = append(all, *o.Key)
	}
	return all
}

func TestBuildSources(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	dir := i.checkout("web")
	real, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	shell := filepath.Base(real)
	const show = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo \"$(cat content.txt) by $(basename " +
		"$(readlink /proc/$$/exe)) from ${CODEBUILD_SOURCE_VERSION-none} at " +
		"${CODEBUILD_RESOLVED_SOURCE_VERSION-nothing} of ${CODEBUILD_SOURCE_REPO_URL-nowhere}\"\n"
	i.commit(dir, "first", map[string]string{"buildspec.yml": show, "content.txt": "first"})
	i.git(dir, "tag", "v1")
	i.git(dir, "branch", "topic")
	i.commit(dir, "second",
		map[string]string{"content.txt": "second",
			"ci/other.yml": strings.Replace(show, "echo \"", "echo \"other ", 1)})
	i.git(dir, "push", "-q", "origin", "main", "topic", "v1")
	head, first := strings.TrimSpace(i.git(dir, "rev-parse", "HEAD")), strings.TrimSpace(i.git(dir, "rev-parse", "v1"))
	url := i.url + "/v1/repos/web"
	i.inline("git", "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: &url}
	})
	for version, want := range map[string]struct{ content, commit string }{
		"": {"second", head}, "main": {"second", head}, "refs/heads/topic": {"first", first}, "topic": {"first", first},
		"v1": {"first", first}, first: {"first", first},
	} {
		in := &codebuild.StartBuildInput{ProjectName: new("git")}
		given := "none"
		if version != "" {
			in.SourceVersion, given = &version, version
		}
		b := i.build(in)
		if b.BuildStatus != types.StatusTypeSucceeded || b.ResolvedSourceVersion == nil ||
			*b.ResolvedSourceVersion != want.commit {
			t.Errorf("%q: %s %v %s", version, b.BuildStatus, b.ResolvedSourceVersion, steps(b))
		}
		has(t, i.printed(*b.Id), want.content+" by "+shell+" from "+given+" at "+want.commit+" of "+url)
	}
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("git"), BuildspecOverride: new("ci/other.yml")})
	has(t, i.printed(*b.Id), "other second by "+shell+" from none")
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("git"), SourceVersion: new("none")})
	has(t, steps(b), "DOWNLOAD_SOURCE=FAILED(CLIENT_ERROR: git clone of "+url+" failed: ",
		"for primary source) FINALIZING COMPLETED")
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("git"), BuildspecOverride: new("none.yml")})
	if got := steps(
		b); got != "DOWNLOAD_SOURCE=FAILED(YAML_FILE_ERROR: stat /codebuild/output/src/none.yml: no such file or "+
		"directory) FINALIZING COMPLETED" {
		t.Error(got)
	}

	// An object: a zip, an older version of it, a folder; hostile ones do no harm.
	i.bucket("sources", true)
	i.put("sources", "src.zip", zipped(t, map[string]string{"buildspec.yml": show, "content.txt": "old"}))
	old := must(i.s3().HeadObject(ctx, &s3.HeadObjectInput{Bucket: new("sources"), Key: new("src.zip")}))(t).VersionId
	i.put("sources", "src.zip", zipped(t, map[string]string{"buildspec.yml": show, "content.txt": "new"}))
	i.put("sources", "tree/buildspec.yml", []byte(show))
	i.put("sources", "tree/content.txt", []byte("folder"))
	i.put("sources", "evil.zip", zipped(t, map[string]string{"buildspec.yml": show, "../../evil": "evil"}))
	i.put("sources", "broken.zip", []byte("PK no more"))
	i.inline("object", "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: new("sources/src.zip")}
	})
	for _, x := range []struct{ location, version, want string }{
		{"", "", "new by " + shell + " from none at nothing of sources/src.zip"},
		{"", *old, "old by " + shell + " from " + *old + " at nothing"},
		{"arn:aws:s3:::sources/src.zip", "", "new by " + shell},
		{"sources/tree/", "", "folder by " + shell},
		{"sources/evil.zip", "", "evil"},
		{"sources/broken.zip", "", "zip"},
		{"sources/none.zip", "", "NoSuchKey"},
	} {
		in := &codebuild.StartBuildInput{ProjectName: new("object")}
		if x.location != "" {
			in.SourceLocationOverride = &x.location
		}
		if x.version != "" {
			in.SourceVersion = &x.version
		}
		b := i.build(in)
		if strings.Contains(x.want, " by ") {
			if b.BuildStatus != types.StatusTypeSucceeded || b.ResolvedSourceVersion != nil {
				t.Errorf("%+v: %s %s", x, b.BuildStatus, steps(b))
			}
			has(t, i.printed(*b.Id), x.want)
			continue
		}
		has(t, steps(b), "DOWNLOAD_SOURCE=FAILED(CLIENT_ERROR: ", x.want, "for primary source) FINALIZING COMPLETED")
	}

	// No source: the buildspec is the project's, or an object; secondary sources lie beside it.
	i.put("sources", "specs/build.yml",
		[]byte(
			"version: 0.2\nphases:\n  build:\n    commands:\n      - ls -A; cat $CODEBUILD_SRC_DIR_repo/content.txt "+
				"$CODEBUILD_SRC_DIR_zip/content.txt; echo \" $CODEBUILD_SOURCE_VERSION_repo\"\n"))
	i.inline("none", "version: 0.2\nphases: {build: {commands: [echo none of it]}}\n")
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("none")})
	has(t, i.printed(*b.Id), "none of it")
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("none"),
		BuildspecOverride: new("arn:aws:s3:::sources/specs/build.yml"),
		SecondarySourcesOverride: []types.ProjectSource{{Type: types.SourceTypeCodecommit, Location: &url,
			SourceIdentifier: new("repo")},
			{Type: types.SourceTypeS3, Location: new("sources/src.zip"), SourceIdentifier: new("zip")}},
		SecondarySourcesVersionOverride: []types.ProjectSourceVersion{{SourceIdentifier: new("repo"),
			SourceVersion: new("v1")}}})
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Error(steps(b))
	}
	has(t, i.printed(*b.Id), "\nfirstnew v1\n")
}

func TestBuildArtifacts(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	i, ctx := up(t), t.Context()
	i.bucket("out", false)
	const spec = `version: 0.2
env:
  exported-variables: [VERSION, NOTHING]
phases:
  build:
    commands:
      - mkdir -p dist/sub logs; echo app > dist/app; echo x > dist/sub/x; echo log > logs/l; echo secret > dist/secret; ln -s app dist/link; ln -s /etc/passwd dist/out
      - export VERSION=1.2
artifacts:
  base-directory: dist
  files: ['**/*']
  exclude-paths: [secret]
  name: app-$VERSION.zip
  secondary-artifacts:
    logs:
      files: [logs/*]
      discard-paths: yes
    raw:
      base-directory: dist
      files: [app, sub/x]
`
	secondary := []types.ProjectArtifacts{
		{Type: types.ArtifactsTypeS3, Location: new("out"), ArtifactIdentifier: new("logs"), Path: new("deep/er"),
			Name: new("logs.zip"), NamespaceType: types.ArtifactNamespaceBuildId,
			Packaging: types.ArtifactPackagingZip},
		{Type: types.ArtifactsTypeS3, Location: new("out"), ArtifactIdentifier: new("raw"), Name: new("raw")},
	}
	c := i.inline("art", spec, func(in *codebuild.CreateProjectInput) {
		in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("out"), Path: new("builds"),
			Name: new("app.zip"), Packaging: types.ArtifactPackagingZip, OverrideArtifactName: new(true)}
		in.SecondaryArtifacts = secondary
	})
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("art")})
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", steps(b), i.printed(*b.Id))
	}
	_, id, _ := strings.Cut(*b.Id, ":")
	want := []string{"builds/app-1.2.zip", "deep/er/" + id + "/logs.zip", "raw/app", "raw/sub/x"}
	if got := i.keys("out"); !slices.Equal(got, want) {
		t.Errorf("keys %v, not %v", got, want)
	}
	archive := i.object("out", want[0])
	if got := entries(t, archive); got != "app link sub/x" { // what a link leads to, unless that is outside
		t.Errorf("the archive has %s", got)
	}
	sum := sha256.Sum256([]byte(archive))
	if *b.Artifacts.Location != "arn:aws:s3:::out/"+want[0] || *b.Artifacts.Sha256sum != hex.EncodeToString(sum[:]) ||
		!*b.Artifacts.OverrideArtifactName {
		t.Errorf("artifacts %+v", b.Artifacts)
	}
	if got := entries(t, i.object("out", want[1])); got != "l" {
		t.Errorf("logs.zip has %s", got)
	}
	if a := b.SecondaryArtifacts; len(a) != 2 || *a[0].ArtifactIdentifier != "logs" ||
		*a[0].Location != "arn:aws:s3:::out/"+want[1] || *a[1].Location != "arn:aws:s3:::out/raw" {
		t.Errorf("secondary artifacts %+v", a)
	}
	if got := i.object("out", "raw/sub/x"); got != "x\n" {
		t.Errorf("raw/sub/x is %q", got)
	}
	head := must(i.s3().HeadObject(ctx, &s3.HeadObjectInput{Bucket: new("out"), Key: &want[0]}))(t)
	if head.Metadata["codebuild-buildarn"] != *b.Arn {
		t.Errorf("metadata %v", head.Metadata)
	}
	exported := ""
	for _, v := range b.ExportedEnvironmentVariables {
		exported += *v.Name + "=" + *v.Value + " "
	}
	if exported != "VERSION=1.2 NOTHING= " {
		t.Errorf("exported %s", exported)
	}

	// Tried again, all of it lies under the new build's ID.
	retried := i.ended(*must(c.RetryBuild(ctx, &codebuild.RetryBuildInput{Id: b.Arn}))(t).Build.Id)
	_, id, _ = strings.Cut(*retried.Id, ":")
	if retried.BuildStatus != types.StatusTypeSucceeded ||
		*retried.SecondaryArtifacts[0].Location != "arn:aws:s3:::out/deep/er/"+id+"/logs.zip" ||
		!slices.Contains(i.keys("out"), "deep/er/"+id+"/logs.zip") {
		t.Errorf("retried: %s %+v %v", steps(retried), retried.SecondaryArtifacts, i.keys("out"))
	}

	for name, x := range map[string]struct {
		spec, want string
		secondary  []types.ProjectArtifacts
	}{
		"nothing matches": {"version: 0.2\nphases: {build: {commands: ['true']}}\nartifacts: {files: [none/*]}\n",
			"UPLOAD_ARTIFACTS=FAILED(CLIENT_ERROR: no matching artifact paths found: no file matches none/*)", nil},
		"none in the spec": {"version: 0.2\nphases: {build: {commands: ['true']}}\n",
			"UPLOAD_ARTIFACTS=FAILED(CLIENT_ERROR: no artifacts are defined in the buildspec", nil},
		"a missing second": {"version: 0.2\nphases: {build: {commands: ['echo > a']}}\nartifacts: {files: [a]}\n",
			"UPLOAD_ARTIFACTS=FAILED(CLIENT_ERROR: the buildspec has no secondary artifact raw", secondary[1:]},
		"out of the folder": {
			"version: 0.2\nphases: {build: {commands: ['true']}}\nartifacts: {files: [../../../etc/passwd]}\n",
			"UPLOAD_ARTIFACTS=FAILED(CLIENT_ERROR: ", nil,
		},
		"absolute": {
			"version: 0.2\nphases: {build: {commands: ['true']}}\nartifacts: {files: [/etc/passwd]}\n",
			"UPLOAD_ARTIFACTS=FAILED(CLIENT_ERROR: /etc/ is not in one of the build's folders", nil,
		},
		"a failed build too": {
			"version: 0.2\nphases: {build: {commands: ['echo half > half', 'exit 4']}}\nartifacts: {files: [half], " +
				"name: half.zip}\n",
			"BUILD=FAILED(COMMAND_EXECUTION_ERROR: Error while executing command: exit 4. Reason: exit status 4) " +
				"POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED", nil,
		},
	} {
		b := i.build(&codebuild.StartBuildInput{ProjectName: new("art"), BuildspecOverride: &x.spec,
			SecondaryArtifactsOverride: append([]types.ProjectArtifacts{}, x.secondary...)})
		if b.BuildStatus != types.StatusTypeFailed || !strings.Contains(steps(b), x.want) {
			t.Errorf("%s: %s %s", name, b.BuildStatus, steps(b))
		}
	}
	if got := entries(t, i.object("out", "builds/half.zip")); got != "half" {
		t.Errorf("half.zip has %s", got)
	}
	// A bucket that is not there.
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("art"),
		ArtifactsOverride: &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("nowhere"),
			Name: new("x")}, SecondaryArtifactsOverride: []types.ProjectArtifacts{}})
	has(t, steps(b), "UPLOAD_ARTIFACTS=FAILED(CLIENT_ERROR: ", "NoSuchBucket")
}

// TestBuildPhases looks at what BatchGetBuilds shows of builds that go wrong in each way.
func TestBuildPhases(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.inline("phases", "version: 0.2\nphases: {build: {commands: ['true']}}\n")
	failed := func(command string, status int) string {
		return fmt.Sprintf(
			"=FAILED(COMMAND_EXECUTION_ERROR: Error while executing command: %s. Reason: exit status %d)", command,
			status)
	}
	for name, x := range map[string]struct {
		phases, want string
		status       types.StatusType
		prints       []string // "-" before what must not be there
	}{
		"all": {
			"install: {commands: [echo i]}, pre_build: {commands: [echo p]}, build: {commands: [echo b]}, " +
				"post_build: " +
				"{commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED",
			types.StatusTypeSucceeded, []string{"\ni\n", "\np\n", "\nb\n", "\n1\n"},
		},
		"install": {"install: {commands: [exit 2], finally: [echo last]}, build: {commands: [echo no]}",
			"DOWNLOAD_SOURCE INSTALL" + failed("exit 2", 2) + " FINALIZING COMPLETED", types.StatusTypeFailed,
			[]string{"\nlast\n", "-\nno\n"}},
		"pre_build": {"pre_build: {commands: ['false', echo no]}, build: {commands: [echo no]}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD" + failed("false", 1) + " FINALIZING COMPLETED", types.StatusTypeFailed,
			[]string{"-\nno\n"}},
		"build": {
			"build: {commands: ['(exit 7)', echo no], finally: ['echo finally $CODEBUILD_BUILD_SUCCEEDING']}, " +
				"post_build: {commands: ['echo post $CODEBUILD_BUILD_SUCCEEDING']}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD" + failed("(exit 7)", 7) +
				" POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED", types.StatusTypeFailed,
			[]string{"finally 0", "post 0", "-\nno\n"},
		},
		"finally": {
			"build: {commands: [echo b], finally: ['false']}, post_build: {commands: ['echo post " +
				"$CODEBUILD_BUILD_SUCCEEDING']}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD" + failed("false", 1) +
				" POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED", types.StatusTypeFailed, []string{"post 0"},
		},
		"post_build": {"post_build: {commands: ['false']}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD POST_BUILD" + failed("false", 1) +
				" UPLOAD_ARTIFACTS FINALIZING COMPLETED", types.StatusTypeFailed, nil},
		"abort": {"build: {on-failure: ABORT, commands: ['false']}, post_build: {commands: [echo no]}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD" + failed("false", 1) + " FINALIZING COMPLETED",
			types.StatusTypeFailed, []string{"-\nno\n"}},
		"continue": {"install: {on-failure: CONTINUE, commands: ['false']}, build: {commands: [echo goes on]}",
			"DOWNLOAD_SOURCE INSTALL" + failed("false", 1) +
				" PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED", types.StatusTypeFailed,
			[]string{"goes on"}},
		"retry": {"build: {on-failure: RETRY-2, commands: ['echo try >> tries', 'test $(wc -l < tries) = 3']}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED",
			types.StatusTypeSucceeded, []string{"Retrying phase BUILD (2 of 2)"}},
		"not YAML": {"build: {commands: [a: b]}",
			`DOWNLOAD_SOURCE=FAILED(YAML_FILE_ERROR: buildspec:2:29: Expected Commands[0] to be of string type: found subkeys instead`, types.StatusTypeFailed, nil},
		"unknown key": {"build: {comands: [a]}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS FINALIZING COMPLETED",
			types.StatusTypeSucceeded,
			[]string{
				`WARNING: buildspec:2:18: unknown key "comands" in phases.build is ignored: did you mean commands?`,
			}},
		"killed": {"build: {commands: ['kill -9 $$']}",
			"DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD" + failed("kill -9 $$", 137), types.StatusTypeFailed, nil},
	} {
		spec := "version: 0.2\nphases: {" + x.phases + "}\n"
		b := i.build(&codebuild.StartBuildInput{ProjectName: new("phases"), BuildspecOverride: &spec})
		log := i.printed(*b.Id)
		if b.BuildStatus != x.status || !strings.HasPrefix(steps(b), x.want) {
			t.Errorf("%s: %s\ngot  %s\nwant %s\n%s", name, b.BuildStatus, steps(b), x.want, log)
		}
		for _, w := range x.prints {
			if unwanted, no := strings.CutPrefix(w, "-"); no == strings.Contains(log, strings.TrimPrefix(w, "-")) {
				t.Errorf("%s: about %q in\n%s", name, unwanted, log)
			}
		}
		for n, p := range b.Phases[:len(b.Phases)-1] {
			if p.StartTime == nil || p.EndTime == nil || p.DurationInSeconds == nil || p.EndTime.Before(*p.StartTime) ||
				n > 0 && p.StartTime.Before(*b.Phases[n-1].StartTime) {
				t.Errorf("%s: %s from %v to %v", name, p.PhaseType, p.StartTime, p.EndTime)
			}
		}
		if last := b.Phases[len(b.Phases)-1]; *b.CurrentPhase != "COMPLETED" || last.PhaseType != "COMPLETED" ||
			last.StartTime == nil || last.EndTime != nil || last.PhaseStatus != "" {
			t.Errorf("%s: the last phase is %+v", name, last)
		}
	}
}
