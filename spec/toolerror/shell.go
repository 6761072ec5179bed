package toolerror

const shell = "shell"

// shellRules know what shells say: dash and BusyBox "sh: 1: x: not found", bash "bash: line 1: x: command not found".
var shellRules = []rule{
	{tool: shell, kind: MissingTool, weight: cause, has: "command not found", is: expression(
		`(?:^|: )(?P<message>(?P<subject>[^\s:]+): command not found)$`)},
	{tool: shell, kind: MissingTool, weight: cause, has: "command not found: ", is: expression(
		`^zsh:(?:\d+:)? (?P<message>command not found: (?P<subject>\S+))$`)},
	{tool: shell, kind: MissingTool, weight: cause, has: ": not found", is: expression(
		`^\S+: (?:(?:line )?\d+: )?(?:eval: )?(?P<message>(?P<subject>[^\s:]+): not found)$`)},
	{tool: "env", kind: MissingTool, weight: cause, has: "env: ", is: expression(
		`^(?:\S*/)?env: [‘'"]?(?P<message>(?P<subject>[^\s:’'"]+)[’'"]?: No such file or directory)`)},
	{kind: MissingTool, weight: cause, has: "executable file not found in $PATH", is: expression(
		`exec: "(?P<subject>[^"]+)": (?P<message>executable file not found in \$PATH)`)},
	{tool: shell, kind: Compile, weight: cause, has: "yntax error", is: expression(
		`^(?P<file>[^\s:]+): (?:line )?(?P<line>\d+): (?P<message>[Ss]yntax error.*)$`)},
	{tool: shell, kind: Other, weight: cause, has: "unbound variable", is: expression(
		`^(?P<file>[^\s:]+): (?:line )?(?P<line>\d+): (?P<message>(?P<subject>\w+): unbound variable)$`)},
	{tool: shell, kind: Other, weight: cause, has: "parameter not set", is: expression(
		`^(?P<file>[^\s:]+): (?P<line>\d+): (?P<message>(?P<subject>\w+): parameter not set)$`)},
	{tool: shell, kind: Crash, weight: cause, has: "egmentation fault", is: expression(
		`(?P<message>Segmentation fault)(?: \(core dumped\))?(?: +(?P<subject>\S.*))?$`)},
	{kind: Permission, weight: vague, has: "ermission denied", is: expression(
		`^(?P<message>.*[Pp]ermission denied.*)$`)},
	{kind: MissingFile, weight: vague, has: "No such file or directory", is: expression(
		`^(?P<message>.*No such file or directory.*)$`)},
}
