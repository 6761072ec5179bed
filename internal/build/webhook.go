package build

import (
	"context"
	"crypto/rand"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/hook"
	"slipway/internal/store"
)

// CreateWebhook implements codebuild:CreateWebhook. With manualCreation it returns the payload URL and the secret, and
// calls nobody; else it makes the webhook at the forge, with the credentials that were imported for it.
func (s *Service) CreateWebhook(ctx context.Context, in *cb.CreateWebhookInput) (*cb.CreateWebhookOutput, error) {
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	if err := s.noWebhookYet(ctx, s.db, *p.Name); err != nil {
		return nil, err
	}
	w := &webhook{project: *p.Name, token: randomToken(), secret: randomToken(), doc: cb.Webhook{
		BranchFilter:           nonEmpty(in.BranchFilter),
		FilterGroups:           in.FilterGroups,
		BuildType:              in.BuildType,
		ManualCreation:         in.ManualCreation,
		ScopeConfiguration:     in.ScopeConfiguration,
		PullRequestBuildPolicy: in.PullRequestBuildPolicy,
		LastModifiedSecret:     awsproto.At(s.Now()),
		Status:                 cb.WebhookStatusActive,
	}}
	if w.doc.BuildType == "" {
		w.doc.BuildType = cb.WebhookBuildTypeBuild
	}
	if err := checkWebhook(p, &w.doc); err != nil {
		return nil, err
	}
	if !awsproto.Value(in.ManualCreation) {
		if err := s.createAtForge(ctx, p, w); err != nil {
			return nil, err
		}
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if err := s.noWebhookYet(ctx, tx, *p.Name); err != nil {
			return err
		}
		return s.insertWebhook(ctx, tx, w)
	})
	if err != nil {
		return nil, s.abandoned(ctx, p, w, err)
	}
	return &cb.CreateWebhookOutput{Webhook: s.shownWebhook(w, true)}, nil
}

func (s *Service) noWebhookYet(ctx context.Context, q store.Queryer, project string) error {
	w, err := s.webhookOf(ctx, q, project)
	if err == nil && w != nil {
		err = &cb.ResourceAlreadyExistsException{Message: "The project " + project + " has a webhook already. Change " +
			"it with UpdateWebhook, or delete it with DeleteWebhook first."}
	}
	return err
}

// UpdateWebhook implements codebuild:UpdateWebhook: what is absent stays as it is. A branch filter takes the place of
// filter groups, and they of it.
func (s *Service) UpdateWebhook(ctx context.Context, in *cb.UpdateWebhookInput) (*cb.UpdateWebhookOutput, error) {
	p, w, err := s.projectWebhook(ctx, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	d := &w.doc
	switch {
	case in.BranchFilter != nil && len(in.FilterGroups) > 0:
		d.BranchFilter, d.FilterGroups = in.BranchFilter, in.FilterGroups // which checkWebhook refuses
	case in.FilterGroups != nil:
		d.BranchFilter, d.FilterGroups = nil, in.FilterGroups
	case in.BranchFilter != nil:
		d.BranchFilter, d.FilterGroups = nonEmpty(in.BranchFilter), nil
	}
	if in.BuildType != "" {
		d.BuildType = in.BuildType
	}
	set(&d.PullRequestBuildPolicy, in.PullRequestBuildPolicy)
	if err := checkWebhook(p, d); err != nil {
		return nil, err
	}
	rotated := awsproto.Value(in.RotateSecret)
	if rotated {
		w.secret, d.LastModifiedSecret = randomToken(), awsproto.At(s.Now())
	}
	if err := s.updateAtForge(ctx, p, w, rotated); err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error { return s.saveWebhook(ctx, tx, w) })
	if err != nil {
		return nil, err
	}
	return &cb.UpdateWebhookOutput{Webhook: s.shownWebhook(w, rotated)}, nil
}

