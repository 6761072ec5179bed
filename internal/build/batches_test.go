package build_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
)

const batchRole = "arn:aws:iam::123456789012:role/batch"

// batched creates a project that has batches.
func (s *stage) batched(change ...func(*cb.CreateProjectInput)) {
	s.t.Helper()
	in := project("app")
	in.Environment.Image = new("host")
	in.BuildBatchConfig = &cb.ProjectBuildBatchConfig{ServiceRole: new(batchRole)}
	for _, f := range change {
		f(in)
	}
	s.create(in)
}

func (s *stage) startBatch() cb.BuildBatch {
	s.t.Helper()
	out, err := s.api.StartBuildBatch(s.ctx(), &cb.StartBuildBatchInput{ProjectName: new("app")})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.BuildBatch
}

func (s *stage) batch(id string) cb.BuildBatch {
	s.t.Helper()
	out, err := s.api.BatchGetBuildBatches(s.ctx(), &cb.BatchGetBuildBatchesInput{Ids: []string{id}})
	if err != nil || len(out.BuildBatches) != 1 {
		s.t.Fatalf("batch %s: %+v, %v", id, out, err)
	}
	return out.BuildBatches[0]
}

// take lets a runner take the next build, and returns it with its identifier in the batch.
func (s *stage) take() (slipway.Order, string) {
	s.t.Helper()
	out := s.poll("r", 1)
	o := s.order(out)
	s.acknowledge("r", *out.Build.Id)
	return o, o.Variables["CODEBUILD_BATCH_BUILD_IDENTIFIER"]
}

// read lets a runner read a batch.
func (s *stage) read(b slipway.Batch) {
	s.t.Helper()
	o, name := s.take()
	if name != "DOWNLOAD_SOURCE" || !o.ReadBatch {
		s.t.Fatalf("the first build is %s: %+v", name, o)
	}
	s.complete("r", *o.Build.Id, slipway.Result{Status: cb.StatusTypeSucceeded, Batch: &b})
}

// finish takes the next builds and ends them, with what they are named here for: NAME or NAME:STATUS.
func (s *stage) finish(names ...string) {
	s.t.Helper()
	for _, n := range names {
		want, status, failed := strings.Cut(n, ":")
		o, name := s.take()
		if !failed {
			status = "SUCCEEDED"
		}
		if name != want {
			s.t.Fatalf("the next build is %s, not %s", name, want)
		}
		s.complete("r", *o.Build.Id, slipway.Result{Status: cb.StatusType(status)})
	}
}

func (s *stage) idle() {
	s.t.Helper()
	if out := s.poll("r", 1); out.Build != nil {
		s.t.Fatalf("a build waits: %s", out.Build.Order)
	}
}

// groups are the builds of a batch in one line.
func groups(b cb.BuildBatch) string {
	all := []string{string(b.BuildBatchStatus)}
	for _, g := range b.BuildGroups[1:] {
		status := cb.StatusType("-")
		if g.CurrentBuildSummary != nil {
			status = g.CurrentBuildSummary.BuildStatus
		}
		all = append(all, fmt.Sprintf("%s:%s%s", *g.Identifier, status, strings.Repeat("+", len(g.PriorBuildSummaryList))))
	}
	return strings.Join(all, " ")
}

func batchPhases(b cb.BuildBatch) string {
	var all []string
	for _, p := range b.Phases {
		all = append(all, fmt.Sprintf("%s:%s", p.PhaseType, p.PhaseStatus))
	}
	return strings.Join(all, " ")
}

func list(names ...string) (b slipway.Batch) {
	for _, n := range names {
		name, on, _ := strings.Cut(n, "<")
		x := slipway.BatchBuild{Identifier: name}
		if on != "" {
			x.DependsOn = strings.Split(on, "&")
		}
		b.Builds = append(b.Builds, x)
	}
	return b
}

