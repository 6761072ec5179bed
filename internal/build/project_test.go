package build_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
)

func TestProjects(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.create(project("app"))
	if *p.TimeoutInMinutes != 60 || *p.QueuedTimeoutInMinutes != 480 ||
		*p.Arn != "arn:aws:codebuild:eu-central-1:123456789012:project/app" || p.Cache.Type != cb.CacheTypeNoCache ||
		*p.EncryptionKey != "arn:aws:kms:eu-central-1:123456789012:alias/aws/s3" {
		t.Errorf("defaults: %+v", p)
	}
	if _, err := s.api.CreateProject(s.ctx(), project("app")); awsproto.Code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("twice: %v", err)
	}
	up, err := s.api.UpdateProject(s.ctx(),
		&cb.UpdateProjectInput{Name: new("app"), Description: new("mine"), ConcurrentBuildLimit: new(int32(1)),
			TimeoutInMinutes: new(int32(7))})
	if err != nil || *up.Project.Description != "mine" || *up.Project.TimeoutInMinutes != 7 ||
		*up.Project.Source.Buildspec != spec {
		t.Errorf("%+v, %v", up, err)
	}
	up, err = s.api.UpdateProject(s.ctx(),
		&cb.UpdateProjectInput{Name: new("app"), Description: new(""), ConcurrentBuildLimit: new(int32(-1))})
	if err != nil || up.Project.Description != nil || up.Project.ConcurrentBuildLimit != nil ||
		*up.Project.TimeoutInMinutes != 7 {
		t.Errorf("%+v, %v", up, err)
	}
	if _, err := s.api.UpdateProject(s.ctx(),
		&cb.UpdateProjectInput{Name: new("none")}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("update of nothing: %v", err)
	}
	got, err := s.api.BatchGetProjects(s.ctx(), &cb.BatchGetProjectsInput{Names: []string{*p.Arn, "none"}})
	if err != nil || len(got.Projects) != 1 || fmt.Sprint(got.ProjectsNotFound) != "[none]" {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		if _, err := s.api.DeleteProject(s.ctx(), &cb.DeleteProjectInput{Name: new("app")}); err != nil {
			t.Error(err)
		}
	}
}

