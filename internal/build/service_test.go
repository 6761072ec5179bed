package build_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
	"slipway/internal/report"
	"slipway/internal/store/storetest"
)

func TestBuildsLife(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *stage{
		"sqlite": func(t *testing.T) *stage { return open(t) },
		"postgres": func(t *testing.T) *stage {
			return openOn(t,
				storetest.OpenDSN(t, storetest.Postgres(t).Database(t), build.Migrations(), report.Migrations()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			life(t, open(t))
		})
	}
}

func life(t *testing.T, s *stage) {
	s.create(project("app"))
	b := s.start(&cb.StartBuildInput{ProjectName: new("app"),
		EnvironmentVariablesOverride: []cb.EnvironmentVariable{{Name: new("A"), Value: new("1")}}})
	if *b.BuildNumber != 1 || b.BuildStatus != cb.StatusTypeInProgress || *b.CurrentPhase != "QUEUED" ||
		*b.BuildComplete || *b.Initiator != "alice" || !strings.HasPrefix(*b.Id, "app:") ||
		*b.Arn != "arn:aws:codebuild:eu-central-1:123456789012:build/"+*b.Id ||
		*b.Logs.GroupName != "/aws/codebuild/app" || "app:"+*b.Logs.StreamName != *b.Id {
		t.Errorf("started: %+v", b)
	}
	if got := phases(*b); got != "SUBMITTED:SUCCEEDED QUEUED:" {
		t.Errorf("phases %s", got)
	}
	out := s.poll("r1", 1)
	o := s.order(out)
	if *out.Build.Id != *b.Id || o.Sources[0].Kind != slipway.SourceNone ||
		o.Variables["CODEBUILD_BUILD_NUMBER"] != "1" || o.Variables["CODEBUILD_INITIATOR"] != "alice" ||
		*o.Build.Environment.EnvironmentVariables[0].Value != "1" || len(o.Notes) == 0 {
		t.Errorf("order: %+v", o)
	}
	if s.poll("r1", 1).Build == nil {
		t.Error("an offer that was lost is not made again")
	}
	if s.poll("r2", 1).Build != nil {
		t.Error("the build was offered to two")
	}
	if s.acknowledge("r2", *b.Id) || !s.acknowledge("r1", *b.Id) || s.acknowledge("r1", *b.Id) {
		t.Error("it was not acknowledged exactly once, by its runner")
	}
	if out, err := s.UpdateBuild(s.ctx(),
		&slipway.UpdateBuildInput{Id: b.Id, Runner: new("r1"),
			Progress: json.RawMessage(
				`{"currentPhase": "BUILD", "phases": [{"phaseType": "PROVISIONING", "phaseStatus": "SUCCEEDED"}, {"phaseType": "BUILD"}]}`)}); err != nil || *out.Stop {
		t.Errorf("%+v, %v", out, err)
	}
	now := s.get(*b.Arn)
	if got := phases(now); *now.CurrentPhase != "BUILD" ||
		got != "SUBMITTED:SUCCEEDED QUEUED:SUCCEEDED PROVISIONING:SUCCEEDED BUILD:" {
		t.Errorf("in %s: %s", *now.CurrentPhase, got)
	}
	stop, err := s.api.StopBuild(s.ctx(), &cb.StopBuildInput{Id: b.Id})
	if err != nil || stop.Build.BuildStatus != cb.StatusTypeInProgress {
		t.Errorf("%+v, %v", stop, err)
	}
	if out := s.poll("r1", 1, *b.Id, "app:gone"); fmt.Sprint(out.Stop) != "["+*b.Id+"]" ||
		fmt.Sprint(out.Forget) != "[app:gone]" {
		t.Errorf("poll: %+v", out)
	}
	if out, err := s.UpdateBuild(s.ctx(),
		&slipway.UpdateBuildInput{Id: b.Id, Runner: new("r1"), Progress: json.RawMessage(`{}`)}); err != nil ||
		!*out.Stop {
		t.Errorf("%+v, %v", out, err)
	}
	result := slipway.Result{Status: cb.StatusTypeStopped, ResolvedSourceVersion: "abc",
		Phases: []cb.BuildPhase{{PhaseType: cb.BuildPhaseTypeBuild, PhaseStatus: cb.StatusTypeStopped},
			{PhaseType: cb.BuildPhaseTypeCompleted}},
		Exported: []cb.ExportedEnvironmentVariable{{Name: new("X"), Value: new("y")}},
		Cause:    &slipway.Cause{Phase: "BUILD", Command: "make", ExitCode: new(int32(2)), Message: "exit status 2"},
		Reports: []slipway.Report{{Name: "unit", Type: cb.ReportTypeTest,
			Cases: []cb.TestCase{{Name: new("good"), Status: new("SUCCEEDED"), DurationInNanoSeconds: new(int64(5))},
				{Prefix: new("p"), Name: new("bad"), Status: new("FAILED"), Message: new("1 != 2")}}}}}
	s.complete("r1", *b.Id, result)
	result.Status = cb.StatusTypeSucceeded
	s.complete("r1", *b.Id, result)
	if e := s.end(); e.ID != *b.Id || e.Status != string(cb.StatusTypeStopped) {
		t.Errorf("event %+v", e)
	}
	done := s.get(*b.Id)
	if got := phases(done); done.BuildStatus != cb.StatusTypeStopped || !*done.BuildComplete ||
		*done.ResolvedSourceVersion != "abc" || *done.ExportedEnvironmentVariables[0].Value != "y" ||
		got != "SUBMITTED:SUCCEEDED QUEUED:SUCCEEDED BUILD:STOPPED COMPLETED:" {
		t.Errorf("done: %s %+v", got, done)
	}
	why, err := s.ExplainBuild(s.ctx(), &slipway.ExplainBuildInput{Id: b.Id})
	if err != nil || *why.Summary != `STOPPED in BUILD: the command "make" exited with 2.` ||
		len(why.FailedTests) != 1 || *why.FailedTests[0].Name != "p: bad" || *why.FailedTests[0].Message != "1 != 2" {
		t.Errorf("why: %+v, %v", why, err)
	}
	reports(t, s, done.ReportArns)
	if out := s.poll("r1", 1, *b.Id); fmt.Sprint(out.Forget) != "["+*b.Id+"]" {
		t.Errorf("poll: %+v", out)
	}
	del, err := s.api.BatchDeleteBuilds(s.ctx(), &cb.BatchDeleteBuildsInput{Ids: []string{*b.Arn, "app:none"}})
	if err != nil || fmt.Sprint(del.BuildsDeleted) != "["+*b.Arn+"]" || len(del.BuildsNotDeleted) != 1 {
		t.Errorf("%+v, %v", del, err)
	}
	if n := <-s.removed; n.Group != "/aws/codebuild/app" || "app:"+n.Stream != *b.Id {
		t.Errorf("removed %s", n)
	}
}

func reports(t *testing.T, s *stage, arns []string) {
	t.Helper()
	if len(arns) != 1 || !strings.HasPrefix(arns[0], "arn:aws:codebuild:eu-central-1:123456789012:report/app-unit:") {
		t.Fatalf("reports %v", arns)
	}
	got, err := s.api.BatchGetReports(s.ctx(), &cb.BatchGetReportsInput{ReportArns: append(arns, "arn:none")})
	if err != nil || len(got.Reports) != 1 || len(got.ReportsNotFound) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := got.Reports[0]; r.Status != cb.ReportStatusTypeFailed || *r.TestSummary.Total != 2 ||
		r.TestSummary.StatusCounts["FAILED"] != 1 || *r.TestSummary.DurationInNanoSeconds != 5 {
		t.Errorf("report %+v", r)
	}
	failed, err := s.api.DescribeTestCases(s.ctx(),
		&cb.DescribeTestCasesInput{ReportArn: &arns[0], Filter: &cb.TestCaseFilter{Status: new("FAILED")}})
	if err != nil || len(failed.TestCases) != 1 || *failed.TestCases[0].Name != "bad" {
		t.Errorf("%+v, %v", failed, err)
	}
	one, err := s.api.DescribeTestCases(s.ctx(),
		&cb.DescribeTestCasesInput{ReportArn: &arns[0], MaxResults: new(int32(1))})
	if err != nil || len(one.TestCases) != 1 || one.NextToken == nil {
		t.Fatalf("%+v, %v", one, err)
	}
	two, err := s.api.DescribeTestCases(s.ctx(),
		&cb.DescribeTestCasesInput{ReportArn: &arns[0], MaxResults: new(int32(1)), NextToken: one.NextToken})
	if err != nil || len(two.TestCases) != 1 || two.NextToken != nil || *two.TestCases[0].Name != "bad" {
		t.Errorf("%+v, %v", two, err)
	}
	groupARN := *got.Reports[0].ReportGroupArn
	list, err := s.api.ListReportsForReportGroup(s.ctx(),
		&cb.ListReportsForReportGroupInput{ReportGroupArn: &groupARN,
			Filter: &cb.ReportFilter{Status: cb.ReportStatusTypeFailed}})
	if err != nil || len(list.Reports) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.api.DeleteReportGroup(s.ctx(),
		&cb.DeleteReportGroupInput{Arn: &groupARN}); awsproto.Code(err) != "InvalidInputException" {
		t.Errorf("a group with reports was deleted: %v", err)
	}
	if _, err := s.api.DeleteReportGroup(s.ctx(),
		&cb.DeleteReportGroupInput{Arn: &groupARN, DeleteReports: new(true)}); err != nil {
		t.Error(err)
	}
	if list, err := s.api.ListReports(s.ctx(), &cb.ListReportsInput{}); err != nil || len(list.Reports) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestWaitingRunner gives a build to a poll that is held, in the commit of its start.
func TestWaitingRunner(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *build.Config) { c.Hold = 20 * time.Second })
	s.create(project("app"))
	for i := range 20 {
		got := make(chan *slipway.PollBuildOutput, 1)
		go func() { got <- s.poll("r1", 1) }()
		b := s.start(&cb.StartBuildInput{ProjectName: new("app")})
		out := <-got
		if out.Build == nil || *out.Build.Id != *b.Id {
			t.Fatalf("round %d: %+v", i, out)
		}
		if !s.acknowledge("r1", *b.Id) {
			t.Fatal("not acknowledged")
		}
		s.complete("r1", *b.Id, slipway.Result{Status: cb.StatusTypeSucceeded})
	}
}

