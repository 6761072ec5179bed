package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/actions"
	"slipway/spec/buildspec"
	"slipway/spec/toolerror"
	"slipway/spec/workflow"
)

// Actions says where the actions of GitHub Actions come from.
type Actions struct {
	// Mirror is a folder of this machine with bare repositories, OWNER/NAME.git; "" for none.
	Mirror string
	// Offline says that github.com is not asked.
	Offline bool
	// Fetched says that actions/checkout and the like are fetched, too, instead of Slipway's own.
	Fetched bool
	// Driver is the program that runs steps, the one of this process if it is "". It is called as DriverCommand PLAN.
	Driver string
	// Fold shows the groups of a log as one line each.
	Fold bool
}

// DriverCommand is the hidden command of Slipway's binary that runs steps.
const DriverCommand = "actions-steps"

// flow is the workflow that a build runs.
type flow struct {
	file string // its path in the source
	text []byte
	job  string // the one that is run, "" for all
	def  *workflow.Workflow
}

// workflowPath parts the buildspec of a project that runs a workflow: PATH or PATH#JOB.
func workflowPath(given string) (file, job string, ok bool) {
	if Inline(given) || !workflow.IsPath(given) {
		return "", "", false
	}
	file, job, _ = strings.Cut(given, "#")
	return file, job, true
}

// learnWorkflow reads the workflow that the build runs in its phase BUILD.
func (b *build) learnWorkflow(file, job, name string, text []byte) error {
	def, err := workflow.Parse(name, text)
	if err != nil {
		return &phaseError{code: yamlError, err: err}
	}
	if job != "" && def.Job(job) == nil {
		return fail(yamlError, "%s has no job %q", name, job)
	}
	b.flow = &flow{strings.TrimPrefix(path.Clean(file), "./"), text, job, def}
	b.spec = &buildspec.Spec{File: name, Version: "0.2"}
	b.spec.Phases.Build.Place = buildspec.Place{Line: 1, Column: 1}
	return nil
}

// stepsOf tells whether a phase runs steps of GitHub Actions.
func (b *build) stepsOf(kind codebuild.BuildPhaseType, p buildspec.Phase) bool {
	return len(p.Steps) > 0 || b.flow != nil && kind == codebuild.BuildPhaseTypeBuild
}

// hasSteps tells whether some phase of the build runs steps of GitHub Actions.
func (b *build) hasSteps() bool {
	steps := func(p namedPhase) bool { return len(p.phase.Steps) > 0 }
	return b.flow != nil || slices.ContainsFunc(phasesOf(b.spec), steps)
}

// steps runs the steps of a phase, or the workflow of the build, by the driver in the build's room.
func (b *build) steps(ctx context.Context, kind codebuild.BuildPhaseType, p buildspec.Phase) error {
	driver, err := b.placeDriver()
	if err != nil {
		return fmt.Errorf("the driver of steps cannot be put into the build: %w", err)
	}
	plan, err := b.plan(ctx, kind, p)
	if err != nil {
		return fail(clientError, "%w", err)
	}
	server, socket, err := b.serveActions()
	if err != nil {
		return err
	}
	defer server.close()
	plan.Services = socket
	file, inside, err := b.writePlan(plan)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	if b.flow != nil {
		b.log.say("Running the workflow %s", b.flow.file)
	} else {
		b.log.say("Running %d step(s)", len(p.Steps))
	}
	first := b.log.begin()
	status, err := b.shell.run(ctx, quoted(driver)+" "+DriverCommand+" "+quoted(inside))
	if err != nil {
		b.commandInterrupted(ctx, kind, b.spec.File, first)
		return err
	}
	if status == cannotRun || status == notFound {
		return fail(commandError, "Slipway's own program cannot run in the build (exit status %d): it must be linked "+
			"statically (CGO_ENABLED=0), and be of the image's architecture", status)
	}
	result, err := b.readResult(plan.Result)
	if err != nil || status > 1 {
		return fail(commandError, "The driver of steps ended with status %d and no result. Reason: %w", status, err)
	}
	return b.stepsEnd(ctx, kind, result, first)
}

// stepsEnd takes what the steps left, and says why they failed.
func (b *build) stepsEnd(ctx context.Context, kind codebuild.BuildPhaseType, r actions.Result, first int64) error {
	b.keepArtifacts(r)
	if b.flow == nil {
		if err := b.leftBy(ctx, r); err != nil {
			return err
		}
	} else {
		for name, v := range r.Outputs {
			if isName(name) {
				b.result.Exported = append(b.result.Exported,
					codebuild.ExportedEnvironmentVariable{Name: new(name), Value: new(v)})
			}
		}
	}
	if !r.Failed {
		return nil
	}
	where, message := b.failedStep(r)
	finding, lines := b.annotated(r)
	if finding != nil {
		message += ". " + *lines[0].Text
	}
	err := fail(commandError, "Error while executing steps: %s", message)
	if b.result.Cause == nil {
		b.commandFailed(kind, where, first, r.ExitCode, err)
		if r.ExitCode == 0 { // it was no program that failed
			b.result.Cause.ExitCode = nil
			b.result.Cause.Finding = &slipway.Finding{Kind: new(string(toolerror.Other)), Message: new(message)}
		}
		if finding != nil {
			b.result.Cause.Finding, b.result.Cause.Lines = finding, lines
		}
	}
	return err
}

