package toolerror

import (
	"strings"
)

var dotnetRules = []rule{
	{tool: ".NET", kind: MissingDependency, weight: cause, has: "error NU1", is: expression(
		`^\s*(?P<file>\S+\.\w+) : error NU1\d+: (?P<message>Unable to find package (?P<subject>[^\s.]+(?:\.[^\s.]+)*)\..*?)(?: \[.+\])?$`)},
	{tool: ".NET", kind: Compile, weight: cause, has: ": error ", is: expression(
		`^\s*(?P<file>[^\s(:][^(:]*\.\w+)(?:\((?P<line>\d+),(?P<column>\d+)(?:,\d+,\d+)?\))?\s*: error [A-Z]+\d+: ` +
			`(?P<message>.+?)(?: \[[^\]]+\])?$`)},
	{tool: ".NET", kind: Compile, weight: cause, has: "error MSB", is: expression(
		`^MSBUILD : error MSB\d+: (?P<message>.+)$`)},
	{tool: ".NET", kind: Crash, weight: cause, has: "Unhandled exception", is: expression(
		`^Unhandled exception\. (?P<message>.+)$`), more: dotnetFrame},
	{tool: ".NET", kind: Test, weight: cause, has: "Failed ", is: expression(
		`^\s+Failed (?P<subject>\S.*?) \[[<\d][^\]]*\]$`), more: dotnetTest},
}

var dotnetAt = expression(`^\s+at .+ in (.+):line (\d+)$`)

func dotnetFrame(f *found) {
	f.ahead(func(text string, i int) bool {
		m := dotnetAt().FindStringSubmatch(text)
		if m != nil {
			f.show(i)
		}
		return f.place(m)
	})
}

// dotnetTest reads what stands under "Error Message:".
func dotnetTest(f *found) {
	f.Message = f.Subject
	says := false
	f.ahead(func(text string, i int) bool {
		if says {
			f.show(i)
			f.Message = f.Subject + ": " + strings.TrimSpace(text)
			return true
		}
		says = strings.TrimSpace(text) == "Error Message:"
		return i > f.at+maxLines
	})
	dotnetFrame(f)
}