// DeleteWebhook implements codebuild:DeleteWebhook. A webhook that was made at the forge is deleted there too; one that
// is gone there already is no error.
func (s *Service) DeleteWebhook(ctx context.Context, in *cb.DeleteWebhookInput) (*cb.DeleteWebhookOutput, error) {
	p, w, err := s.projectWebhook(ctx, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	if err := s.deleteAtForge(ctx, p, w); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error { return deleteWebhook(ctx, tx, w.project) })
}

// projectWebhook returns a project and its webhook.
func (s *Service) projectWebhook(ctx context.Context, name string) (*cb.Project, *webhook, error) {
	p, err := s.project(ctx, s.db, name)
	if err != nil {
		return nil, nil, err
	}
	w, err := s.webhookOf(ctx, s.db, *p.Name)
	if err == nil && w == nil {
		err = &cb.ResourceNotFoundException{Message: "The project " + *p.Name + " has no webhook."}
	}
	return p, w, err
}

func nonEmpty(s *string) *string {
	if s == nil || *s == "" {
		return nil
	}
	return s
}

// randomToken is 256 random bits, as text.
func randomToken() string { return rand.Text() + rand.Text() }

// checkWebhook refuses what no webhook of a project can do, by name.
func checkWebhook(p *cb.Project, w *cb.Webhook) error {
	switch p.Source.Type {
	case cb.SourceTypeGithub, cb.SourceTypeGithubEnterprise, cb.SourceTypeGitlab, cb.SourceTypeGitlabSelfManaged,
		cb.SourceTypeBitbucket:
	default:
		return invalid("Webhooks are not supported for the source type %s of the project %s. They are for GITHUB, "+
			"GITHUB_ENTERPRISE, GITLAB, GITLAB_SELF_MANAGED and BITBUCKET; pushes to CodeCommit start pipelines.",
			p.Source.Type, *p.Name)
	}
	switch w.BuildType {
	case cb.WebhookBuildTypeRunnerBuildkiteBuild:
		return invalid("The buildType RUNNER_BUILDKITE_BUILD is not supported by Slipway. Use BUILD or BUILD_BATCH.")
	case cb.WebhookBuildTypeBuildBatch:
		if p.BuildBatchConfig == nil || awsproto.Value(p.BuildBatchConfig.ServiceRole) == "" {
			return invalid("The buildType BUILD_BATCH needs a project with buildBatchConfig, which %s does not have.",
				*p.Name)
		}
	}
	if err := checkPullPolicy(p, w); err != nil {
		return err
	}
	if err := checkScope(p, w); err != nil {
		return err
	}
	if _, err := hook.Compile(w.FilterGroups, w.BranchFilter); err != nil {
		return invalid("Invalid webhook: %v.", err)
	}
	return nil
}

// checkScope refuses scopes that are not of the project's forge.
func checkScope(p *cb.Project, w *cb.Webhook) error {
	c := w.ScopeConfiguration
	if c == nil {
		return nil
	}
	if c.Scope == "" {
		c.Scope = cb.WebhookScopeTypeGithubOrganization
	}
	github := p.Source.Type == cb.SourceTypeGithub || p.Source.Type == cb.SourceTypeGithubEnterprise
	gitlab := p.Source.Type == cb.SourceTypeGitlab || p.Source.Type == cb.SourceTypeGitlabSelfManaged
	switch {
	case awsproto.Value(c.Name) == "" && c.Scope != cb.WebhookScopeTypeGithubGlobal:
		return invalid("Invalid scopeConfiguration: name is required; it is the organization or group whose " +
			"repositories send events.")
	case c.Scope == cb.WebhookScopeTypeGitlabGroup && !gitlab, c.Scope != cb.WebhookScopeTypeGitlabGroup && !github:
		return invalid("Invalid scopeConfiguration: the scope %s is not one of a project with the source type %s.",
			c.Scope, p.Source.Type)
	case c.Scope == cb.WebhookScopeTypeGithubGlobal && !awsproto.Value(w.ManualCreation):
		return invalid("A webhook with the scope GITHUB_GLOBAL is not created by Slipway. Set manualCreation, and " +
			"create it at the forge with the payload URL and the secret that are returned.")
	}
	return nil
}
