package webhook

import (
	"context"

	cp "slipway/api/codepipeline"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// RegisterWebhookWithThirdParty implements codepipeline:RegisterWebhookWithThirdParty: it makes the webhook at GitHub,
// with the token of the source action, or changes the one that it made.
func (s *Service) RegisterWebhookWithThirdParty(ctx context.Context,
	in *cp.RegisterWebhookWithThirdPartyInput) (*cp.RegisterWebhookWithThirdPartyOutput, error) {
	w, err := s.named(ctx, in.WebhookName)
	if err != nil {
		return nil, err
	}
	api, target, err := s.github(ctx, w)
	if err != nil {
		return nil, err
	}
	settings := forge.Webhook{
		URL:         s.URL + Path + w.token,
		Secret:      w.secret,
		Description: "Starts the pipeline " + *w.definition.TargetPipeline,
		Pushes:      true,
	}
	at := w.hook
	if at == "" {
		repository := target.Configuration["Owner"] + "/" + target.Configuration["Repo"]
		at, err = api.CreateHook(ctx, api.HooksPath(repository, ""), settings)
	} else {
		err = api.UpdateHook(ctx, at, settings)
	}
	if err != nil {
		return nil, invalid("The webhook could not be registered: %v", err)
	}
	return &cp.RegisterWebhookWithThirdPartyOutput{}, s.hooked(ctx, w, at)
}

// DeregisterWebhookWithThirdParty implements codepipeline:DeregisterWebhookWithThirdParty. A webhook that is not
// registered is no error.
func (s *Service) DeregisterWebhookWithThirdParty(ctx context.Context,
	in *cp.DeregisterWebhookWithThirdPartyInput) (*cp.DeregisterWebhookWithThirdPartyOutput, error) {
	w, err := s.named(ctx, in.WebhookName)
	if err != nil {
		return nil, err
	}
	out := &cp.DeregisterWebhookWithThirdPartyOutput{}
	if w.hook == "" {
		return out, nil
	}
	api, _, err := s.github(ctx, w)
	if err != nil {
		return nil, err
	}
	if err := api.DeleteHook(ctx, w.hook); err != nil {
		return nil, invalid("The webhook could not be deregistered: %v", err)
	}
	return out, s.hooked(ctx, w, "")
}

// named finds a webhook by the name that an operation has for it.
func (s *Service) named(ctx context.Context, name *string) (*webhook, error) {
	if name == nil {
		return nil, invalid("The webhook's name is missing: give webhookName")
	}
	w, err := byName(ctx, s, s.db, *name)
	if err == nil && w == nil {
		err = &cp.WebhookNotFoundException{Message: "There is no webhook '" + *name + "'"}
	}
	return w, err
}

// github is GitHub as the owner of the target action's token sees it.
func (s *Service) github(ctx context.Context, w *webhook) (*forge.API, *cp.ActionDeclaration, error) {
	d := &w.definition
	target, err := s.target(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	if id := target.ActionTypeId; id.Owner != cp.ActionOwnerThirdParty || *id.Provider != "GitHub" {
		return nil, nil, invalid("The action '%s' is no source of GitHub (owner ThirdParty), the one third party with "+
			"which webhooks are registered. Give its forge the URL of the webhook by hand", *d.TargetAction)
	}
	token, err := s.Pipelines.SourceSecret(ctx, s.db, *d.TargetPipeline, *d.TargetAction, "OAuthToken")
	if err != nil {
		return nil, nil, err
	}
	return &forge.API{Client: s.Forges, Forge: forge.GitHub, Base: s.GitHub, Token: token}, target, nil
}

func (s *Service) hooked(ctx context.Context, w *webhook, at string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE pipeline_webhooks SET hook = $2 WHERE name = $1`, *w.definition.Name, at)
		return err
	})
}
