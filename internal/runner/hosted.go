package runner

import (
	"context"
	"errors"
	"time"

	"slipway/api/slipway"
)

// ActionsRunners is implemented by identities that can register a runner of GitHub Actions for a build.
type ActionsRunners interface {
	// ActionsRunner returns the configuration with which the program of the runner takes the build's job.
	ActionsRunner(ctx context.Context) (config string, err error)
}

// ActionsRunner implements ActionsRunners.
func (r *roleIdentity) ActionsRunner(ctx context.Context) (string, error) {
	out, err := r.api.GetActionsRunner(ctx, &slipway.GetActionsRunnerInput{Id: &r.id, Runner: &r.runner})
	if err == nil && out.Refusal != nil {
		return "", errRefused{errors.New(*out.Refusal)}
	}
	if err != nil {
		return "", err
	}
	return value(out.JitConfig), nil
}

// ActionsRunner implements ActionsRunners.
func (m masking) ActionsRunner(ctx context.Context) (string, error) {
	of, ok := m.Identity.(ActionsRunners)
	if !ok {
		return "", errRefused{errors.New("this build cannot register a runner of GitHub Actions")}
	}
	config, err := of.ActionsRunner(ctx)
	m.log.conceal(config)
	return config, err
}

var _ ActionsRunners = masking{}

// registerTries is how often the registration of a runner is asked for while the server or GitHub is away.
const registerTries = 6

// noProgram is the exit status of hostedScript that finds no program.
const noProgram = 127

// hostedScript starts GitHub's program of a self-hosted runner. It needs a folder that it may write to: on this machine
// a copy, since several builds may do so at the same time. The configuration is in its environment and in no argument.
const hostedScript = `
for dir in "$ACTIONS_RUNNER_DIR" "$HOME/actions-runner" /opt/actions-runner /actions-runner /home/runner ""; do
  [ -z "$dir" ] || [ ! -f "$dir/run.sh" ] || break
done
[ -n "$dir" ] || exit 127
echo "The runner's program is $dir/run.sh"
if [ ! -w "$dir" ] || [ "$in_place" != 1 ]; then
  copy=$(mktemp -d) && cp -R "$dir/." "$copy" || exit 1
  dir=$copy
fi
export RUNNER_ALLOW_RUNASROOT=1
cd "$dir" && exec ./run.sh`

// host runs the job of GitHub Actions that the build is for.
func (b *build) host(ctx context.Context) error {
	known, ok := b.Identity.(ActionsRunners)
	if !ok {
		return fail(clientError, "Only a server can run jobs of GitHub Actions.")
	}
	b.log.say("Registering a runner for the job of GitHub Actions")
	config, err := known.ActionsRunner(ctx)
	for pause, n := time.Second, 1; err != nil && n < registerTries && ctx.Err() == nil; pause, n = 2*pause, n+1 {
		if _, refused := errors.AsType[errRefused](err); refused {
			break
		}
		b.log.say("The runner is not registered yet: %v", err)
		wait(ctx, pause)
		config, err = known.ActionsRunner(ctx)
	}
	if err != nil {
		return fail(clientError, "No runner is registered for the job: %v", err)
	}
	inPlace := "0"
	if b.space.place.Image != "" {
		inPlace = "1"
	}
	status, err := b.shell.run(ctx, "(in_place="+inPlace+"\nexport ACTIONS_RUNNER_INPUT_JITCONFIG="+quoted(config)+
		hostedScript+"\n)")
	switch {
	case err != nil:
		return err
	case status == noProgram:
		return fail(commandError, "There is no program of a runner of GitHub Actions (run.sh) in ACTIONS_RUNNER_DIR, "+
			"~/actions-runner, /opt/actions-runner, /actions-runner or /home/runner. Unpack the release of "+
			"github.com/actions/runner there, in the image or on the runner's machine, or in the INSTALL phase of "+
			"the project's buildspec (label buildspec-override:true).")
	case status != 0:
		return fail(commandError, "The runner of GitHub Actions ended with exit status %d", status)
	}
	b.log.say("The runner has ended: its job is done, as GitHub shows it")
	return nil
}