// TestManyRunners has runners race for builds: each is run once.
func TestManyRunners(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *build.Config) { c.Hold = 200 * time.Millisecond })
	s.create(project("app"))
	const builds = 60
	var mu sync.Mutex
	ran := map[string]int{}
	var done sync.WaitGroup
	stop := make(chan struct{})
	for i := range 6 {
		done.Go(func() {
			name := fmt.Sprint("r", i)
			for {
				select {
				case <-stop:
					return
				default:
				}
				out := s.poll(name, 1)
				if out.Build == nil || !s.acknowledge(name, *out.Build.Id) {
					continue
				}
				mu.Lock()
				ran[*out.Build.Id]++
				mu.Unlock()
				s.complete(name, *out.Build.Id, slipway.Result{Status: cb.StatusTypeSucceeded})
			}
		})
	}
	for range 4 {
		done.Go(func() {
			for range builds / 4 {
				s.start(&cb.StartBuildInput{ProjectName: new("app")})
			}
		})
	}
	for range builds {
		s.end()
	}
	close(stop)
	done.Wait()
	if len(ran) != builds {
		t.Errorf("%d builds ran", len(ran))
	}
	for id, n := range ran {
		if n != 1 {
			t.Errorf("%s ran %d times", id, n)
		}
	}
}

