package forge

import (
	"encoding/json"
	"strings"
)

// mostCommits is how many commits GitHub lists in a push. A push with so many may have more.
const mostCommits = 2048

type githubRepository struct {
	ID    text   `json:"id"`
	Name  string `json:"full_name"`
	Clone string `json:"clone_url"`
}

func (r *githubRepository) repository() Repository {
	if r == nil {
		return Repository{}
	}
	return Repository{ID: string(r.ID), Name: r.Name, Clone: r.Clone}
}

type githubCommit struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	changed
}

type githubEnd struct {
	Ref        string            `json:"ref"`
	SHA        string            `json:"sha"`
	Repository *githubRepository `json:"repo"`
}

type githubPull struct {
	Number  text       `json:"number"`
	Merged  bool       `json:"merged"`
	Merge   string     `json:"merge_commit_sha"`
	Updated text       `json:"updated_at"`
	Head    githubEnd  `json:"head"`
	Base    githubEnd  `json:"base"`
	User    githubUser `json:"user"`
}

type githubUser struct {
	ID    text   `json:"id"`
	Login string `json:"login"`
}

type githubRelease struct {
	ID         text   `json:"id"`
	Tag        string `json:"tag_name"`
	Name       string `json:"name"`
	Prerelease bool   `json:"prerelease"`
}

// githubPayload are the members of GitHub's and Gitea's deliveries that count here.
type githubPayload struct {
	Action     string           `json:"action"`
	Ref        string           `json:"ref"`
	RefType    string           `json:"ref_type"` // of Gitea's delete
	Before     string           `json:"before"`
	After      string           `json:"after"`
	Forced     bool             `json:"forced"`
	HeadCommit *githubCommit    `json:"head_commit"`
	Commits    []githubCommit   `json:"commits"`
	Total      *int             `json:"total_commits"` // Gitea's
	Pull       *githubPull      `json:"pull_request"`
	Release    *githubRelease   `json:"release"`
	Repository githubRepository `json:"repository"`
	Sender     githubUser       `json:"sender"`
	Issue      *struct {
		Number text            `json:"number"`
		Pull   json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Below *struct {
		ID   text       `json:"id"`
		Body string     `json:"body"`
		User githubUser `json:"user"`
	} `json:"comment"`
	WorkflowJob *struct {
		ID       text     `json:"id"`
		Workflow string   `json:"workflow_name"`
		Branch   string   `json:"head_branch"`
		SHA      string   `json:"head_sha"`
		Labels   []string `json:"labels"`
	} `json:"workflow_job"`
}

func (p *githubPayload) event(what string) Event {
	return Event{What: what, Repository: p.Repository.repository(), ActorID: string(p.Sender.ID),
		Actor: p.Sender.Login}
}

func parseGitHub(name string, body []byte) ([]Event, error) {
	if name == "ping" {
		return nil, nil
	}
	var p githubPayload
	if err := decode(GitHub, body, &p); err != nil {
		return nil, err
	}
	if name == "push" {
		return []Event{p.push(len(p.Commits) < mostCommits && !p.Forced)}, nil
	}
	return []Event{p.other(name)}, nil
}

// push reads a push. listed says that its list of commits is whole.
func (p *githubPayload) push(listed bool) Event {
	e := p.event("push")
	e.Kind, e.Ref, e.Before, e.After = Push, full(heads, p.Ref), commit(p.Before), commit(p.After)
	if p.HeadCommit != nil {
		e.Message = &p.HeadCommit.Message
		if id := commit(p.HeadCommit.ID); id != "" && strings.HasPrefix(e.Ref, tags) {
			e.After = id // of an annotated tag after is the tag itself
		}
	}
	e.Files = union(p.Commits, func(c githubCommit) changed { return c.changed })
	e.Complete = listed && e.Before != "" && len(p.Commits) > 0 && len(e.Files) > 0
	return e
}

// other reads what is no push.
func (p *githubPayload) other(name string) Event {
	e := p.event(strings.TrimSpace(name + " " + p.Action))
	switch {
	case name == "pull_request" && p.Pull != nil:
		p.pull(&e)
	case name == "issue_comment" && p.Issue != nil && p.Below != nil:
		p.comment(&e)
	case name == "release" && p.Release != nil:
		switch p.Action {
		case "released":
			e.Kind = Released
		case "prereleased":
			e.Kind = Prereleased
		}
		e.Ref, e.Tag, e.Release = full(tags, p.Release.Tag), p.Release.Tag, p.Release.Name
		e.Stamp = string(p.Release.ID)
	case name == "workflow_job" && p.WorkflowJob != nil:
		if p.Action == "queued" {
			e.Kind = WorkflowQueued
		}
		j := p.WorkflowJob
		e.Ref, e.After, e.Workflow, e.Stamp = full(heads, j.Branch), j.SHA, j.Workflow, string(j.ID)
		e.Labels = j.Labels
	}
	return e
}

// comment reads a comment below a pull request, when it is written.
func (p *githubPayload) comment(e *Event) {
	if p.Action != "created" || len(p.Issue.Pull) == 0 || string(p.Issue.Pull) == "null" {
		return
	}
	c := p.Below
	e.Number, e.Comment, e.Stamp = string(p.Issue.Number), c.Body, string(c.ID)
	e.ActorID, e.Actor = string(c.User.ID), c.User.Login
}

func (p *githubPayload) pull(e *Event) {
	r := p.Pull
	switch p.Action {
	case "opened":
		e.Kind = PullCreated
	case "synchronize", "synchronized":
		e.Kind = PullUpdated
	case "reopened":
		e.Kind = PullReopened
	case "closed":
		e.Kind = PullClosed
		if r.Merged {
			e.Kind, e.Merge = PullMerged, r.Merge
		}
	}
	e.Author = Person{string(r.User.ID), r.User.Login}
	e.Number, e.Stamp = string(r.Number), string(r.Updated)
	e.Ref, e.Base = full(heads, r.Head.Ref), full(heads, r.Base.Ref)
	e.Before, e.After = commit(r.Base.SHA), commit(r.Head.SHA)
	head, base := r.Head.Repository.repository(), r.Base.Repository.repository()
	e.Fork, e.ForkClone = head.ID == "" || head.ID != base.ID, head.Clone
}

// Gitea's deliveries are GitHub's with some differences: events have names of their own, a push lists few commits, and
// the deletion of a branch comes as a delete with a short name.
func parseGitea(name string, body []byte) ([]Event, error) {
	var p githubPayload
	if err := decode(Gitea, body, &p); err != nil {
		return nil, err
	}
	switch name {
	case "push":
		whole := p.Total != nil && *p.Total == len(p.Commits)
		return []Event{p.push(whole)}, nil
	case "delete":
		e := p.event("delete")
		prefix := heads
		if p.RefType == "tag" {
			prefix = tags
		}
		e.Kind, e.Ref = Push, full(prefix, p.Ref)
		return []Event{e}, nil
	case "pull_request_sync":
		name, p.Action = "pull_request", "synchronized"
	case "release":
		// Gitea says "published" of both.
		if p.Release != nil && p.Action == "published" {
			p.Action = "released"
			if p.Release.Prerelease {
				p.Action = "prereleased"
			}
		}
	}
	return []Event{p.other(name)}, nil
}
