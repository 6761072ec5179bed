// Package hook decides which filters of a webhook of CodeBuild an event of a forge passes. It does no I/O.
package hook

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/forge"
)

// longestPattern bounds a filter's expression, in bytes.
const longestPattern = 2048

// Filters decide which events start a build.
type Filters struct {
	groups [][]filter
	branch *regexp.Regexp // of a webhook with a branchFilter and no groups; nil is every branch
}

type filter struct {
	kind    cb.WebhookFilterType
	kinds   []forge.Kind // of an EVENT filter
	pattern *regexp.Regexp
	inverse bool
}

// Compile reads the filters of a webhook. Its errors say what to change.
func Compile(groups [][]cb.WebhookFilter, branch *string) (*Filters, error) {
	f := &Filters{}
	if b := awsproto.Value(branch); b != "" {
		if len(groups) > 0 {
			return nil, fmt.Errorf("branchFilter cannot be given together with filterGroups; use a HEAD_REF filter")
		}
		re, err := expression("branchFilter", b)
		if err != nil {
			return nil, err
		}
		f.branch = re
	}
	for i, g := range groups {
		compiled, err := compileGroup(g)
		if err != nil {
			return nil, fmt.Errorf("filter group %d: %w", i+1, err)
		}
		f.groups = append(f.groups, compiled)
	}
	return f, nil
}

