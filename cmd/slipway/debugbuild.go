package main

import (
	"context"
	"fmt"
	"os"

	"slipway/api/codebuild"
	"slipway/api/ssm"
	"slipway/internal/view"
)

// look opens a terminal in a build that runs with a debug session. It reports false for all else that was named.
func (c *debugCommand) look(ctx context.Context, d *debugSession) (attached bool, code int, err error) {
	n, err := recognise(c.Of)
	if err != nil || n.build == "" {
		return false, 0, err
	}
	out, err := d.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{n.build}})
	if err != nil || len(out.Builds) == 0 {
		return false, 0, err
	}
	b := out.Builds[0]
	if b.DebugSession == nil || b.DebugSession.SessionTarget == nil {
		return false, 0, nil
	}
	if err := c.onlyTerminal(d, *b.Id); err != nil {
		return true, 0, err
	}
	if view.Paused(&b) {
		fmt.Fprintf(os.Stderr, "The build %s is paused; codebuild-resume lets it go on. ", *b.Id)
	} else {
		fmt.Fprintf(os.Stderr, "The build %s runs; it is not paused now. ", *b.Id)
	}
	fmt.Fprintln(os.Stderr, "Ctrl-D or exit leaves; Enter ~ . closes a terminal that hangs.")
	s, err := d.ssm.StartSession(ctx, &ssm.StartSessionInput{Target: b.DebugSession.SessionTarget})
	if err != nil {
		return true, 0, err
	}
	code, err = attachTerminal(ctx, d.conn.HTTP, *s.StreamUrl, *s.TokenValue)
	return true, code, err
}

// onlyTerminal refuses what a build that runs cannot do for a debug session.
func (c *debugCommand) onlyTerminal(d *debugSession, id string) error {
	switch {
	case len(c.Command) > 0 || !d.prompt.Typed():
		return usage("the build %s runs with a debug session, in which there are terminals only: run slipway debug %s "+
			"in a terminal, without a command", id, id)
	case c.Branch+c.Commit+c.Image != "" || len(c.Env) > 0 || c.Timeout != 0 || c.Keep:
		return usage("the build %s runs already: --branch, --commit, --image, --env, --timeout and --keep are of a "+
			"new sandbox", id)
	}
	return nil
}
