package view

import (
	"slices"
	"strings"

	"slipway/api/codebuild"
)

// BatchBuild is a build of a batch as people see it.
type BatchBuild struct {
	Identifier string   `json:"identifier"`
	DependsOn  []string `json:"dependsOn,omitzero"`
	Kind       Kind     `json:"kind"`
	State      string   `json:"state"`
	Build      string   `json:"build,omitzero"` // its ID, "" before it starts
	Depth      int      `json:"depth"`          // how many builds stand before it, on its longest way
	// Because says what keeps a build from starting: the build that failed, or those that it waits for.
	Because string `json:"because,omitzero"`
}

// Failed tells whether the build ended without success.
func (b *BatchBuild) Failed() bool { return b.Build != "" && b.Kind != Succeeded && b.Kind != Running }

// BatchBuilds are the builds of a batch, in its order.
func BatchBuilds(b *codebuild.BuildBatch) []BatchBuild {
	all := make([]BatchBuild, len(b.BuildGroups))
	at := map[string]*BatchBuild{}
	for i, g := range b.BuildGroups {
		x := BatchBuild{Identifier: text(g.Identifier), DependsOn: g.DependsOn, Kind: NotReached, State: "Not started"}
		if s := g.CurrentBuildSummary; s != nil {
			x.Kind, x.State = KindOf(s.BuildStatus), StatusWord(s.BuildStatus)
			_, x.Build, _ = strings.Cut(text(s.Arn), ":build/")
		}
		all[i] = x
		at[x.Identifier] = &all[i]
	}
	over := b.Complete != nil && *b.Complete
	for range all { // a way has no more steps than there are builds
		changed := false
		for i := range all {
			for _, on := range all[i].DependsOn {
				if o := at[on]; o != nil && o.Depth >= all[i].Depth && o.Depth < len(all) {
					all[i].Depth, changed = o.Depth+1, true
				}
			}
		}
		if !changed {
			break
		}
	}
	for i := range all {
		if all[i].Build == "" {
			all[i].Because = because(&all[i], at, over)
		}
	}
	return all
}

// because says what keeps a build from starting; over says that it never will.
func because(x *BatchBuild, at map[string]*BatchBuild, over bool) string {
	failed, open := blockers(x, at)
	switch {
	case len(failed) > 0:
		return "never started: " + strings.Join(failed, ", ") + " did not succeed"
	case over:
		return "never started: the batch ended before"
	case len(open) > 0:
		return "waits for " + strings.Join(open, ", ")
	}
	return ""
}

// blockers are the builds before a build, however far, that failed, and those right before it that have not ended.
func blockers(x *BatchBuild, at map[string]*BatchBuild) (failed, open []string) {
	seen := map[string]bool{}
	next := slices.Clone(x.DependsOn)
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		o := at[name]
		if seen[name] || o == nil {
			continue
		}
		seen[name] = true
		switch {
		case o.Failed():
			failed = append(failed, name)
		case o.Build == "":
			next = append(next, o.DependsOn...)
		}
		if slices.Contains(x.DependsOn, name) && o.Kind != Succeeded && !o.Failed() {
			open = append(open, name)
		}
	}
	return failed, open
}

// BatchCause is the first reason that a batch gives for its end, "" for none.
func BatchCause(b *codebuild.BuildBatch) string {
	for _, p := range b.Phases {
		for _, c := range p.Contexts {
			if text(c.Message) != "" {
				return *c.Message
			}
		}
	}
	return ""
}
