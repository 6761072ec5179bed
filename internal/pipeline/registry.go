package pipeline

import (
	"fmt"
	"slices"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/spec/pipelinefile"
)

// registry finds the provider of an action by its type.
type registry struct {
	types     pipelinefile.Catalogue // AWS's, and the providers' own
	providers map[typeKey]Provider
	custom    []Custom
	rules     map[string]RuleProvider // by the provider of the rule's type
}

// typeKey names an action type of whatever version.
type typeKey struct {
	category cp.ActionCategory
	owner    cp.ActionOwner
	provider string
}

func keyOf(id *cp.ActionTypeId) typeKey { return typeKey{id.Category, id.Owner, *id.Provider} }

// newRegistry refuses two providers of one type.
func newRegistry(providers []Provider, custom []Custom, rules []RuleProvider) (*registry, error) {
	r := &registry{
		rules:     map[string]RuleProvider{},
		custom:    custom,
		types:     append(pipelinefile.Catalogue(nil), pipelinefile.AWS()...),
		providers: map[typeKey]Provider{},
	}
	for _, p := range providers {
		for _, t := range p.Types() {
			key := keyOf(t.ID())
			if _, twice := r.providers[key]; twice {
				return nil, fmt.Errorf("two providers for actions of category %s, owner %s, provider %s",
					key.category, key.owner, key.provider)
			}
			r.providers[key] = p
			if r.types.Find(t.ID()) == nil {
				r.types = append(r.types, t)
			}
		}
	}
	for _, p := range rules {
		name := p.Type().Provider
		if r.rules[name] != nil {
			return nil, fmt.Errorf("two providers for rules of the provider %s", name)
		}
		r.rules[name] = p
	}
	return r, nil
}

// ruleOf returns the provider of a rule, or nil.
func (r *registry) ruleOf(d *cp.RuleDeclaration) RuleProvider {
	if t := pipelinefile.Rules().Find(d.RuleTypeId); t != nil {
		return r.rules[t.Provider]
	}
	return nil
}

// unsupportedRules names the rules of a stage that no provider can judge.
func (r *registry) unsupportedRules(d *cp.StageDeclaration, region string) (what []string) {
	for _, c := range engine.Conditions(d) {
		for i := range c.Rules {
			rule := &c.Rules[i]
			switch {
			case r.ruleOf(rule) == nil:
				what = append(what, "the rule provider "+*rule.RuleTypeId.Provider+" of rule "+*rule.Name)
			case rule.Region != nil && *rule.Region != region:
				what = append(what, "the region "+*rule.Region+" of rule "+*rule.Name)
			}
		}
	}
	return what
}

// of returns the provider of an action, or nil.
func (r *registry) of(a *cp.ActionDeclaration) Provider {
	if p := r.providers[keyOf(a.ActionTypeId)]; p != nil {
		return p
	}
	if c := r.customOf(a.ActionTypeId); c != nil {
		return c
	}
	return nil
}

// customOf is the first that has a type of an identifier, or nil.
func (r *registry) customOf(id *cp.ActionTypeId) Custom {
	for _, c := range r.custom {
		if c.Type(id) != nil {
			return c
		}
	}
	return nil
}

// find returns the type of an identifier, also one that was deleted; nil if there never was one.
func (r *registry) find(id *cp.ActionTypeId) *pipelinefile.ActionType {
	if t := r.types.Find(id); t != nil {
		return t
	}
	if c := r.customOf(id); c != nil {
		return c.Type(id)
	}
	return nil
}

// catalogue has the types that a definition may name.
func (r *registry) catalogue() pipelinefile.Catalogue {
	all := slices.Clone(r.types)
	for _, c := range r.custom {
		all = append(all, c.Types()...)
	}
	return all
}

// describe says what people are told of an action. An action without a provider is called by its provider's name.
func (r *registry) describe(a *cp.ActionDeclaration) Description {
	if p := r.of(a); p != nil {
		return p.Describe(a)
	}
	return Description{What: *a.ActionTypeId.Provider}
}

// described is an action as it ran: with the variables of its configuration resolved, as far as they are.
func (r *registry) described(a *cp.ActionDeclaration, resolved map[string]string) Description {
	if resolved == nil {
		return r.describe(a)
	}
	run := *a
	run.Configuration = resolved
	return r.describe(&run)
}

// unsupported names what of a declaration no provider can do; "" if its provider can do all of it.
func (r *registry) unsupported(a *cp.ActionDeclaration, region string) string {
	id := a.ActionTypeId
	p := r.of(a)
	switch {
	case p == nil:
		return fmt.Sprintf("the provider %s (%s, owner %s)", *id.Provider, id.Category, id.Owner)
	case a.Region != nil && *a.Region != region:
		return "the region " + *a.Region
	}
	return p.Unsupported(a)
}

// watch is a place that starts a pipeline, and the source action that watches it.
type watch struct {
	Place
	action string
}

// watches are what starts a pipeline.
func (r *registry) watches(d *cp.PipelineDeclaration) []watch {
	var all []watch
	for i := range d.Stages[0].Actions {
		a := &d.Stages[0].Actions[i]
		if s, ok := r.of(a).(Source); ok {
			for _, place := range s.Watches(a) {
				all = append(all, watch{place, *a.Name})
			}
		}
	}
	return all
}

// checkOverride refuses a revision that a source action cannot take.
func (r *registry) checkOverride(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error {
	s, ok := r.of(a).(Source)
	if !ok {
		return Refuse("ValidationException", "Action '%s' takes no revision from the start", *a.Name)
	}
	return s.Override(a, o)
}

// below makes a URL of a path below the server's own address; any other URL stays.
func below(server, url string) string {
	if strings.HasPrefix(url, "/") {
		return server + url
	}
	return url
}
