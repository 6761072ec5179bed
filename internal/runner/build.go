package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
)

// Status codes of a phase's context, as BatchGetBuilds shows them.
const (
	commandError = "COMMAND_EXECUTION_ERROR"
	yamlError    = "YAML_FILE_ERROR"
	clientError  = "CLIENT_ERROR"
	timedOut     = "BUILD_TIMED_OUT"
)

var (
	// errStopped is the cause of a context that ended because the build was stopped.
	errStopped = errors.New("the build was stopped")
	errTimeout = errors.New("build has timed out")
)

// defaultTimeout is CodeBuild's, in case the order has none.
const defaultTimeout = time.Hour

// minute is what a build's timeout counts in; tests have shorter ones.
var minute = time.Minute

// maxBuildspec bounds what is read of a buildspec, in bytes.
const maxBuildspec = 1<<20 + 1

// Job is a build to run.
type Job struct {
	Order slipway.Order
	// Dir is a folder for this build alone. It is made if it is missing, and left for the caller to remove.
	Dir string
	// Log takes what the build's commands write and the runner's own lines.
	Log io.Writer
	// Sandbox closes the build in; nil runs it with the runner's own rights. Slot is the number of the build among those that run at
	// the same time: it decides on the user.
	Sandbox *Sandbox
	Slot    int
	// Endpoint and Credentials are of the server, whose buckets and repositories the build uses.
	Endpoint    string
	CA          []byte // authorities, in PEM, that the server's certificate may be of besides the machine's
	Credentials sigv4.Credentials
	// Pass names variables of the runner's environment that builds get.
	Pass []string
	// Progress, if set, is told when a phase begins or ends. It must not block.
	Progress func(slipway.Progress)
	// Name is the runner's, for the log.
	Name string
	// Caches has the local caches of the runner's projects; nil for none.
	Caches *cacheStore

	tree    string            // build this working tree in place, and upload nothing
	inherit map[string]string // with tree: the environment
}

// build is a job while it runs.
type build struct {
	Job
	order       slipway.Order
	credentials sigv4.Credentials
	objects     *objects
	log         *logbook
	box         *box
	spec        *buildspec.Spec
	shell       *shell
	git         *gitHelper // nil unless Git may ask for passwords
	cache       buildCache
	end         context.CancelCauseFunc // ends the build with a reason
	watching    sync.WaitGroup
	result      slipway.Result
	failed      bool // some phase has failed
	succeeding  bool // what CODEBUILD_BUILD_SUCCEEDING says in the shell
}

