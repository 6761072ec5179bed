package build_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
	"slipway/internal/event"
)

// sandboxes is a stage whose hints reach long polls, with a project.
func sandboxes(t *testing.T) *stage {
	t.Helper()
	s := open(t, func(c *build.Config) { c.Hints = event.NewHints(nil) })
	s.create(project("web"))
	return s
}

func (s *stage) startSandbox() *cb.Sandbox {
	s.t.Helper()
	out, err := s.api.StartSandbox(s.ctx(), &cb.StartSandboxInput{ProjectName: new("web")})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Sandbox
}

func (s *stage) getSandbox(id string) cb.Sandbox {
	s.t.Helper()
	out, err := s.api.BatchGetSandboxes(s.ctx(), &cb.BatchGetSandboxesInput{Ids: []string{id}})
	if err != nil || len(out.Sandboxes) != 1 {
		s.t.Fatalf("sandbox %s: %+v, %v", id, out, err)
	}
	return out.Sandboxes[0]
}

func (s *stage) command(id, text string) *cb.CommandExecution {
	s.t.Helper()
	out, err := s.api.StartCommandExecution(s.ctx(),
		&cb.StartCommandExecutionInput{SandboxId: &id, Command: &text, Type: cb.CommandTypeShell})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.CommandExecution
}

func (s *stage) getCommand(id, command string) cb.CommandExecution {
	s.t.Helper()
	out, err := s.api.BatchGetCommandExecutions(s.ctx(), &cb.BatchGetCommandExecutionsInput{SandboxId: &id,
		CommandExecutionIds: []string{command}})
	if err != nil || len(out.CommandExecutions) != 1 {
		s.t.Fatalf("command %s: %+v, %v", command, out, err)
	}
	return out.CommandExecutions[0]
}

// nextCommand is the runner's poll.
func (s *stage) nextCommand(id string, after int64) *slipway.PollCommandExecutionOutput {
	s.t.Helper()
	out, err := s.PollCommandExecution(s.ctx(),
		&slipway.PollCommandExecutionInput{Id: &id, Runner: new("r1"), After: &after})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *stage) completeCommand(id, command string, r slipway.CommandResult) {
	s.t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.CompleteCommandExecution(s.ctx(), &slipway.CompleteCommandExecutionInput{Id: &id,
		Runner: new("r1"), Command: &command, Result: text}); err != nil {
		s.t.Fatal(err)
	}
}

func TestASandboxIsTakenAsABuildIs(t *testing.T) {
	t.Parallel()
	s := sandboxes(t)
	x := s.startSandbox()
	id := *x.Id
	if *x.Status != "QUEUED" || *x.Arn != "arn:aws:codebuild:eu-central-1:123456789012:sandbox/"+id ||
		*x.CurrentSession.Status != "QUEUED" || *x.CurrentSession.Logs.GroupName != "/aws/codebuild/web" {
		t.Errorf("%+v %+v", x, x.CurrentSession)
	}
	first := s.command(id, "echo one")
	o := s.order(s.poll("r1", 1))
	if !o.Sandbox || *o.Build.Id != id || o.Variables["CODEBUILD_BUILD_NUMBER"] != "" {
		t.Errorf("the order is %+v", o)
	}
	if !s.acknowledge("r1", id) {
		t.Fatal("it is not the runner's")
	}
	if got := s.nextCommand(id, 0); *got.Id != *first.Id || *got.Command != "echo one" || *got.Serial != 1 {
		t.Errorf("the runner gets %+v", got)
	}
	if again := s.nextCommand(id, 0); again.Id == nil || *again.Id != *first.Id {
		t.Errorf("an answer that was lost is not given again: %+v", again)
	}
	if got := s.getCommand(id, *first.Id); *got.Status != "IN_PROGRESS" || got.StartTime == nil {
		t.Errorf("%+v", got)
	}
	s.completeCommand(id, *first.Id, slipway.CommandResult{ExitCode: 2, Output: "one\n"})
	s.completeCommand(id, *first.Id, slipway.CommandResult{Output: "of a second report"})
	got := s.getCommand(id, *first.Id)
	if *got.Status != "FAILED" || *got.ExitCode != "2" || *got.StandardOutputContent != "one\n" ||
		got.StandardErrContent != nil || got.EndTime == nil {
		t.Errorf("%+v", got)
	}
	second, third := s.command(id, "sleep 9"), s.command(id, "never")
	s.nextCommand(id, 1)
	if out, err := s.api.StopSandbox(s.ctx(), &cb.StopSandboxInput{Id: x.Arn}); err != nil ||
		*out.Sandbox.Status != "STOPPING" {
		t.Fatal(out, err)
	}
	if out := s.poll("r1", 0, id); !slices.Equal(out.Stop, []string{id}) {
		t.Errorf("the runner is told %+v", out)
	}
	s.complete("r1", id, slipway.Result{Status: cb.StatusTypeStopped})
	if x := s.getSandbox(id); *x.Status != "STOPPED" || *x.CurrentSession.CurrentPhase != "COMPLETED" {
		t.Errorf("%+v", x)
	}
	for _, c := range []*cb.CommandExecution{second, third} {
		if got := s.getCommand(id, *c.Id); *got.Status != "STOPPED" || got.EndTime == nil {
			t.Errorf("%s: %s", *got.Command, *got.Status)
		}
	}
}

