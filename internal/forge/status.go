package forge

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// State is that of a commit's status.
type State string

// States of a commit's status, in GitHub's words.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure"
	Errored State = "error"
)

// Status is what a commit is said to have come to.
type Status struct {
	State                     State
	Context, Description, URL string
}

// longest are the lengths that forges take of descriptions and of keys. GitHub refuses longer ones.
const (
	longestDescription = 140
	longestKey         = 40
)

// words are the states of the forges that have words of their own.
var words = map[Forge]map[State]string{
	GitLab:    {Pending: "running", Success: "success", Failure: "failed", Errored: "canceled"},
	Bitbucket: {Pending: "INPROGRESS", Success: "SUCCESSFUL", Failure: "FAILED", Errored: "STOPPED"},
}

// SetStatus gives a commit a status, in the place of the one with the same context. Sources: "Commit statuses"
// (GitHub), "Set commit pipeline status" (GitLab), "Create a build status for a commit" (Bitbucket), "Create a commit
// status" (Gitea).
func (a *API) SetStatus(ctx context.Context, repository, commit string, s Status) error {
	description := cut(s.Description, longestDescription)
	state := string(s.State)
	if w := words[a.Forge][s.State]; w != "" {
		state = w
	}
	body := map[string]any{"state": state, "context": s.Context, "description": description, "target_url": s.URL}
	path := a.repository(repository) + "/statuses/" + url.PathEscape(commit)
	switch a.Forge {
	case GitLab:
		body = map[string]any{"state": state, "name": s.Context, "description": description, "target_url": s.URL}
	case Bitbucket:
		path = a.repository(repository) + "/commit/" + url.PathEscape(commit) + "/statuses/build"
		body = map[string]any{"state": state, "key": cut(s.Context, longestKey), "name": s.Context,
			"description": description, "url": s.URL}
	}
	_, err := a.Call(ctx, http.MethodPost, path, body, nil)
	e, ok := errors.AsType[*CallError](err)
	if ok && a.Forge == GitLab && strings.Contains(e.Why, "Cannot transition") {
		return nil // it has the state already
	}
	return err
}

// cut is the beginning of a text, of a number of runes at most.
func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
