package forge

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Person is somebody at a forge: GitHub asks for people by name, GitLab by ID.
type Person struct{ ID, Name string }

// gitlabLevels are the roles of GitLab by their access levels.
var gitlabLevels = map[int]string{10: "GUEST", 15: "PLANNER", 20: "REPORTER", 30: "DEVELOPER", 40: "MAINTAINER",
	50: "OWNER"}

// Role is the role of a person in a repository, in the words of CodeBuild's approver roles: GITHUB_WRITE,
// GITLAB_DEVELOPER. It is "" for none. Sources: "Get repository permissions for a user" (GitHub), "Retrieve a member of
// a project, including inherited and invited members" (GitLab).
func (a *API) Role(ctx context.Context, repository string, of Person) (string, error) {
	var x struct {
		Role       string `json:"role_name"`
		Permission string `json:"permission"`
		Level      int    `json:"access_level"`
	}
	at := a.repository(repository) + "/collaborators/" + url.PathEscape(of.Name) + "/permission"
	if a.Forge == GitLab {
		at = a.repository(repository) + "/members/all/" + url.PathEscape(of.ID)
	}
	status, err := a.Call(ctx, http.MethodGet, at, nil, &x)
	if status == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if a.Forge == GitLab {
		if role := gitlabLevels[x.Level]; role != "" {
			return "GITLAB_" + role, nil
		}
		return "", nil
	}
	if role := cmp.Or(x.Role, x.Permission); role != "" && role != "none" {
		return "GITHUB_" + strings.ToUpper(role), nil
	}
	return "", nil
}

// Pull reads a pull request of GitHub into an event. It reports false for one that is not open.
func (a *API) Pull(ctx context.Context, e *Event) (open bool, err error) {
	var p struct {
		githubPull
		State string `json:"state"`
	}
	if _, err := strconv.Atoi(e.Number); err != nil {
		return false, a.failed(http.MethodGet, 0, "the pull request has no number")
	}
	if _, err := a.Call(ctx, http.MethodGet, a.repository(e.Repository.Name)+"/pulls/"+e.Number, nil, &p); err != nil {
		return false, err
	}
	(&githubPayload{Pull: &p.githubPull}).pull(e)
	return p.State == "open", nil
}
