package toolerror

import (
	"strings"
)

const cFile = `[^\s:()]+\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|m|mm|cu|S|s|inc|ino)`

var cRules = []rule{
	{tool: "C", kind: MissingDependency, weight: cause, has: "o such file or directory", is: expression(
		`^(?P<file>` + cFile + `):(?P<line>\d+):(?:(?P<column>\d+):)? fatal error: (?P<message>(?P<subject>[^\s:]+): No such file or directory)$`)},
	{tool: "C", kind: MissingDependency, weight: cause, has: "file not found", is: expression(
		`^(?P<file>` + cFile + `):(?P<line>\d+):(?P<column>\d+): fatal error: (?P<message>'(?P<subject>[^']+)' file not found)$`)},
	{tool: "C", kind: Compile, weight: cause, has: "error: ", is: expression(
		`^(?P<file>` + cFile + `):(?P<line>\d+):(?:(?P<column>\d+):)? (?:fatal )?error: (?P<message>.+)$`), more: caret},
	{tool: "C", kind: Compile, weight: cause, has: ": error C", is: expression(
		`^(?P<file>[^\s(]+)\((?P<line>\d+)(?:,(?P<column>\d+))?\): (?:fatal )?error C\d+: (?P<message>.+)$`)},
	{tool: "C", kind: Compile, weight: cause, has: "undefined reference to ", is: expression(
		"^(?:.*?(?P<file>" + cFile + "):(?:(?P<line>\\d+)|\\(\\S+\\)): )?.*?" +
			"(?P<message>undefined reference to [`'](?P<subject>[^']+)')")},
	{tool: "C", kind: MissingDependency, weight: cause, has: "cannot find -l", is: expression(
		`ld: (?P<message>cannot find -l(?P<subject>[^\s:]+)).*$`)},
	{tool: "CMake", kind: Other, weight: cause, has: "CMake Error", is: expression(
		`^CMake Error(?: at (?P<file>[^\s:]+):(?P<line>\d+) \(\w+\))?:(?: (?P<message>.+))?$`), more: cmakeSays},
	{tool: "C", kind: Crash, weight: cause, has: "Sanitizer: ", is: expression(
		`^==\d+==ERROR: (?P<message>\w+Sanitizer: .+?)(?: on .*)?$`), more: sanitized},
	{tool: "make", kind: MissingFile, weight: cause, has: "No rule to make target", is: expression(
		"^\\w*make(?:\\[\\d+\\])?: \\*\\*\\* (?P<message>No rule to make target [`'](?P<subject>[^']+)'.*)$")},
	{tool: "make", kind: Compile, weight: cause, has: "missing separator", is: expression(
		`^(?P<file>[^\s:]+):(?P<line>\d+): \*\*\* (?P<message>missing separator.*)$`)},
	{tool: "make", kind: MissingTool, weight: cause, has: "make", is: expression(
		`^\w*make(?:\[\d+\])?: (?P<subject>[\w.+-]+): (?P<message>No such file or directory|[Cc]ommand not found)$`)},
	{tool: "make", kind: Other, weight: consequence, has: "*** [", is: expression(
		`^\w*make(?:\[\d+\])?: \*\*\* \[(?P<subject>[^\]]*)\] Error \d+`)},
	{tool: "C", kind: Compile, weight: consequence, has: "collect2: error", is: expression(
		`^collect2: error: (?P<message>.+)$`)},
}

// caret shows the source under an error.
func caret(f *found) {
	f.ahead(func(text string, i int) bool {
		if indented(text) {
			f.show(i)
		}
		return !indented(text) || i >= f.at+2
	})
}

// cmakeSays reads the message under its first line.
func cmakeSays(f *found) {
	if f.Message == "" {
		nextSays(f)
	}
}

var sanitizedAt = expression(`^\s+#\d+ 0x[0-9a-f]+ in .+ (/\S+):(\d+)(?::(\d+))?$`)

func sanitized(f *found) {
	f.ahead(func(text string, i int) bool {
		m := sanitizedAt().FindStringSubmatch(text)
		if m == nil || strings.Contains(m[1], "sanitizer") {
			return false
		}
		f.show(i)
		return f.place(m)
	})
}
