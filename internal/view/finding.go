package view

import (
	"fmt"
	"path"
	"strings"

	"slipway/api/slipway"
)

// findingWords is what a build's tools said is wrong, in one sentence that begins with where it is. command is what was
// running.
func findingWords(f *slipway.Finding, command string) string {
	message := FirstLine(text(f.Message))
	switch text(f.Kind) {
	case "TIMED_OUT":
		return clip("Timed out while this ran: " + FirstLine(command))
	case "OUT_OF_MEMORY":
		return clip("Out of memory: " + message)
	case "DISK_FULL":
		return clip("The disk is full: " + message)
	case "MISSING_TOOL":
		return clip(text(f.Subject) + " is not where the build runs: " + message)
	}
	if at := Place(f); at != "" {
		message = at + ": " + message
	}
	return clip(message)
}

// breaks reports that a finding is about the machine or the time, which break tests, too: it goes before them.
func breaks(f *slipway.Finding) bool {
	if f == nil {
		return false
	}
	switch text(f.Kind) {
	case "TIMED_OUT", "OUT_OF_MEMORY", "DISK_FULL":
		return true
	}
	return false
}

// Place is where something is wrong, as compilers write it: "src/cart.go:12:3". It is "" if no tool said.
func Place(f *slipway.Finding) string {
	if f == nil || text(f.File) == "" {
		return ""
	}
	at := first(text(f.SourceFile), path.Clean(strings.ReplaceAll(text(f.File), `\`, "/")))
	if f.Line != nil {
		at += fmt.Sprintf(":%d", *f.Line)
	}
	if f.Line != nil && f.Column != nil {
		at += fmt.Sprintf(":%d", *f.Column)
	}
	return at
}

// advice is what can be done about a kind of failure where the lines of its tool do not say it.
var advice = map[string]string{
	"MISSING_TOOL": "Install it in the install phase, or choose an image or a runner that has it.",
	"MISSING_DEPENDENCY": "Declare it where the build takes its dependencies from. If it is declared, look whether " +
		"its registry can be reached from where the build runs.",
	"OUT_OF_MEMORY": "Choose a compute type with more memory, or let the tool do less at once.",
	"DISK_FULL":     "Let the build leave less behind, or give it more room.",
	"TIMED_OUT":     "Look at what it waited for in the last lines. A project's time is its timeoutInMinutes.",
	"NETWORK":       "A build reaches what its runner's network lets it reach. Where that is right, try again.",
}

// Advice is what to do about a finding; "" where its message says it.
func Advice(f *slipway.Finding) string {
	if f == nil {
		return ""
	}
	return advice[text(f.Kind)]
}
