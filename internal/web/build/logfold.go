package build

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// logFold is a run of lines of a log under one heading: a command with what it printed, or lines of the runner itself.
type logFold struct {
	Command string // "" for the runner's own lines
	Phase   string
	Lines   []slipway.Line
	Failed  bool
	Open    bool
}

// runnerLine is a line that the runner wrote.
var runnerLine = regexp.MustCompile(`^\[Container\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)? (.*)$`)

// folds groups the lines of a window by command. Lines before the first command of the window, which may be in
// the middle of one's output, are a group without a name. Of a build that failed, the commands of the failed
// phase are open; of any other all commands; the runner's own lines are folded away.
func folds(b *buildView) []logFold {
	f := folder{}
	for _, l := range b.Log.Lines {
		last := f.take(kit.Text(l.Text))
		last.Lines = append(last.Lines, l)
		last.Failed = last.Failed || b.Log.Bad[*l.Number]
	}
	for i := range f.all {
		f.all[i].Open = f.all[i].opens(b)
	}
	return f.all
}

// folder groups lines of a log.
type folder struct {
	all   []logFold
	phase string
}

// take returns the group that a line belongs to, which it may begin.
func (f *folder) take(line string) *logFold {
	said, own := "", false
	if m := runnerLine.FindStringSubmatch(line); m != nil {
		said, own = m[1], true
	}
	if p, ok := strings.CutPrefix(said, "Entering phase "); ok {
		f.phase = p
	}
	if command, ok := strings.CutPrefix(said, "Running command "); ok {
		return f.add(logFold{Command: command, Phase: f.phase})
	}
	last := &logFold{}
	if len(f.all) > 0 {
		last = &f.all[len(f.all)-1]
	}
	if last.Command != "" && strings.HasPrefix(said, "Command did not exit successfully") {
		last.Failed = true
		return last
	}
	switch none := len(f.all) == 0; {
	case own && (none || last.Command != "" || last.Open):
		return f.add(logFold{})
	case !own && (none || last.Command == "" && !last.Open):
		// output whose command is above the window, or that no command wrote
		return f.add(logFold{Open: true, Phase: f.phase})
	}
	return last
}

func (f *folder) add(x logFold) *logFold {
	f.all = append(f.all, x)
	return &f.all[len(f.all)-1]
}

// opens reports whether a group is shown unfolded.
func (f *logFold) opens(b *buildView) bool {
	if f.Open || f.Failed || b.Log.Sought != "" && f.has(b.Log.Sought) {
		return true
	}
	return f.Command != "" && (b.Why == nil || b.Log.Sought != "" || f.Phase == kit.Text(b.Why.Phase))
}

func (f *logFold) has(q string) bool {
	for _, l := range f.Lines {
		if kit.Contains(kit.Text(l.Text), q) {
			return true
		}
	}
	return false
}

// heading is what the group is called.
func (f *logFold) heading() string {
	switch {
	case f.Command != "":
		return kit.FirstLine(f.Command)
	case f.Open:
		return "Output"
	}
	return "Runner"
}

// extent says how many lines a group has, and how long it took.
func (f *logFold) extent() string {
	say := kit.Count(len(f.Lines), "line", "lines")
	first, last := f.Lines[0].Time, f.Lines[len(f.Lines)-1].Time
	if f.Command != "" && first != nil && last != nil && last.Sub(first.Time) > time.Second {
		say += ", " + kit.Took(last.Sub(first.Time))
	}
	return say
}

// id names a group in the page, by its first line.
func (f *logFold) id() string { return fmt.Sprintf("fold-%d", *f.Lines[0].Number+1) }
