package build

import (
	"context"
	"errors"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/forge"
)

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
	w.hook, err = a.CreateHook(ctx, a.HooksPath(a.path, organizationOf(w)), s.atForge(w))
	return a.failed(err)
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
	return a.failed(a.UpdateHook(ctx, w.hook, s.atForge(w)))
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
	return a.failed(a.DeleteHook(ctx, w.hook))
}

// forgeToChange is the API of the forge at which a webhook was made. A project that moved to another forge has a
// credential that is not for it.
func (s *Service) forgeToChange(ctx context.Context, p *cb.Project, w *webhook) (*forgeAPI, error) {
	a, err := s.forgeOf(ctx, p)
	if err != nil {
		return nil, err
	}
	if a == nil || !strings.HasPrefix(w.hook, a.Base+"/") {
		return nil, &cb.OAuthProviderException{Message: "There are no source credentials for the webhook " + w.hook +
			". Import them with ImportSourceCredentials."}
	}
	return a, nil
}

// abandoned deletes a webhook at the forge again that could not be kept here, as well as it can.
func (s *Service) abandoned(ctx context.Context, p *cb.Project, w *webhook, err error) error {
	return errors.Join(err, s.deleteAtForge(context.WithoutCancel(ctx), p, w))
}

// organizationOf is the organisation or group that a webhook is of; "" for one of a repository.
func organizationOf(w *webhook) string {
	if c := w.doc.ScopeConfiguration; c != nil {
		return awsproto.Value(c.Name)
	}
	return ""
}

// atForge is a webhook as its forge knows it.
func (s *Service) atForge(w *webhook) forge.Webhook {
	wants := wanted(w)
	return forge.Webhook{
		URL:         s.URL + WebhookPath + w.token,
		Secret:      w.secret,
		Description: "Builds of " + w.project,
		Pushes:      slices.Contains(wants, forge.Push),
		Pulls:       slices.ContainsFunc(wants, forge.Kind.OfPull),
		Releases:    slices.Contains(wants, forge.Released) || slices.Contains(wants, forge.Prereleased),
		Jobs:        slices.Contains(wants, forge.WorkflowQueued),
		Comments:    approved(w.doc.PullRequestBuildPolicy),
	}
}

// approved tells whether a policy has comments that start builds.
func approved(p *cb.PullRequestBuildPolicy) bool {
	return p != nil && p.RequiresCommentApproval != cb.PullRequestBuildCommentApprovalDisabled
}

// wanted are the events that some filter group of a webhook lets through.
func wanted(w *webhook) (all []forge.Kind) {
	for _, g := range w.doc.FilterGroups {
		for _, f := range g {
			if f.Type == cb.WebhookFilterTypeEvent {
				for name := range strings.SplitSeq(awsproto.Value(f.Pattern), ",") {
					all = append(all, forge.Kind(strings.TrimSpace(name)))
				}
			}
		}
	}
	if len(all) == 0 {
		all = []forge.Kind{forge.Push, forge.PullCreated}
	}
	return all
}