func TestBatchOfAGraph(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.batched()
	begun := s.startBatch()
	if *begun.BuildBatchNumber != 1 || *begun.CurrentPhase != "DOWNLOAD_BATCHSPEC" || len(begun.BuildGroups) != 1 ||
		!strings.HasPrefix(*begun.Arn, "arn:aws:codebuild:eu-central-1:123456789012:build-batch/app:") {
		t.Errorf("begun: %+v", begun)
	}
	in := list("a", "b<a", "c<b", "d")
	in.Builds[0] = slipway.BatchBuild{Identifier: "a", Buildspec: "version: 0.1", ComputeType: "BUILD_GENERAL1_LARGE",
		Image: "host", PrivilegedMode: new(true),
		Variables: []cb.EnvironmentVariable{{Name: new("A"), Value: new("1"), Type: cb.EnvironmentVariableTypePlaintext}}}
	s.read(in)
	o, name := s.take()
	e := o.Build.Environment
	if name != "a" || *o.Build.Source.Buildspec != "version: 0.1" || e.ComputeType != "BUILD_GENERAL1_LARGE" ||
		len(e.EnvironmentVariables) != 1 || !*e.PrivilegedMode || *o.Build.BuildBatchArn != *begun.Arn ||
		*o.Build.Initiator != "alice" {
		t.Errorf("the first build: %+v", o.Build)
	}
	s.finish("d")
	s.idle()
	s.complete("r", *o.Build.Id, slipway.Result{Status: cb.StatusTypeSucceeded})
	s.finish("b:FAILED")
	s.idle()
	b := s.batch(*begun.Arn)
	if got := groups(b); got != "FAILED a:SUCCEEDED b:FAILED c:- d:SUCCEEDED" {
		t.Errorf("groups %s", got)
	}
	if got := batchPhases(b); got !=
		"SUBMITTED:SUCCEEDED DOWNLOAD_BATCHSPEC:SUCCEEDED IN_PROGRESS:FAILED FAILED:" {
		t.Errorf("phases %s", got)
	}
	if got := *b.Phases[2].Contexts[0].Message; got != "Builds of the batch did not succeed: b (FAILED)." || !*b.Complete ||
		b.EndTime == nil {
		t.Errorf("context %q", got)
	}
	retried, err := s.api.RetryBuildBatch(s.ctx(), &cb.RetryBuildBatchInput{Id: begun.Id,
		RetryType: cb.RetryBuildBatchTypeRetryFailedBuilds})
	if err != nil || retried.BuildBatch.BuildBatchStatus != cb.StatusTypeInProgress {
		t.Fatalf("retried: %+v, %v", retried, err)
	}
	if _, err := s.api.RetryBuildBatch(s.ctx(), &cb.RetryBuildBatchInput{Id: begun.Id}); err == nil {
		t.Error("a batch in progress was retried")
	}
	s.finish("b", "c")
	b = s.batch(*begun.Id)
	if got := groups(b); got != "SUCCEEDED a:SUCCEEDED b:SUCCEEDED+ c:SUCCEEDED d:SUCCEEDED" {
		t.Errorf("groups after the retry %s", got)
	}
	if got := batchPhases(b); got != "SUBMITTED:SUCCEEDED IN_PROGRESS:SUCCEEDED SUCCEEDED:" {
		t.Errorf("phases after the retry %s", got)
	}
}

