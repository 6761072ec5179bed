// Package pipelinetest checks providers of actions.
package pipelinetest

import (
	"testing"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Conforms checks what pipelines rely on of a provider's declarations, with the smallest valid action of each of its
// types. It does not start any.
func Conforms(t *testing.T, p pipeline.Provider) {
	t.Helper()
	types := p.Types()
	if len(types) == 0 {
		t.Errorf("%T has no action type", p)
	}
	for i := range types {
		conforms(t, p, &types[i])
	}
}

func conforms(t *testing.T, p pipeline.Provider, of *pipelinefile.ActionType) {
	t.Helper()
	if of.Category == "" || of.Owner == "" || of.Provider == "" || of.Version == "" {
		t.Errorf("%+v has no full identifier", of.ID())
	}
	for _, r := range []pipelinefile.Range{of.Inputs, of.Outputs} {
		if r.Min < 0 || r.Max < r.Min {
			t.Errorf("%s takes from %d to %d artifacts", of.Provider, r.Min, r.Max)
		}
	}
	a := smallest(of)
	if problems := pipelinefile.Check(around(a), pipelinefile.Catalogue{*of}); len(problems) > 0 {
		t.Errorf("the smallest action of %s is refused: %v", of.Provider, problems)
	}
	if why := p.Unsupported(a); why != "" {
		t.Errorf("the smallest action of %s is not supported: %s", of.Provider, why)
	}
	if p.Describe(a).What == "" {
		t.Errorf("%s does not say what an action works on", of.Provider)
	}
	source, watches := p.(pipeline.Source)
	if isSource := of.Category == cp.ActionCategorySource; isSource != watches {
		t.Errorf("%s of category %s: it watches = %t, want %t", of.Provider, of.Category, watches, isSource)
	}
	if watches {
		conformsAsSource(t, source, a)
	}
}

func conformsAsSource(t *testing.T, p pipeline.Source, a *cp.ActionDeclaration) {
	t.Helper()
	for _, place := range p.Watches(a) {
		if place.Kind == "" || place.Name == "" {
			t.Errorf("%T watches %+v, want a kind and a name", p, place)
		}
	}
	override := cp.SourceRevisionOverride{ActionName: a.Name, RevisionType: "NONE", RevisionValue: new("1")}
	if p.Override(a, override) == nil {
		t.Errorf("%T takes a revision of a type that there is not", p)
	}
}

// smallest is an action of a type with only what it must have.
func smallest(of *pipelinefile.ActionType) *cp.ActionDeclaration {
	a := &cp.ActionDeclaration{Name: new("Action"), ActionTypeId: of.ID(), Configuration: map[string]string{}}
	for _, k := range of.Keys {
		switch {
		case k.Required && k.Boolean:
			a.Configuration[k.Name] = "true"
		case k.Required:
			a.Configuration[k.Name] = "value"
		}
	}
	for range of.Inputs.Min {
		a.InputArtifacts = append(a.InputArtifacts, cp.InputArtifact{Name: new("Made")})
	}
	for range of.Outputs.Min {
		a.OutputArtifacts = append(a.OutputArtifacts, cp.OutputArtifact{Name: new("Out")})
	}
	if of.Category == cp.ActionCategoryCompute {
		a.Commands = []string{"true"}
	}
	return a
}

// around is a pipeline with an action, whose other action is of a type that no catalogue has.
func around(a *cp.ActionDeclaration) *cp.PipelineDeclaration {
	other := func(category cp.ActionCategory) cp.ActionDeclaration {
		id := &cp.ActionTypeId{
			Category: category,
			Owner:    cp.ActionOwnerCustom,
			Provider: new("Other"),
			Version:  new("1"),
		}
		return cp.ActionDeclaration{Name: new("Other"), ActionTypeId: id}
	}
	first, second := *a, other(cp.ActionCategoryInvoke)
	if a.ActionTypeId.Category != cp.ActionCategorySource {
		first, second = other(cp.ActionCategorySource), *a
		first.OutputArtifacts = []cp.OutputArtifact{{Name: new("Made")}}
	}
	return &cp.PipelineDeclaration{
		Name:          new("pipeline"),
		PipelineType:  cp.PipelineTypeV2,
		ArtifactStore: &cp.ArtifactStore{Type: cp.ArtifactStoreTypeS3, Location: new("artifacts")},
		Stages: []cp.StageDeclaration{
			{Name: new("First"), Actions: []cp.ActionDeclaration{first}},
			{Name: new("Second"), Actions: []cp.ActionDeclaration{second}},
		},
	}
}
