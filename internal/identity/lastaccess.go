package identity

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity/policy"
	"slipway/internal/identity/policy/catalogue"
)

// reportsKept is how long the job of a report can be asked for.
const reportsKept = 7 * 24 * time.Hour

// GenerateServiceLastAccessedDetails implements iam:GenerateServiceLastAccessedDetails. The report is made when it is
// asked for, so that it is of then.
func (s *Service) GenerateServiceLastAccessedDetails(ctx context.Context,
	in *iam.GenerateServiceLastAccessedDetailsInput) (*iam.GenerateServiceLastAccessedDetailsOutput, error) {
	if in.Granularity == iam.AccessAdvisorUsageGranularityTypeActionLevel {
		return nil, &awsproto.Error{Code: "NotImplementedException", Status: 501,
			Message: "Slipway does not keep when single actions were used. Ask for SERVICE_LEVEL."}
	}
	var b [16]byte
	_, _ = rand.Read(b[:])
	job := fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
	err := s.change(ctx, func(v *view) error {
		if _, err := v.users(*in.Arn); err != nil {
			return err
		}
		now := s.Now()
		for _, r := range each[*accessReport](v, reportKind) {
			if timeMS(r.Created).time().Before(now.Add(-reportsKept)) {
				v.drop(r)
			}
		}
		v.put(&accessReport{Job: job, ARN: *in.Arn, Created: now.UnixMilli()})
		return nil
	})
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: &job}, err
}

// users are those whom an ARN is about: a user, a role, the users of a group, or those to whom a policy is attached.
func (v *view) users(arn string) ([]grantee, error) {
	if d := v.grantee(arn); d != nil {
		return v.withMembers(d), nil
	}
	if v.policy(arn) == nil {
		if err := checkARN(arn); err != nil {
			return nil, err
		}
		return nil, noSuch("The entity %s cannot be found.", arn)
	}
	var all []grantee
	for _, k := range []kind{userKind, groupKind, roleKind} {
		for _, d := range each[grantee](v, k) {
			if slices.Contains(d.rights().Attached, arn) {
				all = append(all, v.withMembers(d)...)
			}
		}
	}
	slices.SortFunc(all, func(a, b grantee) int { return strings.Compare(a.id(), b.id()) })
	return slices.CompactFunc(all, func(a, b grantee) bool { return a.id() == b.id() }), nil
}

// grantee finds a user, a group or a role by its ARN, or returns nil.
func (v *view) grantee(arn string) grantee {
	if u := v.userOf(arn); u != nil {
		return u
	}
	if r := v.roleOf(arn); r != nil {
		return r
	}
	if g := v.groupOf(arn); g != nil {
		return g
	}
	return nil
}

func (v *view) withMembers(d grantee) []grantee {
	g, ok := d.(*group)
	if !ok {
		return []grantee{d}
	}
	var all []grantee
	for _, u := range v.members(g) {
		all = append(all, u)
	}
	return all
}

// report finds the job of a report.
func (v *view) report(job string) (*accessReport, error) {
	if r, ok := v.get(reportKind, job).(*accessReport); ok {
		return r, nil
	}
	return nil, noSuch("The job %s cannot be found.", job)
}

// useOf is when a principal used a service.
type useOf struct {
	grantee
	use
}

// usesOf are the uses of services by those whom an ARN is about.
func (s *Service) usesOf(ctx context.Context, v *view, arn string) (map[string][]useOf, error) {
	all, err := v.users(arn)
	if err != nil {
		return nil, err
	}
	used := map[string][]useOf{}
	for _, d := range all {
		uses, err := s.lastUses(ctx, d.id())
		if err != nil {
			return nil, err
		}
		for service, u := range uses {
			if service != signinUse {
				used[service] = append(used[service], useOf{d, u})
			}
		}
	}
	for _, of := range used {
		slices.SortFunc(of, func(a, b useOf) int { return b.at.Compare(a.at) })
	}
	return used, nil
}

// GetServiceLastAccessedDetails implements iam:GetServiceLastAccessedDetails: the services that policies allow, with
// their last use.
func (s *Service) GetServiceLastAccessedDetails(ctx context.Context,
	in *iam.GetServiceLastAccessedDetailsInput) (*iam.GetServiceLastAccessedDetailsOutput, error) {
	v := s.view()
	r, err := v.report(*in.JobId)
	if err != nil {
		return nil, err
	}
	used, err := s.usesOf(ctx, v, r.ARN)
	if err != nil {
		return nil, err
	}
	granted, err := s.policiesOf(v, r.ARN)
	if err != nil {
		return nil, err
	}
	all := []iam.ServiceLastAccessed{}
	for _, name := range catalogue.Services() {
		of := used[name]
		allowed := func(p grantedPolicy) bool { return allowsService(p.Policy, name) }
		if len(of) == 0 && !slices.ContainsFunc(granted, allowed) {
			continue
		}
		x := iam.ServiceLastAccessed{
			ServiceName:                new(name),
			ServiceNamespace:           new(name),
			TotalAuthenticatedEntities: new(int32(len(of))),
		}
		if len(of) > 0 {
			x.LastAuthenticated, x.LastAuthenticatedRegion = awsproto.At(of[0].at), &of[0].region
			x.LastAuthenticatedEntity = new(s.arnOf(of[0].grantee))
		}
		all = append(all, x)
	}
	l := list{"GetServiceLastAccessedDetails", in.JobId, in.Marker, in.MaxItems}
	some, p, err := paged(s, l, all, func(x iam.ServiceLastAccessed) string { return *x.ServiceNamespace })
	return &iam.GetServiceLastAccessedDetailsOutput{
		JobStatus:            iam.JobStatusTypeCompleted,
		JobType:              iam.AccessAdvisorUsageGranularityTypeServiceLevel,
		JobCreationDate:      at(r.Created),
		JobCompletionDate:    at(r.Created),
		ServicesLastAccessed: some,
		IsTruncated:          p.truncated,
		Marker:               p.marker,
	}, err
}

