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
	var all []logFold
	phase := ""
	add := func(f logFold) *logFold {
		all = append(all, f)
		return &all[len(all)-1]
	}
	for _, l := range b.Log.Lines {
		said, own := "", false
		if m := runnerLine.FindStringSubmatch(kit.Text(l.Text)); m != nil {
			said, own = m[1], true
		}
		if p, ok := strings.CutPrefix(said, "Entering phase "); ok {
			phase = p
		}
		last := &logFold{}
		if len(all) > 0 {
			last = &all[len(all)-1]
		}
		command, starts := strings.CutPrefix(said, "Running command ")
		ends := strings.HasPrefix(said, "Command did not exit successfully")
		switch {
		case starts:
			last = add(logFold{Command: command, Phase: phase})
		case ends && last.Command != "":
			last.Failed = true
		case own && (last.Command != "" || len(all) == 0 || last.Open):
			last = add(logFold{})
		case !own && len(all) == 0 || !own && last.Command == "" && !last.Open:
			// output whose command is above the window, or that no command wrote
			last = add(logFold{Open: true, Phase: phase})
		}
		last.Lines = append(last.Lines, l)
		last.Failed = last.Failed || b.Log.Bad[*l.Number]
	}
	for i := range all {
		f := &all[i]
		f.Open = f.Open || f.Failed ||
			f.Command != "" && (b.Why == nil || b.Log.Sought != "" || f.Phase == kit.Text(b.Why.Phase))
		f.Open = f.Open || b.Log.Sought != "" && f.has(b.Log.Sought)
	}
	return all
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
