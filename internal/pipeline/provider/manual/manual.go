// Package manual is the provider of approvals: a person ends the action with PutApprovalResult.
package manual

import (
	"context"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Provider implements pipeline.Provider.
type Provider struct{}

// Types implements pipeline.Provider.
func (Provider) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of("Manual", cp.ActionCategoryApproval)
}

// Unsupported implements pipeline.Provider.
func (Provider) Unsupported(*cp.ActionDeclaration) string { return "" }

// Describe implements pipeline.Provider. A link that is no web address is left out.
func (Provider) Describe(a *cp.ActionDeclaration) pipeline.Description {
	d := pipeline.Description{What: "Manual approval", Note: a.Configuration["CustomData"]}
	link := a.Configuration["ExternalEntityLink"]
	if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		d.Link = link
	}
	return d
}

// Start implements pipeline.Provider: nothing is to be done until somebody decides.
func (Provider) Start(context.Context, *pipeline.Action) (pipeline.Outcome, error) {
	return pipeline.Outcome{}, nil
}