// Run runs a build from PROVISIONING to COMPLETED and says how it ended. It never fails: what goes wrong is in the result. When ctx ends
// the build is STOPPED; all its processes are gone when Run returns.
func Run(ctx context.Context, job Job) slipway.Result {
	b := &build{Job: job, order: job.Order, credentials: job.Credentials, log: newLogbook(job.Log), succeeding: true}
	if job.Endpoint != "" {
		b.objects = &objects{endpoint: job.Endpoint, region: job.Order.Region, credentials: job.Credentials, client: transport(),
			away: func(err error) { b.log.say("The server does not answer; the build waits for it: %v", err) }}
	}
	b.result.Status = codebuild.StatusTypeSucceeded
	limit := defaultTimeout
	if m := job.Order.Build.TimeoutInMinutes; m != nil && *m > 0 {
		limit = time.Duration(*m) * minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	ctx, b.end = context.WithCancelCause(ctx)
	b.run(ctx)
	b.end(nil)
	b.watching.Wait()
	b.keepCache()
	b.finish()
	return b.result
}

func (b *build) run(ctx context.Context) {
	if !b.phase(ctx, codebuild.BuildPhaseTypeProvisioning, b.provision) {
		return
	}
	defer func() {
		if b.git != nil {
			b.git.close()
		}
	}()
	if b.tree == "" {
		guard := &diskGuard{dir: b.Dir, limit: defaultDisk, end: b.end}
		b.watching.Go(func() { guard.watch(ctx) })
		defer b.box.group.remove()
	}
	if b.Sandbox == nil { // in a sandbox the kernel ends all processes
		defer killLeft(value(b.order.Build.Id))
	}
	if !b.phase(ctx, codebuild.BuildPhaseTypeDownloadSource, b.download) {
		return
	}
	out, err := newOutput(b.log)
	if err != nil {
		b.phase(ctx, codebuild.BuildPhaseTypeInstall, func(context.Context) error { return err })
		return
	}
	defer out.close()
	b.openShell(out)
	defer b.shell.stop()
	p := b.spec.Phases
	for _, step := range []struct {
		kind  codebuild.BuildPhaseType
		phase buildspec.Phase
	}{
		{codebuild.BuildPhaseTypeInstall, p.Install}, {codebuild.BuildPhaseTypePreBuild, p.PreBuild},
		{codebuild.BuildPhaseTypeBuild, p.Build}, {codebuild.BuildPhaseTypePostBuild, p.PostBuild},
	} {
		ok := b.phase(ctx, step.kind, func(ctx context.Context) error { return b.commands(ctx, step.kind, step.phase) })
		if ctx.Err() != nil {
			return
		}
		if !ok && !goesOn(step.kind, step.phase.OnFailure.Action) {
			return
		}
	}
	b.phase(ctx, codebuild.BuildPhaseTypeUploadArtifacts, b.output)
}

// goesOn says whether the next phase runs after one that failed. CodeBuild goes on after BUILD, to POST_BUILD, and after POST_BUILD, to
// UPLOAD_ARTIFACTS; a failed INSTALL or PRE_BUILD ends the build. on-failure changes that.
func goesOn(kind codebuild.BuildPhaseType, action buildspec.Action) bool {
	switch action {
	case buildspec.Abort:
		return false
	case buildspec.Continue:
		return true
	}
	return kind == codebuild.BuildPhaseTypeBuild || kind == codebuild.BuildPhaseTypePostBuild
}

// phaseError is an error with the status code of its phase's context.
type phaseError struct {
	code string
	err  error
}

func (e *phaseError) Error() string { return e.err.Error() }
func (e *phaseError) Unwrap() error { return e.err }

func fail(code, format string, args ...any) error {
	return &phaseError{code, fmt.Errorf(format, args...)}
}

// phase runs a phase, records it and says whether it succeeded.
func (b *build) phase(ctx context.Context, kind codebuild.BuildPhaseType, do func(context.Context) error) bool {
	start := time.Now()
	entered := slices.Contains([]codebuild.BuildPhaseType{codebuild.BuildPhaseTypeInstall, codebuild.BuildPhaseTypePreBuild, codebuild.BuildPhaseTypeBuild,
		codebuild.BuildPhaseTypePostBuild}, kind)
	if entered {
		b.log.say("Entering phase %s", kind)
	}
	b.result.Phases = append(b.result.Phases, codebuild.BuildPhase{PhaseType: kind, StartTime: awsproto.At(start)})
	b.tell(string(kind))
	var err error
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else {
		err = do(ctx)
	}
	if logErr := b.log.failed(); err == nil && logErr != nil {
		err = fmt.Errorf("the log cannot be written: %w", logErr)
	}
	status, code, message := codebuild.StatusTypeSucceeded, "", ""
	if err != nil {
		status, code, message = b.judge(ctx, err)
	}
	end := time.Now()
	p := &b.result.Phases[len(b.result.Phases)-1]
	p.PhaseStatus, p.EndTime, p.DurationInSeconds = status, awsproto.At(end), new(int64(end.Sub(start)/time.Second))
	p.Contexts = []codebuild.PhaseContext{{StatusCode: new(code), Message: new(message)}}
	if kind != codebuild.BuildPhaseTypeProvisioning {
		b.log.say("Phase complete: %s State: %s", kind, status)
		b.log.say("Phase context status code: %s Message: %s", code, message)
	}
	if err == nil {
		return true
	}
	if !b.failed { // the first failure is the build's
		b.failed, b.result.Status = true, status
	} else if status == codebuild.StatusTypeStopped || status == codebuild.StatusTypeTimedOut {
		b.result.Status = status
	}
	if b.result.Cause == nil {
		b.result.Cause = &slipway.Cause{Phase: string(kind), Message: message}
	}
	return false
}

func (b *build) judge(ctx context.Context, err error) (codebuild.StatusType, string, string) {
	if ctx.Err() != nil {
		if errors.Is(context.Cause(ctx), errTimeout) {
			return codebuild.StatusTypeTimedOut, timedOut, "Build has timed out. "
		}
		if e, ok := errors.AsType[*phaseError](context.Cause(ctx)); ok {
			return codebuild.StatusTypeFailed, e.code, e.Error()
		}
		return codebuild.StatusTypeStopped, "", ""
	}
	if e, ok := errors.AsType[*phaseError](err); ok {
		return codebuild.StatusTypeFailed, e.code, e.Error()
	}
	return codebuild.StatusTypeFault, "INTERNAL_SERVICE_ERROR", err.Error()
}

// finish adds the last two phases.
func (b *build) finish() {
	now := awsproto.At(time.Now())
	b.result.Phases = append(b.result.Phases,
		codebuild.BuildPhase{PhaseType: codebuild.BuildPhaseTypeFinalizing, PhaseStatus: codebuild.StatusTypeSucceeded, StartTime: now, EndTime: now,
			DurationInSeconds: new(int64(0)), Contexts: []codebuild.PhaseContext{{StatusCode: new(""), Message: new("")}}},
		codebuild.BuildPhase{PhaseType: codebuild.BuildPhaseTypeCompleted, StartTime: now})
	b.result.End = now
}

func (b *build) tell(current string) {
	if b.Progress != nil {
		b.Progress(slipway.Progress{CurrentPhase: current, Phases: slices.Clone(b.result.Phases), ResolvedSourceVersion: b.result.ResolvedSourceVersion})
	}
}

func (b *build) provision(context.Context) error {
	if b.tree == "" {
		b.log.say("Running on Slipway runner %s", b.Name)
		if b.Sandbox == nil {
			b.log.say("WARNING: this runner has no sandbox. The build runs with the runner's own rights: it can read its keys, its files and those of other builds.")
		}
		for _, n := range b.order.Notes {
			b.log.say("NOTE: %s", n)
		}
	}
	var err error
	if b.box, err = newBox(b.Dir, b.Sandbox, b.Slot); err != nil {
		return err
	}
	if b.box.tree = b.tree; b.tree == "" {
		_, id, _ := strings.Cut(value(b.order.Build.Id), ":")
		b.box.group = newGroup(id)
	}
	return nil
}

func (b *build) download(ctx context.Context) error {
	b.log.say("Phase is DOWNLOAD_SOURCE")
	for _, s := range b.order.Sources {
		if b.tree != "" {
			break
		}
		commit, err := b.fetch(ctx, s)
		if err != nil {
			name := "primary source"
			if s.Identifier != "" {
				name = "source " + s.Identifier
			}
			return fail(clientError, "%w for %s", err, name)
		}
		if s.Identifier == "" && commit != "" {
			b.result.ResolvedSourceVersion = commit
		} else if s.Identifier != "" && commit != "" {
			if b.order.Variables == nil {
				b.order.Variables = map[string]string{}
			}
			b.order.Variables["CODEBUILD_RESOLVED_SOURCE_VERSION_"+s.Identifier] = commit
		}
	}
	if b.result.ResolvedSourceVersion == "" {
		b.result.ResolvedSourceVersion = value(b.order.Build.ResolvedSourceVersion)
	}
	b.log.say("CODEBUILD_SRC_DIR=%s", b.box.source())
	name, text, err := b.readSpec(ctx)
	if err != nil {
		return &phaseError{yamlError, err}
	}
	b.log.say("YAML location is %s", name)
	var warnings buildspec.Errors
	b.spec, warnings, err = buildspec.Validate(name, text)
	for _, w := range warnings {
		b.log.say("WARNING: %s", w)
	}
	if err != nil {
		return &phaseError{yamlError, err}
	}
	var refused []string
	for _, u := range b.spec.Unsupported() {
		line := fmt.Sprintf("%s:%d:%d: %s is not supported yet: %s", name, u.Line, u.Column, u.What, u.Why)
		b.log.say("%s", line)
		if u.Refuse {
			refused = append(refused, line)
		}
	}
	if e := b.order.Build.Environment; e != nil {
		for _, v := range e.EnvironmentVariables {
			if v.Type != "" && v.Type != codebuild.EnvironmentVariableTypePlaintext {
				refused = append(refused, fmt.Sprintf("the environment variable %s is of the type %s, which is not supported yet: use PLAINTEXT", value(v.Name), v.Type))
			}
		}
	}
	if len(refused) > 0 {
		return fail(clientError, "%s", strings.Join(refused, "\n"))
	}
	if b.spec.Env.GitCredentialHelper {
		if err := b.configureGit(); err != nil {
			return err
		}
	}
	p := b.spec.Phases
	count := 0
	for _, x := range []buildspec.Phase{p.Install, p.PreBuild, p.Build, p.PostBuild} {
		if x.Line > 0 {
			count++
		}
	}
	b.log.say("Phases found in YAML: %d", count)
	b.restoreCache()
	return nil
}

// readSpec returns the buildspec and its name: the text of the order itself, an object, or a file of the source.
func (b *build) readSpec(ctx context.Context) (string, []byte, error) {
	given := ""
	if s := b.order.Build.Source; s != nil {
		given = value(s.Buildspec)
	}
	if Inline(given) {
		return "buildspec", []byte(given), nil
	}
	if rest, ok := strings.CutPrefix(given, "arn:aws:s3:::"); ok {
		bucket, key, _ := strings.Cut(rest, "/")
		var text strings.Builder
		if b.objects == nil {
			return "", nil, errors.New("a buildspec in a bucket needs a server")
		}
		err := b.objects.get(ctx, bucket, key, "", &text, maxBuildspec)
		return given, []byte(text.String()), err
	}
	if given == "" {
		given = "buildspec.yml"
	}
	if b.tree != "" {
		return b.readOwnSpec(given)
	}
	root, err := os.OpenRoot(b.box.hostSource())
	if err != nil {
		return "", nil, err
	}
	defer root.Close()
	name := path.Join(b.box.source(), given)
	missing := fmt.Errorf("stat %s: no such file or directory", name) // CodeBuild's words
	inside := strings.TrimPrefix(path.Clean(given), "./")
	if !fs.ValidPath(inside) {
		return "", nil, fmt.Errorf("the buildspec's path %q leads out of the source; give one inside it", given)
	}
	f, _, err := openRegular(root, inside)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, missing
	} else if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBuildspec))
	return name, text, err
}