func compileGroup(g []cb.WebhookFilter) (all []filter, err error) {
	events := 0
	for _, w := range g {
		x := filter{kind: w.Type, inverse: awsproto.Value(w.ExcludeMatchedPattern)}
		if w.Type == cb.WebhookFilterTypeEvent {
			events++
			if x.inverse {
				return nil, fmt.Errorf("excludeMatchedPattern cannot be used with an EVENT filter")
			}
			x.kinds, err = kinds(awsproto.Value(w.Pattern))
		} else {
			x.pattern, err = expression(string(w.Type), awsproto.Value(w.Pattern))
		}
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	if events != 1 {
		return nil, fmt.Errorf("a group must have exactly one filter of the type EVENT, this one has %d", events)
	}
	// What must be fetched to be known is looked at last.
	slices.SortStableFunc(all, func(a, b filter) int { return a.cost() - b.cost() })
	return all, nil
}

func (f filter) cost() int {
	switch f.kind {
	case cb.WebhookFilterTypeEvent:
		return 0
	case cb.WebhookFilterTypeCommitMessage:
		return 2
	case cb.WebhookFilterTypeFilePath:
		return 3
	}
	return 1
}

func kinds(pattern string) (all []forge.Kind, err error) {
	for name := range strings.SplitSeq(pattern, ",") {
		k := forge.Kind(strings.TrimSpace(name))
		if !slices.Contains(forge.Kinds, k) {
			return nil, fmt.Errorf("the EVENT filter %q names %q, which is no event (PUSH, PULL_REQUEST_CREATED, "+
				"PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED, PULL_REQUEST_MERGED, PULL_REQUEST_CLOSED, RELEASED, "+
				"PRERELEASED, WORKFLOW_JOB_QUEUED)", pattern, k)
		}
		all = append(all, k)
	}
	return all, nil
}

func expression(of, pattern string) (*regexp.Regexp, error) {
	if len(pattern) > longestPattern {
		return nil, fmt.Errorf("the pattern of %s has %d bytes; at most %d are taken", of, len(pattern), longestPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern of %s is no regular expression: %w", of, err)
	}
	return re, nil
}

// Changes are what a commit, or a range of them, changed, as far as it can be known.
type Changes struct {
	Files []string
	// Message is the head commit's; nil if it is not known.
	Message *string
	// Unknown is why the files are not known; "" where they are.
	Unknown string
}

// legacy are the events that start a build of a webhook without filter groups.
var legacy = []forge.Kind{forge.Push, forge.PullCreated, forge.PullUpdated, forge.PullReopened}

// Verdict is whether an event starts a build, and why or why not, in words for people.
type Verdict struct {
	Starts bool
	Why    string
}

// Decide tells whether an event passes a group of filters. changes is asked at most once, and only where a filter needs
// it that the others do not decide.
func (f *Filters) Decide(e *forge.Event, changes func() Changes) Verdict {
	var known *Changes
	look := func() Changes {
		if known == nil {
			known = new(changes())
		}
		return *known
	}
	if len(f.groups) == 0 {
		return f.withoutGroups(e)
	}
	var why []string
	for i, g := range f.groups {
		missed, note := missing(g, e, look)
		if missed == "" {
			return Verdict{true, strings.TrimSpace(fmt.Sprintf("Filter group %d matched. %s", i+1, note))}
		}
		if len(f.groups) > 1 {
			missed = fmt.Sprintf("group %d: %s", i+1, missed)
		}
		why = append(why, missed)
	}
	return Verdict{false, "Filter not matched: " + strings.Join(why, "; ")}
}

func (f *Filters) withoutGroups(e *forge.Event) Verdict {
	if !slices.Contains(legacy, e.Kind) {
		return Verdict{false, fmt.Sprintf("Filter not matched: EVENT is %s, and a webhook without filter groups "+
			"builds pushes and pull requests that are created, updated or reopened.", e.Word())}
	}
	branch := strings.TrimPrefix(e.Ref, forge.BranchPrefix)
	if f.branch != nil && !f.branch.MatchString(branch) {
		return Verdict{false, fmt.Sprintf("Filter not matched: the branch %s does not match branchFilter %s.", branch,
			f.branch)}
	}
	return Verdict{true, "The webhook has no filter groups."}
}

// missing returns the first filter of a group that an event does not pass, "" for none, and what people should know
// of it.
func missing(g []filter, e *forge.Event, changes func() Changes) (missed, note string) {
	for _, f := range g {
		m, n := f.misses(e, changes)
		if m != "" {
			return string(f.kind) + " " + m, ""
		}
		if n != "" {
			note = n
		}
	}
	return "", note
}

// misses says why an event does not pass a filter, "" if it does.
func (f filter) misses(e *forge.Event, changes func() Changes) (missed, note string) {
	switch f.kind {
	case cb.WebhookFilterTypeEvent:
		if !slices.Contains(f.kinds, e.Kind) {
			return "is " + e.Word() + ", not " + join(f.kinds), ""
		}
		return "", ""
	case cb.WebhookFilterTypeFilePath:
		return f.files(changes())
	case cb.WebhookFilterTypeCommitMessage:
		message := e.Message
		if message == nil {
			message = changes().Message
		}
		if message == nil {
			return "", "The commit's message is not known: the COMMIT_MESSAGE filter was taken as matched."
		}
		return f.text(*message), ""
	}
	return f.text(f.of(e)), ""
}

// of is the text of an event that a filter looks at. "" is what the event does not have.
func (f filter) of(e *forge.Event) string {
	switch f.kind {
	case cb.WebhookFilterTypeHeadRef:
		return e.Ref
	case cb.WebhookFilterTypeBaseRef:
		return e.Base
	case cb.WebhookFilterTypeActorAccountId:
		return e.ActorID
	case cb.WebhookFilterTypeTagName:
		return e.Tag
	case cb.WebhookFilterTypeReleaseName:
		return e.Release
	case cb.WebhookFilterTypeWorkflowName:
		return e.Workflow
	case cb.WebhookFilterTypeRepositoryName:
		return e.Repository.Name[strings.LastIndexByte(e.Repository.Name, '/')+1:]
	case cb.WebhookFilterTypeOrganizationName:
		return e.Repository.Owner()
	}
	return ""
}

func (f filter) text(value string) string {
	if value == "" && !f.inverse {
		return "is not known of this event"
	}
	if matches := value != "" && f.pattern.MatchString(value); matches != f.inverse {
		return ""
	}
	return fmt.Sprintf("%q %s", short(value), f.wants())
}

func (f filter) wants() string {
	if f.inverse {
		return "matches the excluded pattern " + f.pattern.String()
	}
	return "does not match " + f.pattern.String()
}

func (f filter) files(c Changes) (missed, note string) {
	if c.Unknown != "" {
		return "", "The changed files are not known (" + c.Unknown + "): the FILE_PATH filter was taken as matched."
	}
	i := slices.IndexFunc(c.Files, f.pattern.MatchString)
	switch {
	case i >= 0 && f.inverse:
		return fmt.Sprintf("%q %s", short(c.Files[i]), f.wants()), ""
	case i < 0 && !f.inverse:
		return fmt.Sprintf("%s: none of the %d changed files matches (%s)", f.pattern, len(c.Files), some(c.Files)), ""
	}
	return "", ""
}

// shown is how many files a reason names.
const shown = 5

func some(files []string) string {
	if len(files) == 0 {
		return "no file was changed"
	}
	list := make([]string, 0, shown)
	for _, f := range files[:min(shown, len(files))] {
		list = append(list, short(f))
	}
	if more := len(files) - shown; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// short is a text's first line, of 100 bytes at most.
func short(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if len(line) > 100 {
		line = strings.ToValidUTF8(line[:100], "") + "…"
	}
	return line
}

func join(kinds []forge.Kind) string {
	var all []string
	for _, k := range kinds {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}