func TestLostBuilds(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	b := s.start(&cb.StartBuildInput{ProjectName: new("app")})
	s.poll("r1", 1)
	s.acknowledge("r1", *b.Id)
	s.poll("r1", 1) // perhaps older than the acknowledgement
	if got := s.get(*b.Id); *got.BuildComplete {
		t.Errorf("lost at once: %+v", got)
	}
	s.pass(10 * time.Second)
	s.poll("r1", 1)
	if e := s.end(); e.Status != string(cb.StatusTypeFault) {
		t.Errorf("%+v", e)
	}
	got := s.get(*b.Id)
	last := got.Phases[len(got.Phases)-2]
	if last.PhaseStatus != cb.StatusTypeFault ||
		!strings.Contains(*last.Contexts[0].Message, "The runner r1 lost the build") {
		t.Errorf("%+v", last)
	}
	s.complete("r1", *b.Id, slipway.Result{Status: cb.StatusTypeSucceeded}) // too late
	if got := s.get(*b.Id); got.BuildStatus != cb.StatusTypeFault {
		t.Errorf("changed to %s after its end", got.BuildStatus)
	}
}

func TestRunnersName(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.poll("r1", 1)
	other := awsproto.WithCaller(t.Context(), awsproto.Caller{AccessKeyID: "AKIA2"})
	if _, err := s.PollBuild(other,
		&slipway.PollBuildInput{Runner: new("r1")}); awsproto.Code(err) != "RunnerConflictException" {
		t.Errorf("another's name: %v", err)
	}
	s.pass(time.Hour)
	if _, err := s.PollBuild(other, &slipway.PollBuildInput{Runner: new("r1")}); err != nil {
		t.Errorf("a name that nobody has used for an hour: %v", err)
	}
}

func TestStopInTheQueue(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	b := s.start(&cb.StartBuildInput{ProjectName: new("app")})
	if _, err := s.api.StopBuild(s.ctx(), &cb.StopBuildInput{Id: b.Id}); err != nil {
		t.Fatal(err)
	}
	if e := s.end(); e.Status != string(cb.StatusTypeStopped) {
		t.Errorf("%+v", e)
	}
	got := s.get(*b.Id)
	if p := phases(got); p != "SUBMITTED:SUCCEEDED QUEUED:STOPPED COMPLETED:" || got.EndTime == nil {
		t.Errorf("%s", p)
	}
	if out := s.poll("r1", 1); out.Build != nil {
		t.Errorf("a stopped build was offered: %+v", out)
	}
	// Stopped between offer and acknowledgement, it does not run.
	b = s.start(&cb.StartBuildInput{ProjectName: new("app")})
	s.poll("r1", 1)
	if _, err := s.api.StopBuild(s.ctx(), &cb.StopBuildInput{Id: b.Id}); err != nil {
		t.Fatal(err)
	}
	if s.acknowledge("r1", *b.Id) {
		t.Error("a stopped build was run")
	}
	if _, err := s.api.StopBuild(s.ctx(),
		&cb.StopBuildInput{Id: new("app:none")}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("stop of nothing: %v", err)
	}
}
