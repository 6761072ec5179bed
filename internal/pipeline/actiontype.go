package pipeline

import (
	"context"
	"fmt"

	cp "slipway/api/codepipeline"
)

// ListActionTypes implements codepipeline:ListActionTypes: those that AWS provides, in one page.
func (s *Service) ListActionTypes(_ context.Context, in *cp.ListActionTypesInput) (*cp.ListActionTypesOutput, error) {
	out := &cp.ListActionTypesOutput{ActionTypes: []cp.ActionType{}}
	if in.NextToken != nil && *in.NextToken != "" {
		return nil, invalidToken()
	}
	for _, t := range s.registry.types {
		if in.ActionOwnerFilter != "" && in.ActionOwnerFilter != t.Owner {
			continue
		}
		a := cp.ActionType{Id: t.ID(), Settings: &cp.ActionTypeSettings{},
			InputArtifactDetails:          &cp.ArtifactDetails{MinimumCount: &t.Inputs.Min, MaximumCount: &t.Inputs.Max},
			OutputArtifactDetails:         &cp.ArtifactDetails{MinimumCount: &t.Outputs.Min, MaximumCount: &t.Outputs.Max},
			ActionConfigurationProperties: []cp.ActionConfigurationProperty{}}
		for _, k := range t.Keys {
			a.ActionConfigurationProperties = append(a.ActionConfigurationProperties,
				cp.ActionConfigurationProperty{Name: &k.Name, Required: &k.Required,
					Key: new(k.Required), Secret: &k.Secret, Queryable: new(false), Description: &k.Doc})
		}
		out.ActionTypes = append(out.ActionTypes, a)
	}
	return out, nil
}

// GetActionType implements codepipeline:GetActionType.
func (s *Service) GetActionType(_ context.Context, in *cp.GetActionTypeInput) (*cp.GetActionTypeOutput, error) {
	id := &cp.ActionTypeId{
		Category: in.Category,
		Owner:    cp.ActionOwner(*in.Owner),
		Provider: in.Provider,
		Version:  in.Version,
	}
	t := s.registry.types.Find(id)
	if t == nil || t.Version != *in.Version {
		return nil, &cp.ActionTypeNotFoundException{
			Message: fmt.Sprintf("There is no action type of category %s, owner %s, provider %s, version %s",
				in.Category, *in.Owner, *in.Provider, *in.Version),
		}
	}
	d := &cp.ActionTypeDeclaration{Id: &cp.ActionTypeIdentifier{
		Category: t.Category,
		Owner:    in.Owner,
		Provider: &t.Provider,
		Version:  &t.Version,
	},
		InputArtifactDetails:  &cp.ActionTypeArtifactDetails{MinimumCount: &t.Inputs.Min, MaximumCount: &t.Inputs.Max},
		OutputArtifactDetails: &cp.ActionTypeArtifactDetails{MinimumCount: &t.Outputs.Min, MaximumCount: &t.Outputs.Max},
		Executor: &cp.ActionTypeExecutor{Type: cp.ExecutorTypeJobWorker,
			Configuration: &cp.ExecutorConfiguration{
				JobWorkerExecutorConfiguration: &cp.JobWorkerExecutorConfiguration{},
			}}}
	for _, k := range t.Keys {
		d.Properties = append(d.Properties,
			cp.ActionTypeProperty{
				Name:        &k.Name,
				Optional:    new(!k.Required),
				Key:         new(k.Required),
				NoEcho:      &k.Secret,
				Description: &k.Doc,
			})
	}
	return &cp.GetActionTypeOutput{ActionType: d}, nil
}
