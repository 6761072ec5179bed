package gittrigger

import (
	"fmt"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/forge"
)

// Files lists what an event changed. It is asked only where a filter needs it.
type Files func() ([]string, error)

// Verdict is whether an event starts a pipeline, and why or why not, in words for people.
type Verdict struct {
	Starts bool
	Why    string
}

func no(format string, args ...any) Verdict  { return Verdict{false, fmt.Sprintf(format, args...)} }
func yes(format string, args ...any) Verdict { return Verdict{true, fmt.Sprintf(format, args...)} }

// Decide decides whether an event of the repository of a source action starts its pipeline. An error of files is
// returned: what changed must be known.
func Decide(d *cp.PipelineDeclaration, a *cp.ActionDeclaration, e *forge.Event, files Files) (Verdict, error) {
	switch {
	case e.After == "":
		return no("%s was deleted.", e.Ref), nil
	case e.Fork && e.Kind.OfPull():
		return no("The pull request is from a fork. Its commits are of somebody who may not write to the repository, " +
			"and a pipeline acts with its role."), nil
	}
	for _, t := range d.Triggers {
		if g := t.GitConfiguration; g != nil && awsproto.Value(g.SourceActionName) == *a.Name {
			return byTrigger(g, a, e, files)
		}
	}
	if strings.EqualFold(a.Configuration["DetectChanges"], "false") {
		return no("The action %s has DetectChanges false, and no trigger.", *a.Name), nil
	}
	return byBranch(a, e), nil
}

// byBranch is the detection of changes without a filter: a push to the action's branch.
func byBranch(a *cp.ActionDeclaration, e *forge.Event) Verdict {
	branch := a.Configuration["BranchName"]
	switch {
	case e.Kind != forge.Push:
		return no("Without a trigger for pull requests only pushes to the branch %s start the pipeline.", branch)
	case e.Ref != forge.BranchPrefix+branch:
		return no("%s is not the branch %s of the action %s.", short(e.Ref), branch, *a.Name)
	}
	return yes("A push to the branch %s.", branch)
}

// byTrigger decides by the filters of a trigger, of which one must let the event through. A trigger without filters
// lets pushes to the action's branch through.
func byTrigger(g *cp.GitConfiguration, a *cp.ActionDeclaration, e *forge.Event, files Files) (Verdict, error) {
	if len(g.Push)+len(g.PullRequest) == 0 {
		return byBranch(a, e), nil
	}
	var why []string
	if e.Kind == forge.Push {
		for i := range g.Push {
			missed, err := push(&g.Push[i], e, files)
			if missed == "" || err != nil {
				return yes("Push filter %d of the trigger matched.", i+1), err
			}
			why = append(why, fmt.Sprintf("push filter %d: %s", i+1, missed))
		}
	} else {
		for i := range g.PullRequest {
			missed, err := pull(&g.PullRequest[i], e, files)
			if missed == "" || err != nil {
				return yes("Pull request filter %d of the trigger matched.", i+1), err
			}
			why = append(why, fmt.Sprintf("pull request filter %d: %s", i+1, missed))
		}
	}
	if len(why) == 0 {
		return no("The trigger has no filter for an event such as %s.", e.Word()), nil
	}
	return no("No filter of the trigger matched: %s.", strings.Join(why, "; ")), nil
}

// push says why a push does not pass a filter; "" if it does.
func push(f *cp.GitPushFilter, e *forge.Event, files Files) (string, error) {
	if tag, ok := strings.CutPrefix(e.Ref, forge.TagPrefix); ok {
		if f.Tags == nil {
			return "it is not for tags", nil
		}
		return misses("tag", f.Tags.Includes, f.Tags.Excludes, tag), nil
	}
	if f.Tags != nil {
		return "it is for tags alone", nil
	}
	if b := f.Branches; b != nil {
		branch := strings.TrimPrefix(e.Ref, forge.BranchPrefix)
		if missed := misses("branch", b.Includes, b.Excludes, branch); missed != "" {
			return missed, nil
		}
	}
	return paths(f.FilePaths, files)
}

// kinds are the events of pull requests in the words of triggers. A pull request that is closed without a merge is none
// of them.
var kinds = map[forge.Kind]cp.GitPullRequestEventType{
	forge.PullCreated:  cp.GitPullRequestEventTypeOpen,
	forge.PullReopened: cp.GitPullRequestEventTypeOpen,
	forge.PullUpdated:  cp.GitPullRequestEventTypeUpdated,
	forge.PullMerged:   cp.GitPullRequestEventTypeClosed,
}

// pull says why an event of a pull request does not pass a filter; "" if it does. Branches are those that it is to be
// merged into.
func pull(f *cp.GitPullRequestFilter, e *forge.Event, files Files) (string, error) {
	kind := kinds[e.Kind]
	switch {
	case kind == "":
		return e.Word() + " is not OPEN, UPDATED or CLOSED (merged)", nil
	case len(f.Events) > 0 && !slices.Contains(f.Events, kind):
		return fmt.Sprintf("the event is %s", kind), nil
	}
	if b := f.Branches; b != nil {
		branch := strings.TrimPrefix(e.Base, forge.BranchPrefix)
		if missed := misses("destination branch", b.Includes, b.Excludes, branch); missed != "" {
			return missed, nil
		}
	}
	return paths(f.FilePaths, files)
}

// paths says why changed files do not pass a filter: one that is not excluded must be included.
func paths(f *cp.GitFilePathFilterCriteria, files Files) (string, error) {
	if f == nil {
		return "", nil
	}
	all, err := files()
	if err != nil {
		return "", err
	}
	missed := "no file was changed"
	for _, name := range all {
		if missed = misses("file", f.Includes, f.Excludes, name); missed == "" {
			return "", nil
		}
	}
	if len(all) > 1 {
		missed = fmt.Sprintf("none of the %d changed files passes, such as: %s", len(all), missed)
	}
	return missed, nil
}

// misses says why a name does not pass patterns; "" if it does. What is excluded never passes, and without includes all
// else does.
func misses(what string, includes, excludes []string, name string) string {
	for _, glob := range excludes {
		if Match(glob, name) {
			return fmt.Sprintf("the %s %s is excluded by %s", what, short(name), glob)
		}
	}
	if len(includes) == 0 || slices.ContainsFunc(includes, func(glob string) bool { return Match(glob, name) }) {
		return ""
	}
	return fmt.Sprintf("the %s %s matches none of %s", what, short(name), strings.Join(includes, ", "))
}

// short is the beginning of a name, of 100 bytes at most.
func short(name string) string {
	if len(name) > 100 {
		return strings.ToValidUTF8(name[:100], "") + "…"
	}
	return name
}