func TestBatchesFailFastStopAndGo(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.batched()
	first := *s.startBatch().Id
	in := list("a", "b", "c<b")
	in.FastFail = true
	s.read(in)
	o, _ := s.take()
	s.complete("r", *o.Build.Id, slipway.Result{Status: cb.StatusTypeFailed})
	// b waits in the queue, where it ends at once.
	if got := groups(s.batch(first)); got != "FAILED a:FAILED b:STOPPED c:-" {
		t.Errorf("fast-fail: %s", got)
	}
	second := *s.startBatch().Id
	s.read(list("a", "b<a"))
	o, _ = s.take()
	stopped, err := s.api.StopBuildBatch(s.ctx(), &cb.StopBuildBatchInput{Id: &second})
	if err != nil || stopped.BuildBatch.BuildBatchStatus != cb.StatusTypeInProgress {
		t.Fatalf("stopping: %+v, %v", stopped, err)
	}
	if d, err := s.api.DeleteBuildBatch(s.ctx(), &cb.DeleteBuildBatchInput{Id: &second}); err != nil ||
		*d.StatusCode != "BATCH_IN_PROGRESS" {
		t.Errorf("deleted in progress: %+v, %v", d, err)
	}
	if out := s.poll("r", 0, *o.Build.Id); len(out.Stop) != 1 {
		t.Errorf("the runner is told %+v", out)
	}
	s.complete("r", *o.Build.Id, slipway.Result{Status: cb.StatusTypeStopped})
	if b := s.batch(second); groups(b) != "STOPPED a:STOPPED b:-" || !strings.HasSuffix(batchPhases(b),
		"IN_PROGRESS:STOPPED STOPPED:") {
		t.Errorf("stopped: %s, %s", groups(b), batchPhases(b))
	}
	for _, c := range []struct {
		filter cb.StatusType
		want   int
	}{{"", 2}, {cb.StatusTypeFailed, 1}, {cb.StatusTypeSucceeded, 0}} {
		out, err := s.api.ListBuildBatchesForProject(s.ctx(), &cb.ListBuildBatchesForProjectInput{ProjectName: new("app"),
			Filter: &cb.BuildBatchFilter{Status: c.filter}})
		if err != nil || len(out.Ids) != c.want {
			t.Errorf("filter %s: %+v, %v", c.filter, out, err)
		}
	}
	page, err := s.api.ListBuildBatches(s.ctx(), &cb.ListBuildBatchesInput{MaxResults: new(int32(1))})
	if err != nil || page.NextToken == nil || page.Ids[0] != second {
		t.Errorf("page: %+v, %v", page, err)
	}
	d, err := s.api.DeleteBuildBatch(s.ctx(), &cb.DeleteBuildBatchInput{Id: &second})
	if err != nil || *d.StatusCode != "BATCH_DELETED" || len(d.BuildsDeleted) != 2 {
		t.Errorf("deleted: %+v, %v", d, err)
	}
	gone, err := s.api.BatchGetBuildBatches(s.ctx(), &cb.BatchGetBuildBatchesInput{Ids: []string{second, first}})
	if err != nil || len(gone.BuildBatches) != 1 || gone.BuildBatchesNotFound[0] != second {
		t.Errorf("after the deletion: %+v, %v", gone, err)
	}
}

// What a project or its buildspec does not allow is refused before a build of the batch starts.
func TestBatchesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("bare"))
	_, err := s.api.StartBuildBatch(s.ctx(), &cb.StartBuildBatchInput{ProjectName: new("bare")})
	says(t, err, "The project bare has no role for batches.")
	bad := project("bad")
	bad.BuildBatchConfig = &cb.ProjectBuildBatchConfig{TimeoutInMins: new(int32(4))}
	_, err = s.api.CreateProject(s.ctx(), bad)
	says(t, err, "timeoutInMins 4 must be between 5 and 2160")
	s.batched(func(in *cb.CreateProjectInput) {
		in.BuildBatchConfig.Restrictions = &cb.BatchRestrictions{MaximumBuildsAllowed: new(int32(2)),
			ComputeTypesAllowed: []string{"BUILD_GENERAL1_SMALL"}}
		in.BuildBatchConfig.TimeoutInMins = new(int32(5))
	})
	large := list("a")
	large.Builds[0].ComputeType = "BUILD_GENERAL1_LARGE"
	unknown := list("a")
	unknown.Builds[0].ComputeType = "HUGE"
	for want, in := range map[string]slipway.Batch{
		"the project app allows 2 (maximumBuildsAllowed)":  list("a", "b", "c"),
		"has the compute type BUILD_GENERAL1_LARGE, which": large,
		"the compute type HUGE":                            unknown,
		"is older than batches":                            {},
	} {
		id := *s.startBatch().Id
		s.read(in)
		b := s.batch(id)
		if b.BuildBatchStatus != cb.StatusTypeFailed || !strings.Contains(*b.Phases[1].Contexts[0].Message, want) {
			t.Errorf("%s: %s %+v", want, b.BuildBatchStatus, b.Phases)
		}
		s.idle()
	}
	id := *s.startBatch().Id
	s.read(list("a", "b<a"))
	o, _ := s.take()
	if _, err := s.api.DeleteProject(s.ctx(), &cb.DeleteProjectInput{Name: new("app")}); err != nil {
		t.Fatal(err)
	}
	s.complete("r", *o.Build.Id, slipway.Result{Status: cb.StatusTypeSucceeded})
	if b := s.batch(id); groups(b) != "FAILED a:SUCCEEDED b:-" {
		t.Errorf("without its project: %s", groups(b))
	}
}

