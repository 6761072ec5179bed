package batch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/api/codebuild"
)

const (
	succeeded = codebuild.StatusTypeSucceeded
	failed    = codebuild.StatusTypeFailed
	stopped   = codebuild.StatusTypeStopped
)

// told is a batch that the test drives: it gives each build that starts the ID IDENTIFIER.TRY.
type told struct {
	state State
	tries map[string]int
	log   []string
}

func begun(combine bool) *told {
	b := &told{tries: map[string]int{}}
	b.take(Begin(combine))
	return b
}

func (b *told) take(d Decision) Decision {
	b.state = d.State
	for _, i := range d.Start {
		p := &b.state.Parts[i]
		b.tries[p.Identifier]++
		p.Build = fmt.Sprintf("%s.%d", p.Identifier, b.tries[p.Identifier])
		b.log = append(b.log, "+"+p.Build)
	}
	for _, id := range d.Halt {
		b.log = append(b.log, "-"+id)
	}
	if d.Combine {
		b.log = append(b.log, "combine")
	}
	if d.End != nil {
		b.log = append(b.log, string(d.End.Status))
	}
	return d
}

func (b *told) happen(events ...Event) *told {
	for _, e := range events {
		b.take(Decide(b.state, e))
	}
	return b
}

func parts(names ...string) (all []Part) {
	for _, n := range names {
		name, ignore := strings.CutSuffix(n, "?")
		name, on, _ := strings.Cut(name, "<")
		p := Part{Identifier: name, IgnoreFailure: ignore}
		if on != "" {
			p.DependsOn = strings.Split(on, "&")
		}
		all = append(all, p)
	}
	return all
}