func TestInvalidProjects(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, change := range map[string]func(*cb.CreateProjectInput){
		"no inline buildspec":  func(p *cb.CreateProjectInput) { p.Source.Buildspec = new("ci/buildspec.yml") },
		"half a pipeline":      func(p *cb.CreateProjectInput) { p.Source.Type = cb.SourceTypeCodepipeline },
		"half a pipeline, too": func(p *cb.CreateProjectInput) { p.Artifacts.Type = cb.ArtifactsTypeCodepipeline },
		"S3 without a key": func(p *cb.CreateProjectInput) {
			p.Source = &cb.ProjectSource{Type: cb.SourceTypeS3, Location: new("bucket")}
		},
		"a file as Git URL": func(p *cb.CreateProjectInput) {
			p.Source = &cb.ProjectSource{Type: cb.SourceTypeGithub, Location: new("file:///etc")}
		},
		"a command as Git URL": func(p *cb.CreateProjectInput) {
			p.Source = &cb.ProjectSource{Type: cb.SourceTypeGithub, Location: new("ext::sh -c id")}
		},
		"a password in a URL": func(p *cb.CreateProjectInput) {
			p.Source = &cb.ProjectSource{Type: cb.SourceTypeGitlab, Location: new("https://a:b@gitlab.com/a/b")}
		},
		"no repository": func(p *cb.CreateProjectInput) {
			p.Source = &cb.ProjectSource{Type: cb.SourceTypeCodecommit, Location: new("http://x/y/z")}
		},
		"artifacts without": func(p *cb.CreateProjectInput) { p.Artifacts.Type = cb.ArtifactsTypeS3 },
		"a bad variable": func(p *cb.CreateProjectInput) {
			p.Environment.EnvironmentVariables = []cb.EnvironmentVariable{{Name: new("A-B"), Value: new("")}}
		},
		"a variable twice": func(p *cb.CreateProjectInput) {
			p.Environment.EnvironmentVariables = []cb.EnvironmentVariable{{Name: new("A"), Value: new("")},
				{Name: new("A"), Value: new("")}}
		},
		"a secondary without id": func(p *cb.CreateProjectInput) {
			p.SecondarySources = []cb.ProjectSource{{Type: cb.SourceTypeS3, Location: new("b/k.zip")}}
		},
		"a version of nothing": func(p *cb.CreateProjectInput) {
			p.SecondarySourceVersions = []cb.ProjectSourceVersion{{SourceIdentifier: new("x"), SourceVersion: new("1")}}
		},
		"a limit of none":         func(p *cb.CreateProjectInput) { p.ConcurrentBuildLimit = new(int32(0)) },
		"a badge":                 func(p *cb.CreateProjectInput) { p.BadgeEnabled = new(true) },
		"a name that is no name":  func(p *cb.CreateProjectInput) { p.Name = new("../x") },
		"no service role":         func(p *cb.CreateProjectInput) { p.ServiceRole = nil },
		"a timeout of no minutes": func(p *cb.CreateProjectInput) { p.TimeoutInMinutes = new(int32(0)) },
	} {
		p := project("app")
		change(p)
		if _, err := s.api.CreateProject(s.ctx(), p); awsproto.Code(err) != "InvalidInputException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i := range 205 {
		s.create(project(fmt.Sprintf("p%03d", i)))
		s.pass(time.Millisecond)
	}
	for name, in := range map[string]cb.ListProjectsInput{
		"by name": {}, "by name, descending": {SortOrder: cb.SortOrderTypeDescending},
		"by creation":           {SortBy: cb.ProjectSortByTypeCreatedTime},
		"by change, descending": {SortBy: cb.ProjectSortByTypeLastModifiedTime, SortOrder: cb.SortOrderTypeDescending},
	} {
		var all []string
		for {
			out, err := s.api.ListProjects(s.ctx(), &in)
			if err != nil {
				t.Fatal(name, err)
			}
			all = append(all, out.Projects...)
			if in.NextToken = out.NextToken; out.NextToken == nil {
				break
			}
		}
		first, last := "p000", "p204"
		if in.SortOrder == cb.SortOrderTypeDescending {
			first, last = last, first
		}
		if len(all) != 205 || all[0] != first || all[204] != last {
			t.Errorf("%s: %d, %s to %s", name, len(all), all[0], all[len(all)-1])
		}
	}
	var ids []string
	for i := range 150 {
		ids = append(ids, *s.start(&cb.StartBuildInput{ProjectName: new(fmt.Sprintf("p%03d", i%2))}).Id)
	}
	page, err := s.api.ListBuilds(s.ctx(), &cb.ListBuildsInput{})
	if err != nil || len(page.Ids) != 100 || page.Ids[0] != ids[149] {
		t.Fatalf("%d, %v", len(page.Ids), err)
	}
	if _, err := s.api.ListBuilds(s.ctx(),
		&cb.ListBuildsInput{NextToken: page.NextToken,
			SortOrder: cb.SortOrderTypeAscending}); awsproto.Code(err) != "InvalidInputException" {
		t.Errorf("a token of another list: %v", err)
	}
	page, err = s.api.ListBuilds(s.ctx(), &cb.ListBuildsInput{NextToken: page.NextToken})
	if err != nil || len(page.Ids) != 50 || page.Ids[49] != ids[0] || page.NextToken != nil {
		t.Errorf("%d, %v", len(page.Ids), err)
	}
	mine, err := s.api.ListBuildsForProject(s.ctx(),
		&cb.ListBuildsForProjectInput{ProjectName: new("p001"), SortOrder: cb.SortOrderTypeAscending})
	if err != nil || len(mine.Ids) != 75 || mine.Ids[0] != ids[1] {
		t.Errorf("%d, %v", len(mine.Ids), err)
	}
	if _, err := s.api.ListBuildsForProject(s.ctx(),
		&cb.ListBuildsForProjectInput{ProjectName: new("none")}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("builds of nothing: %v", err)
	}
	// The oldest build is run first.
	if o := s.poll("r1", 1); *o.Build.Id != ids[0] {
		t.Errorf("offered %s, want %s", *o.Build.Id, ids[0])
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	s := open(t)
	in := project("app")
	in.Source = &cb.ProjectSource{Type: cb.SourceTypeCodecommit,
		Location: new("https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/web"), GitCloneDepth: new(int32(1)),
		GitSubmodulesConfig: &cb.GitSubmodulesConfig{FetchSubmodules: new(true)}}
	in.SourceVersion = new("main")
	in.SecondarySources = []cb.ProjectSource{{Type: cb.SourceTypeGithub, Location: new("https://github.com/a/b.git"),
		SourceIdentifier: new("lib")}}
	in.SecondarySourceVersions = []cb.ProjectSourceVersion{{SourceIdentifier: new("lib"), SourceVersion: new("v1")}}
	in.Artifacts = &cb.ProjectArtifacts{Type: cb.ArtifactsTypeS3, Location: new("out"), Path: new("/builds/"),
		NamespaceType: cb.ArtifactNamespaceBuildId, Name: new("app.zip"), Packaging: cb.ArtifactPackagingZip}
	in.SecondaryArtifacts = []cb.ProjectArtifacts{{Type: cb.ArtifactsTypeS3, Location: new("docs"),
		ArtifactIdentifier: new("docs")}}
	in.Environment.EnvironmentVariables = []cb.EnvironmentVariable{{Name: new("A"), Value: new("a")},
		{Name: new("B"), Value: new("b")}}
	in.LogsConfig = &cb.LogsConfig{
		CloudWatchLogs: &cb.CloudWatchLogsConfig{Status: cb.LogsConfigStatusTypeEnabled, GroupName: new("mine"),
			StreamName: new("web")},
	}
	s.create(in)
	b := s.start(&cb.StartBuildInput{ProjectName: new("app"), SourceVersion: new("dev"),
		GitCloneDepthOverride: new(int32(5)), TimeoutInMinutesOverride: new(int32(9)), ImageOverride: new("img"),
		SecondarySourcesVersionOverride: []cb.ProjectSourceVersion{{SourceIdentifier: new("lib"),
			SourceVersion: new("pr/7")}}, CacheOverride: &cb.ProjectCache{Type: cb.CacheTypeS3, Location: new("c/x")},
		EnvironmentVariablesOverride: []cb.EnvironmentVariable{{Name: new("B"), Value: new("2")},
			{Name: new("C"), Value: new("3")}}, BuildspecOverride: new("arn:aws:s3:::specs/ci.yml")})
	uuid := strings.TrimPrefix(*b.Id, "app:")
	if *b.SourceVersion != "dev" || *b.TimeoutInMinutes != 9 || *b.Logs.GroupName != "mine" ||
		*b.Logs.StreamName != "web/"+uuid || *b.Artifacts.Location != "arn:aws:s3:::out/builds/"+uuid+"/app.zip" ||
		*b.SecondaryArtifacts[0].Location != "arn:aws:s3:::docs/app" {
		t.Errorf("%+v", b)
	}
	o := s.order(s.poll("r1", 1))
	want := []slipway.Source{
		{Kind: slipway.SourceGit, URL: "http://slipway/v1/repos/web", Here: true, Version: "dev", Depth: 5,
			Submodules: true},
		{Identifier: "lib", Kind: slipway.SourceGit, URL: "https://github.com/a/b.git", Version: "refs/pull/7/head"},
	}
	if fmt.Sprint(o.Sources) != fmt.Sprint(want) {
		t.Errorf("sources %+v\nwant %+v", o.Sources, want)
	}
	outputs := []slipway.Output{{Bucket: "out", Path: "builds", Namespace: true, Name: "app.zip", Zip: true},
		{Identifier: "docs", Bucket: "docs", Name: "app"}}
	if fmt.Sprint(o.Outputs) != fmt.Sprint(outputs) {
		t.Errorf("outputs %+v\nwant %+v", o.Outputs, outputs)
	}
	vars := ""
	for _, v := range o.Build.Environment.EnvironmentVariables {
		vars += *v.Name + *v.Value
	}
	if vars != "AaB2C3" || *o.Build.Source.Buildspec != "version: 0.2 # of ci.yml" ||
		*b.Source.Buildspec != "arn:aws:s3:::specs/ci.yml" || o.Group != "mine" || o.Stream != "web/"+uuid {
		t.Errorf("variables %s, buildspec %s, log %s %s", vars, *o.Build.Source.Buildspec, o.Group, o.Stream)
	}
	if o.Image != "img" || o.Build.Cache.Type != cb.CacheTypeS3 {
		t.Errorf("image %q, cache %+v", o.Image, o.Build.Cache)
	}
	// Another source altogether.
	b = s.start(&cb.StartBuildInput{ProjectName: new("app"), SourceTypeOverride: cb.SourceTypeS3,
		SourceLocationOverride: new("src/tree/"), SourceVersion: new("v9"),
		SecondarySourcesOverride:   []cb.ProjectSource{},
		ArtifactsOverride:          &cb.ProjectArtifacts{Type: cb.ArtifactsTypeNoArtifacts},
		SecondaryArtifactsOverride: []cb.ProjectArtifacts{}})
	s.acknowledge("r1", *o.Build.Id)
	o = s.order(s.poll("r1", 1, *o.Build.Id))
	if want := []slipway.Source{{Kind: slipway.SourceDir, Bucket: "src", Key: "tree/",
		Version: "v9"}}; *o.Build.Id != *b.Id || fmt.Sprint(o.Sources) != fmt.Sprint(want) || len(o.Outputs) != 0 {
		t.Errorf("sources %+v, outputs %+v", o.Sources, o.Outputs)
	}
}

func TestRefusedStarts(t *testing.T) {
	t.Parallel()
	s := open(t)
	in := project("app")
	in.ConcurrentBuildLimit = new(int32(2))
	s.create(in)
	for name, c := range map[string]cb.StartBuildInput{
		"Windows":             {EnvironmentTypeOverride: cb.EnvironmentTypeWindowsServer2019Container},
		"a buildspec nowhere": {BuildspecOverride: new("arn:aws:s3:::none/ci.yml")},
		"a source of nowhere": {SourceTypeOverride: cb.SourceTypeS3},
		"a pipeline's source": {SourceTypeOverride: cb.SourceTypeCodepipeline,
			ArtifactsOverride: &cb.ProjectArtifacts{Type: cb.ArtifactsTypeCodepipeline}},
		"a timeout of a month": {TimeoutInMinutesOverride: new(int32(40000))},
	} {
		c.ProjectName = new("app")
		if _, err := s.api.StartBuild(s.ctx(), &c); awsproto.Code(err) != "InvalidInputException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.api.StartBuild(s.ctx(),
		&cb.StartBuildInput{ProjectName: new("none")}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("no project: %v", err)
	}
	first := s.start(&cb.StartBuildInput{ProjectName: new("app"), IdempotencyToken: new("t")})
	again := s.start(&cb.StartBuildInput{ProjectName: new("app"), IdempotencyToken: new("t")})
	if *first.Id != *again.Id {
		t.Errorf("one token, two builds: %s, %s", *first.Id, *again.Id)
	}
	if _, err := s.api.StartBuild(s.ctx(),
		&cb.StartBuildInput{ProjectName: new("app"), IdempotencyToken: new("t"),
			SourceVersion: new("x")}); awsproto.Code(err) != "InvalidInputException" {
		t.Errorf("one token, two requests: %v", err)
	}
	if second := s.start(&cb.StartBuildInput{ProjectName: new("app")}); *second.BuildNumber != 2 {
		t.Errorf("number %d: what was refused took one", *second.BuildNumber)
	}
	if _, err := s.api.StartBuild(s.ctx(),
		&cb.StartBuildInput{ProjectName: new("app")}); awsproto.Code(err) != "AccountLimitExceededException" {
		t.Errorf("over the limit: %v", err)
	}
}

func TestPipelinesBuild(t *testing.T) {
	t.Parallel()
	s := open(t)
	in := project("app")
	in.Source, in.Artifacts = &cb.ProjectSource{Type: cb.SourceTypeCodepipeline}, &cb.ProjectArtifacts{
		Type: cb.ArtifactsTypeCodepipeline,
	}
	s.create(in)
	if _, err := s.api.StartBuild(s.ctx(),
		&cb.StartBuildInput{ProjectName: new("app")}); awsproto.Code(err) != "InvalidInputException" {
		t.Errorf("started without a pipeline: %v", err)
	}
	job := slipway.PipelineJob{Key: "k1", Pipeline: "ship", Primary: "Src", Version: "abc",
		Inputs: []slipway.Artifact{{Name: "Lib", Bucket: "b", Key: "lib.zip"},
			{Name: "Src", Bucket: "b", Key: "src.zip"}},
		Outputs: []slipway.Artifact{{Name: "Out", Bucket: "b", Key: "out.zip"}}}
	start := &cb.StartBuildInput{ProjectName: new("app"),
		EnvironmentVariablesOverride: []cb.EnvironmentVariable{{Name: new("V"), Value: new("1")}}}
	b, err := s.StartForPipeline(s.ctx(), start, job)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.StartForPipeline(s.ctx(), start, job)
	if err != nil || *again.Id != *b.Id {
		t.Errorf("one key, two builds: %v", err)
	}
	if *b.Initiator != "codepipeline/ship" || *b.SourceVersion != "arn:aws:s3:::b/src.zip" ||
		*b.ResolvedSourceVersion != "abc" || b.Source.Type != cb.SourceTypeCodepipeline ||
		b.Artifacts.ArtifactIdentifier != nil {
		t.Errorf("%+v", b)
	}
	o := s.order(s.poll("r1", 1))
	if want := []slipway.Source{{Kind: slipway.SourceZip, Bucket: "b", Key: "src.zip"},
		{Identifier: "Lib", Kind: slipway.SourceZip, Bucket: "b",
			Key: "lib.zip"}}; fmt.Sprint(o.Sources) != fmt.Sprint(want) {
		t.Errorf("sources %+v", o.Sources)
	}
	if want := []slipway.Output{{Bucket: "b", Key: "out.zip", Zip: true}}; fmt.Sprint(o.Outputs) != fmt.Sprint(want) ||
		o.Variables["CODEBUILD_RESOLVED_SOURCE_VERSION"] != "abc" {
		t.Errorf("outputs %+v, variables %v", o.Outputs, o.Variables)
	}
	s.acknowledge("r1", *b.Id)
	s.complete("r1", *b.Id, slipway.Result{Status: cb.StatusTypeFailed})
	if _, err := s.api.RetryBuild(s.ctx(),
		&cb.RetryBuildInput{Id: b.Id}); awsproto.Code(err) != "InvalidInputException" {
		t.Errorf("a pipeline's build was retried: %v", err)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	b := s.start(&cb.StartBuildInput{ProjectName: new("app"),
		EnvironmentVariablesOverride: []cb.EnvironmentVariable{{Name: new("V"), Value: new("1")}},
		ArtifactsOverride: &cb.ProjectArtifacts{Type: cb.ArtifactsTypeS3, Location: new("out"),
			NamespaceType: cb.ArtifactNamespaceBuildId, Name: new("x")}})
	if _, err := s.api.RetryBuild(s.ctx(),
		&cb.RetryBuildInput{Id: b.Id}); awsproto.Code(err) != "InvalidInputException" {
		t.Errorf("a build in progress was retried: %v", err)
	}
	s.poll("r1", 1)
	s.acknowledge("r1", *b.Id)
	s.complete("r1", *b.Id,
		slipway.Result{Status: cb.StatusTypeFailed,
			Artifacts: []cb.BuildArtifacts{{Location: new("arn:aws:s3:::out/old")}}})
	out, err := s.api.RetryBuild(s.ctx(), &cb.RetryBuildInput{Id: b.Arn, IdempotencyToken: new("t")})
	if err != nil {
		t.Fatal(err)
	}
	r := out.Build
	uuid := strings.TrimPrefix(*r.Id, "app:")
	if *r.Id == *b.Id || *r.BuildNumber != 2 || r.BuildStatus != cb.StatusTypeInProgress ||
		*r.Environment.EnvironmentVariables[0].Value != "1" || *r.Artifacts.Location != "arn:aws:s3:::out/"+uuid+"/x" ||
		r.EndTime != nil {
		t.Errorf("%+v", r)
	}
	if o := s.order(s.poll("r1", 1)); o.Variables["CODEBUILD_BUILD_ID"] != *r.Id ||
		o.Variables["CODEBUILD_BUILD_NUMBER"] != "2" || len(o.Outputs) != 1 {
		t.Errorf("order %+v", o)
	}
	if again, err := s.api.RetryBuild(s.ctx(),
		&cb.RetryBuildInput{Id: b.Arn, IdempotencyToken: new("t")}); err != nil || *again.Build.Id != *r.Id {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestTimeInTheQueue(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	s.pass(-10 * time.Minute) // so that its time is over as soon as it is there
	b := s.start(&cb.StartBuildInput{ProjectName: new("app"), QueuedTimeoutInMinutesOverride: new(int32(5))})
	if e := s.end(); e.ID != *b.Id || e.Status != string(cb.StatusTypeTimedOut) {
		t.Errorf("%+v", e)
	}
	if got := s.get(*b.Id); phases(got) != "SUBMITTED:SUCCEEDED QUEUED:TIMED_OUT COMPLETED:" {
		t.Errorf("%s", phases(got))
	}
}

func TestSilentRunner(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *build.Config) { c.Silence = 100 * time.Millisecond })
	s.create(project("app"))
	lost, waiting := s.start(&cb.StartBuildInput{ProjectName: new("app")}), s.start(
		&cb.StartBuildInput{ProjectName: new("app")})
	s.poll("r1", 2)
	s.poll("r1", 1, *lost.Id)
	s.acknowledge("r1", *lost.Id)
	s.pass(time.Hour)
	if e := s.end(); e.ID != *lost.Id || e.Status != string(cb.StatusTypeFault) {
		t.Errorf("%+v", e)
	}
	got := s.get(*lost.Id)
	if last := got.Phases[len(got.Phases)-2]; !strings.Contains(*last.Contexts[0].Message,
		"The runner r1 has been silent since 20") {
		t.Errorf("%s", *last.Contexts[0].Message)
	}
	// What had not been acknowledged is run by another.
	deadline := time.Now().Add(20 * time.Second)
	for {
		if out := s.poll("r2", 1); out.Build != nil {
			if *out.Build.Id != *waiting.Id {
				t.Errorf("offered %s", *out.Build.Id)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the other build was offered to nobody")
		}
	}
	if s.acknowledge("r1", *waiting.Id) || !s.acknowledge("r2", *waiting.Id) {
		t.Error("the wrong runner runs it")
	}
}