// readOwnSpec reads the buildspec of a working tree, which may lie anywhere on this machine.
func (b *build) readOwnSpec(given string) (string, []byte, error) {
	file := given
	if !filepath.IsAbs(file) {
		file = filepath.Join(b.tree, file)
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("there is no %s in %s: write one, or name another with -b", given, b.tree)
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return "", nil, fmt.Errorf("%s cannot be read: %w", given, failed.Err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBuildspec))
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s cannot be read: %w", given, failed.Err)
	}
	return given, text, err
}

// Inline tells whether a project's buildspec is the text itself, and not a path or an ARN.
func Inline(buildspec string) bool {
	s := strings.TrimSpace(buildspec)
	return strings.ContainsRune(s, '\n') || strings.HasPrefix(s, "{") || strings.HasPrefix(s, "version:") || strings.HasPrefix(s, "---")
}

func (b *build) openShell(out *output) {
	argv := []string{"/bin/sh"}
	if strings.Contains(b.spec.Env.Shell, "bash") {
		argv = []string{"bash", "--norc", "--noprofile"}
	}
	env := environment(b.order, b.spec, b.box, b.Pass, b.inherit)
	if v := b.result.ResolvedSourceVersion; v != "" {
		env["CODEBUILD_RESOLVED_SOURCE_VERSION"] = v
	}
	base := append(baseEnvironment(), leftMark+value(b.order.Build.Id))
	initial := exports(env) + "cd " + quoted(b.box.source()) + "\n"
	if b.Sandbox == nil { // nothing stands between the runner and the shell that a variable could harm
		base, initial = nil, "cd "+quoted(b.box.source())+"\n"
		for name, v := range env {
			if isName(name) && !strings.ContainsRune(v, 0) {
				base = append(base, name+"="+v)
			}
		}
	}
	b.shell = &shell{box: b.box, argv: argv, env: base, out: out, initial: initial}
	b.log.say("Moving to directory %s", b.box.source())
}

