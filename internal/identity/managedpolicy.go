package identity

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity/policy"
)

const (
	// maxVersions is IAM's limit of versions of a managed policy.
	maxVersions = 5
	// maxManaged is IAM's limit of a managed policy, in characters.
	maxManaged = 6144
)

// managedDocument refuses what a managed policy may not be.
func managedDocument(text string) error {
	if _, err := checkPolicy(policy.Identity, text); err != nil {
		return err
	}
	if length(text) > maxManaged {
		return exceeds("Cannot exceed quota for PolicySize: %d", maxManaged)
	}
	return nil
}

// CreatePolicy implements iam:CreatePolicy.
func (s *Service) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	if err := managedDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	p := &managedPolicy{
		head:        s.newHead("ANPA", pathOr(in.Path), *in.PolicyName),
		Description: awsproto.Value(in.Description),
		Default:     "v1",
		Last:        1,
	}
	p.Versions, p.Updated = []version{{"v1", *in.PolicyDocument, p.Created}}, p.Created
	var shown *iam.Policy
	err := s.change(ctx, func(v *view) (err error) {
		if v.find(policyKind, p.key()) != nil {
			return exists("A policy called %s already exists. Duplicate names are not allowed.", p.Name)
		}
		if p.Tags, err = retag(nil, in.Tags); err != nil {
			return err
		}
		v.put(p)
		shown = s.shownPolicy(p, usage{})
		shown.Description = nil // IAM's answer has none
		return nil
	})
	return &iam.CreatePolicyOutput{Policy: shown}, err
}

// usage is how many entities a managed policy is attached to, and how many it is the boundary of.
type usage struct{ attached, boundary int32 }

// usages counts the uses of all managed policies, by ARN.
func (v *view) usages() map[string]usage {
	all := map[string]usage{}
	for _, k := range []kind{userKind, groupKind, roleKind} {
		for _, d := range v.all(k) {
			g, ok := d.(grantee)
			if !ok {
				continue
			}
			for _, arn := range g.rights().Attached {
				u := all[arn]
				u.attached++
				all[arn] = u
			}
			if arn := g.rights().Boundary; arn != "" {
				u := all[arn]
				u.boundary++
				all[arn] = u
			}
		}
	}
	return all
}

func (s *Service) shownPolicy(p *managedPolicy, u usage) *iam.Policy {
	shown := &iam.Policy{
		PolicyName:                    &p.Name,
		PolicyId:                      &p.ID,
		Arn:                           new(s.arnOf(p)),
		Path:                          &p.Path,
		DefaultVersionId:              &p.Default,
		AttachmentCount:               &u.attached,
		PermissionsBoundaryUsageCount: &u.boundary,
		IsAttachable:                  new(true),
		CreateDate:                    at(p.Created),
		UpdateDate:                    at(p.Updated),
		Tags:                          someTags(p.Tags),
	}
	if p.Description != "" {
		shown.Description = &p.Description
	}
	return shown
}

// GetPolicy implements iam:GetPolicy.
func (s *Service) GetPolicy(_ context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	v := s.view()
	p, err := v.policyOf(*in.PolicyArn)
	if err != nil {
		return nil, err
	}
	shown := s.shownPolicy(p, v.usages()[*in.PolicyArn])
	if shown.Tags == nil {
		shown.Tags = []iam.Tag{}
	}
	return &iam.GetPolicyOutput{Policy: shown}, nil
}

// ListPolicies implements iam:ListPolicies.
func (s *Service) ListPolicies(_ context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	v := s.view()
	var all []*managedPolicy
	if in.Scope != iam.PolicyScopeTypeAws {
		all = append(all, each[*managedPolicy](v, policyKind)...)
	}
	if in.Scope != iam.PolicyScopeTypeLocal {
		for _, p := range builtins() {
			all = append(all, p)
		}
	}
	used := v.usages()
	all = slices.DeleteFunc(under(all, in.PathPrefix), func(p *managedPolicy) bool {
		u := used[s.arnOf(p)]
		switch {
		case awsproto.Value(in.OnlyAttached) && u.attached == 0:
			return true
		case in.PolicyUsageFilter == iam.PolicyUsageTypePermissionsPolicy:
			return u.attached == 0
		case in.PolicyUsageFilter == iam.PolicyUsageTypePermissionsBoundary:
			return u.boundary == 0
		}
		return false
	})
	// AWS's policies and one's own may share a name.
	key := func(p *managedPolicy) string { return p.key() + " " + s.arnOf(p) }
	slices.SortFunc(all, func(a, b *managedPolicy) int { return strings.Compare(key(a), key(b)) })
	filter := []any{in.Scope, in.OnlyAttached, in.PathPrefix, in.PolicyUsageFilter}
	some, p, err := paged(s, list{"ListPolicies", filter, in.Marker, in.MaxItems}, all, key)
	out := &iam.ListPoliciesOutput{Policies: []iam.Policy{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, p := range some {
		shown := s.shownPolicy(p, used[s.arnOf(p)])
		shown.Description, shown.Tags = nil, nil // a list has none
		out.Policies = append(out.Policies, *shown)
	}
	return out, err
}

// DeletePolicy implements iam:DeletePolicy.
func (s *Service) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		p, err := v.ownPolicy(*in.PolicyArn)
		if err != nil {
			return err
		}
		if u := v.usages()[*in.PolicyArn]; u.attached+u.boundary > 0 {
			return &iam.DeleteConflictException{Message: "Cannot delete a policy attached to entities."}
		}
		if len(p.Versions) > 1 {
			return &iam.DeleteConflictException{Message: "This policy has more than one version. Before you delete a " +
				"policy, you must delete the policy's versions. The default version is deleted with the policy."}
		}
		v.drop(p)
		return nil
	})
}

