package gittrigger

import (
	"strings"
	"testing"

	cp "slipway/api/codepipeline"
	"slipway/internal/forge"
)

func TestGlobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"main", "main", true},
		{"main", "main2", false},
		{"*.java", "A.java", true},
		{"*.java", "src/A.java", false},
		{"**.java", "src/A.java", true},
		{"**", "a/b/c", true},
		{"**", "", true},
		{"dir/*", "dir/a", true},
		{"dir/*", "dir/a/b", false},
		{"dir/**", "dir/a/b", true},
		{"dir/**", "dirs/a", false},
		{"**/a.js", "x/y/a.js", true},
		{"**/a.js", "a.js", false}, // as Java's globs, whose words AWS's documentation has
		{"foo.?", "foo.c", true},
		{"foo.?", "foo.cc", false},
		{"a?b", "a/b", false},
		{"v[0-9]", "v7", true},
		{"v[0-9]", "vx", false},
		{"v[!0-9]", "vx", true},
		{"v[!0-9]", "v/", false},
		{"[-a]", "-", true},
		{"[*?\\]", "\\", true},
		{"*.{java,class}", "A.class", true},
		{"*.{java,class}", "A.go", false},
		{"{a,b}-{c,d}", "b-c", true},
		{"release/{v*,next}", "release/v1", true},
		{`a\*`, "a*", true},
		{`a\*`, "ab", false},
		{`\{a,b\}`, "{a,b}", true},
		{"füg*", "fügen", true},
	} {
		if err := Check(c.glob); err != nil {
			t.Errorf("%q: %v", c.glob, err)
		}
		if got := Match(c.glob, c.name); got != c.want {
			t.Errorf("%q matches %q: got %v, want %v", c.glob, c.name, got, c.want)
		}
	}
	for _, glob := range []string{`a\`, "[a", "{a", "{a{b}}", "{a,b,c,d}" + strings.Repeat("{a,b,c,d}", 9)} {
		if Check(glob) == nil || Match(glob, "a") {
			t.Errorf("%q is taken", glob)
		}
	}
}

// FuzzMatch looks for globs that stop the matcher, or that do not match themselves once each character is escaped.
func FuzzMatch(f *testing.F) {
	f.Add("a/**/[a-z]{b,c}", "a/x/yb")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if len(glob) > 255 || len(name) > 255 {
			return
		}
		_ = Match(glob, name)
		var escaped strings.Builder
		for _, c := range name {
			escaped.WriteString("\\" + string(c))
		}
		if valid := strings.ToValidUTF8(name, ""); valid == name && !Match(escaped.String(), name) {
			t.Errorf("%q does not match %q", escaped.String(), name)
		}
		if Check(glob) == nil && strings.Trim(glob, "*") == "" && strings.HasPrefix(glob, "**") && !Match(glob, name) {
			t.Errorf("%q does not match %q", glob, name)
		}
	})
}

func TestTriggersDecide(t *testing.T) {
	t.Parallel()
	action := func(extra ...string) *cp.ActionDeclaration {
		a := &cp.ActionDeclaration{Name: new("App"), Configuration: map[string]string{"BranchName": "main"}}
		for i := 0; i+1 < len(extra); i += 2 {
			a.Configuration[extra[i]] = extra[i+1]
		}
		return a
	}
	pushed := func(ref string) *forge.Event { return &forge.Event{Kind: forge.Push, Ref: ref, After: "c"} }
	pulled := func(kind forge.Kind, fork bool) *forge.Event {
		return &forge.Event{Kind: kind, Ref: "refs/heads/fix", Base: "refs/heads/main", After: "c", Number: "3", Fork: fork}
	}
	main, side := pushed("refs/heads/main"), pushed("refs/heads/team/x")
	globs := func(list ...string) []string { return list }
	push := func(f ...cp.GitPushFilter) *cp.GitConfiguration { return &cp.GitConfiguration{Push: f} }
	pull := func(f ...cp.GitPullRequestFilter) *cp.GitConfiguration { return &cp.GitConfiguration{PullRequest: f} }
	branches := func(in, ex []string) *cp.GitBranchFilterCriteria {
		return &cp.GitBranchFilterCriteria{Includes: in, Excludes: ex}
	}
	files := func(in, ex []string) *cp.GitFilePathFilterCriteria {
		return &cp.GitFilePathFilterCriteria{Includes: in, Excludes: ex}
	}
	docs := cp.GitPushFilter{Branches: branches(globs("**"), nil), FilePaths: files(globs("web/**"), globs("web/docs/**"))}
	for name, c := range map[string]struct {
		trigger *cp.GitConfiguration
		action  *cp.ActionDeclaration
		event   *forge.Event
		changed []string
		starts  bool
		why     string
	}{
		"the branch":            {nil, action(), main, nil, true, "branch main"},
		"another branch":        {nil, action(), side, nil, false, "not the branch main"},
		"no detection":          {nil, action("DetectChanges", "false"), main, nil, false, "DetectChanges"},
		"a tag by default":      {nil, action(), pushed("refs/tags/main"), nil, false, "refs/tags/main"},
		"a pull by default":     {nil, action(), pulled(forge.PullCreated, false), nil, false, "pull requests"},
		"a trigger bare":        {push(), action("DetectChanges", "false"), main, nil, true, ""},
		"a branch of globs":     {push(cp.GitPushFilter{Branches: branches(globs("team/*"), nil)}), action(), side, nil, true, "filter 1"},
		"not of globs":          {push(cp.GitPushFilter{Branches: branches(globs("team/*"), nil)}), action(), main, nil, false, "team/*"},
		"excludes win":          {push(cp.GitPushFilter{Branches: branches(globs("**"), globs("team/**"))}), action(), side, nil, false, "excluded"},
		"only excludes":         {push(cp.GitPushFilter{Branches: branches(nil, globs("team/**"))}), action(), main, nil, true, ""},
		"a tag":                 {push(cp.GitPushFilter{Tags: &cp.GitTagFilterCriteria{Includes: globs("v*")}}), action(), pushed("refs/tags/v1"), nil, true, ""},
		"a branch, tags asked":  {push(cp.GitPushFilter{Tags: &cp.GitTagFilterCriteria{Includes: globs("*")}}), action(), main, nil, false, "tags alone"},
		"a path":                {push(docs), action(), side, []string{"README.md", "web/a.js"}, true, ""},
		"no path":               {push(docs), action(), side, []string{"README.md", "api/a.go"}, false, "none of the 2 changed files"},
		"an excluded path":      {push(docs), action(), side, []string{"web/docs/a.md"}, false, "excluded by web/docs/**"},
		"no change":             {push(docs), action(), side, nil, false, "no file was changed"},
		"the second of two":     {push(cp.GitPushFilter{Branches: branches(globs("x"), nil)}, docs), action(), side, []string{"web/a"}, true, "filter 2"},
		"a pull, opened":        {pull(cp.GitPullRequestFilter{Branches: branches(globs("main"), nil)}), action(), pulled(forge.PullCreated, false), nil, true, ""},
		"a pull, reopened":      {pull(cp.GitPullRequestFilter{Events: []cp.GitPullRequestEventType{cp.GitPullRequestEventTypeOpen}}), action(), pulled(forge.PullReopened, false), nil, true, ""},
		"a pull, another event": {pull(cp.GitPullRequestFilter{Events: []cp.GitPullRequestEventType{cp.GitPullRequestEventTypeOpen}}), action(), pulled(forge.PullMerged, false), nil, false, "the event is CLOSED"},
		"a pull, thrown away":   {pull(cp.GitPullRequestFilter{}), action(), pulled(forge.PullClosed, false), nil, false, "PULL_REQUEST_CLOSED"},
		"a pull to elsewhere":   {pull(cp.GitPullRequestFilter{Branches: branches(globs("release/*"), nil)}), action(), pulled(forge.PullCreated, false), nil, false, "destination branch main"},
		"a pull of a fork":      {pull(cp.GitPullRequestFilter{}), action(), pulled(forge.PullCreated, true), nil, false, "fork"},
		"a push, pulls asked":   {pull(cp.GitPullRequestFilter{}), action(), main, nil, false, "no filter for an event such as PUSH"},
		"a deleted branch":      {nil, action(), &forge.Event{Kind: forge.Push, Ref: "refs/heads/main"}, nil, false, "deleted"},
	} {
		d := &cp.PipelineDeclaration{}
		if c.trigger != nil {
			c.trigger.SourceActionName = new("App")
			d.Triggers = []cp.PipelineTriggerDeclaration{{GitConfiguration: c.trigger}}
		}
		v, err := Decide(d, c.action, c.event, func() ([]string, error) { return c.changed, nil })
		if err != nil || v.Starts != c.starts || !strings.Contains(v.Why, c.why) {
			t.Errorf("%s: got %+v, %v, want %v %q", name, v, err, c.starts, c.why)
		}
	}
}
