package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"

	"slipway/internal/runner/executor/executortest"
)

// kept is a sandbox that a test uses by the SDK.
type kept struct {
	*instance
	sdk *codebuild.Client
	id  string
}

func (i *instance) keep(project string) *kept {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	out := must(c.StartSandbox(i.t.Context(), &codebuild.StartSandboxInput{ProjectName: &project}))(i.t)
	return &kept{i, c, *out.Sandbox.Id}
}

// is waits until the sandbox has a status.
func (k *kept) is(status string) types.Sandbox {
	k.t.Helper()
	var x types.Sandbox
	eventually(k.t, "the sandbox is "+status, func() error {
		out, err := k.sdk.BatchGetSandboxes(k.t.Context(), &codebuild.BatchGetSandboxesInput{Ids: []string{k.id}})
		if err != nil {
			return err // the server may have been killed
		}
		if x = out.Sandboxes[0]; *x.Status != status {
			return errors.New("it is " + *x.Status)
		}
		return nil
	})
	return x
}

func (k *kept) submit(command string) string {
	k.t.Helper()
	out := must(k.sdk.StartCommandExecution(k.t.Context(),
		&codebuild.StartCommandExecutionInput{SandboxId: &k.id, Command: &command}))(k.t)
	return *out.CommandExecution.Id
}

// reaches waits until a command has a status.
func (k *kept) reaches(id string, status ...string) types.CommandExecution {
	k.t.Helper()
	var x types.CommandExecution
	eventually(k.t, "the command is "+strings.Join(status, " or "), func() error {
		out, err := k.sdk.BatchGetCommandExecutions(k.t.Context(), &codebuild.BatchGetCommandExecutionsInput{
			SandboxId: &k.id, CommandExecutionIds: []string{id}})
		if err != nil {
			return err
		}
		if x = out.CommandExecutions[0]; !slices.Contains(status, *x.Status) {
			return errors.New("it is " + *x.Status)
		}
		return nil
	})
	return x
}

// run runs a command to its end.
func (k *kept) run(command string) types.CommandExecution {
	k.t.Helper()
	return k.reaches(k.submit(command), "SUCCEEDED", "FAILED", "STOPPED", "FAULT", "TIMED_OUT")
}

func (k *kept) stop() {
	k.t.Helper()
	must(k.sdk.StopSandbox(k.t.Context(), &codebuild.StopSandboxInput{Id: &k.id}))(k.t)
}

// debugged makes a project with a repository, whose builds have a variable and a secret.
func (i *instance) debugged(change ...func(*codebuild.CreateProjectInput)) (dir string) {
	i.t.Helper()
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(i.t.Context(),
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(i.t)
	i.command("ssm put-parameter --name token --type SecureString --value swordfish-1")
	dir = i.checkout("web")
	i.commit(dir, "first", map[string]string{"content.txt": "of the commit\n",
		"buildspec.yml": "version: 0.2\nenv: {variables: {A: of the buildspec}}\n" +
			"phases: {build: {commands: [touch built, 'exit 1']}}\n"})
	i.git(dir, "push", "-q", "origin", "main")
	source := func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: new(i.url + "/v1/repos/web")}
		in.ServiceRole = new(i.role("web", "codebuild.amazonaws.com", "*"))
		in.Environment.EnvironmentVariables = []types.EnvironmentVariable{
			{Name: new("GREETING"), Value: new("hello")},
			{Name: new("TOKEN"), Value: new("token"), Type: types.EnvironmentVariableTypeParameterStore}}
	}
	i.inline("web", "", append([]func(*codebuild.CreateProjectInput){source}, change...)...)
	return dir
}

