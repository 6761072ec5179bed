package toolerror

import (
	"strings"
)

const nodeFile = `[^\s:(]+\.[mc]?[jt]sx?`

var nodeRules = []rule{
	{tool: "TypeScript", kind: Compile, weight: cause, has: "error TS", is: expression(
		`^(?P<file>` + nodeFile + `)[(:](?P<line>\d+)[,:](?P<column>\d+)\)?(?::| -) error TS\d+: (?P<message>.+)$`)},
	{tool: "TypeScript", kind: Compile, weight: cause, has: "error TS", is: expression(
		`^error TS\d+: (?P<message>.+)$`)},
	{tool: "ESLint", kind: Compile, weight: cause, has: " error ", is: expression(
		`^\s+(?P<line>\d+):(?P<column>\d+)\s+error\s+(?P<message>\S.*?)(?:\s{2,}\S+)?$`), more: lintedFile},
	{tool: "esbuild", kind: Compile, weight: cause, has: "[ERROR] ", is: expression(
		`^(?:✘|X) \[ERROR\] (?P<message>.+)$`), more: bundledPlace},
	{tool: "webpack", kind: Compile, weight: cause, has: "ERROR in ", is: expression(
		`^ERROR in (?P<file>\S+)(?: (?P<line>\d+):(?P<column>\d+).*)?$`), more: nextSays},
	{tool: "Node", kind: Test, weight: cause, has: "●", is: expression(
		`^\s*● (?P<subject>.+ › .+)$`), more: nodeTest},
	{tool: "Node", kind: Test, weight: cause, has: " > ", is: expression(
		`^\s*(?:FAIL|×)\s+(?P<file>` + nodeFile + `) > (?P<subject>.+)$`), more: nodeTest},
	{tool: "Node", kind: Test, weight: cause, has: "not ok ", is: expression(
		`^\s*not ok \d+ (?:- )?(?P<subject>.+?)(?: # (?:time=|Subtest).*)?$`), more: tapTest},
	{tool: "npm", kind: MissingFile, weight: cause, has: "issing script: ", is: expression(
		`^npm (?:ERR!|error) (?P<message>[Mm]issing script: "?(?P<subject>[^"]+)"?)$`)},
	{tool: "npm", kind: MissingDependency, weight: cause, has: "404", is: expression(
		`^npm (?:ERR!|error) 404 (?P<message>Not Found - GET .*/(?P<subject>[^/\s]+).*)$`)},
	{tool: "npm", kind: MissingDependency, weight: cause, has: "code E", is: expression(
		`^npm (?:ERR!|error) code (?P<subject>ERESOLVE|ETARGET|ENOVERSIONS)$`), more: npmSays},
	{tool: "npm", kind: Other, weight: consequence, has: "code E", is: expression(
		`^npm (?:ERR!|error) code (?P<subject>ELIFECYCLE)$`)},
	{tool: "npm", kind: Other, weight: vague, has: "code E", is: expression(
		`^npm (?:ERR!|error) code (?P<subject>E\w+)$`), more: npmSays},
	{tool: "Node", kind: MissingDependency, weight: cause, has: "Cannot find ", is: expression(
		`^(?:\w*Error(?: \[\w+\])?: )?(?P<message>Cannot find (?:module|package) '(?P<subject>[^']+)'.*)$`), more: nodeFrame},
	{tool: "Node", kind: MissingTool, weight: cause, has: " ENOENT", is: expression(
		`^(?:Error: )?(?P<message>spawn (?P<subject>\S+) ENOENT)$`)},
	{tool: "Node", kind: Crash, weight: cause, has: "rror", is: expression(
		`^(?:Uncaught )?(?P<message>[A-Z]\w*Error(?: \[\w+\])?: .+)$`), more: nodeThrown},
}

// lintedFile is the line above the findings of a file, which is not indented.
func lintedFile(f *found) {
	f.refused = true
	f.back(200, func(text string) bool {
		if text == "" || indented(text) {
			return text == ""
		}
		f.File, f.refused = text, strings.ContainsAny(text, " \t")
		return true
	})
}

var bundled = expression(`^\s+(\S+):(\d+):(\d+):$`)

func bundledPlace(f *found) {
	f.ahead(func(text string, i int) bool { return f.place(bundled().FindStringSubmatch(text)) || i > f.at+maxLines })
}

// nextSays has the first line with something in it for a message.
func nextSays(f *found) {
	f.ahead(func(text string, i int) bool {
		if text = strings.TrimSpace(text); text == "" {
			return false
		}
		f.Message = text
		f.show(i)
		return true
	})
}

var nodeAt = expression(`^\s+(?:at|❯) (?:.* )?\(?(?:file://)?([^\s():]+):(\d+):(\d+)\)?$`)

// nodeFrame reads the first frame that is the build's own.
func nodeFrame(f *found) {
	f.ahead(func(text string, i int) bool {
		m := nodeAt().FindStringSubmatch(text)
		if m == nil || strings.HasPrefix(m[1], "node:") || strings.Contains(m[1], "node_modules/") {
			return false
		}
		f.show(i)
		return f.place(m)
	})
}

// nodeTest reads the message of a test that failed, and its place.
func nodeTest(f *found) {
	nextSays(f)
	f.Message = f.Subject + ": " + f.Message
	nodeFrame(f)
}

var tapSays = expression(`^\s+(?:error|message): ['"]?(.+?)['"]?$`)

// tapTest reads the message from the block under a test that failed.
func tapTest(f *found) {
	f.ahead(func(text string, i int) bool {
		m := tapSays().FindStringSubmatch(text)
		if m == nil {
			return !indented(text) && strings.TrimSpace(text) != ""
		}
		f.show(i)
		f.Message = f.Subject + ": " + m[1]
		return true
	})
	if f.Message == "" {
		f.Message = f.Subject
	}
}

var npmSaid = expression(`^npm (?:ERR!|error)(?: E?[A-Z]*)? (.+)$`)

// npmSays has npm's next words for a message.
func npmSays(f *found) {
	f.ahead(func(text string, i int) bool {
		m := npmSaid().FindStringSubmatch(text)
		if m == nil {
			return true
		}
		if f.show(i); f.Message == "" && !strings.HasPrefix(m[1], "errno") && !strings.HasPrefix(m[1], "syscall") {
			f.Message = f.Subject + ": " + m[1]
		}
		return false
	})
}

var nodeSource = expression(`^(?:file://)?(/\S+\.[mc]?[jt]sx?):(\d+)$`)

// nodeThrown tells an exception of JavaScript by the frames under it, or the source above it. Without either it may be
// of any program that writes its errors so.
func nodeThrown(f *found) {
	f.back(maxLines, func(text string) bool { return f.place(nodeSource().FindStringSubmatch(text)) })
	if f.File != "" {
		return
	}
	f.refused = true
	f.ahead(func(text string, i int) bool {
		f.refused = f.refused && !strings.HasPrefix(text, "    at ")
		return !f.refused || i > f.at+maxLines
	})
	if !f.refused {
		nodeFrame(f)
	}
}
