package toolerror

import (
	"strings"
)

const python = "Python"

var pythonRules = []rule{
	{tool: python, kind: Crash, weight: cause, has: "Traceback (most recent call last)", is: expression(
		`^(?:.*)Traceback \(most recent call last\):?$`), more: traceback},
	{tool: python, kind: Test, weight: cause, has: ".py", is: expression(
		`^(?:FAILED|ERROR) (?P<file>\S+\.py)(?:::(?P<subject>\S+))?(?: - (?P<message>.+))?$`), more: pytest},
	{tool: python, kind: Test, weight: cause, has: ": ", is: expression(
		`^(?:FAIL|ERROR): (?P<subject>\w+ \([\w.]+\))$`), more: unittest},
	{tool: python, kind: Compile, weight: cause, has: ".py:", is: expression(
		`^(?P<file>[^\s:]+\.py):(?P<line>\d+):(?:(?P<column>\d+):)? (?:error: )?(?P<message>.+)$`), more: linted},
	{tool: "pip", kind: MissingDependency, weight: cause, has: "ERROR: ", is: expression(
		`^ERROR: (?P<message>(?:Could not find a version that satisfies the requirement|No matching distribution found for) ` +
			`(?P<subject>[^\s;(]+).*)$`)},
	{tool: "pip", kind: MissingFile, weight: cause, has: "ERROR: ", is: expression(
		`^ERROR: (?P<message>Could not open requirements file: .+)$`)},
	{tool: python, kind: MissingDependency, weight: cause, has: "No module named ", is: expression(
		`^(?:E\s+|.*: )?(?P<message>No module named '?(?P<subject>[\w.]+)'?)$`)},
	{tool: python, kind: Compile, weight: cause, has: "Error: ", is: expression(
		`^(?P<message>(?:Syntax|Indentation|Tab)Error: .+)$`), more: syntax},
}

var (
	pythonFrame  = expression(`^\s*File "([^"]+)", line (\d+)`)
	pythonRaised = expression(`^([A-Za-z_][\w.]*)(?:: (.*))?$`)
	pythonModule = expression(`No module named '([^']+)'`)
	pythonNoFile = expression(`No such file or directory: '([^'/]+)'`)
)

// traceback reads the frames under its first line, and the exception after them. The place is the last frame that is
// the build's own.
func traceback(f *found) {
	started := false
	f.ahead(func(text string, i int) bool {
		if m := pythonFrame().FindStringSubmatch(text); m != nil {
			if started = strings.Contains(m[1], "/subprocess.py"); !foreign(m[1]) {
				f.place(m)
			}
			return false
		}
		m := pythonRaised().FindStringSubmatch(text)
		if m == nil {
			return text != "" && !indented(text)
		}
		f.Message = text
		f.show(i)
		f.sort(started)
		return true
	})
	f.refused = f.Message == ""
}

// foreign is a file of Python's library or of a package.
func foreign(file string) bool {
	return strings.HasPrefix(file, "<") || strings.Contains(file, "site-packages/") ||
		strings.Contains(file, "dist-packages/") || strings.Contains(file, "/lib/python")
}

// sort tells exceptions of their own kind; started says that a program was being started.
func (f *found) sort(started bool) {
	if m := pythonModule().FindStringSubmatch(f.Message); m != nil {
		f.Kind, f.Subject = MissingDependency, m[1]
	}
	if m := pythonNoFile().FindStringSubmatch(f.Message); m != nil && started {
		f.Kind, f.Subject = MissingTool, m[1]
	}
}

var pytestAt = expression(`^(\S+\.py):(\d+): `)

// pytest finds the line of a test that failed, which stands above the summary.
func pytest(f *found) {
	f.back(2000, func(text string) bool {
		if m := pytestAt().FindStringSubmatch(text); m != nil && m[1] == f.File {
			return f.place(m)
		}
		return false
	})
	if f.sort(false); f.Kind == Test && f.Subject != "" {
		f.Message = strings.TrimSuffix(f.Subject+": "+f.Message, ": ")
	}
}

// unittest reads the traceback of a test that failed.
func unittest(f *found) {
	test, at := f.Subject, f.at
	f.ahead(func(text string, i int) bool {
		if strings.HasPrefix(text, "Traceback ") {
			f.at = i
		}
		return f.at != at
	})
	traceback(f)
	f.at = at
	if f.refused {
		f.refused, f.Message = false, test
		return
	}
	if f.Kind = Test; f.Message != "" {
		f.Subject, f.Message = test, test+": "+f.Message
	}
}

var (
	pylintWarns = expression(`^(?:note|warning|[CRW]\d{4}): `)
	pytestEnds  = expression(`^(?:\w*(?:Error|Exception|Failed|Exit)|in \w+|<module>|\w+Warning: .*|.*Warning: .*)$`)
)

// linted refuses what is no error of a checker: warnings, and the last line of pytest's tracebacks.
func linted(f *found) {
	f.refused = pylintWarns().MatchString(f.Message) || pytestEnds().MatchString(f.Message)
}

// syntax has its place above it.
func syntax(f *found) {
	f.back(maxLines, func(text string) bool { return f.place(pythonFrame().FindStringSubmatch(text)) })
	f.refused = f.File == "" // JavaScript has errors of the same name
}