// testSandbox is what holds of a sandbox wherever it runs.
func testSandbox(t *testing.T, i *instance, change ...func(*codebuild.CreateProjectInput)) {
	dir := i.debugged(change...)
	head := strings.TrimSpace(i.git(dir, "rev-parse", "HEAD"))
	k := i.keep("web")
	first := k.submit("echo \"$GREETING, $A, $(cat content.txt), $(ls), ${PWD##*/}\"; echo \"token $TOKEN\" >&2; exit 3")
	got := k.reaches(first, "FAILED")
	if *got.ExitCode != "3" || *got.StandardOutputContent !=
		"hello, of the buildspec, of the commit, buildspec.yml\ncontent.txt, src\n" ||
		*got.StandardErrContent != "token ***\n" || *got.SandboxArn != "arn:aws:codebuild:"+region+":"+account+
		":sandbox/"+k.id {
		t.Errorf("%+v: %s, %s", got, *got.StandardOutputContent, *got.StandardErrContent)
	}
	if x := k.is("RUN_SANDBOX"); *x.CurrentSession.ResolvedSourceVersion != head {
		t.Errorf("it has the source %s", *x.CurrentSession.ResolvedSourceVersion)
	}
	k.run("cd /; V=1; (sleep 1000 &) ; echo made >\"$CODEBUILD_SRC_DIR/made\"")
	if out := k.run("echo \"${V-unset} $(cat made) ${PWD##*/}\""); *out.StandardOutputContent != "unset made src\n" {
		t.Errorf("%q", *out.StandardOutputContent)
	}
	list := must(k.sdk.ListCommandExecutionsForSandbox(t.Context(),
		&codebuild.ListCommandExecutionsForSandboxInput{SandboxId: &k.id, MaxResults: new(int32(2))}))(t)
	if len(list.CommandExecutions) != 2 || list.NextToken == nil ||
		*list.CommandExecutions[1].Command != "cd /; V=1; (sleep 1000 &) ; echo made >\"$CODEBUILD_SRC_DIR/made\"" {
		t.Errorf("%+v", list.CommandExecutions)
	}
	if ids := must(k.sdk.ListSandboxesForProject(t.Context(),
		&codebuild.ListSandboxesForProjectInput{ProjectName: new("web")}))(t).Ids; !slices.Contains(ids, k.id) {
		t.Errorf("the project has the sandboxes %q", ids)
	}
	sleeping := k.submit("echo here; sleep 1000")
	k.reaches(sleeping, "IN_PROGRESS")
	eventually(t, "the command has begun to speak", func() error {
		text, err := k.printed(k.is("RUN_SANDBOX"))
		if err == nil && !strings.Contains(text, "\nhere\n") {
			err = errors.New(tail(text, 3))
		}
		return err
	})
	k.stop()
	x := k.is("STOPPED")
	if p := x.CurrentSession.Phases; *p[4].PhaseType != "RUN_SANDBOX" || p[4].PhaseStatus != types.StatusTypeStopped ||
		*p[5].PhaseType != "COMPLETED" || len(p) != 6 {
		t.Errorf("%+v", p)
	}
	k.reaches(sleeping, "STOPPED")
	_, err := k.sdk.StartCommandExecution(t.Context(),
		&codebuild.StartCommandExecutionInput{SandboxId: &k.id, Command: new("ls")})
	if _, ok := errors.AsType[*types.InvalidInputException](err); !ok {
		t.Errorf("a command after the end: %v", err)
	}
	eventually(t, "nothing of the sandbox is left", func() error {
		if left := i.left(k.id); left != "" {
			return errors.New(left)
		}
		return nil
	})
	k.logged(x)
}

// printed is the log of a sandbox in CloudWatch Logs.
func (k *kept) printed(x types.Sandbox) (string, error) {
	out, err := cloudwatchlogs.NewFromConfig(k.instance.sdk()).GetLogEvents(k.t.Context(),
		&cloudwatchlogs.GetLogEventsInput{StartFromHead: new(true),
			LogGroupName: x.CurrentSession.Logs.GroupName, LogStreamName: x.CurrentSession.Logs.StreamName})
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, e := range out.Events {
		text.WriteString(*e.Message + "\n")
	}
	return text.String(), nil
}

// logged looks at the whole log of a sandbox.
func (k *kept) logged(x types.Sandbox) {
	k.t.Helper()
	eventually(k.t, "the log is complete", func() error {
		text, err := k.printed(x)
		if err != nil {
			return err
		}
		for _, want := range []string{"hello, of the buildspec", "token ***", "ended: exit status 3", "here\n",
			"Phase complete: RUN_SANDBOX State: STOPPED"} {
			if !strings.Contains(text, want) {
				return fmt.Errorf("no %q in:\n%s", want, text)
			}
		}
		if strings.Contains(text, "swordfish") {
			k.t.Error("the secret is in the log")
		}
		return nil
	})
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	i := up(t)
	testSandbox(t, i)
}

func TestSandboxInAContainer(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	i := prepare(t, "")
	i.args = []string{"--engine", engine}
	i.start()
	testSandbox(t, i, inContainer)
}