func TestDecide(t *testing.T) {
	t.Parallel()
	read := func(fast bool, names ...string) Event { return Read{Download + ".1", fast, parts(names...), ""} }
	end := func(id string, s codebuild.StatusType) Event { return Ended{id + ".1", s} }
	for name, c := range map[string]struct {
		combine bool
		events  []Event
		want    string
	}{
		"list":          {false, []Event{read(false, "a", "b"), end("b", succeeded), end("a", succeeded)}, "+a.1 +b.1 SUCCEEDED"},
		"late twin":     {false, []Event{read(false, "a"), end("a", succeeded), end("a", failed)}, "+a.1 SUCCEEDED"},
		"read twice":    {false, []Event{read(false, "a"), read(false, "b")}, "+a.1"},
		"unknown":       {false, []Event{Ended{"x", failed}}, ""},
		"not read":      {false, []Event{end(Download, failed)}, "FAILED"},
		"not permitted": {false, []Event{Read{Download + ".1", false, nil, "no"}, Retry{}}, "FAILED +DOWNLOAD_SOURCE.2"},
		"refused":       {false, []Event{end(Download, succeeded), Refused{"no"}}, "FAILED"},
		"failing part":  {false, []Event{read(false, "a", "b"), end("a", failed), end("b", succeeded)}, "+a.1 +b.1 FAILED"},
		"fast-fail": {false, []Event{read(true, "a", "b", "c<b"), end("a", failed), end("b", stopped)},
			"+a.1 +b.1 -b.1 FAILED"},
		"fast-fail ignores": {false, []Event{read(true, "a?", "b"), end("a", failed), end("b", succeeded)},
			"+a.1 +b.1 SUCCEEDED"},
		"graph": {false, []Event{read(false, "a", "b<a", "c<a&b"), end("a", succeeded), end("b", succeeded),
			end("c", succeeded)}, "+a.1 +b.1 +c.1 SUCCEEDED"},
		"graph with a failing part": {false, []Event{read(false, "a", "b<a", "c<b", "d", "e<d"), end("a", failed),
			end("d", succeeded), end("e", succeeded)}, "+a.1 +d.1 +e.1 FAILED"},
		"graph with a failure to ignore": {false, []Event{read(false, "a?", "b<a"), end("a", failed),
			end("b", succeeded)}, "+a.1 +b.1 SUCCEEDED"},
		"combined": {true, []Event{read(false, "a"), end("a", succeeded), Combined{}, Combined{"x"}},
			"+a.1 combine SUCCEEDED"},
		"not combined":           {true, []Event{read(false, "a"), end("a", succeeded), Combined{"full"}}, "+a.1 combine FAILED"},
		"combined before it ran": {true, []Event{Combined{}}, ""},
		"stopped": {false, []Event{read(false, "a", "b<a"), Stop{}, Stop{}, end("a", stopped), Stop{}},
			"+a.1 -a.1 STOPPED"},
		"stopped in the end": {false, []Event{read(false, "a", "b<a"), Stop{}, end("a", succeeded)},
			"+a.1 -a.1 STOPPED"},
		"stopped while it reads":     {false, []Event{Stop{}, read(false, "a")}, "-DOWNLOAD_SOURCE.1 STOPPED"},
		"stopped while it combines":  {true, []Event{read(false, "a"), end("a", succeeded), Stop{}, Combined{}}, "+a.1 combine STOPPED"},
		"out of time":                {false, []Event{read(false, "a"), Timeout{5}, end("a", stopped)}, "+a.1 -a.1 TIMED_OUT"},
		"out of time after its end":  {false, []Event{read(false, "a"), end("a", succeeded), Timeout{5}}, "+a.1 SUCCEEDED"},
		"stopped, then out of time":  {false, []Event{read(false, "a"), Stop{}, Timeout{5}, end("a", stopped)}, "+a.1 -a.1 STOPPED"},
		"retried too early":          {false, []Event{read(false, "a"), Retry{}}, "+a.1"},
		"retried after its download": {false, []Event{end(Download, failed), Retry{}}, "FAILED +DOWNLOAD_SOURCE.2"},
		"retried, the failed alone": {false, []Event{read(false, "a", "b", "c<b"), end("a", succeeded), end("b", failed),
			Retry{}, Ended{"b.2", succeeded}, end("c", succeeded)}, "+a.1 +b.1 FAILED +b.2 +c.1 SUCCEEDED"},
		"retried, all": {false, []Event{read(false, "a"), end("a", failed), Retry{true},
			Read{Download + ".2", false, parts("a", "b"), ""}, Ended{"a.2", succeeded}, end("a", failed), end("b", succeeded)},
			"+a.1 FAILED +DOWNLOAD_SOURCE.2 +a.2 +b.1 SUCCEEDED"},
		"retried to combine": {true, []Event{read(false, "a"), end("a", succeeded), Combined{"full"}, Retry{}},
			"+a.1 combine FAILED combine"},
	} {
		t.Run(name, func(t *testing.T) {
			b := begun(c.combine).happen(c.events...)
			if got := strings.Join(b.log[1:], " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	b := begun(false).happen(read(false, "a", "b"), end("a", succeeded), end("b", failed), Retry{true},
		Read{Download + ".2", false, parts("b", "c"), ""})
	if got := fmt.Sprint(b.state.Parts[0].Prior, b.state.Parts[1].Prior, b.state.Parts[2].Prior); got !=
		"[DOWNLOAD_SOURCE.1] [b.1] []" {
		t.Errorf("earlier tries %s", got)
	}
}

// TestLives holds, over random lives of a batch, what must be true whatever comes late, twice or not at all.
func TestLives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := begun(rapid.Bool().Draw(t, "combine"))
		all := graph(t)
		ends := 0
		happen := func(e Event) {
			before := b.state
			d := Decide(b.state, e)
			if !slices.EqualFunc(before.Parts, b.state.Parts, func(x, y Part) bool { return x.Status == y.Status }) {
				t.Fatalf("%#v changed the state it was given", e)
			}
			b.take(d)
			if _, retried := e.(Retry); retried && d.Changed {
				ends = 0
			}
			if d.End != nil {
				ends++
			}
			check(t, before, d, ends)
		}
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			happen(anything(t, b.state, all))
		}
		// Whatever is left comes to its end.
		for range 200 {
			if b.state.Stage == Over {
				break
			}
			happen(next(t, b.state, all))
		}
		if b.state.Stage != Over || ends != 1 {
			t.Fatalf("it ended %d times: %+v", ends, b.state)
		}
	})
}

