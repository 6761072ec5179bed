package toolerror

import (
	"strings"
)

const docker = "Docker"

var dockerRules = []rule{
	{tool: docker, kind: MissingTool, weight: cause, has: "Docker daemon", is: expression(
		`(?P<message>Cannot connect to the (?P<subject>Docker daemon)(?: at \S+\w)?)`)},
	{tool: docker, kind: Network, weight: cause, has: "toomanyrequests", is: expression(
		`(?P<message>toomanyrequests: .+)$`)},
	{tool: docker, kind: MissingDependency, weight: cause, has: "manifest ", is: expression(
		`(?P<message>manifest (?:for (?P<subject>\S+) not found|unknown).*)$`)},
	{tool: docker, kind: Permission, weight: cause, has: "denied", is: expression(
		`(?P<message>pull access denied for (?P<subject>[^\s,]+).*|denied: .+|unauthorized: .+)$`)},
	{tool: docker, kind: Compile, weight: cause, has: "failed to solve: ", is: expression(
		`^ERROR: failed to (?:build: failed to )?solve: (?P<message>.+)$`), more: dockerfile},
	{tool: docker, kind: Compile, weight: cause, has: "returned a non-zero code: ", is: expression(
		`^(?P<message>The command '.*' returned a non-zero code: \d+)$`)},
	{tool: docker, kind: Compile, weight: cause, has: "STEP ", is: expression(
		`^Error: (?P<message>building at STEP "(?P<subject>[^"]+)": .+)$`)},
	{tool: docker, kind: Other, weight: cause, has: "rror response from daemon: ", is: expression(
		`[Ee]rror response from daemon: (?P<message>.+)$`)},
}

var dockerfileAt = expression(`^(\S*Dockerfile\S*):(\d+)$`)

// dockerfile finds the place, which stands above, and what the command that failed wrote last.
func dockerfile(f *found) {
	f.back(lookAhead, func(text string) bool { return f.place(dockerfileAt().FindStringSubmatch(text)) })
	f.back(lookAhead, func(text string) bool {
		_, said, ok := strings.Cut(text, " ")
		if ok = ok && buildkitOutput().MatchString(text); ok {
			f.Message = strings.TrimSpace(said) + " (" + f.Message + ")"
		}
		return ok
	})
}

// buildkitOutput is what a command wrote, in the part that repeats the end of its output: "0.312 make: not found".
var buildkitOutput = expression(`^\d+\.\d+ \S`)