// commands runs the commands of a phase and those of its finally, as often as on-failure says.
func (b *build) commands(ctx context.Context, kind codebuild.BuildPhaseType, p buildspec.Phase) error {
	for try := 0; ; try++ {
		err := b.once(ctx, kind, p)
		if err == nil || ctx.Err() != nil || p.OnFailure.Action != buildspec.Retry || try >= p.OnFailure.Count {
			return err
		}
		if wanted, bad := regexp.MatchString(p.OnFailure.Pattern, err.Error()); bad != nil || !wanted {
			return err
		}
		b.log.say("Retrying phase %s (%d of %d): %s", kind, try+1, p.OnFailure.Count, err)
		b.result.Cause = nil
		if err := b.setSucceeding(ctx, !b.failed); err != nil {
			return err
		}
	}
}

func (b *build) once(ctx context.Context, kind codebuild.BuildPhaseType, p buildspec.Phase) error {
	err := b.list(ctx, kind, p.Commands)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		if e := b.setSucceeding(ctx, false); e != nil {
			return e
		}
	}
	if last := b.list(ctx, kind, p.Finally); err == nil {
		err = last
	}
	if err != nil && ctx.Err() == nil {
		if e := b.setSucceeding(ctx, false); e != nil {
			return e
		}
	}
	if err == nil && kind == codebuild.BuildPhaseTypePostBuild || ctx.Err() == nil && kind == codebuild.BuildPhaseTypePostBuild {
		if e := b.export(ctx); err == nil {
			err = e
		}
	}
	return err
}

