package build

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/hook"
)

// forgeOf is the API of the forge of a project, or nil if no credential was imported for it.
func (s *Service) forgeOf(ctx context.Context, p *cb.Project) (*forgeAPI, error) {
	c, err := s.credentialFor(ctx, awsproto.Value(p.ServiceRole), p.Source)
	if err != nil || c == nil {
		return nil, err
	}
	return apiOf(s.forges, p.Source, c)
}

// createAtForge makes a webhook at the forge. As at AWS, whoever has no credential for GitHub Enterprise makes it there
// by hand.
func (s *Service) createAtForge(ctx context.Context, p *cb.Project, w *webhook) error {
	a, err := s.forgeOf(ctx, p)
	if err != nil {
		return err
	}
	if a == nil {
		if p.Source.Type == cb.SourceTypeGithubEnterprise {
			return nil
		}
		return &cb.ResourceNotFoundException{Message: "Could not find access token for server type " +
			strings.ToLower(string(p.Source.Type)) + ". Import one with ImportSourceCredentials, or set " +
			"manualCreation and create the webhook at the forge with the payload URL and the secret that are returned."}
	}
	path := a.hooks(w)
	var made struct {
		ID    int64  `json:"id"`
		URL   string `json:"url"`
		Links struct {
			Self struct {
				Href string `json:"href"`
			} `json:"self"`
		} `json:"links"`
	}
	if _, err := a.call(ctx, http.MethodPost, path, a.settings(s, w), &made); err != nil {
		return err
	}
	switch a.cred.server {
	case cb.ServerTypeGitlab, cb.ServerTypeGitlabSelfManaged:
		w.hook = a.base + path + "/" + strconv.FormatInt(made.ID, 10)
	default:
		w.hook = cmp.Or(made.Links.Self.Href, made.URL)
	}
	if !strings.HasPrefix(w.hook, a.base+"/") {
		return a.failed(http.MethodPost, "its answer does not say where the webhook is")
	}
	return nil
}

// updateAtForge changes the webhook at the forge, if it was made there.
func (s *Service) updateAtForge(ctx context.Context, p *cb.Project, w *webhook, _ bool) error {
	if w.hook == "" {
		return nil
	}
	a, err := s.forgeToChange(ctx, p, w)
	if err != nil {
		return err
	}
	method := http.MethodPatch
	if a.cred.server != cb.ServerTypeGithub && a.cred.server != cb.ServerTypeGithubEnterprise {
		method = http.MethodPut
	}
	_, err = a.call(ctx, method, w.hook, a.settings(s, w), nil)
	return err
}

// deleteAtForge deletes the webhook at the forge, if it was made there and still is.
func (s *Service) deleteAtForge(ctx context.Context, p *cb.Project, w *webhook) error {
	if w.hook == "" {
		return nil
	}
	a, err := s.forgeToChange(ctx, p, w)
	if err != nil {
		return err
	}
	status, err := a.call(ctx, http.MethodDelete, w.hook, nil, nil)
	if status == http.StatusNotFound || status == http.StatusGone {
		return nil
	}
	return err
}

// forgeToChange is the API of the forge at which a webhook was made. A project that moved to another forge has a
// credential that is not for it.
func (s *Service) forgeToChange(ctx context.Context, p *cb.Project, w *webhook) (*forgeAPI, error) {
	a, err := s.forgeOf(ctx, p)
	if err != nil {
		return nil, err
	}
	if a == nil || !strings.HasPrefix(w.hook, a.base+"/") {
		return nil, &cb.OAuthProviderException{Message: "There are no source credentials for the webhook " + w.hook +
			". Import them with ImportSourceCredentials."}
	}
	return a, nil
}

// abandoned deletes a webhook at the forge again that could not be kept here, as well as it can.
func (s *Service) abandoned(ctx context.Context, p *cb.Project, w *webhook, err error) error {
	return errors.Join(err, s.deleteAtForge(context.WithoutCancel(ctx), p, w))
}

// hooks is the path of the webhooks of a repository, or of an organisation or group.
func (a *forgeAPI) hooks(w *webhook) string {
	scope := ""
	if c := w.doc.ScopeConfiguration; c != nil {
		scope = awsproto.Value(c.Name)
	}
	switch a.cred.server {
	case cb.ServerTypeGitlab, cb.ServerTypeGitlabSelfManaged:
		if scope != "" {
			return "/groups/" + url.PathEscape(scope) + "/hooks"
		}
		return "/projects/" + url.PathEscape(a.path) + "/hooks"
	case cb.ServerTypeBitbucket:
		return "/repositories/" + a.path + "/hooks"
	}
	if scope != "" {
		return "/orgs/" + url.PathEscape(scope) + "/hooks"
	}
	return "/repos/" + a.path + "/hooks"
}

// settings are those of a webhook in the words of its forge.
func (a *forgeAPI) settings(s *Service, w *webhook) map[string]any {
	payload := s.URL + WebhookPath + w.token
	wants := wanted(w)
	pulls := slices.ContainsFunc(wants, hook.Kind.OfPull)
	releases := slices.Contains(wants, hook.Released) || slices.Contains(wants, hook.Prereleased)
	pushes := slices.Contains(wants, hook.Push)
	switch a.cred.server {
	case cb.ServerTypeGitlab, cb.ServerTypeGitlabSelfManaged:
		return map[string]any{"url": payload, "token": w.secret, "push_events": pushes, "tag_push_events": pushes,
			"merge_requests_events": pulls, "releases_events": releases, "enable_ssl_verification": true}
	case cb.ServerTypeBitbucket:
		return map[string]any{"description": "Builds of " + w.project, "url": payload, "active": true,
			"secret": w.secret, "events": events(map[string]bool{"repo:push": pushes, "pullrequest:created": pulls,
				"pullrequest:updated": pulls, "pullrequest:fulfilled": pulls, "pullrequest:rejected": pulls})}
	}
	return map[string]any{"name": "web", "active": true, "config": map[string]any{"url": payload,
		"content_type": "json", "secret": w.secret, "insecure_ssl": "0"},
		"events": events(map[string]bool{"push": pushes, "pull_request": pulls, "release": releases,
			"workflow_job": slices.Contains(wants, hook.WorkflowQueued)})}
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

// wanted are the events that some filter group of a webhook lets through.
func wanted(w *webhook) (all []hook.Kind) {
	for _, g := range w.doc.FilterGroups {
		for _, f := range g {
			if f.Type == cb.WebhookFilterTypeEvent {
				for name := range strings.SplitSeq(awsproto.Value(f.Pattern), ",") {
					all = append(all, hook.Kind(strings.TrimSpace(name)))
				}
			}
		}
	}
	if len(all) == 0 {
		all = []hook.Kind{hook.Push, hook.PullCreated}
	}
	return all
}