// changePolicy changes a managed policy of this account.
func (s *Service) changePolicy(ctx context.Context, arn string, f func(v *view, p *managedPolicy) error) error {
	return s.change(ctx, func(v *view) error {
		p, err := v.ownPolicy(arn)
		if err != nil {
			return err
		}
		p = edit(p)
		if err := f(v, p); err != nil {
			return err
		}
		v.put(p)
		return nil
	})
}

// CreatePolicyVersion implements iam:CreatePolicyVersion.
func (s *Service) CreatePolicyVersion(ctx context.Context,
	in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if err := managedDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	var shown iam.PolicyVersion
	err := s.changePolicy(ctx, *in.PolicyArn, func(_ *view, p *managedPolicy) error {
		if len(p.Versions) >= maxVersions {
			return exceeds("A managed policy can have up to %d versions. Before you create a new version, you must "+
				"delete an existing version.", maxVersions)
		}
		p.Last++
		x := version{"v" + strconv.Itoa(p.Last), *in.PolicyDocument, s.Now().UnixMilli()}
		p.Versions = append(p.Versions, x)
		if awsproto.Value(in.SetAsDefault) {
			p.Default = x.ID
		}
		p.Updated = x.Created
		shown = shownVersion(p, x)
		shown.Document = nil // IAM's answer has none
		return nil
	})
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &shown}, err
}

func shownVersion(p *managedPolicy, x version) iam.PolicyVersion {
	return iam.PolicyVersion{
		Document:         encoded(x.Document),
		VersionId:        &x.ID,
		IsDefaultVersion: new(x.ID == p.Default),
		CreateDate:       at(x.Created),
	}
}

// version finds a version of a managed policy.
func (p *managedPolicy) version(arn, id string) (int, error) {
	i := slices.IndexFunc(p.Versions, func(x version) bool { return x.ID == id })
	if i < 0 {
		return 0, noSuch("Policy %s version %s does not exist or is not attachable.", arn, id)
	}
	return i, nil
}

// GetPolicyVersion implements iam:GetPolicyVersion.
func (s *Service) GetPolicyVersion(_ context.Context,
	in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, err := s.view().policyOf(*in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := p.version(*in.PolicyArn, *in.VersionId)
	if err != nil {
		return nil, err
	}
	return &iam.GetPolicyVersionOutput{PolicyVersion: new(shownVersion(p, p.Versions[i]))}, nil
}

// ListPolicyVersions implements iam:ListPolicyVersions, the newest first.
func (s *Service) ListPolicyVersions(_ context.Context,
	in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p, err := s.view().policyOf(*in.PolicyArn)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(p.Versions)
	slices.Reverse(all)
	// The key of a page counts up as the versions count down.
	key := func(x version) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(x.ID, "v"))
		return fmt.Sprintf("%09d", 1_000_000-n)
	}
	some, pg, err := paged(s, list{"ListPolicyVersions", p.ID, in.Marker, in.MaxItems}, all, key)
	out := &iam.ListPolicyVersionsOutput{
		Versions:    []iam.PolicyVersion{},
		IsTruncated: pg.truncated,
		Marker:      pg.marker,
	}
	for _, x := range some {
		shown := shownVersion(p, x)
		shown.Document = nil // a list has none
		out.Versions = append(out.Versions, shown)
	}
	return out, err
}

// SetDefaultPolicyVersion implements iam:SetDefaultPolicyVersion.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context,
	in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return nil, s.changePolicy(ctx, *in.PolicyArn, func(_ *view, p *managedPolicy) error {
		i, err := p.version(*in.PolicyArn, *in.VersionId)
		if err != nil {
			return err
		}
		p.Default, p.Updated = p.Versions[i].ID, s.Now().UnixMilli()
		return nil
	})
}

// DeletePolicyVersion implements iam:DeletePolicyVersion.
func (s *Service) DeletePolicyVersion(ctx context.Context,
	in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return nil, s.changePolicy(ctx, *in.PolicyArn, func(_ *view, p *managedPolicy) error {
		i, err := p.version(*in.PolicyArn, *in.VersionId)
		if err != nil {
			return err
		}
		if p.Default == *in.VersionId {
			return &iam.DeleteConflictException{Message: "Cannot delete the default version of a policy."}
		}
		p.Versions = slices.Delete(p.Versions, i, i+1)
		return nil
	})
}
