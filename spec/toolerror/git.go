package toolerror

const git = "Git"

var gitRules = []rule{
	{tool: git, kind: Other, weight: cause, has: "CONFLICT (", is: expression(
		`^(?P<message>CONFLICT \([^)]+\): .*? in (?P<file>\S+))$`)},
	{tool: git, kind: Permission, weight: cause, has: "uthentication failed", is: expression(
		`^fatal: (?P<message>Authentication failed for .+)$`)},
	{tool: git, kind: Permission, weight: cause, has: "could not read ", is: expression(
		`^fatal: (?P<message>could not read (?:Username|Password) for .+)$`)},
	{tool: git, kind: MissingFile, weight: cause, has: "not found", is: expression(
		`^(?:fatal|remote): (?P<message>(?:[Rr]epository|couldn't find remote ref).*(?:not found|$).*)$`)},
	{tool: git, kind: Other, weight: cause, has: "fatal: ", is: expression(
		`^fatal: (?P<message>(?:not a git repository|[Cc]ould not|unable to|couldn't find remote ref|refusing to|` +
			`detected dubious ownership|ambiguous argument|bad (?:object|revision)|No names found|unsafe repository|` +
			`pathspec|invalid reference|reference is not a tree).*)$`)},
	{tool: git, kind: Other, weight: cause, has: "error: ", is: expression(
		`^error: (?P<message>(?:pathspec '(?P<subject>[^']+)' did not match|failed to push some refs|` +
			`Your local changes to|The following untracked|patch failed).*)$`)},
}