// GetServiceLastAccessedDetailsWithEntities implements iam:GetServiceLastAccessedDetailsWithEntities.
func (s *Service) GetServiceLastAccessedDetailsWithEntities(ctx context.Context,
	in *iam.GetServiceLastAccessedDetailsWithEntitiesInput) (*iam.GetServiceLastAccessedDetailsWithEntitiesOutput,
	error) {
	v := s.view()
	r, err := v.report(*in.JobId)
	if err != nil {
		return nil, err
	}
	used, err := s.usesOf(ctx, v, r.ARN)
	if err != nil {
		return nil, err
	}
	all := []iam.EntityDetails{}
	for _, u := range used[*in.ServiceNamespace] {
		h := u.heading()
		all = append(all, iam.EntityDetails{
			EntityInfo: &iam.EntityInfo{
				Arn:  new(s.arnOf(u.grantee)),
				Name: &h.Name,
				Type: ownerType(u.kind()),
				Id:   &h.ID,
				Path: &h.Path,
			},
			LastAuthenticated: awsproto.At(u.at),
		})
	}
	key := func(x iam.EntityDetails) string { return *x.EntityInfo.Arn }
	slices.SortFunc(all, func(a, b iam.EntityDetails) int { return strings.Compare(key(a), key(b)) })
	l := list{"GetServiceLastAccessedDetailsWithEntities", []any{in.JobId, in.ServiceNamespace}, in.Marker, in.MaxItems}
	some, p, err := paged(s, l, all, key)
	return &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{
		JobStatus:         iam.JobStatusTypeCompleted,
		JobCreationDate:   at(r.Created),
		JobCompletionDate: at(r.Created),
		EntityDetailsList: some,
		IsTruncated:       p.truncated,
		Marker:            p.marker,
	}, err
}

func ownerType(k kind) iam.PolicyOwnerEntityType {
	return iam.PolicyOwnerEntityType(strings.ToUpper(string(k)))
}

// grantedPolicy is a policy with whom it belongs to.
type grantedPolicy struct {
	policy.Attached
	of grantee
}

// policiesOf are the policies of a user with its groups, of a group, or of a role; or a managed policy itself.
func (s *Service) policiesOf(v *view, arn string) ([]grantedPolicy, error) {
	d := v.grantee(arn)
	if d == nil {
		if _, err := v.policyOf(arn); err != nil {
			return nil, err
		}
		var all []grantedPolicy
		for _, p := range readable(s.attachment(v, arn)) {
			all = append(all, grantedPolicy{p, nil})
		}
		return all, nil
	}
	of := []grantee{d}
	if u, ok := d.(*user); ok {
		for _, g := range v.groupsOf(u) {
			of = append(of, g)
		}
	}
	var all []grantedPolicy
	for _, d := range of {
		for _, p := range readable(s.granted(v, d)) {
			all = append(all, grantedPolicy{p, d})
		}
	}
	return all, nil
}

// ListPoliciesGrantingServiceAccess implements iam:ListPoliciesGrantingServiceAccess.
func (s *Service) ListPoliciesGrantingServiceAccess(_ context.Context,
	in *iam.ListPoliciesGrantingServiceAccessInput) (*iam.ListPoliciesGrantingServiceAccessOutput, error) {
	v := s.view()
	if v.grantee(*in.Arn) == nil {
		if err := checkARN(*in.Arn); err != nil {
			return nil, err
		}
		return nil, noSuch("The entity %s cannot be found.", *in.Arn)
	}
	granted, err := s.policiesOf(v, *in.Arn)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPoliciesGrantingServiceAccessOutput{
		PoliciesGrantingServiceAccess: []iam.ListPoliciesGrantingServiceAccessEntry{},
		IsTruncated:                   new(false),
	}
	for _, name := range in.ServiceNamespaces {
		entry := iam.ListPoliciesGrantingServiceAccessEntry{
			ServiceNamespace: &name,
			Policies:         []iam.PolicyGrantingServiceAccess{},
		}
		for _, p := range granted {
			if allowsService(p.Policy, name) {
				entry.Policies = append(entry.Policies, shownGrant(p, *in.Arn, s))
			}
		}
		out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess, entry)
	}
	return out, nil
}

// shownGrant is a policy in an answer. One that is attached to a group of the user names the group.
func shownGrant(p grantedPolicy, arn string, s *Service) iam.PolicyGrantingServiceAccess {
	shown := iam.PolicyGrantingServiceAccess{PolicyName: &p.Name, PolicyType: iam.PolicyTypeInline}
	if p.ARN != "" {
		shown.PolicyType, shown.PolicyArn = iam.PolicyTypeManaged, &p.ARN
		return shown
	}
	shown.EntityType, shown.EntityName = ownerType(p.of.kind()), &p.of.heading().Name
	return shown
}

// allowsService reports whether a policy allows an action of a service.
func allowsService(p *policy.Policy, service string) bool {
	return slices.ContainsFunc(catalogue.Actions(service), func(e catalogue.Entry) bool {
		return p.Grants(service + ":" + e.Name)
	})
}
