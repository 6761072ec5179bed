package runner

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"slipway/api/codebuild"
	"slipway/spec/buildspec"
)

// prepareShell tells the shell what the build is, before its first command.
func (b *build) prepareShell() {
	b.shell.argv = []string{"/bin/sh"}
	if strings.Contains(b.spec.Env.Shell, "bash") {
		b.shell.argv = []string{"bash", "--norc", "--noprofile"}
	}
	env := b.environment()
	if err := b.awsEnvironment(env); err != nil {
		b.log.say("The build's commands get no credentials: %v", err)
	}
	b.shell.own = exports(map[string]string{"HOME": env["HOME"], "USER": env["USER"], "LOGNAME": env["USER"]})
	b.shell.path = standardPath
	switch path, ok := env["PATH"]; {
	case ok:
		b.shell.path = path + ":" + standardPath
	case b.space.place.Image != "":
		b.shell.path = "" // the image's own
	}
	b.shell.initial = exports(env) + "cd " + quoted(b.space.place.Source) + "\n"
	if tools, err := b.placeCommands(); err != nil {
		b.log.say("The build has no codebuild-tests-run: %v", err)
	} else {
		b.shell.initial += `PATH="$PATH":` + quoted(tools) + "; export PATH\n"
	}
	b.log.say("Moving to directory %s", b.space.place.Source)
	b.takeUp()
}

// environment is what the build's commands find, but for the credentials of its role.
func (b *build) environment() map[string]string {
	env := environment(b.order, b.spec, b.space.place, b.Pass, b.Environment)
	maps.Copy(env, b.secrets)
	if v := b.result.ResolvedSourceVersion; v != "" {
		env["CODEBUILD_RESOLVED_SOURCE_VERSION"] = v
	}
	return env
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
		b.result.Cause, b.standing = nil, nil
		if err := b.setSucceeding(ctx, !b.failed); err != nil {
			return err
		}
	}
}

func (b *build) once(ctx context.Context, kind codebuild.BuildPhaseType, p buildspec.Phase) error {
	if err := b.become(ctx, p); err != nil {
		return err
	}
	err := b.work(ctx, kind, p)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		if e := b.setSucceeding(ctx, false); e != nil {
			return e
		}
	}
	if last := b.list(ctx, position{Phase: kind, Finally: true}, p.Finally); err == nil {
		err = last
	}
	if err != nil && ctx.Err() == nil {
		if e := b.setSucceeding(ctx, false); e != nil {
			return e
		}
	}
	if err == nil && kind == codebuild.BuildPhaseTypePostBuild ||
		ctx.Err() == nil && kind == codebuild.BuildPhaseTypePostBuild {
		if e := b.export(ctx); err == nil {
			err = e
		}
	}
	return err
}

// work runs what a phase consists of: commands or steps.
func (b *build) work(ctx context.Context, kind codebuild.BuildPhaseType, p buildspec.Phase) error {
	at := position{Phase: kind}
	if b.order.Hosted && kind == codebuild.BuildPhaseTypeBuild {
		return b.host(ctx)
	}
	if !b.stepsOf(kind, p) {
		return b.list(ctx, at, p.Commands)
	}
	b.begin(at, 0)
	before := b.shell.last
	err := b.steps(ctx, kind, p)
	if err != nil {
		b.stand(at, before)
	}
	return err
}

// list runs the commands of a list, which at names, up to the first that fails.
func (b *build) list(ctx context.Context, at position, commands []buildspec.Command) error {
	for at.Command = b.begin(at, len(commands)); at.Command < len(commands); at.Command++ {
		if err := b.one(ctx, at, commands[at.Command]); err != nil {
			return err
		}
	}
	return nil
}

// one runs a command.
func (b *build) one(ctx context.Context, at position, c buildspec.Command) error {
	shown := strings.TrimRight(c.Text, "\n")
	b.log.say("Running command %s", shown)
	first, before := b.log.begin(), b.shell.last
	text := c.Text
	if b.spec.Version == "0.1" { // a shell of its own
		text = strings.Join(b.shell.argv, " ") + " -c " + quoted(text)
	}
	status, err := b.shell.run(ctx, text)
	switch {
	case err != nil:
		b.commandInterrupted(ctx, at.Phase, shown, first)
	case status == 0:
		return nil
	default:
		b.log.say("Command did not exit successfully %s exit status %d", shown, status)
		reason := fmt.Sprintf("exit status %d", status)
		if limit := b.space.room.OutOfMemory(); limit > 0 {
			reason += "; the build had used up its memory, " + bytesText(limit)
		}
		err = fail(commandError, "Error while executing command: %s. Reason: %s", shown, reason)
		b.commandFailed(at.Phase, shown, first, status, err)
	}
	b.stand(at, before)
	return err
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
