package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"path/filepath"
	"strings"

	cmd "slipway/api/codedeploycommand"
	"slipway/internal/fault"
)

// failure is an error with the code that the server is told.
type failure struct {
	code    int
	script  string
	message string
}

func (f *failure) Error() string { return f.message }

// claim makes sure that one command of a deployment is in hand at a time: the next one is handed out while the last
// one's report is still being answered. It returns false if ctx ends first.
func (a *agent) claim(ctx context.Context, deployment string) bool {
	for {
		a.mu.Lock()
		free := a.busy[deployment]
		if free == nil {
			a.busy[deployment] = make(chan struct{})
		}
		a.mu.Unlock()
		if free == nil {
			return true
		}
		select {
		case <-free:
		case <-ctx.Done():
			return false
		}
	}
}

func (a *agent) release(deployment string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.busy[deployment])
	delete(a.busy, deployment)
}

// deploymentOf is the deployment of a command, by which it is tracked.
func deploymentOf(c *cmd.HostCommandInstance) string {
	id := path.Base(*c.DeploymentExecutionId)
	if !segment().MatchString(id) {
		return ""
	}
	return id
}

// handle does a command: verify, record, acknowledge, do, record, report. t is the record of a command that was in hand
// when the agent died.
//
// What fails before the acknowledgement for want of the server is left alone: the server hands the command out again.
func (a *agent) handle(ctx context.Context, c *cmd.HostCommandInstance, t *track) {
	log := a.Log.With("event", *c.CommandName, "deployment", deploymentOf(c))
	deployment := deploymentOf(c)
	if deployment == "" {
		log.Error("the server handed out a command of a deployment that can't name a file", "execution",
			*c.DeploymentExecutionId)
		return
	}
	if !a.claim(ctx, deployment) {
		return
	}
	defer a.release(deployment)
	s, err := a.fetch(ctx, c)
	if err != nil && !errors.As(err, new(*failure)) {
		if ctx.Err() == nil {
			log.Warn("the deployment specification can't be fetched", "error", err)
		}
		if t != nil {
			a.running.Go(func() { a.later(ctx, c, t) })
		}
		return
	}
	if t == nil {
		var terr error
		if t, terr = a.takeUp(deployment, c); terr != nil {
			log.Error("the command can't be recorded, and so can't be done", "error", terr)
			a.decline(ctx, c, terr)
			return
		}
	}
	var w work
	if err == nil {
		w, err = a.prepare(s, *c.CommandName)
	}
	if err != nil { // it can't even begin: reported without an acknowledgement, as AWS's agent does
		a.finish(ctx, t, nil, failed(err, ""))
		return
	}
	if !a.mayRun(ctx, c, t, w, log) {
		return
	}
	a.run(ctx, c, t, s, w, log)
}

// mayRun acknowledges a command. If it may not run, its record is dropped, or kept until the server can be asked again.
func (a *agent) mayRun(ctx context.Context, c *cmd.HostCommandInstance, t *track, w work, log *slog.Logger) bool {
	run, err := a.acknowledge(ctx, c, w.noop)
	if err != nil {
		log.Warn("the command can't be acknowledged", "error", err)
		if final(err) {
			t.drop()
		} else {
			a.running.Go(func() { a.later(ctx, c, t) })
		}
		return false
	}
	if !run {
		t.drop()
	}
	return run
}

// run does a command that was acknowledged, and reports it.
func (a *agent) run(ctx context.Context, c *cmd.HostCommandInstance, t *track, s *specification, w work,
	log *slog.Logger) {
	if w.noop {
		a.finish(ctx, t, nil,
			&result{Status: "Succeeded", Message: "Succeeded: there is no script for " + *c.CommandName + "."})
		return
	}
	if err := t.start(); err != nil {
		a.finish(ctx, t, nil, failed(fmt.Errorf("the start of the command could not be recorded: %w", err), ""))
		return
	}
	o, err := a.openOutput(s, c)
	if err != nil {
		a.finish(ctx, t, nil, failed(err, ""))
		return
	}
	stop := o.ship(ctx, a)
	err = w.do(ctx, o)
	stop()
	if err != nil {
		log.Warn("the command failed", "error", err)
	} else {
		log.Info("the command succeeded")
	}
	a.finish(ctx, t, o, failed(err, o.tail()))
	o.close()
}

// decline reports a command that can't even be recorded as failed, so that the deployment does not wait for it.
func (a *agent) decline(ctx context.Context, c *cmd.HostCommandInstance, why error) {
	text, err := json.Marshal(failed(fmt.Errorf("the agent can't record the command before it does it: %w", why), ""))
	if err != nil {
		return
	}
	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	_, err = a.api.PutHostCommandComplete(call, &cmd.PutHostCommandCompleteInput{
		HostCommandIdentifier: c.HostCommandIdentifier,
		CommandStatus:         cmd.HostCommandStatusFailed,
		Diagnostics:           &cmd.Envelope{Format: new("JSON"), Payload: new(string(text))},
	})
	if err != nil {
		a.Log.Warn("the server can't be told that a command was not done", "error", err)
	}
}

// later takes a recorded command up again that could not be acknowledged.
func (a *agent) later(ctx context.Context, c *cmd.HostCommandInstance, t *track) {
	(&backoff{next: lastBackoff}).sleep(ctx)
	if ctx.Err() != nil {
		_ = t.file.Close()
		return
	}
	a.handle(ctx, c, t)
}

// failed words the end of a command; err nil is a success.
func failed(err error, tail string) *result {
	if err == nil {
		return &result{Status: "Succeeded", Message: "Succeeded", Log: tail}
	}
	var f *failure
	if errors.As(err, &f) {
		return &result{"Failed", f.code, f.script, f.message, tail}
	}
	return &result{"Failed", unknownError, "", worded(err).Error(), tail}
}

