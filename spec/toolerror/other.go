package toolerror

import (
	"strings"
)

// otherRules know how tools in general write an error: with its place, or after the word.
var otherRules = []rule{
	{kind: Compile, weight: cause, has: "rror", is: expression(
		`^(?P<file>[^\s:]+\.\w+):(?P<line>\d+):(?:(?P<column>\d+):)? (?:fatal )?[Ee]rror: (?P<message>.+)$`)},
	{kind: Other, weight: vague, has: "rror", is: expression(
		`^(?:[\w./-]+: )?(?:fatal )?(?:[Ee]rror|\w+Error|\w+Exception)(?:\[\w+\]| \[\w+\])?: (?P<message>.+)$`), more: harmless},
	{kind: Other, weight: vague, has: "ERROR", is: expression(
		`^(?:\S+ ){0,3}\[?ERROR\]?:? (?P<message>\S.+)$`), more: harmless},
	{kind: Other, weight: vague, has: "atal", is: expression(
		`^(?:[\w./-]+: )?[Ff]atal(?: error)?: (?P<message>.+)$`)},
	{kind: Other, weight: vague, has: "FATAL",
		is: expression(`^(?:\S+ ){0,3}\[?FATAL\]?:? (?P<message>\S.+)$`)},
	{kind: Crash, weight: vague, has: "Killed",
		is: expression(`^(?:.*: .*|.* )?(?P<message>Killed)(?: +(?P<subject>\S.*))?$`)},
}

// harmless refuses what speaks of errors that there are none of.
func harmless(f *found) {
	f.refused = strings.HasPrefix(f.Message, "0 ") || strings.HasPrefix(f.Message, "none")
}
