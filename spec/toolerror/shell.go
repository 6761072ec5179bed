package toolerror

import "regexp"

const shell = "shell"

// shellRules know what shells say: dash and BusyBox "sh: 1: x: not found", bash "bash: line 1: x: command not found".
var shellRules = []rule{
	{tool: shell, kind: MissingTool, weight: cause, has: "command not found", is: regexp.MustCompile(
		`(?:^|: )(?P<message>(?P<subject>[^\s:]+): command not found)$`)},
	{tool: shell, kind: MissingTool, weight: cause, has: "command not found: ", is: regexp.MustCompile(
		`^zsh:(?:\d+:)? (?P<message>command not found: (?P<subject>\S+))$`)},
	{tool: shell, kind: MissingTool, weight: cause, has: ": not found", is: regexp.MustCompile(
		`^\S+: (?:(?:line )?\d+: )?(?:eval: )?(?P<message>(?P<subject>[^\s:]+): not found)$`)},
	{tool: "env", kind: MissingTool, weight: cause, has: "env: ", is: regexp.MustCompile(
		`^(?:\S*/)?env: [‘'"]?(?P<message>(?P<subject>[^\s:’'"]+)[’'"]?: No such file or directory)`)},
	{kind: MissingTool, weight: cause, has: "executable file not found in $PATH", is: regexp.MustCompile(
		`exec: "(?P<subject>[^"]+)": (?P<message>executable file not found in \$PATH)`)},
	{tool: shell, kind: Compile, weight: cause, has: "yntax error", is: regexp.MustCompile(
		`^(?P<file>[^\s:]+): (?:line )?(?P<line>\d+): (?P<message>[Ss]yntax error.*)$`)},
	{tool: shell, kind: Other, weight: cause, has: "unbound variable", is: regexp.MustCompile(
		`^(?P<file>[^\s:]+): (?:line )?(?P<line>\d+): (?P<message>(?P<subject>\w+): unbound variable)$`)},
	{tool: shell, kind: Other, weight: cause, has: "parameter not set", is: regexp.MustCompile(
		`^(?P<file>[^\s:]+): (?P<line>\d+): (?P<message>(?P<subject>\w+): parameter not set)$`)},
	{tool: shell, kind: Crash, weight: cause, has: "egmentation fault", is: regexp.MustCompile(
		`(?P<message>Segmentation fault)(?: \(core dumped\))?(?: +(?P<subject>\S.*))?$`)},
	{kind: Permission, weight: vague, has: "ermission denied", is: regexp.MustCompile(
		`^(?P<message>.*[Pp]ermission denied.*)$`)},
	{kind: MissingFile, weight: vague, has: "No such file or directory", is: regexp.MustCompile(
		`^(?P<message>.*No such file or directory.*)$`)},
}
