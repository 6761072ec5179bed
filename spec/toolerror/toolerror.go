// Package toolerror finds in what a build's tools wrote the line that says what is wrong.
//
// Compilers, test tools, package managers and shells each have their way of saying it, and most say much after it that
// only follows from it. A rule knows one of these ways. The first line of the highest weight wins, so that a compiler's
// error goes before make's word that the compiler failed, and a full disk before everything that it broke.
package toolerror

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Kind is what sort of failure a line tells of.
type Kind string

// The kinds of failures.
const (
	Compile           Kind = "COMPILE_ERROR"
	Test              Kind = "TEST_FAILURE"
	Crash             Kind = "CRASH" // an exception that nothing caught, a panic, a signal
	MissingTool       Kind = "MISSING_TOOL"
	MissingDependency Kind = "MISSING_DEPENDENCY"
	MissingFile       Kind = "MISSING_FILE"
	OutOfMemory       Kind = "OUT_OF_MEMORY"
	DiskFull          Kind = "DISK_FULL"
	Network           Kind = "NETWORK"
	Permission        Kind = "PERMISSION"
	Other             Kind = "ERROR"
)

// Line is a line of output, with its number in the log.
type Line struct {
	Number int64
	Text   string // without its end and without colours
}

// Finding is what is wrong, and where output says so.
type Finding struct {
	Kind    Kind
	Tool    string // that said so, or the language: "Go"; empty if it could be several
	Message string // without the place
	// File, Line and Column are the place in the source as the tool wrote it; 0 where it wrote none.
	File         string
	Line, Column int
	// Subject is the name of the program that is missing, of the dependency, or of the test that failed.
	Subject string
	// Lines are those that say so, 5 at most.
	Lines []Line
	// Weak is a line that has but the word for an error, or says only that something else failed.
	Weak bool
}

// weight orders what lines tell.
type weight int

const (
	consequence weight = iota + 1 // it says that something failed, not what
	vague                         // it says "error", and a rule for it is not there
	cause
	machine // what is wrong with the machine breaks all else
)

const (
	maxLines   = 5
	lookAhead  = 60 // lines
	maxMessage = 500
)

// rule is one way in which a tool says what is wrong.
type rule struct {
	tool   string
	kind   Kind
	weight weight
	has    string       // what each line has that it matches: it keeps the expression from most lines
	is     pattern      // with groups: file, line, column, message, subject
	more   func(*found) // reads what stands around the line; it may refuse it
}

// pattern is an expression that is compiled when it is needed first: most programs that know it never need it.
type pattern = func() *regexp.Regexp

func expression(text string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// found is a line that matched a rule, among the others.
type found struct {
	Finding
	rule    *rule
	all     []Line
	at      int
	refused bool // the line was not what it looked like
}

// Find returns what lines of output, in their order, say is wrong; nil if no rule knows. exit is the exit code of the
// command that wrote them: 127 and 126 say that a program was missing or could not be executed. It takes time linear in
// the length of lines.
func Find(lines []Line, exit int) *Finding {
	var best *found
	var weighs weight
	for i, l := range lines {
		for j := range rules {
			r := &rules[j]
			if r.weight < weighs || r.weight == weighs && !later(r, exit) || !strings.Contains(l.Text, r.has) {
				continue
			}
			f := r.match(lines, i)
			if f == nil {
				continue
			}
			if w := weigh(f, exit); best == nil || w > weighs || w == weighs && later(r, exit) {
				best, weighs = f, w
			}
			break
		}
		if weighs == machine {
			break
		}
	}
	if best == nil {
		return nil
	}
	best.Weak = weighs < cause
	best.finish()
	return &best.Finding
}

// later says that of several lines the last counts, because the command ended with it.
func later(r *rule, exit int) bool {
	return exit == notFound && r.kind == MissingTool || exit == notExecutable && r.kind == Permission
}

// Exit codes of a shell that has not found a program, or could not execute it.
const (
	notExecutable = 126
	notFound      = 127
)

// weigh lets a program that is missing count for little where the command did not end with it: scripts try several.
func weigh(f *found, exit int) weight {
	if f.rule.tool == shell && f.Kind == MissingTool && exit != notFound {
		return vague
	}
	return f.rule.weight
}

func (r *rule) match(lines []Line, at int) *found {
	is := r.is()
	groups := is.FindStringSubmatch(lines[at].Text)
	if groups == nil {
		return nil
	}
	f := &found{Finding: Finding{Kind: r.kind, Tool: r.tool}, rule: r, all: lines, at: at}
	for i, name := range is.SubexpNames() {
		switch text := strings.TrimSpace(groups[i]); name {
		case "file":
			f.File = text
		case "line":
			f.Line = number(text)
		case "column":
			f.Column = number(text)
		case "message":
			f.Message = text
		case "subject":
			f.Subject = text
		}
	}
	f.Lines = []Line{lines[at]}
	if r.more != nil {
		r.more(f)
	}
	if f.refused {
		return nil
	}
	return f
}

// finish fills what no rule has filled.
func (f *found) finish() {
	if f.Message == "" {
		f.Message = strings.TrimSpace(f.all[f.at].Text)
	}
	if len(f.Message) > maxMessage {
		f.Message = strings.ToValidUTF8(f.Message[:maxMessage], "") + "…"
	}
	if f.File == "" {
		f.Line, f.Column = 0, 0
	}
}

// ahead goes over the lines after f's, until do says that it has enough.
func (f *found) ahead(do func(text string, i int) (enough bool)) {
	for i := f.at + 1; i < len(f.all) && i <= f.at+lookAhead; i++ {
		if do(f.all[i].Text, i) {
			return
		}
	}
}

// back goes over the lines before f's, the nearest first.
func (f *found) back(n int, do func(text string) (enough bool)) {
	for i := f.at - 1; i >= 0 && i >= f.at-n; i-- {
		if do(f.all[i].Text) {
			return
		}
	}
}

// show adds a line to those that say what is wrong.
func (f *found) show(i int) {
	if len(f.Lines) < maxLines {
		f.Lines = append(f.Lines, f.all[i])
	}
}

// place takes the place from a match of an expression: file, line and, where there is a third group, column.
func (f *found) place(groups []string) bool {
	if groups == nil {
		return false
	}
	f.File, f.Line = groups[1], number(groups[2])
	if len(groups) > 3 {
		f.Column = number(groups[3])
	}
	return true
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

func indented(text string) bool {
	return strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t")
}

// rules are looked at in this order: the first that matches a line is the one that counts for it.
var rules = joined(machineRules, goRules, rustRules, nodeRules, pythonRules, javaRules, dotnetRules, cRules,
	dockerRules, gitRules, networkRules, shellRules, otherRules)

func joined(lists ...[]rule) (all []rule) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