// A poll that is held gets a command at once, and one for a running command its end.
func TestACommandReachesAPollThatIsHeld(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *build.Config) { c.Hints, c.Hold = event.NewHints(nil), time.Minute })
	s.create(project("web"))
	id := *s.startSandbox().Id
	s.poll("r1", 1)
	s.acknowledge("r1", id)
	held := make(chan *slipway.PollCommandExecutionOutput, 1)
	poll := func(after int64, running *string) {
		out, err := s.PollCommandExecution(s.ctx(),
			&slipway.PollCommandExecutionInput{Id: &id, Runner: new("r1"), After: &after, Running: running})
		if err != nil {
			t.Error(err)
		}
		held <- out
	}
	go poll(0, nil)
	c := s.command(id, "sleep 9")
	if out := within(t, held); *out.Id != *c.Id {
		t.Errorf("%+v", out)
	}
	go poll(1, c.Id)
	if _, err := s.StopCommandExecution(s.ctx(),
		&slipway.StopCommandExecutionInput{SandboxId: &id, Id: c.Id}); err != nil {
		t.Fatal(err)
	}
	if out := within(t, held); !*out.Stop {
		t.Errorf("%+v", out)
	}
	s.completeCommand(id, *c.Id, slipway.CommandResult{Interrupted: true})
	if got := s.getCommand(id, *c.Id); *got.Status != "STOPPED" || got.ExitCode != nil {
		t.Errorf("%+v", got)
	}
}

