package batch

import (
	"fmt"
	"slices"
	"strings"

	"slipway/api/codebuild"
)

// Decide says what an event does to a batch. What does not fit the state changes nothing: events are late, or come
// twice.
func Decide(s State, e Event) Decision {
	same := Decision{State: s}
	s.Parts = slices.Clone(s.Parts)
	if r, ok := e.(Retry); ok {
		if s.Stage != Over {
			return same
		}
		return advance(again(s, r.All), nil)
	}
	if s.Stage == Over {
		return same
	}
	switch e := e.(type) {
	case Ended:
		return ended(s, e, same)
	case Read:
		return read(s, e, same)
	case Refused:
		return ending(s, End{codebuild.StatusTypeFailed, "CLIENT_ERROR", e.Message}, same)
	case Stop:
		return ending(s, End{codebuild.StatusTypeStopped, "CLIENT_ERROR", "The batch was stopped."}, same)
	case Timeout:
		return ending(s, End{codebuild.StatusTypeTimedOut, "BUILD_TIMED_OUT",
			fmt.Sprintf("The batch has not ended within %d minutes (timeoutInMins).", e.Minutes)}, same)
	case Combined:
		if s.Stage != Combining {
			return same
		}
		if e.Error != "" {
			return over(s, End{codebuild.StatusTypeFailed, "CLIENT_ERROR", e.Error})
		}
		return over(s, End{Status: codebuild.StatusTypeSucceeded})
	}
	return same
}

// read takes in which builds a batch has.
func read(s State, e Read, same Decision) Decision {
	if p := &s.Parts[0]; s.Stage != Downloading || p.Build != e.Build || !p.runs() {
		return same
	}
	s.Parts[0].Status = codebuild.StatusTypeSucceeded
	if e.Refusal != "" {
		return ending(s, End{codebuild.StatusTypeFailed, "CLIENT_ERROR", e.Refusal}, same)
	}
	s.FastFail, s.Parts = e.FastFail, append(s.Parts[:1], withPrior(e.Parts, s.Parts[1:])...)
	if s.Ending == nil {
		s.Stage = Running
	}
	return advance(s, nil)
}

func (p *Part) runs() bool { return p.Status == codebuild.StatusTypeInProgress }

func (p *Part) waits() bool { return p.Status == "" && !p.Skipped }

// passed tells whether what depends on a part may start.
func (p *Part) passed() bool {
	return p.Status == codebuild.StatusTypeSucceeded || p.IgnoreFailure && p.Status != "" && !p.runs()
}

// ended takes in the end of a build.
func ended(s State, e Ended, same Decision) Decision {
	i := slices.IndexFunc(s.Parts, func(p Part) bool { return p.Build == e.Build && p.runs() })
	if i < 0 {
		return same
	}
	p := &s.Parts[i]
	p.Status = e.Status
	switch {
	case i == 0:
		return ending(s, End{codebuild.StatusTypeFailed, "CLIENT_ERROR",
			fmt.Sprintf("The build %s, which reads the batch, ended with %s.", Download, e.Status)}, same)
	case !p.passed() && s.FastFail:
		return ending(s, failedBy(*p), same)
	}
	return advance(s, nil)
}

func failedBy(parts ...Part) End {
	var names []string
	for _, p := range parts {
		names = append(names, fmt.Sprintf("%s (%s)", p.Identifier, p.Status))
	}
	return End{codebuild.StatusTypeFailed, "CLIENT_ERROR", "Builds of the batch did not succeed: " +
		strings.Join(names, ", ") + "."}
}

// ending lets a batch end once nothing of it runs. Of two reasons the first counts.
func ending(s State, end End, same Decision) Decision {
	var halt []string
	switch {
	case s.Stage == Combining:
		return over(s, end)
	case s.Ending != nil:
		if !slices.ContainsFunc(s.Parts, func(p Part) bool { return p.runs() }) {
			return over(s, *s.Ending)
		}
		if slices.Equal(statuses(s), statuses(same.State)) {
			return same
		}
	default:
		s.Ending = &end
		for _, p := range s.Parts {
			if p.runs() {
				halt = append(halt, p.Build)
			}
		}
	}
	return advance(s, halt)
}

