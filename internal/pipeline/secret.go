package pipeline

import (
	"context"
	"maps"
	"slices"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// mask is what CodePipeline shows instead of a secret.
const mask = "****"

// SecretPlace is where a secret of a configuration is sealed for.
func SecretPlace(pipeline, stage, action, key string) string {
	return "pipeline " + pipeline + " " + stage + " " + action + " " + key
}

// secrets calls f for each configuration value of a definition that is a secret.
func (s *Service) secrets(d *cp.PipelineDeclaration, f func(stage, action, key string, c map[string]string)) {
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			a := &d.Stages[i].Actions[j]
			t := s.registry.find(a.ActionTypeId)
			if t == nil {
				continue
			}
			for _, k := range t.Keys {
				if _, ok := a.Configuration[k.Name]; ok && k.Secret {
					f(*d.Stages[i].Name, *a.Name, k.Name, a.Configuration)
				}
			}
		}
	}
}

// sealed returns a definition with its secrets encrypted. A masked value stands for the one of the definition before,
// and an unchanged one stays encrypted as it was, so that an unchanged definition is recognised.
// d stays as it is, so that a transaction that runs again does not seal what it sealed before.
func (s *Service) sealed(d, before *cp.PipelineDeclaration) *cp.PipelineDeclaration {
	known := map[[3]string]string{}
	if before != nil {
		s.secrets(before, func(stage, action, key string, c map[string]string) {
			known[[3]string{stage, action, key}] = c[key]
		})
	}
	kept := *d
	copyConfigurations(&kept)
	s.secrets(&kept, func(stage, action, key string, c map[string]string) {
		place := SecretPlace(*d.Name, stage, action, key)
		if old, ok := known[[3]string{stage, action, key}]; ok && (c[key] == mask || s.opens(old, place, c[key])) {
			c[key] = old
			return
		}
		c[key] = s.Seal.Seal([]byte(c[key]), place)
	})
	return &kept
}

// SourceSecret opens a secret of a source action's configuration; "" for one that is not there.
func (s *Service) SourceSecret(ctx context.Context, q store.Queryer, pipeline, action, key string) (string, error) {
	r, err := load(ctx, q, pipeline)
	if err != nil {
		return "", err
	}
	first := &r.Declaration.Stages[0]
	for i := range first.Actions {
		sealed, ok := first.Actions[i].Configuration[key]
		if *first.Actions[i].Name != action || !ok {
			continue
		}
		plain, err := s.Seal.Open(sealed, SecretPlace(pipeline, *first.Name, action, key))
		return string(plain), err
	}
	return "", nil
}

// opens reports whether a sealed value is that of a text.
func (s *Service) opens(sealed, place, text string) bool {
	plain, err := s.Seal.Open(sealed, place)
	return err == nil && string(plain) == text
}

// masked is a definition as it may be shown.
func (s *Service) masked(d *cp.PipelineDeclaration) *cp.PipelineDeclaration {
	shown := *d
	copyConfigurations(&shown)
	s.secrets(&shown, func(_, _, key string, c map[string]string) { c[key] = mask })
	return &shown
}

// copyConfigurations gives a definition configurations of its own, so that they can be changed.
func copyConfigurations(d *cp.PipelineDeclaration) {
	d.Stages = append([]cp.StageDeclaration(nil), d.Stages...)
	for i := range d.Stages {
		d.Stages[i].Actions = append([]cp.ActionDeclaration(nil), d.Stages[i].Actions...)
		for j := range d.Stages[i].Actions {
			a := &d.Stages[i].Actions[j]
			a.Configuration = maps.Clone(a.Configuration)
		}
	}
}

// shownRun is an action execution as it may be shown: the secrets of its configuration are masked.
func (s *Service) shownRun(run *engine.Run) cp.ActionExecutionDetail {
	shown := run.ActionExecutionDetail
	if shown.Input == nil {
		return shown
	}
	t := s.registry.find(shown.Input.ActionTypeId)
	if t == nil || !slices.ContainsFunc(t.Keys, func(k pipelinefile.Key) bool { return k.Secret }) {
		return shown
	}
	in := *shown.Input
	shown.Input = &in
	in.Configuration, in.ResolvedConfiguration = maps.Clone(in.Configuration), maps.Clone(in.ResolvedConfiguration)
	for _, c := range []map[string]string{in.Configuration, in.ResolvedConfiguration} {
		for _, k := range t.Keys {
			if _, ok := c[k.Name]; ok && k.Secret {
				c[k.Name] = mask
			}
		}
	}
	return shown
}