func within[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// No operation on builds shows a sandbox, and none on sandboxes a build.
func TestSandboxesAndBuildsAreApart(t *testing.T) {
	t.Parallel()
	s := sandboxes(t)
	in := project("narrow")
	in.ConcurrentBuildLimit = new(int32(1))
	s.create(in)
	b, x := s.start(&cb.StartBuildInput{ProjectName: new("web")}), s.startSandbox()
	list, err := s.api.ListBuilds(s.ctx(), &cb.ListBuildsInput{})
	if err != nil || !slices.Equal(list.Ids, []string{*b.Id}) {
		t.Error(list, err)
	}
	boxes, err := s.api.ListSandboxes(s.ctx(), &cb.ListSandboxesInput{})
	if err != nil || !slices.Equal(boxes.Ids, []string{*x.Id}) {
		t.Error(boxes, err)
	}
	got, err := s.api.BatchGetBuilds(s.ctx(), &cb.BatchGetBuildsInput{Ids: []string{*x.Id}})
	if err != nil || len(got.BuildsNotFound) != 1 {
		t.Error(got, err)
	}
	none, err := s.api.BatchGetSandboxes(s.ctx(), &cb.BatchGetSandboxesInput{Ids: []string{*b.Id}})
	if err != nil || len(none.SandboxesNotFound) != 1 {
		t.Error(none, err)
	}
	_, err = s.api.StopBuild(s.ctx(), &cb.StopBuildInput{Id: x.Id})
	says(t, err, "Build cannot be found")
	_, err = s.api.StopSandbox(s.ctx(), &cb.StopSandboxInput{Id: b.Id})
	says(t, err, "Sandbox cannot be found: arn:aws:codebuild:eu-central-1:123456789012:sandbox/"+*b.Id)
	for range 2 { // a sandbox takes no place among the builds of a project
		if _, err := s.api.StartSandbox(s.ctx(), &cb.StartSandboxInput{ProjectName: new("narrow")}); err != nil {
			t.Error(err)
		}
	}
	if n := *s.start(&cb.StartBuildInput{ProjectName: new("narrow")}).BuildNumber; n != 1 {
		t.Errorf("the first build has the number %d", n)
	}
}

func TestRefusedSandboxes(t *testing.T) {
	t.Parallel()
	s := sandboxes(t)
	_, err := s.api.StartSandbox(s.ctx(), &cb.StartSandboxInput{})
	says(t, err, "projectName")
	_, err = s.api.StartSandbox(s.ctx(), &cb.StartSandboxInput{ProjectName: new("none")})
	says(t, err, "Project cannot be found")
	_, err = s.api.BatchGetSandboxes(s.ctx(), &cb.BatchGetSandboxesInput{Ids: []string{"web"}})
	says(t, err, `"web" is not PROJECT:UUID`)
	_, err = s.api.StartCommandExecution(s.ctx(),
		&cb.StartCommandExecutionInput{SandboxId: new("web:none"), Command: new("ls")})
	says(t, err, "Sandbox cannot be found")
	id := *s.startSandbox().Id
	_, err = s.api.StartCommandExecution(s.ctx(),
		&cb.StartCommandExecutionInput{SandboxId: &id, Command: new(strings.Repeat("x", 65<<10))})
	says(t, err, "at most 65536 bytes")
	for range 100 {
		s.command(id, "ls")
	}
	_, err = s.api.StartCommandExecution(s.ctx(), &cb.StartCommandExecutionInput{SandboxId: &id, Command: new("ls")})
	says(t, err, "100 commands of the sandbox")
	if _, err := s.api.StopSandbox(s.ctx(), &cb.StopSandboxInput{Id: &id}); err != nil {
		t.Fatal(err)
	}
	_, err = s.api.StartCommandExecution(s.ctx(), &cb.StartCommandExecutionInput{SandboxId: &id, Command: new("ls")})
	says(t, err, "takes no commands: its status is STOPPED")
}

func TestSandboxesArePaged(t *testing.T) {
	t.Parallel()
	s := sandboxes(t)
	var want []string
	for i := range 5 {
		out, err := s.api.StartSandbox(s.ctx(),
			&cb.StartSandboxInput{ProjectName: new("web"), IdempotencyToken: new(fmt.Sprint("t", i))})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, *out.Sandbox.Id)
	}
	again, err := s.api.StartSandbox(s.ctx(),
		&cb.StartSandboxInput{ProjectName: new("web"), IdempotencyToken: new("t3")})
	if err != nil || *again.Sandbox.Id != want[3] {
		t.Errorf("the token started another sandbox: %v", err)
	}
	for i := range 5 {
		s.command(want[0], fmt.Sprint(i))
	}
	var got, texts []string
	for page, commands := (*string)(nil), (*string)(nil); ; {
		out, err := s.api.ListSandboxesForProject(s.ctx(), &cb.ListSandboxesForProjectInput{ProjectName: new("web"),
			MaxResults: new(int32(2)), SortOrder: cb.SortOrderTypeAscending, NextToken: page})
		if err != nil {
			t.Fatal(err)
		}
		ran, err := s.api.ListCommandExecutionsForSandbox(s.ctx(), &cb.ListCommandExecutionsForSandboxInput{
			SandboxId: &want[0], MaxResults: new(int32(2)), NextToken: commands})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.Ids...)
		for _, c := range ran.CommandExecutions {
			texts = append(texts, *c.Command)
		}
		if page, commands = out.NextToken, ran.NextToken; page == nil {
			break
		}
	}
	if !slices.Equal(got, want) || strings.Join(texts, "") != "43210" {
		t.Errorf("%v, want %v; commands %v", got, want, texts)
	}
}