func (a *agent) fetch(ctx context.Context, c *cmd.HostCommandInstance) (*specification, error) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	out, err := a.api.GetDeploymentSpecification(ctx,
		&cmd.GetDeploymentSpecificationInput{DeploymentExecutionId: c.DeploymentExecutionId,
			HostIdentifier: &a.identity})
	if err != nil {
		return nil, err
	}
	if out.DeploymentSpecification == nil {
		return nil, &failure{code: unknownError, message: "the server sent no deployment specification"}
	}
	s, err := a.pins.open(out.DeploymentSpecification.GenericEnvelope)
	if err == nil && s.DeploymentId != deploymentOf(c) {
		err = fmt.Errorf("the deployment specification is for %s, the command for %s", s.DeploymentId, deploymentOf(c))
	}
	if err != nil {
		return nil, &failure{code: unknownError, message: err.Error()}
	}
	return s, nil
}

// acknowledge asks whether the command may be run.
func (a *agent) acknowledge(ctx context.Context, c *cmd.HostCommandInstance, noop bool) (run bool, err error) {
	diagnostics := &cmd.Envelope{Format: new("JSON"), Payload: new(fmt.Sprintf(`{"IsCommandNoop":%t}`, noop))}
	for wait := (backoff{}); ; wait.sleep(ctx) {
		call, cancel := context.WithTimeout(ctx, callFor)
		out, err := a.api.PutHostCommandAcknowledgement(call,
			&cmd.PutHostCommandAcknowledgementInput{HostCommandIdentifier: c.HostCommandIdentifier,
				Diagnostics: diagnostics})
		cancel()
		if err == nil {
			return out.CommandStatus != cmd.HostCommandStatusSucceeded &&
				out.CommandStatus != cmd.HostCommandStatusFailed, nil
		}
		if final(err) || ctx.Err() != nil || wait.failed > 4 {
			return false, err
		}
		wait.failed++
	}
}

// finish records the result of a command and reports it until the server has taken it.
func (a *agent) finish(ctx context.Context, t *track, o *output, r *result) {
	if err := t.end(r); err != nil {
		a.Log.Error("the result of a command can't be recorded", "file", t.path, "error", err)
	}
	a.report(ctx, t, o)
}

// report tells the server what a command came to, the rest of its output first.
func (a *agent) report(ctx context.Context, t *track, o *output) {
	if ctx.Err() != nil { // the agent is stopping: one more try; the next start reports else
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
	}
	payload, err := json.Marshal(t.result)
	if err != nil {
		a.Log.Error("a result can't be written", "error", err)
		return
	}
	in := &cmd.PutHostCommandCompleteInput{HostCommandIdentifier: t.command.HostCommandIdentifier,
		CommandStatus: cmd.HostCommandStatus(t.result.Status),
		Diagnostics:   &cmd.Envelope{Format: new("JSON"), Payload: new(string(payload))}}
	for wait := (backoff{}); ; wait.sleep(ctx) {
		call, cancel := context.WithTimeout(ctx, callFor)
		err := o.flush(call, a)
		if err == nil {
			_, err = a.api.PutHostCommandComplete(call, in)
		}
		cancel()
		if err == nil || final(err) {
			fault.Point("agent.reported")
			if err != nil {
				a.Log.Warn("the server does not take the result of a command", "deployment", filepath.Base(t.path),
					"error", err)
			}
			t.drop()
			return
		}
		if ctx.Err() != nil {
			_ = t.file.Close()
			return
		}
		if wait.first() {
			a.Log.Warn("the result of a command can't be reported; trying again", "deployment", filepath.Base(t.path),
				"error", err)
		}
	}
}

// recover takes care of the commands that were in hand when the agent died. What had a result is reported; what had not
// begun is done; what had begun ended in a way that nobody knows, and is reported as failed.
func (a *agent) recover(ctx context.Context) {
	tracks, err := a.readTracks()
	if err != nil {
		a.Log.Error("the commands that were in hand can't be read", "folder", a.ongoing(), "error", err)
	}
	for _, t := range tracks {
		a.running.Go(func() {
			switch {
			case t.result == nil && !t.started:
				a.handle(ctx, t.command, t)
			case t.result == nil:
				a.finish(ctx, t, a.reopenOutput(t), &result{Status: "Failed", Code: afterRestart,
					Message: "The agent was started anew while " + *t.command.CommandName +
						" was in progress. How it ended is not known; it is not run again by itself."})
			default:
				a.report(ctx, t, a.reopenOutput(t))
			}
		})
	}
}

// work is a command that can begin.
type work struct {
	noop bool
	do   func(ctx context.Context, o *output) error
}

// prepare reads what a command needs.
func (a *agent) prepare(s *specification, event string) (work, error) {
	switch event {
	case "DownloadBundle":
		return work{do: func(ctx context.Context, o *output) error { return a.download(ctx, s, o) }}, nil
	case "Install":
		return work{do: func(_ context.Context, o *output) error { return a.install(s, o) }}, nil
	}
	if !strings.Contains(
		" BeforeBlockTraffic AfterBlockTraffic ApplicationStop BeforeInstall AfterInstall ApplicationStart "+
			"ValidateService BeforeAllowTraffic AfterAllowTraffic ", " "+event+" ") {
		return work{}, &failure{code: unknownError, message: "the agent does not know the command " + event}
	}
	h, err := a.hook(s, event)
	if err != nil || h == nil {
		return work{noop: true}, err
	}
	return work{do: h.run}, nil
}