// list runs commands up to the first that fails.
func (b *build) list(ctx context.Context, kind codebuild.BuildPhaseType, commands []buildspec.Command) error {
	for _, c := range commands {
		shown := strings.TrimRight(c.Text, "\n")
		b.log.say("Running command %s", shown)
		first := b.log.begin()
		text := c.Text
		if b.spec.Version == "0.1" { // a shell of its own
			text = strings.Join(b.shell.argv, " ") + " -c " + quoted(text)
		}
		status, err := b.shell.run(ctx, text)
		switch {
		case err != nil:
			return err
		case status == 0:
			continue
		default:
			b.log.say("Command did not exit successfully %s exit status %d", shown, status)
			err = fail(commandError, "Error while executing command: %s. Reason: exit status %d", shown, status)
			if b.box.group.exhausted() {
				err = fail(commandError, "Error while executing command: %s. Reason: exit status %d; the build had used up its memory, %s", shown, status, bytesText(b.box.group.limit))
			}
		}
		if b.result.Cause == nil {
			b.result.Cause = &slipway.Cause{Phase: string(kind), Command: shown, ExitCode: new(int32(status)), Message: err.Error(), Line: &first, Lines: b.log.telling()}
		}
		return err
	}
	return nil
}

func (b *build) setSucceeding(ctx context.Context, yes bool) error {
	if b.succeeding == yes {
		return nil
	}
	b.succeeding = yes
	n := 0
	if yes {
		n = 1
	}
	_, err := b.shell.run(ctx, fmt.Sprintf("export CODEBUILD_BUILD_SUCCEEDING=%d", n))
	return err
}

// export reads the variables that the build hands on.
func (b *build) export(ctx context.Context) error {
	b.result.Exported = nil
	for _, name := range b.spec.Env.Exported {
		v, err := b.shell.ask(ctx, `"${`+name+`-}"`)
		if err != nil {
			return fail(commandError, "Error while reading the exported variable %s. Reason: %w", name, err)
		}
		b.result.Exported = append(b.result.Exported, codebuild.ExportedEnvironmentVariable{Name: new(name), Value: new(v)})
	}
	return nil
}