// The aws CLI drives a sandbox from its start to its end.
func TestSandboxByTheCLI(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.inline("web", "version: 0.2\nphases: {build: {commands: [true]}}\n")
	id := i.text("sandbox.id", "codebuild start-sandbox --project-name web")
	command := i.text("commandExecution.id", "codebuild start-command-execution --type SHELL --sandbox-id "+id+
		" --command", "echo to both; echo wrong >&2; exit 7")
	eventually(t, "the command ends", func() error {
		got := i.text("commandExecutions[0].[status,exitCode,standardErrContent]",
			"codebuild batch-get-command-executions --sandbox-id "+id+" --command-execution-ids "+command)
		if got != "FAILED\t7\twrong" {
			return errors.New(got)
		}
		return nil
	})
	if got := i.text("commandExecutions[0].standardOutputContent",
		"codebuild list-command-executions-for-sandbox --sandbox-id "+id); got != "to both" {
		t.Error(got)
	}
	for _, list := range []string{"list-sandboxes", "list-sandboxes-for-project --project-name web"} {
		if got := i.text("ids", "codebuild "+list); got != id {
			t.Errorf("%s: %s", list, got)
		}
	}
	if got := i.text("ssmSession.streamUrl", "codebuild start-sandbox-connection --sandbox-id "+id); !strings.HasPrefix(
		got, "ws"+strings.TrimPrefix(i.url, "http")+"/v1/data-channel/") {
		t.Errorf("a connection is at %s", got)
	}
	if got := i.text("sandbox.status", "codebuild stop-sandbox --id "+id); got != "STOPPING" {
		t.Error(got)
	}
	eventually(t, "it is stopped", func() error {
		if got := i.text("sandboxes[0].status", "codebuild batch-get-sandboxes --ids "+id); got != "STOPPED" {
			return errors.New(got)
		}
		return nil
	})
}

// A sandbox outlives the server, and takes commands when there is one again. With its runner it ends, as FAULT, and so
// do its commands; nothing runs twice, and nothing is left.
func TestKilledSandbox(t *testing.T) {
	t.Parallel()
	i := prepare(t, "slipway_fault")
	i.start()
	i.inline("web", "version: 0.2\nphases: {build: {commands: [true]}}\n")
	k := i.keep("web")
	k.run("echo once >>ran")
	running := k.submit("echo twice >>ran; sleep 1; echo over")
	k.reaches(running, "IN_PROGRESS")
	i.killProcess("server")
	i.ready()
	if got := k.reaches(running, "SUCCEEDED", "FAULT"); *got.Status != "SUCCEEDED" ||
		*got.StandardOutputContent != "over\n" {
		t.Errorf("the command ended as %s", *got.Status)
	}
	k.is("RUN_SANDBOX")
	if got := k.run("cat ran"); *got.StandardOutputContent != "once\ntwice\n" {
		t.Errorf("the commands ran: %q", *got.StandardOutputContent)
	}
	running, waiting := k.submit("sleep 1000"), k.submit("echo never")
	k.reaches(running, "IN_PROGRESS")
	i.killProcess("runner")
	x := k.is("FAULT")
	k.reaches(running, "FAULT")
	k.reaches(waiting, "STOPPED")
	p := x.CurrentSession.Phases
	has(t, *p[len(p)-2].Contexts[0].Message, "The runner ended while this sandbox ran")
	eventually(t, "nothing of the sandbox is left", func() error {
		if left := i.left(k.id); left != "" {
			return errors.New(left)
		}
		return nil
	})
}

// TestSandboxKilledAtEveryPoint kills the server, or the runner, at each fault point of a command's way.
func TestSandboxKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	i := prepare(t, "slipway_fault")
	i.start()
	i.inline("web", "version: 0.2\nphases: {build: {commands: [true]}}\n")
	for _, point := range slices.DeleteFunc(points(t), func(p string) bool { return !strings.HasPrefix(p, "sandbox.") }) {
		mark := filepath.Join(folder(t), "died")
		i.stop()
		i.env = []string{"SLIPWAY_FAULT=" + point + ":1", "SLIPWAY_FAULT_FILE=" + mark}
		i.start()
		k := i.keep("web")
		k.is("RUN_SANDBOX")
		out, err := k.sdk.StartCommandExecution(t.Context(), &codebuild.StartCommandExecutionInput{SandboxId: &k.id,
			Command: new("echo ran >>ran; cat ran")})
		if point != "sandbox.submitted" && err != nil {
			t.Fatalf("%s: %v", point, err)
		}
		var got types.CommandExecution
		if err == nil {
			got = k.reaches(*out.CommandExecution.Id, "SUCCEEDED", "FAULT")
		}
		if _, err := os.Stat(mark); err != nil {
			t.Errorf("nobody came by %s", point)
		}
		switch {
		case point == "sandbox.taken": // it dies with its runner
			k.is("FAULT")
		case err == nil && (*got.Status != "SUCCEEDED" || *got.StandardOutputContent != "ran\n"):
			t.Errorf("%s: the command ended as %+v", point, got)
		default:
			i.ready() // it may have been started anew
			k.stop()
			k.is("STOPPED")
		}
	}
}
