package forge

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Webhook is one that a forge delivers to: where, with what secret, and which events.
type Webhook struct {
	URL, Secret, Description                string
	Pushes, Pulls, Releases, Jobs, Comments bool
}

// HooksPath is the path of the webhooks of a repository, or of an organisation or group where one is given.
func (a *API) HooksPath(repository, organization string) string {
	if organization == "" {
		return a.repository(repository) + "/hooks"
	}
	if a.Forge == GitLab {
		return "/groups/" + url.PathEscape(organization) + "/hooks"
	}
	return "/orgs/" + url.PathEscape(organization) + "/hooks"
}

// CreateHook makes a webhook at the forge, below the path of webhooks, and returns its URL in the API.
func (a *API) CreateHook(ctx context.Context, path string, w Webhook) (string, error) {
	var made struct {
		ID    int64  `json:"id"`
		URL   string `json:"url"`
		Links struct {
			Self struct {
				Href string `json:"href"`
			} `json:"self"`
		} `json:"links"`
	}
	if _, err := a.Call(ctx, http.MethodPost, path, a.settings(w), &made); err != nil {
		return "", err
	}
	at := cmp.Or(made.Links.Self.Href, made.URL)
	if a.Forge == GitLab || a.Forge == Gitea {
		at = a.Base + path + "/" + strconv.FormatInt(made.ID, 10)
	}
	if !strings.HasPrefix(at, a.Base+"/") {
		return "", a.failed(http.MethodPost, 0, "its answer does not say where the webhook is")
	}
	return at, nil
}

// UpdateHook changes a webhook at the forge by its URL.
func (a *API) UpdateHook(ctx context.Context, at string, w Webhook) error {
	method := http.MethodPut
	if a.Forge == GitHub || a.Forge == Gitea {
		method = http.MethodPatch
	}
	_, err := a.Call(ctx, method, at, a.settings(w), nil)
	return err
}

// DeleteHook deletes a webhook at the forge by its URL. One that is gone is no error.
func (a *API) DeleteHook(ctx context.Context, at string) error {
	status, err := a.Call(ctx, http.MethodDelete, at, nil, nil)
	if status == http.StatusNotFound || status == http.StatusGone {
		return nil
	}
	return err
}

// settings are those of a webhook in the words of its forge.
func (a *API) settings(w Webhook) map[string]any {
	switch a.Forge {
	case GitLab:
		return map[string]any{"url": w.URL, "token": w.Secret, "push_events": w.Pushes, "tag_push_events": w.Pushes,
			"merge_requests_events": w.Pulls, "releases_events": w.Releases, "note_events": w.Comments,
			"enable_ssl_verification": true}
	case Bitbucket:
		return map[string]any{"description": w.Description, "url": w.URL, "active": true, "secret": w.Secret,
			"events": events(map[string]bool{"repo:push": w.Pushes, "pullrequest:created": w.Pulls,
				"pullrequest:updated": w.Pulls, "pullrequest:fulfilled": w.Pulls, "pullrequest:rejected": w.Pulls})}
	case Gitea:
		return map[string]any{"type": "gitea", "active": true,
			"config": map[string]any{"url": w.URL, "content_type": "json", "secret": w.Secret},
			"events": events(map[string]bool{"push": w.Pushes, "delete": w.Pushes, "pull_request": w.Pulls,
				"pull_request_sync": w.Pulls, "release": w.Releases, "issue_comment": w.Comments})}
	}
	return map[string]any{"name": "web", "active": true, "config": map[string]any{"url": w.URL,
		"content_type": "json", "secret": w.Secret, "insecure_ssl": "0"},
		"events": events(map[string]bool{"push": w.Pushes, "pull_request": w.Pulls, "release": w.Releases,
			"workflow_job": w.Jobs, "issue_comment": w.Comments})}
}

func events(wanted map[string]bool) []string {
	all := []string{}
	for name, yes := range wanted {
		if yes {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
