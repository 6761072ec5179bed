package toolerror

import (
	"strings"
)

var rustRules = []rule{
	{tool: "Rust", kind: Compile, weight: consequence, has: "error: ", is: expression(
		`^error: (?P<message>(?:could not compile|test failed|aborting due to|\d+ targets? failed|process didn't exit).*)`)},
	{tool: "Rust", kind: MissingTool, weight: cause, has: "linker `", is: expression(
		"^error: (?P<message>linker `(?P<subject>[^`]+)` not found)")},
	{tool: "Rust", kind: MissingDependency, weight: cause, has: "no matching package", is: expression(
		"^error: (?P<message>no matching package (?:named `(?P<subject>[^`]+)` )?found.*)")},
	{tool: "Rust", kind: Compile, weight: cause, has: "error", is: expression(
		`^error(?:\[E\d+\])?: (?P<message>.+)$`), more: rustPlace},
	{tool: "Rust", kind: Test, weight: cause, has: "... FAILED", is: expression(
		`^test (?P<subject>\S+)(?: - .+)? \.\.\. FAILED`), more: rustTest},
	{tool: "Rust", kind: Crash, weight: cause, has: "panicked at ", is: expression(
		`^thread '[^']*' (?:\(\d+\) )?panicked at '(?P<message>.*)', (?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+)$`)},
	{tool: "Rust", kind: Crash, weight: cause, has: "panicked at ", is: expression(
		`^thread '[^']*' (?:\(\d+\) )?panicked at (?P<file>[^:']+):(?P<line>\d+):(?P<column>\d+):$`), more: rustPanic},
}

var rustArrow = expression(`^\s*--> ([^:]+):(\d+):(\d+)`)

// rustPlace reads the arrow under an error. Without one the line may be of any program.
func rustPlace(f *found) {
	f.refused = true
	f.ahead(func(text string, i int) bool {
		if f.place(rustArrow().FindStringSubmatch(text)) {
			f.refused = false
			for ; i < len(f.all) && len(f.Lines) < maxLines && strings.TrimSpace(f.all[i].Text) != ""; i++ {
				f.show(i)
			}
			return true
		}
		return i > f.at+3
	})
}

func rustPanic(f *found) {
	f.ahead(func(text string, i int) bool {
		f.Message = strings.TrimSpace(text)
		f.show(i)
		return true
	})
}

var rustAt = expression(`panicked at (?:'(.*)', )?([^:']+):(\d+):(\d+):?$`)

// rustTest finds the panic of a test among the outputs that follow the list.
func rustTest(f *found) {
	mine := false
	for i := f.at + 1; i < len(f.all); i++ {
		text := f.all[i].Text
		mine = mine || text == "---- "+f.Subject+" stdout ----"
		m := rustAt().FindStringSubmatch(text)
		if !mine || m == nil {
			continue
		}
		f.place(m[1:])
		f.show(i)
		if f.Message = m[1]; f.Message == "" && i+1 < len(f.all) {
			f.Message = strings.TrimSpace(f.all[i+1].Text)
			f.show(i + 1)
		}
		f.Message = f.Subject + ": " + f.Message
		return
	}
}
