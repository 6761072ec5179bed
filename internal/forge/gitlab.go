package forge

import "strings"

type gitlabProject struct {
	ID    text   `json:"id"`
	Path  string `json:"path_with_namespace"`
	Clone string `json:"git_http_url"`
}

type gitlabCommit struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	changed
}

// gitlabPayload are the members of GitLab's deliveries that count here.
type gitlabPayload struct {
	Object   string         `json:"object_kind"`
	Ref      string         `json:"ref"`
	Before   string         `json:"before"`
	After    string         `json:"after"`
	Checkout string         `json:"checkout_sha"`
	UserID   text           `json:"user_id"`
	UserName string         `json:"user_username"`
	Project  gitlabProject  `json:"project"`
	Commits  []gitlabCommit `json:"commits"`
	Total    int            `json:"total_commits_count"`
	Action   string         `json:"action"` // of a release
	Tag      string         `json:"tag"`
	Name     string         `json:"name"`
	ID       text           `json:"id"`
	User     struct {
		ID   text   `json:"id"`
		Name string `json:"username"`
	} `json:"user"`
	Attributes gitlabRequest `json:"object_attributes"`
	Request    gitlabRequest `json:"merge_request"` // of a note
}

// gitlabRequest are the members of a merge request, or of a note below one.
type gitlabRequest struct {
	ID           text         `json:"id"`
	Note         string       `json:"note"`
	NoteOf       string       `json:"noteable_type"`
	Author       text         `json:"author_id"`
	State        string       `json:"state"`
	Number       text         `json:"iid"`
	Action       string       `json:"action"`
	OldRev       string       `json:"oldrev"`
	SourceBranch string       `json:"source_branch"`
	TargetBranch string       `json:"target_branch"`
	SourceID     text         `json:"source_project_id"`
	TargetID     text         `json:"target_project_id"`
	Merge        string       `json:"merge_commit_sha"`
	Updated      text         `json:"updated_at"`
	LastCommit   gitlabCommit `json:"last_commit"`
	Source       struct {
		Clone string `json:"git_http_url"`
	} `json:"source"`
}

func parseGitLab(body []byte) ([]Event, error) {
	var p gitlabPayload
	if err := decode(GitLab, body, &p); err != nil {
		return nil, err
	}
	e := Event{What: p.Object, ActorID: string(p.User.ID), Actor: p.User.Name,
		Repository: Repository{ID: string(p.Project.ID), Name: p.Project.Path, Clone: p.Project.Clone}}
	switch p.Object {
	case "push", "tag_push":
		e.ActorID, e.Actor = string(p.UserID), p.UserName
		p.push(&e)
	case "merge_request":
		p.merge(&e)
	case "note":
		p.note(&e)
	case "release":
		e.What = strings.TrimSpace("release " + p.Action)
		if p.Action == "create" {
			e.Kind = Released
		}
		e.Tag, e.Release, e.Ref, e.Stamp = p.Tag, p.Name, full(tags, p.Tag), string(p.ID)
	}
	return []Event{e}, nil
}

// push reads a push of a branch or a tag. Of an annotated tag checkout_sha is the commit.
func (p *gitlabPayload) push(e *Event) {
	prefix := heads
	if p.Object == "tag_push" {
		prefix = tags
	}
	e.Kind, e.Ref, e.Before, e.After = Push, full(prefix, p.Ref), commit(p.Before), commit(p.After)
	if at := commit(p.Checkout); at != "" && e.After != "" {
		e.After = at
	}
	for i := range p.Commits {
		if p.Commits[i].ID == e.After {
			e.Message = &p.Commits[i].Message
		}
	}
	e.Files = union(p.Commits, func(c gitlabCommit) changed { return c.changed })
	e.Complete = e.Before != "" && len(p.Commits) > 0 && p.Total == len(p.Commits) && len(e.Files) > 0
}

// note reads a comment, which counts below an open merge request, and when it is written.
func (p *gitlabPayload) note(e *Event) {
	a, r := &p.Attributes, &p.Request
	if a.NoteOf != "MergeRequest" || r.State != "opened" || a.Action != "" && a.Action != "create" {
		return
	}
	r.about(e)
	e.Comment, e.Stamp = a.Note, string(a.ID)
}

// merge reads a merge request. An update without oldrev changed no commit.
func (p *gitlabPayload) merge(e *Event) {
	a := &p.Attributes
	e.What = strings.TrimSpace("merge_request " + a.Action)
	switch a.Action {
	case "open":
		e.Kind = PullCreated
	case "reopen":
		e.Kind = PullReopened
	case "merge":
		e.Kind, e.Merge = PullMerged, a.Merge
	case "close":
		e.Kind = PullClosed
	case "update":
		if a.OldRev != "" {
			e.Kind = PullUpdated
		}
	}
	e.Stamp = string(a.Updated)
	a.about(e)
}

// about is what a merge request is of.
func (a *gitlabRequest) about(e *Event) {
	e.Number, e.Author = string(a.Number), Person{ID: string(a.Author)}
	e.Ref, e.Base, e.After = full(heads, a.SourceBranch), full(heads, a.TargetBranch), commit(a.LastCommit.ID)
	if a.LastCommit.Message != "" {
		e.Message = &a.LastCommit.Message
	}
	e.Fork = a.SourceID == "" || a.SourceID != a.TargetID
	e.ForkClone = a.Source.Clone
}
