package toolerror

import (
	"strings"
)

var goRules = []rule{
	{tool: "Go", kind: MissingDependency, weight: cause, has: "provid", is: expression(
		`^(?:(?P<file>\S+\.go):(?P<line>\d+):(?P<column>\d+): )?` +
			`(?P<message>(?:no required module provides package|cannot find module providing package) (?P<subject>[^\s;:]+).*)`)},
	{tool: "Go", kind: MissingDependency, weight: cause, has: "missing go.sum entry", is: expression(
		`^(?:go: )?(?:(?P<file>\S+\.go):(?P<line>\d+):(?P<column>\d+): )?(?P<message>.*missing go\.sum entry.*)`)},
	{tool: "Go", kind: MissingDependency, weight: cause, has: "is not in std", is: expression(
		`^(?:(?P<file>\S+\.go):(?P<line>\d+):(?P<column>\d+): )?(?P<message>package (?P<subject>\S+) is not in std.*)`)},
	{tool: "Go", kind: Compile, weight: cause, has: ".go:", is: expression(
		`^(?:vet: |# )?(?P<file>[^\s:]+\.go):(?P<line>\d+):(?P<column>\d+): (?P<message>.+)$`)},
	{tool: "Go", kind: Test, weight: cause, has: "--- FAIL: ", is: expression(
		`^\s*--- FAIL: (?P<subject>\S+)`), more: goTest},
	{tool: "Go", kind: Crash, weight: cause, has: "DATA RACE", is: expression(
		`^WARNING: (?P<message>DATA RACE)`), more: goFrame},
	{tool: "Go", kind: Crash, weight: cause, has: "panic: ", is: expression(
		`^panic: (?P<message>.+?)(?: \[recovered\].*)?$`), more: goFrame},
	{tool: "Go", kind: Crash, weight: cause, has: "fatal error: ", is: expression(
		`^fatal error: (?P<message>(?:all goroutines are asleep|concurrent map|stack overflow|unexpected signal).*)$`),
		more: goFrame},
	{tool: "Go", kind: Test, weight: consequence, has: "FAIL\t", is: expression(
		`^FAIL\t(?P<subject>\S+)(?:\t| \[)`)},
}

// goLog is what a test has logged: the place, and the message.
var goLog = expression(`^\s+(\S+\.go):(\d+): (.*)$`)

// goTest reads what the test logged: after the line, and under -v before it.
func goTest(f *found) {
	if strings.Contains(f.Subject, "/") || !subtest(f) {
		goLogged(f)
	}
}

// subtest lets the first test within a test that failed stand for it: that one has the message.
func subtest(f *found) (is bool) {
	f.ahead(func(text string, _ int) bool {
		m := goWithin().FindStringSubmatch(text)
		is = m != nil && strings.HasPrefix(m[1], f.Subject+"/")
		return true
	})
	f.refused = is
	return is
}

var goWithin = expression(`^\s+--- FAIL: (\S+)`)

func goLogged(f *found) {
	take := func(text string) bool {
		m := goLog().FindStringSubmatch(text)
		if f.place(m[:min(len(m), 3)]) {
			f.Message = f.Subject + ": " + strings.TrimSpace(m[3])
		}
		return m != nil
	}
	f.ahead(func(text string, i int) bool {
		if !indented(text) {
			return true
		}
		if take(text) {
			f.show(i)
			goOn(f, i+1)
			return true
		}
		return false
	})
	if f.File == "" {
		f.back(maxLines, func(text string) bool { return !indented(text) || take(text) })
	}
}

// goOn shows the further lines of a message, which are indented deeper; of a message that begins with an empty line the
// first of them is what it says.
func goOn(f *found, i int) {
	for ; i < len(f.all) && strings.HasPrefix(f.all[i].Text, "        "); i++ {
		if f.Message == f.Subject+": " {
			f.Message += strings.TrimSpace(f.all[i].Text)
		}
		f.show(i)
	}
}

// goFile is the place of a frame.
var goFile = expression(`^\s+(\S+\.go):(\d+)(?: \+0x[0-9a-f]+)?$`)

// goFrame reads the first frame that is not the runtime's or the library's.
func goFrame(f *found) {
	f.ahead(func(text string, i int) bool {
		m := goFile().FindStringSubmatch(text)
		if m == nil || strings.Contains(m[1], "/src/runtime/") || strings.Contains(m[1], "/src/testing/") ||
			strings.Contains(m[1], "/src/internal/") {
			return false
		}
		f.show(i)
		return f.place(m)
	})
}
