package people

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity/policy"
	"slipway/internal/view"
)

// Source is a policy that says what somebody may do.
type Source struct {
	Name string
	ARN  string // of a managed policy; "" for an inline one
	// Group is the group that it comes from, "" for one of its own.
	Group string
	Text  string
}

// Sources reads the policies of a user with those of its groups, of a group, or of a role. who is a user's name,
// group/NAME or role/NAME.
func Sources(ctx context.Context, api iam.API, who string) ([]Source, error) {
	r := sources{ctx: ctx, api: api, texts: map[string]string{}}
	kind, name, ok := strings.Cut(who, "/")
	switch {
	case ok && kind == "group":
		return r.group(name, "")
	case ok && kind == "role":
		return r.role(name)
	case ok && kind == "user":
		who = name
	}
	return r.user(who)
}

// sources reads each managed policy once.
type sources struct {
	ctx   context.Context //nolint:containedctx // of the call that it serves
	api   iam.API
	texts map[string]string
}

func (r *sources) user(name string) ([]Source, error) {
	u, err := UserOf(r.ctx, r.api, name)
	if err != nil {
		return nil, err
	}
	all, err := r.attached(u.AttachedPolicies, "")
	if err != nil {
		return nil, err
	}
	for _, p := range u.InlinePolicies {
		out, err := r.api.GetUserPolicy(r.ctx, &iam.GetUserPolicyInput{UserName: &name, PolicyName: &p})
		if err != nil {
			return nil, err
		}
		all = append(all, Source{Name: p, Text: Document(out.PolicyDocument)})
	}
	for _, g := range u.Groups { // a user is in ten groups at most
		of, err := r.group(g, g)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

func (r *sources) group(name, via string) ([]Source, error) {
	g, err := GroupOf(r.ctx, r.api, name)
	if err != nil {
		return nil, err
	}
	all, err := r.attached(g.AttachedPolicies, via)
	if err != nil {
		return nil, err
	}
	for _, p := range g.InlinePolicies {
		out, err := r.api.GetGroupPolicy(r.ctx, &iam.GetGroupPolicyInput{GroupName: &name, PolicyName: &p})
		if err != nil {
			return nil, err
		}
		all = append(all, Source{Name: p, Group: via, Text: Document(out.PolicyDocument)})
	}
	return all, nil
}

func (r *sources) role(name string) ([]Source, error) {
	d, err := RoleOf(r.ctx, r.api, name)
	if err != nil {
		return nil, err
	}
	all, err := r.attached(d.AttachedPolicies, "")
	if err != nil {
		return nil, err
	}
	for _, p := range d.InlinePolicies {
		out, err := r.api.GetRolePolicy(r.ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &p})
		if err != nil {
			return nil, err
		}
		all = append(all, Source{Name: p, Text: Document(out.PolicyDocument)})
	}
	return all, nil
}

func (r *sources) attached(policies []iam.AttachedPolicy, via string) ([]Source, error) {
	var all []Source
	for i := range policies {
		arn := awsproto.Value(policies[i].PolicyArn)
		text, ok := r.texts[arn]
		if !ok {
			var err error
			if _, text, err = PolicyOf(r.ctx, r.api, arn); err != nil {
				return nil, err
			}
			r.texts[arn] = text
		}
		all = append(all, Source{Name: awsproto.Value(policies[i].PolicyName), ARN: arn, Group: via, Text: text})
	}
	return all, nil
}

// Summary says how much of each service the policies allow.
func Summary(all []Source) []policy.ServiceRights {
	var read []policy.Attached
	for _, s := range all {
		if p, err := policy.Parse(policy.Identity, s.Text); err == nil {
			read = append(read, policy.Attached{Policy: p, ARN: s.ARN, Name: s.Name})
		}
	}
	return policy.Summary(read)
}

// Explain adds to rights which statement of which policy decided, with its text.
func Explain(rights []view.Right, all []Source) {
	for i := range rights {
		r := &rights[i]
		for j := range r.Statements {
			explain(&r.Statements[j], all)
		}
		r.Say()
	}
}

func explain(s *view.RightStatement, all []Source) {
	for i := range all {
		if all[i].Name != s.Policy {
			continue
		}
		p, err := policy.Parse(policy.Identity, all[i].Text)
		if err != nil {
			continue
		}
		if at, ok := p.At(policy.Position{Line: s.Line, Column: s.Column}); ok {
			s.Number, s.Sid, s.Line, s.Column = at.Statement, at.Sid, at.Start.Line, at.Start.Column
			s.PolicyARN, s.Group, s.Text = all[i].ARN, all[i].Group, at.Source
			return
		}
	}
}
