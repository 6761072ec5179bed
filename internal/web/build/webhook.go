package build

import (
	"errors"
	"net/http"
	"net/url"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// hookView is a project's webhook and what its deliveries did.
type hookView struct {
	*codebuild.Webhook
	Deliveries []slipway.WebhookDelivery
}

// project returns a project, or nil for visitors who may see its builds and not the project itself.
func (s *pages) project(r *http.Request, name string) (*codebuild.Project, error) {
	out, err := s.Builds.BatchGetProjects(r.Context(), &codebuild.BatchGetProjectsInput{Names: []string{name}})
	if _, refused := errors.AsType[awsproto.ServiceError](err); refused || err == nil && len(out.Projects) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &out.Projects[0], nil
}

// webhook returns the webhook of a project with its deliveries, or nil.
func (s *pages) webhook(r *http.Request, p *codebuild.Project) (*hookView, error) {
	if p == nil || p.Webhook == nil {
		return nil, nil
	}
	out, err := s.Slipway.ListWebhookDeliveries(r.Context(), &slipway.ListWebhookDeliveriesInput{ProjectName: p.Name})
	if err != nil {
		return nil, err
	}
	return &hookView{p.Webhook, out.Deliveries}, nil
}

// outcomes are what came of a delivery, for people.
var outcomes = map[string]struct {
	kind kit.Kind
	word string
}{
	"STARTED":   {kit.Succeeded, "started a build"},
	"IGNORED":   {kit.Skipped, "nothing started"},
	"DUPLICATE": {kit.Skipped, "came again"},
	"FAILED":    {kit.Failed, "could not start"},
	"REFUSED":   {kit.Failed, "refused"},
}

// filterText is a filter as people read it.
func filterText(f codebuild.WebhookFilter) string {
	is := " matches "
	switch {
	case f.Type == codebuild.WebhookFilterTypeEvent:
		is = " is one of "
	case awsproto.Value(f.ExcludeMatchedPattern):
		is = " does not match "
	}
	return string(f.Type) + is + awsproto.Value(f.Pattern)
}

// workURL is the page of the build or batch that a delivery started.
func workURL(h *hookView, id string) string {
	if h.BuildType == codebuild.WebhookBuildTypeBuildBatch {
		return "/batches/" + url.PathEscape(id)
	}
	return "/builds/" + url.PathEscape(id)
}
