package actions

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// leastNode is the version of Node that actions need which ask for an older one: GitHub runs node12 and node16 on 20.
const leastNode = 20

// nodeVersion checks that the Node of the build can run an action.
func nodeVersion(ctx context.Context, using, action string, env map[string]string) error {
	want, err := strconv.Atoi(strings.TrimPrefix(using, "node"))
	if err != nil {
		return fmt.Errorf("the action %s uses %q, which is not known", action, using)
	}
	want = max(want, leastNode)
	file, err := lookPath("node", env["PATH"])
	if err != nil {
		return fmt.Errorf("the action %s needs Node %d, and the build has no program node: use an image that has it",
			action, want)
	}
	cmd := exec.CommandContext(ctx, file, "--version")
	cmd.Env = list(env)
	out, err := cmd.Output()
	version := string(bytes.TrimSpace(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	has, bad := strconv.Atoi(major)
	if err != nil || bad != nil {
		return fmt.Errorf("the action %s needs Node %d, and %s does not say its version (%q)", action, want, file,
			version)
	}
	if has < min(want, leastNode) {
		return fmt.Errorf("the action %s needs Node %d, and the build has Node %s", action, want, version)
	}
	return nil
}
