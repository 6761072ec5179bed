// Package lint checks workflow files of GitHub Actions with actionlint, which knows the types of their expressions.
package lint

import (
	"io"
	"regexp"
	"slices"
	"sync"

	"github.com/rhysd/actionlint"

	"slipway/spec/workflow"
)

// advice are the rules whose findings do not keep a workflow from running.
var advice = []string{"action", "credentials", "deprecated-commands", "if-cond", "runner-label"}

// unasked are rules about GitHub's own runners, whose labels mean nothing here.
var unasked = []string{"runner-label"}

// typeList is the part of a message that lists all that an object could have, which takes a screen.
var typeList = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` in object type \{.{80,}\}$`) })

// Check returns what is wrong with a workflow, and what is worth a look. file is its name in both.
func Check(file string, text []byte) (errs, notes workflow.Errors) {
	w, err := workflow.Parse(file, text)
	if own, ok := err.(workflow.Errors); ok {
		errs = own
	}
	if w != nil {
		notes = w.Ignored
	}
	linter, bad := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{LogWriter: io.Discard})
	if bad != nil {
		return append(errs, workflow.Error{File: file, Line: 1, Column: 1, Message: bad.Error()}), notes
	}
	found, bad := linter.Lint(file, text, nil)
	if bad != nil {
		return append(errs, workflow.Error{File: file, Line: 1, Column: 1, Message: bad.Error()}), notes
	}
	for _, f := range found {
		message := typeList().ReplaceAllString(f.Message, "")
		e := workflow.Error{File: file, Line: f.Line, Column: f.Column, Message: message}
		same := func(o workflow.Error) bool { return o.Line == e.Line && o.Column == e.Column }
		switch {
		case slices.Contains(unasked, f.Kind) || slices.ContainsFunc(errs, same):
		case slices.Contains(advice, f.Kind):
			notes = append(notes, e)
		default:
			errs = append(errs, e)
		}
	}
	return errs, notes
}
