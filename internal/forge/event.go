// Package forge speaks with forges, the servers that have repositories elsewhere: GitHub, GitLab, Gitea, Forgejo and
// Bitbucket. It reads what they deliver to webhooks, and calls their APIs. It belongs to no stage.
package forge

import "strings"

// Kind is what happened, in the words of CodeBuild's EVENT filter. "" is something that CodeBuild has no word for.
type Kind string

// The kinds that an EVENT filter may name.
const (
	Push             Kind = "PUSH"
	PullCreated      Kind = "PULL_REQUEST_CREATED"
	PullUpdated      Kind = "PULL_REQUEST_UPDATED"
	PullReopened     Kind = "PULL_REQUEST_REOPENED"
	PullMerged       Kind = "PULL_REQUEST_MERGED"
	PullClosed       Kind = "PULL_REQUEST_CLOSED"
	Released         Kind = "RELEASED"
	Prereleased      Kind = "PRERELEASED"
	WorkflowQueued   Kind = "WORKFLOW_JOB_QUEUED"
	pullRequestStart      = "PULL_REQUEST_"
)

// Kinds are all of them.
var Kinds = []Kind{Push, PullCreated, PullUpdated, PullReopened, PullMerged, PullClosed, Released, Prereleased,
	WorkflowQueued}

// OfPull reports whether a kind is one of pull requests.
func (k Kind) OfPull() bool { return strings.HasPrefix(string(k), pullRequestStart) }

// Repository is the one that something happened to. Its ID outlives a new name.
type Repository struct {
	ID    string
	Name  string // OWNER/NAME, of GitLab with all groups
	Clone string // the URL to clone by https
}

// Owner is the organisation, group or user that a repository belongs to.
func (r Repository) Owner() string {
	owner, _, _ := strings.Cut(r.Name, "/")
	return owner
}

// Event is something that happened to a repository.
type Event struct {
	Kind Kind
	// What is the same in the forge's words: "push", "pull_request opened".
	What       string
	Repository Repository
	// Ref is the full name of what was pushed, of a pull request's branch, or of a release's tag; Base is the branch
	// that a pull request is to be merged into.
	Ref, Base string
	// Before and After are commits: of the ref, or of a pull request's base and its head. "" is none.
	Before, After string
	Number        string // of a pull request
	ActorID       string
	Actor         string // the name of whoever did it
	// Message is the head commit's; nil where the forge does not say it.
	Message *string
	// Files are those that the listed commits changed. Complete says that no commit is missing.
	Files    []string
	Complete bool
	// Fork says that a pull request's commits are another repository's, whose URL is ForkClone ("" once it is gone).
	Fork      bool
	ForkClone string
	// Author is who opened a pull request, and Comment what somebody (the actor) wrote below it.
	Author   Person
	Comment  string
	Merge    string   // the commit that a pull request was merged as
	Tag      string   // of a release
	Release  string   // a release's name
	Workflow string   // the name of a queued job's workflow
	Labels   []string // that the runner of a queued job must have
	// Stamp is when the forge changed what the event is about, in its own form. All deliveries of an event have the
	// same.
	Stamp string
}

// Word is what happened, in the words of CodeBuild's EVENT filter or else in the forge's.
func (e *Event) Word() string {
	if e.Kind == "" {
		return e.What
	}
	return string(e.Kind)
}

// Trigger is CODEBUILD_WEBHOOK_TRIGGER: pr/N, branch/NAME or tag/NAME.
func (e *Event) Trigger() string {
	if e.Number != "" {
		return "pr/" + e.Number
	}
	if branch, ok := strings.CutPrefix(e.Ref, heads); ok {
		return "branch/" + branch
	}
	return "tag/" + strings.TrimPrefix(e.Ref, tags)
}

// Key names the event whatever the delivery that told of it: a hook of the repository and one of its organisation tell
// of one push under two IDs.
func (e *Event) Key() string {
	return strings.Join([]string{string(e.Kind), e.Repository.ID, e.Number, e.Ref, e.Before, e.After, e.Tag, e.Stamp},
		"\x00")
}

// What stands before the names of branches and tags in references.
const (
	BranchPrefix = "refs/heads/"
	TagPrefix    = "refs/tags/"
)

const (
	heads = BranchPrefix
	tags  = TagPrefix
)

// full is the full name of a branch or tag. Some forges send short names.
func full(prefix, name string) string {
	if name == "" || strings.HasPrefix(name, "refs/") {
		return name
	}
	return prefix + name
}

// commit is a commit's ID, "" for that of zeros by which forges say that there is none.
func commit(id string) string {
	if strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}