// output puts out artifacts and reports.
func (b *build) output(ctx context.Context) error {
	a := b.spec.Artifacts
	if a != nil {
		a = &buildspec.Artifacts{Artifact: a.Artifact, Secondary: slices.Clone(a.Secondary)}
		if err := b.expand(ctx, &a.Artifact); err != nil {
			return err
		}
		for i := range a.Secondary {
			if err := b.expand(ctx, &a.Secondary[i]); err != nil {
				return err
			}
		}
	}
	reports := slices.Clone(b.spec.Reports)
	for i := range reports {
		r := &reports[i]
		if err := b.expandAll(ctx, append([]*string{&r.BaseDirectory}, pointers(r.Files)...)...); err != nil {
			return err
		}
	}
	// From here on nothing of the build runs any more: its files stand still.
	b.shell.leave(limited(ctx))
	for _, r := range reports {
		result := b.report(ctx, r)
		b.log.say("%s", summary(result))
		b.result.Reports = append(b.result.Reports, result)
	}
	shorten(b.result.Reports)
	return b.artifacts(ctx, a)
}

// limited gives EXIT traps ten seconds.
func limited(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func (b *build) artifacts(ctx context.Context, a *buildspec.Artifacts) error {
	if b.tree != "" {
		return b.listArtifacts(ctx, a)
	}
	for _, o := range b.order.Outputs {
		var wanted *buildspec.Artifact
		switch {
		case a == nil:
		case o.Identifier == "" && len(a.Files) > 0:
			wanted = &a.Artifact
		case o.Identifier != "":
			if i := slices.IndexFunc(a.Secondary, func(s buildspec.Artifact) bool { return s.Identifier == o.Identifier }); i >= 0 {
				wanted = &a.Secondary[i]
			}
		}
		if wanted == nil {
			if o.Identifier == "" {
				return fail(clientError, "no artifacts are defined in the buildspec, but the project has some")
			}
			return fail(clientError, "the buildspec has no secondary artifact %s, but the project has", o.Identifier)
		}
		b.log.say("Uploading artifact %s", cmpName(o.Identifier))
		result, err := b.upload(ctx, o, *wanted)
		if err != nil && ctx.Err() == nil {
			return fail(clientError, "%w", err)
		} else if err != nil {
			return err
		}
		b.result.Artifacts = append(b.result.Artifacts, *result)
	}
	return nil
}

func cmpName(identifier string) string {
	if identifier == "" {
		return "(primary)"
	}
	return identifier
}

func pointers(s []string) []*string {
	out := make([]*string, len(s))
	for i := range s {
		out[i] = &s[i]
	}
	return out
}

// expand puts the shell's variables into an artifact's paths; its name is expanded as a shell does it, with commands too.
func (b *build) expand(ctx context.Context, a *buildspec.Artifact) error {
	a.Files, a.ExcludePaths = slices.Clone(a.Files), slices.Clone(a.ExcludePaths)
	if err := b.expandAll(ctx, slices.Concat(pointers(a.Files), pointers(a.ExcludePaths), []*string{&a.BaseDirectory, &a.S3Prefix})...); err != nil {
		return err
	}
	if !strings.ContainsAny(a.Name, "$`") {
		return nil
	}
	const mark = "SLIPWAY_END_OF_NAME"
	name, err := b.shell.ask(ctx, "\"$(cat <<"+mark+"\n"+strings.ReplaceAll(a.Name, "\n", " ")+"\n"+mark+"\n)\"")
	if err != nil {
		return fail(clientError, "the artifact's name %q cannot be expanded: %w", a.Name, err)
	}
	a.Name = strings.TrimSpace(name)
	return nil
}

func (b *build) expandAll(ctx context.Context, texts ...*string) error {
	for _, t := range texts {
		var failed error
		*t = os.Expand(*t, func(name string) string {
			if !isName(name) {
				return "$" + name
			}
			v, err := b.shell.ask(ctx, `"${`+name+`-}"`)
			failed = errors.Join(failed, err)
			return v
		})
		if failed != nil {
			return fail(clientError, "%q cannot be expanded: %w", *t, failed)
		}
	}
	return nil
}

// value is what a pointer points to, zero for nil.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