func says(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(awsproto.Message(err), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// buckets keeps objects in memory.
type buckets struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (b *buckets) read(_ context.Context, role, bucket, key string) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !strings.HasSuffix(role, ":role/build") {
		return nil, errors.New("it reads as " + role)
	}
	return io.NopCloser(bytes.NewReader(b.all[bucket+"/"+key])), nil
}

func (b *buckets) write(_ context.Context, _, bucket, key string, body io.Reader) error {
	text, err := io.ReadAll(body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all[bucket+"/"+key] = text
	return err
}

func zipOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		w, err := z.Create(f)
		if err == nil {
			_, err = io.WriteString(w, f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBatchCombinesArtifacts(t *testing.T) {
	t.Parallel()
	b := &buckets{all: map[string][]byte{}}
	s := open(t, func(c *build.Config) { c.ReadObject, c.WriteObject = b.read, b.write })
	s.batched(func(in *cb.CreateProjectInput) {
		in.Artifacts = &cb.ProjectArtifacts{Type: cb.ArtifactsTypeS3, Location: new("out"), Path: new("p"),
			Name: new("app.zip"), Packaging: cb.ArtifactPackagingZip}
		in.BuildBatchConfig.CombineArtifacts = new(true)
	})
	for _, damaged := range []bool{false, true} {
		id := *s.startBatch().Id
		s.read(list("x", "y"))
		for _, name := range []string{"x", "y"} {
			o, of := s.take()
			if of != name || len(o.Outputs) != 1 || o.Outputs[0].Path != "p/"+name {
				t.Fatalf("%s puts out %+v", of, o.Outputs)
			}
			b.all["out/p/"+name+"/app.zip"] = zipOf(t, "same", name)
			if damaged {
				b.all["out/p/"+name+"/app.zip"] = []byte("no zip")
			}
			s.complete("r", *o.Build.Id, slipway.Result{Status: cb.StatusTypeSucceeded,
				Artifacts: []cb.BuildArtifacts{{Location: new("arn:aws:s3:::out/p/" + name + "/app.zip")}}})
		}
		deadline := time.Now().Add(20 * time.Second)
		got := s.batch(id)
		for !*got.Complete && time.Now().Before(deadline) {
			got = s.batch(id)
		}
		if damaged {
			if !strings.HasSuffix(batchPhases(got), "COMBINE_ARTIFACTS:FAILED FAILED:") {
				t.Errorf("damaged: %s", batchPhases(got))
			}
			continue
		}
		if batchPhases(got) != "SUBMITTED:SUCCEEDED DOWNLOAD_BATCHSPEC:SUCCEEDED IN_PROGRESS:SUCCEEDED "+
			"COMBINE_ARTIFACTS:SUCCEEDED SUCCEEDED:" || *got.Artifacts.Location != "arn:aws:s3:::out/p/app.zip" {
			t.Errorf("phases %s, artifact %+v", batchPhases(got), got.Artifacts)
		}
		whole := b.all["out/p/app.zip"]
		z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
		if err != nil || len(z.File) != 3 {
			t.Errorf("combined: %v, %v", z, err)
		}
		of := got.BuildGroups[1].CurrentBuildSummary.PrimaryArtifact
		if *of.Identifier != "x" || of.Type != cb.ArtifactsTypeS3 {
			t.Errorf("artifact of x: %+v", of)
		}
	}
}

// A batch that is out of time stops its builds.
func TestBatchOutOfTime(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.batched(func(in *cb.CreateProjectInput) { in.BuildBatchConfig.TimeoutInMins = new(int32(5)) })
	s.pass(-6 * time.Minute) // so that its time is over as soon as it is there
	id := *s.startBatch().Id
	deadline := time.Now().Add(20 * time.Second)
	for got := s.batch(id); !*got.Complete; got = s.batch(id) {
		if time.Now().After(deadline) {
			t.Fatalf("it goes on: %s", groups(got))
		}
	}
	if got := s.batch(id); groups(got) != "TIMED_OUT" ||
		got.BuildGroups[0].CurrentBuildSummary.BuildStatus != cb.StatusTypeStopped {
		t.Errorf("out of time: %s", groups(got))
	}
}
