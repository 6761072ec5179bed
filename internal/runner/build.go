package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/room"
	"slipway/spec/buildspec"
)

// Status codes of a phase's context, as BatchGetBuilds shows them.
const (
	commandError = "COMMAND_EXECUTION_ERROR"
	yamlError    = "YAML_FILE_ERROR"
	clientError  = "CLIENT_ERROR"
	imageError   = "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"
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

// Job is a build to run.
type Job struct {
	Order slipway.Order
	// Executor opens the room that the build runs in, as Room specifies it.
	Executor Executor
	Room     room.Spec
	// Log takes what the build's commands write and the runner's own lines.
	Log io.Writer
	// Endpoint is the server's, whose buckets and repositories the build uses as Identity.
	Endpoint string
	CA       []byte   // authorities, in PEM, that the server's certificate may be of besides the machine's
	Identity Identity // nil for a build without a server
	// Pass names variables of the runner's environment that builds get, Environment has further ones.
	Pass        []string
	Environment map[string]string
	// Disk bounds what the files of the build take on disk, in bytes; 0 is no bound.
	Disk int64
	// Progress, if set, is told when a phase begins or ends. It must not block.
	Progress func(slipway.Progress)
	// Name is the runner's, for the log; "" for none.
	Name string
	// Secret, if set, is where a build without a server gets the values of its secrets that are not in Secrets: by the
	// variable's name and what it refers to.
	Secret  func(name, reference string) (string, error)
	Secrets map[string]string // outweigh all other variables
	// Caches has the local caches of the runner's projects; nil for none.
	Caches *cacheStore
	// Shared is the cache of a project, from which a build without a server reads what Caches lacks; nil for none.
	Shared *ProjectCache

	// Actions says where the actions of steps come from.
	Actions Actions
	// ActionCaches has the caches of actions/cache; nil for none.
	ActionCaches *actionCaches
	// Repository and Ref are those of a build without a server: OWNER/NAME and the full name of a branch or tag.
	// InPlace says that the jobs of a workflow run in the source itself.
	Repository, Ref string
	InPlace         bool

	// Commands are those of an order with Sandbox.
	Commands commandSource
	// Terminals are what people open in it; nil for a build that takes none.
	Terminals terminalSource

	// Only are the phases of the buildspec that run; none are all of them.
	Only []codebuild.BuildPhaseType

	// resume is where the build goes on, nil for its beginning. stood is told where it failed first, nil if no
	// command did.
	resume *standing
	stood  func(at *standing, succeeded bool)
	// openCaches, if set, opens Caches when the build has one.
	openCaches func() (*LocalCaches, error)
	// findSpec, if set, finds the buildspec.
	findSpec func() (name string, text []byte, err error)
	// deliver, if set, is what becomes of the artifacts, instead of an upload.
	deliver func(*build, context.Context, *buildspec.Artifacts) error
}

// build is a job while it runs.
type build struct {
	Job
	order      slipway.Order
	objects    *objects
	answers    *credentialServer // nil unless the build has an identity
	log        *logbook
	space      *workspace // nil before PROVISIONING
	spec       *buildspec.Spec
	flow       *flow      // nil for a build with a buildspec
	shell      *shell     // nil before INSTALL
	debug      *debugging // nil without a debug session
	git        *gitHelper // nil unless Git may ask for passwords
	cache      buildCache
	secrets    map[string]string       // the variables that are secrets
	end        context.CancelCauseFunc // ends the build with a reason
	watching   sync.WaitGroup
	result     slipway.Result
	failed     bool // some phase has failed
	succeeding bool // what CODEBUILD_BUILD_SUCCEEDING says in the shell
	standing   *standing
	accounts   map[string]account // that run-as names, but for the room's own
}

// Run runs a build from PROVISIONING to COMPLETED and says how it ended. It never fails: what goes wrong is in the
// result. When ctx ends the build is STOPPED. All processes of the build have been killed when Run returns; leave,
// which must be called once, waits until they are gone and removes what the build has left.
func Run(ctx context.Context, job Job) (result slipway.Result, leave func()) {
	b := &build{Job: job, order: job.Order, log: newLogbook(job.Log), succeeding: true}
	if job.Identity != nil {
		b.Identity = masking{job.Identity, b.log}
	}
	if job.Endpoint != "" {
		b.objects = &objects{
			endpoint: job.Endpoint,
			region:   job.Order.Region,
			identity: b.Identity,
			client:   transport(),
			away:     func(err error) { b.log.say("The server does not answer; the build waits for it: %v", err) },
		}
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
	b.finishSecrets()
	b.finish()
	if b.stood != nil {
		b.stood(b.standing, !b.failed)
	}
	return b.result, b.leave
}

// leave closes the build's room.
func (b *build) leave() {
	if b.space != nil {
		_ = b.space.room.Close()
	}
}

func (b *build) run(ctx context.Context) {
	if !b.phase(ctx, codebuild.BuildPhaseTypeProvisioning, b.provision) {
		return
	}
	defer func() {
		b.cache.kept.close()
		if b.git != nil {
			b.git.close()
		}
		if b.answers != nil {
			b.answers.close()
		}
	}()
	if b.Disk > 0 {
		guard := &diskGuard{dir: b.space.place.Dir, limit: b.Disk, end: b.end}
		b.watching.Go(func() { guard.watch(ctx) })
	}
	out := newOutput(b.space.place.Output, b.log)
	defer out.close()
	b.shell = &shell{room: b.space.room, out: out}
	defer b.shell.stop()
	if !b.phase(ctx, codebuild.BuildPhaseTypeDownloadSource, b.download) {
		return
	}
	if b.order.ReadBatch {
		return
	}
	b.prepareShell()
	defer b.beginDebugging(ctx)()
	if b.order.Sandbox {
		b.phase(ctx, phaseSandbox, b.serveCommands)
		return
	}
	if b.phases(ctx) && b.puts() {
		before := b.shell.last
		if !b.phase(ctx, codebuild.BuildPhaseTypeUploadArtifacts, b.output) {
			b.stand(position{Phase: codebuild.BuildPhaseTypeUploadArtifacts}, before)
		}
	}
	b.saveCache(ctx)
}

// phase runs a phase, records it and says whether it succeeded.
func (b *build) phase(ctx context.Context, kind codebuild.BuildPhaseType, do func(context.Context) error) bool {
	start := time.Now()
	if hasCommands(kind) {
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
		message = b.log.concealed(message) // the server is told of it while the build goes on
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
	finalizing := codebuild.BuildPhase{
		PhaseType:         codebuild.BuildPhaseTypeFinalizing,
		PhaseStatus:       codebuild.StatusTypeSucceeded,
		StartTime:         now,
		EndTime:           now,
		DurationInSeconds: new(int64(0)),
		Contexts:          []codebuild.PhaseContext{{StatusCode: new(""), Message: new("")}},
	}
	if b.order.Sandbox { // which has nothing to finalize
		b.result.Phases = append(b.result.Phases,
			codebuild.BuildPhase{PhaseType: codebuild.BuildPhaseTypeCompleted, StartTime: now})
		b.result.End = now
		return
	}
	completed := codebuild.BuildPhase{PhaseType: codebuild.BuildPhaseTypeCompleted, StartTime: now}
	b.result.Phases = append(b.result.Phases, finalizing, completed)
	b.result.End = now
}

func (b *build) tell(current string) {
	if b.Progress == nil {
		return
	}
	p := slipway.Progress{
		CurrentPhase:          current,
		Phases:                slices.Clone(b.result.Phases),
		ResolvedSourceVersion: b.result.ResolvedSourceVersion,
	}
	if b.debug != nil {
		p = b.debug.progress(p)
	}
	b.Progress(p)
}

// provision opens the room.
func (b *build) provision(ctx context.Context) error {
	if b.Name != "" {
		b.log.say("Running on Slipway runner %s", b.Name)
	}
	b.Room.Say = func(line string) { b.log.say("%s", line) }
	account, err := b.registry(ctx)
	if err != nil {
		return err
	}
	b.Room.Registry = account
	r, err := b.Executor.Open(ctx, b.Room)
	if err != nil {
		if b.Room.Image != "" {
			err = &phaseError{code: imageError, err: err}
		}
		return err
	}
	b.space = newWorkspace(r)
	if of := b.space.place.Image; of != "" {
		b.result.Image = of
		b.log.say("Running in a container of the image %s", of)
	}
	if w := b.space.place.Warning; w != "" {
		b.log.say("%s", w)
	}
	for _, n := range b.order.Notes {
		b.log.say("NOTE: %s", n)
	}
	return b.identify(ctx)
}

// download fetches the sources, reads the buildspec and restores the cache.
func (b *build) download(ctx context.Context) error {
	b.log.say("Phase is DOWNLOAD_SOURCE")
	if err := b.fetchAll(ctx); err != nil {
		return err
	}
	if b.result.ResolvedSourceVersion == "" {
		b.result.ResolvedSourceVersion = value(b.order.Build.ResolvedSourceVersion)
	}
	b.log.say("CODEBUILD_SRC_DIR=%s", b.space.place.Source)
	if b.order.ReadBatch {
		return b.readBatch(ctx)
	}
	if err := b.learn(ctx); err != nil && !b.toleratesSpec(err) {
		return err
	}
	if err := b.checkResume(); err != nil {
		return err
	}
	if err := b.checkUsers(ctx); err != nil {
		return err
	}
	if err := b.resolve(ctx); err != nil {
		return err
	}
	if b.spec.Env.GitCredentialHelper || b.flow != nil {
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
	b.restoreCache(ctx)
	return nil
}
