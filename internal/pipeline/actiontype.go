package pipeline

import (
	"context"
	"fmt"

	cp "slipway/api/codepipeline"
	"slipway/spec/pipelinefile"
)

// ListActionTypes implements codepipeline:ListActionTypes, in one page. Types that requests made are those of this
// region; AWS's and the providers' own are in each.
func (s *Service) ListActionTypes(_ context.Context, in *cp.ListActionTypesInput) (*cp.ListActionTypesOutput, error) {
	out := &cp.ListActionTypesOutput{ActionTypes: []cp.ActionType{}}
	if in.NextToken != nil && *in.NextToken != "" {
		return nil, invalidToken()
	}
	for i := range s.registry.types {
		t := &s.registry.types[i]
		if in.ActionOwnerFilter == "" || in.ActionOwnerFilter == t.Owner {
			out.ActionTypes = append(out.ActionTypes, listedType(t))
		}
	}
	if in.RegionFilter != nil && *in.RegionFilter != s.Region {
		return out, nil
	}
	for i, c := range s.registry.custom {
		for _, t := range c.Shown() {
			first := s.registry.customOf(t.Id) == s.registry.custom[i]
			if first && (in.ActionOwnerFilter == "" || in.ActionOwnerFilter == t.Id.Owner) {
				out.ActionTypes = append(out.ActionTypes, t)
			}
		}
	}
	return out, nil
}

func listedType(t *pipelinefile.ActionType) cp.ActionType {
	a := cp.ActionType{
		Id:                            t.ID(),
		Settings:                      &cp.ActionTypeSettings{},
		InputArtifactDetails:          artifactDetails(t.Inputs),
		OutputArtifactDetails:         artifactDetails(t.Outputs),
		ActionConfigurationProperties: []cp.ActionConfigurationProperty{},
	}
	for _, k := range t.Keys {
		a.ActionConfigurationProperties = append(a.ActionConfigurationProperties, cp.ActionConfigurationProperty{
			Name:        &k.Name,
			Required:    &k.Required,
			Key:         new(k.Required),
			Secret:      &k.Secret,
			Queryable:   new(false),
			Description: &k.Doc,
		})
	}
	return a
}

func artifactDetails(r pipelinefile.Range) *cp.ArtifactDetails {
	return &cp.ArtifactDetails{MinimumCount: &r.Min, MaximumCount: &r.Max}
}

// GetActionType implements codepipeline:GetActionType.
func (s *Service) GetActionType(_ context.Context, in *cp.GetActionTypeInput) (*cp.GetActionTypeOutput, error) {
	id := &cp.ActionTypeId{
		Category: in.Category,
		Owner:    cp.ActionOwner(*in.Owner),
		Provider: in.Provider,
		Version:  in.Version,
	}
	if c := s.registry.customOf(id); c != nil {
		if d := c.Declared(id); d != nil {
			return &cp.GetActionTypeOutput{ActionType: d}, nil
		}
	}
	t := s.registry.types.Find(id)
	if t == nil || t.Version != *in.Version {
		return nil, &cp.ActionTypeNotFoundException{
			Message: fmt.Sprintf("There is no action type of category %s, owner %s, provider %s, version %s",
				in.Category, *in.Owner, *in.Provider, *in.Version),
		}
	}
	return &cp.GetActionTypeOutput{ActionType: declaredType(t)}, nil
}

func declaredType(t *pipelinefile.ActionType) *cp.ActionTypeDeclaration {
	d := &cp.ActionTypeDeclaration{
		Id: &cp.ActionTypeIdentifier{
			Category: t.Category,
			Owner:    new(string(t.Owner)),
			Provider: &t.Provider,
			Version:  &t.Version,
		},
		InputArtifactDetails:  typeArtifactDetails(t.Inputs),
		OutputArtifactDetails: typeArtifactDetails(t.Outputs),
		Executor: &cp.ActionTypeExecutor{
			Type: cp.ExecutorTypeJobWorker,
			Configuration: &cp.ExecutorConfiguration{
				JobWorkerExecutorConfiguration: &cp.JobWorkerExecutorConfiguration{},
			},
		},
	}
	for _, k := range t.Keys {
		d.Properties = append(d.Properties, cp.ActionTypeProperty{
			Name:        &k.Name,
			Optional:    new(!k.Required),
			Key:         new(k.Required),
			NoEcho:      &k.Secret,
			Description: &k.Doc,
		})
	}
	return d
}

func typeArtifactDetails(r pipelinefile.Range) *cp.ActionTypeArtifactDetails {
	return &cp.ActionTypeArtifactDetails{MinimumCount: &r.Min, MaximumCount: &r.Max}
}