// check holds what is true after each decision.
func check(t *rapid.T, before State, d Decision, ends int) {
	of := map[string]Part{}
	for _, p := range d.State.Parts {
		of[p.Identifier] = p
	}
	for _, i := range d.Start {
		p := d.State.Parts[i]
		if p.Build != "" && p.Build == of[p.Identifier].Build && i < len(before.Parts) && before.Parts[i].runs() {
			t.Fatalf("%s starts while it runs", p.Identifier)
		}
		for _, name := range p.DependsOn {
			on := of[name]
			if on.Status != succeeded && (!on.IgnoreFailure || on.Status == "" || on.runs()) {
				t.Fatalf("%s starts, and %s is %q", p.Identifier, name, on.Status)
			}
		}
	}
	if once := slices.Compact(slices.Sorted(slices.Values(d.Start))); len(once) != len(d.Start) {
		t.Fatalf("some start twice: %v", d.Start)
	}
	if ends > 1 || (d.State.Stage == Over) != (ends == 1) {
		t.Fatalf("%d ends in the stage %s", ends, d.State.Stage)
	}
	if d.End != nil {
		for _, p := range d.State.Parts {
			if p.runs() {
				t.Fatalf("%s runs on after the end", p.Identifier)
			}
			if d.End.Status == succeeded && !p.passed() {
				t.Fatalf("it succeeded, and %s is %q", p.Identifier, p.Status)
			}
		}
	}
	if d.Combine != (d.State.Stage == Combining && before.Stage != Combining) {
		t.Fatalf("combine %t in %s after %s", d.Combine, d.State.Stage, before.Stage)
	}
}

func graph(t *rapid.T) (all []Part) {
	for i := range rapid.IntRange(1, 6).Draw(t, "parts") {
		p := Part{Identifier: fmt.Sprint("p", i), IgnoreFailure: rapid.Bool().Draw(t, "ignore")}
		for j := range i {
			if rapid.IntRange(0, 3).Draw(t, "depends") == 0 {
				p.DependsOn = append(p.DependsOn, fmt.Sprint("p", j))
			}
		}
		all = append(all, p)
	}
	return all
}

var outcomes = []codebuild.StatusType{succeeded, succeeded, succeeded, failed, stopped, codebuild.StatusTypeFault}

// anything is an event that may be late, or come twice.
func anything(t *rapid.T, s State, all []Part) Event {
	if rapid.IntRange(0, 2).Draw(t, "sensible") > 0 {
		return next(t, s, all)
	}
	some := s.Parts[rapid.IntRange(0, len(s.Parts)-1).Draw(t, "part")]
	return rapid.SampledFrom([]Event{Ended{some.Build, failed}, Ended{some.Build, succeeded}, Stop{}, Timeout{1},
		Refused{"x"}, Combined{}, Combined{"x"}, Retry{}, Retry{true},
		Read{some.Build, false, all, ""}, Read{some.Build, false, nil, "no"}}).Draw(t, "event")
}

// next is an event that the state waits for.
func next(t *rapid.T, s State, all []Part) Event {
	if s.Stage == Combining {
		return Combined{}
	}
	running := slices.Collect(func(yield func(Part) bool) {
		for _, p := range s.Parts {
			if p.runs() && !yield(p) {
				return
			}
		}
	})
	if len(running) == 0 {
		return Stop{}
	}
	p := running[rapid.IntRange(0, len(running)-1).Draw(t, "which")]
	status := rapid.SampledFrom(outcomes).Draw(t, "status")
	if p.Identifier == Download && status == succeeded {
		return Read{p.Build, rapid.Bool().Draw(t, "fast"), all, ""}
	}
	return Ended{p.Build, status}
}
