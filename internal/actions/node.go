package actions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// leastNode is the version of Node that actions need which ask for an older one: GitHub runs node12 and node16 on 20.
const leastNode = 20

// nodeVersion checks that the Node of the job can run an action.
func (j *job) nodeVersion(ctx context.Context, using, action string, env map[string]string) error {
	want, err := strconv.Atoi(strings.TrimPrefix(using, "node"))
	if err != nil {
		return fmt.Errorf("the action %s uses %q, which is not known", action, using)
	}
	want = max(want, leastNode)
	var said []string
	p := program{args: []string{"node", "--version"}, dir: j.workspace, env: env}
	err = j.execute(ctx, p, func(line string) { said = append(said, line) })
	if _, ran := errors.AsType[exitError](err); err != nil && !ran {
		return fmt.Errorf("the action %s needs Node %d, and the build has no program node: use an image that has it "+
			"(%w)", action, want, err)
	}
	version := strings.TrimSpace(strings.Join(said, " "))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	has, bad := strconv.Atoi(major)
	if err != nil || bad != nil {
		return fmt.Errorf("the action %s needs Node %d, and node does not say its version (%q)", action, want, version)
	}
	if has < min(want, leastNode) {
		return fmt.Errorf("the action %s needs Node %d, and the build has Node %s", action, want, version)
	}
	return nil
}