// failedStep is where steps failed, and why. Services that ended before come first: the step may have needed them.
func (b *build) failedStep(r actions.Result) (where, message string) {
	where, message = r.Step, r.Message
	if r.Step != "" {
		message = r.Step + ": " + message
	}
	if len(r.Ended) > 0 {
		message = strings.Join(r.Ended, ". ") + ". " + message
	}
	if b.flow != nil && r.Job != "" {
		where = strings.TrimSuffix(r.Job+": "+r.Step, ": ")
		message = r.Job + ": " + message
	}
	return where, message
}

// annotated is what the annotations of steps say is wrong, nil if there is none.
func (b *build) annotated(r actions.Result) (finding *slipway.Finding, lines []slipway.Line) {
	for _, a := range r.Annotations {
		if a.Level != "error" || len(lines) >= maxAnnotated {
			continue
		}
		lines = append(lines, slipway.Line{Text: new(b.log.concealed(a.String()))})
		if finding != nil {
			continue
		}
		finding = &slipway.Finding{Kind: new(string(toolerror.Other)), Message: new(a.Message)}
		if a.File != "" {
			finding.File = new(a.File)
			if a.Line > 0 {
				finding.Line = new(int32(a.Line))
			}
			if a.Column > 0 {
				finding.Column = new(int32(a.Column))
			}
		}
	}
	return finding, lines
}

// maxAnnotated bounds the annotations that are told as the cause of a failure.
const maxAnnotated = 5

// keepArtifacts makes what actions/upload-artifact has kept the artifacts of a build without others: one is the primary
// artifact itself, several are folders in it, and one of the name of a secondary artifact is that, too.
func (b *build) keepArtifacts(r actions.Result) {
	if len(r.Artifacts) == 0 || b.spec.Artifacts != nil {
		return
	}
	dir := path.Join(b.space.place.Tools, artifactsName)
	all := &buildspec.Artifacts{Artifact: buildspec.Artifact{Files: []string{"**/*"}, BaseDirectory: dir}}
	for _, name := range r.Artifacts {
		all.Secondary = append(all.Secondary, buildspec.Artifact{
			Identifier:    name,
			Files:         []string{"**/*"},
			BaseDirectory: path.Join(dir, path.Base(name)),
		})
	}
	if len(r.Artifacts) == 1 {
		all.BaseDirectory = all.Secondary[0].BaseDirectory
	}
	if b.deliver != nil {
		all.Files = nil // they are counted one by one
	}
	b.spec.Artifacts = all
}

// What a shell says of a program that it could not start.
const (
	cannotRun = 126
	notFound  = 127
)

// leftBy gives the shell what the steps of a phase wrote to GITHUB_ENV and GITHUB_PATH, for the phases that follow.
func (b *build) leftBy(ctx context.Context, r actions.Result) error {
	if len(r.Environment) == 0 && len(r.Path) == 0 {
		return nil
	}
	text := exports(r.Environment)
	for i := len(r.Path) - 1; i >= 0; i-- {
		text += "PATH=" + quoted(r.Path[i]) + `:"$PATH"` + "\n"
	}
	_, err := b.shell.run(ctx, text)
	return err
}

// writePlan puts a plan into the folder of tools, for the build's user alone.
func (b *build) writePlan(plan actions.Plan) (file, inside string, err error) {
	text, err := json.Marshal(plan)
	if err != nil {
		return "", "", err
	}
	if file, inside, err = b.space.tool(planName); err != nil {
		return "", "", err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", "", err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", "", err
	}
	_, err = f.Write(text)
	return file, inside, errors.Join(err, f.Close(), b.space.own(file))
}

// Names in the folder of tools.
const (
	planName   = "actions-plan"
	resultName = "actions-result"
	driverName = "slipway"
	workName   = "actions"

	artifactsName = "artifacts"
)

// maxResult bounds what the driver says, in bytes: the build could have written it.
const maxResult = 16 << 20

func (b *build) readResult(inside string) (r actions.Result, err error) {
	dir, rest, err := b.space.room.Files(inside)
	if err != nil {
		return r, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, err
	}
	defer root.Close()
	f, _, err := openRegular(root, rest)
	if err != nil {
		return r, err
	}
	defer f.Close()
	defer func() { _ = root.Remove(rest) }()
	text, err := io.ReadAll(io.LimitReader(f, maxResult))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// placeDriver puts the program that runs steps into the room, unless the room shows it already, and returns its path
// there. It is a copy: a build could write to the runner's own file.
func (b *build) placeDriver() (string, error) {
	own := cmp.Or(b.Actions.Driver, "/proc/self/exe")
	if real, err := filepath.EvalSymlinks(own); err == nil {
		dir, rest, err := b.space.room.Files(real)
		if err == nil && filepath.Join(dir, rest) == real {
			return real, nil
		}
	}
	file, inside, err := b.space.tool(driverName)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(file); err == nil {
		return inside, nil
	}
	in, err := os.Open(own)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	return inside, errors.Join(err, out.Chmod(0o755), out.Close())
}
