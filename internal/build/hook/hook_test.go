package hook

import (
	"strings"
	"testing"

	cb "slipway/api/codebuild"
	"slipway/internal/forge"
)

const b = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

func filterOf(kind cb.WebhookFilterType, pattern string, exclude ...bool) cb.WebhookFilter {
	f := cb.WebhookFilter{Type: kind, Pattern: &pattern}
	if len(exclude) > 0 {
		f.ExcludeMatchedPattern = &exclude[0]
	}
	return f
}

func TestFiltersDecide(t *testing.T) {
	t.Parallel()
	message := "Mend the mast\n\nbody"
	push := &forge.Event{Kind: forge.Push, Ref: "refs/heads/main", After: b, Message: &message, ActorID: "9",
		Repository: forge.Repository{Name: "o/r"}}
	event := filterOf(cb.WebhookFilterTypeEvent, "PUSH, PULL_REQUEST_CREATED")
	files := Changes{Files: []string{"docs/a.md", "src/b.go"}}
	for name, c := range map[string]struct {
		group  []cb.WebhookFilter
		known  Changes
		starts bool
		why    string
	}{
		"an event": {[]cb.WebhookFilter{event}, files, true, "matched"},
		"another event": {[]cb.WebhookFilter{filterOf(cb.WebhookFilterTypeEvent, "RELEASED")}, files, false,
			"EVENT is PUSH, not RELEASED"},
		"a branch":         {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeHeadRef, "^refs/heads/main$")}, files, true, ""},
		"an excluded one":  {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeHeadRef, "main", true)}, files, false, "excluded"},
		"no base of pushs": {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeBaseRef, ".*")}, files, false, "BASE_REF"},
		"a path":           {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeFilePath, "^src/")}, files, true, ""},
		"no path": {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeFilePath, "^web/")}, files, false,
			"FILE_PATH ^web/: none of the 2 changed files matches (docs/a.md, src/b.go)"},
		"an excluded path": {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeFilePath, "^docs/", true)}, files, false,
			`"docs/a.md" matches the excluded`},
		"unknown paths": {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeFilePath, "^web/")}, Changes{Unknown: "gone"},
			true, "not known (gone)"},
		"a message": {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeCommitMessage, `\[skip ci\]`, true)}, files, true,
			""},
		"an actor":        {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeActorAccountId, "^8$")}, files, false, `"9"`},
		"a repository":    {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeRepositoryName, "^r$")}, files, true, ""},
		"an organisation": {[]cb.WebhookFilter{event, filterOf(cb.WebhookFilterTypeOrganizationName, "^o$")}, files, true, ""},
	} {
		f, err := Compile([][]cb.WebhookFilter{c.group}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v := f.Decide(push, func() Changes { return c.known }); v.Starts != c.starts || !strings.Contains(v.Why, c.why) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	for _, g := range [][]cb.WebhookFilter{nil, {filterOf(cb.WebhookFilterTypeHeadRef, "x")}, {event, event},
		{filterOf(cb.WebhookFilterTypeEvent, "PUSHED")}, {event, filterOf(cb.WebhookFilterTypeHeadRef, "(")}} {
		if _, err := Compile([][]cb.WebhookFilter{g}, nil); err == nil {
			t.Errorf("%+v is taken", g)
		}
	}
	f, err := Compile(nil, new("^main$"))
	other := &forge.Event{Kind: forge.Push, Ref: "refs/heads/x"}
	if err != nil || !f.Decide(push, nil).Starts || f.Decide(other, nil).Starts {
		t.Errorf("the branch filter: %v", err)
	}
}