func statuses(s State) (all []codebuild.StatusType) {
	for _, p := range s.Parts {
		all = append(all, p.Status)
	}
	return all
}

// advance starts what may start, and ends a batch of which nothing is left to do.
func advance(s State, halt []string) Decision {
	d := Decision{Changed: true, Halt: halt}
	if s.Ending == nil {
		d.Start = start(s)
	} else {
		for i := range s.Parts {
			s.Parts[i].Skipped = s.Parts[i].Skipped || s.Parts[i].Status == ""
		}
	}
	d.State = s
	if slices.ContainsFunc(s.Parts, func(p Part) bool { return p.runs() }) {
		return d
	}
	failed, skipped := left(s.Parts[1:])
	switch {
	case s.Ending != nil:
		return over(s, *s.Ending)
	case len(failed) > 0 || skipped:
		return over(s, failedBy(failed...))
	case s.Combine:
		d.State.Stage, d.Combine = Combining, true
		return d
	}
	return over(s, End{Status: codebuild.StatusTypeSucceeded})
}

// left are the parts whose failure is the batch's. skipped says that some never started.
func left(parts []Part) (failed []Part, skipped bool) {
	for _, p := range parts {
		skipped = skipped || p.Skipped
		if !p.Skipped && !p.passed() {
			failed = append(failed, p)
		}
	}
	return failed, skipped
}

// start marks what may start as started and returns it, and skips what depends on what failed.
func start(s State) (places []int) {
	at := map[string]*Part{}
	for i := range s.Parts {
		at[s.Parts[i].Identifier] = &s.Parts[i]
	}
	for changed := true; changed; {
		changed = false
		for i := range s.Parts {
			p := &s.Parts[i]
			if !p.waits() || i > 0 && s.Stage == Downloading {
				continue
			}
			ready, never := p.ready(at)
			if never {
				p.Skipped, changed = true, true
			} else if ready {
				p.Status = codebuild.StatusTypeInProgress
				places = append(places, i)
			}
		}
	}
	return places
}

// ready tells whether all that a part depends on passed, or whether it never will.
func (p *Part) ready(at map[string]*Part) (ready, never bool) {
	ready = true
	for _, name := range p.DependsOn {
		on := at[name]
		if on == nil || on.Skipped || on.Status != "" && !on.runs() && !on.passed() {
			return false, true
		}
		ready = ready && on.passed()
	}
	return ready, false
}

func over(s State, end End) Decision {
	s.Stage, s.Ending = Over, &end
	return Decision{State: s, Changed: true, End: &end}
}

// again makes parts of a batch that is over ready to start once more.
func again(s State, all bool) State {
	all = all || s.Parts[0].Status != codebuild.StatusTypeSucceeded || len(s.Parts) == 1
	s.Stage, s.Ending = Running, nil
	if all {
		s.Stage = Downloading
	}
	for i := range s.Parts {
		p := &s.Parts[i]
		if !all && p.Status == codebuild.StatusTypeSucceeded {
			continue
		}
		if p.Build != "" {
			p.Prior = append(slices.Clip(p.Prior), p.Build)
		}
		p.Build, p.Status, p.Skipped = "", "", false
	}
	return s
}

// withPrior are parts that were read anew, with the builds of the earlier tries of the same identifiers.
func withPrior(parts, old []Part) []Part {
	parts = slices.Clone(parts)
	for i := range parts {
		p := &parts[i]
		p.Status, p.Skipped, p.Build = "", false, ""
		if j := slices.IndexFunc(old, func(o Part) bool { return o.Identifier == p.Identifier }); j >= 0 {
			p.Prior = old[j].Prior
		}
	}
	return parts
}