// A sandbox of a build has its commit, its image and its variables, and what is asked for besides.
func TestASandboxOfABuild(t *testing.T) {
	t.Parallel()
	s := sandboxes(t)
	in := project("git")
	in.Source = &cb.ProjectSource{Type: cb.SourceTypeCodecommit, Location: new("http://slipway/v1/repos/git")}
	in.Artifacts = &cb.ProjectArtifacts{Type: cb.ArtifactsTypeS3, Location: new("bucket")}
	s.create(in)
	b := s.start(&cb.StartBuildInput{ProjectName: new("git"), SourceVersion: new("main"), ImageOverride: new("alpine"),
		EnvironmentVariablesOverride: []cb.EnvironmentVariable{{Name: new("A"), Value: new("of the build")}}})
	s.poll("r1", 1)
	s.acknowledge("r1", *b.Id)
	commit := strings.Repeat("ab", 20)
	s.complete("r1", *b.Id, slipway.Result{Status: cb.StatusTypeFailed, ResolvedSourceVersion: commit})
	out, err := s.StartProjectSandbox(s.ctx(), &slipway.StartProjectSandboxInput{BuildId: b.Arn,
		EnvironmentVariables: []slipway.SandboxVariable{{Name: new("B"), Value: new("besides")}}})
	if err != nil {
		t.Fatal(err)
	}
	o := s.order(s.poll("r1", 1))
	vars := o.Build.Environment.EnvironmentVariables
	if *o.Build.Id != *out.Id || !o.Sandbox || o.Image != "alpine" || o.Sources[0].Version != commit ||
		len(vars) != 2 || *vars[0].Value != "of the build" || *vars[1].Value != "besides" || len(o.Outputs) > 0 {
		t.Errorf("%+v", o)
	}
	_, err = s.StartProjectSandbox(s.ctx(), &slipway.StartProjectSandboxInput{})
	says(t, err, "give one of them")
	_, err = s.StartProjectSandbox(s.ctx(), &slipway.StartProjectSandboxInput{BuildId: new("git:none")})
	says(t, err, "no build git:none")
}

// A runner that is lost ends its sandboxes, with their commands, and old ones are deleted with theirs.
func TestALostSandbox(t *testing.T) {
	t.Parallel()
	s := sandboxes(t)
	id := *s.startSandbox().Id
	s.poll("r1", 1)
	s.acknowledge("r1", id)
	c := s.command(id, "sleep 9")
	s.nextCommand(id, 0)
	s.pass(time.Minute)
	s.poll("r1", 1) // without having it
	x := s.getSandbox(id)
	if *x.Status != "FAULT" || *s.getCommand(id, *c.Id).Status != "FAULT" {
		t.Fatalf("%s, its command %s", *x.Status, *s.getCommand(id, *c.Id).Status)
	}
	all := x.CurrentSession.Phases
	if got := *all[len(all)-2].Contexts[0].Message; !strings.Contains(got, "The runner r1 lost the sandbox") {
		t.Error(got)
	}
	s.startSandbox()
	s.pass(time.Hour)
	if n, err := s.Expire(t.Context(), s.clock(), 10); err != nil || n != 1 {
		t.Errorf("%d are deleted: %v", n, err)
	}
	out, err := s.api.BatchGetSandboxes(s.ctx(), &cb.BatchGetSandboxesInput{Ids: []string{id}})
	if err != nil || len(out.SandboxesNotFound) != 1 {
		t.Error(out, err)
	}
}
