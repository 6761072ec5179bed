package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity/policy"
	"slipway/internal/identity/policy/simulation"
)

// inputs reads the documents of a simulation. Their names are those that AWS gives them.
func inputs(k policy.Kind, name string, documents []string) ([]policy.Attached, error) {
	var all []policy.Attached
	for i, text := range documents {
		p, err := checkPolicy(k, text)
		if err != nil {
			return nil, &iam.InvalidInputException{Message: err.Error()}
		}
		all = append(all, policy.Attached{Policy: p, Name: fmt.Sprintf("%s.%d", name, i+1)})
	}
	return all, nil
}

// simulated is what both simulations ask for.
type simulated struct {
	boundary, actions, resources []string
	resourcePolicy, owner        *string
	caller, handling             *string
	context                      []iam.ContextEntry
	marker                       *string
	most                         *int32
}

func (s *Service) simulate(op string, sources policy.Sources, principal policy.Principal,
	in simulated) ([]iam.EvaluationResult, page, error) {
	if in.handling != nil {
		return nil, page{}, &awsproto.Error{Code: "NotImplementedException", Status: 501,
			Message: "Slipway does not implement ResourceHandlingOption, which is for scenarios of EC2."}
	}
	boundary, err := inputs(policy.Identity, "PermissionsBoundaryPolicyInputList", in.boundary)
	if err != nil {
		return nil, page{}, err
	}
	if len(boundary) > 1 {
		return nil, page{}, &iam.InvalidInputException{Message: "Only one permissions boundary can be given."}
	}
	if len(boundary) == 1 {
		sources.Boundary = &boundary[0]
	}
	if in.resourcePolicy != nil {
		if sources.Resource, err = inputs(policy.Resource, "ResourcePolicy", []string{*in.resourcePolicy}); err != nil {
			return nil, page{}, err
		}
	}
	if in.caller != nil {
		if principal, err = s.namedPrincipal(*in.caller); err != nil {
			return nil, page{}, err
		}
	}
	q := simulation.Question{
		Sources:   sources,
		Principal: principal,
		Owner:     accountOf(awsproto.Value(in.owner)),
		Actions:   in.actions,
		Resources: in.resources,
		Context:   in.context,
	}
	results := simulation.Run(q)
	// A page continues after a number of results.
	type numbered struct {
		iam.EvaluationResult
		n int
	}
	all := make([]numbered, len(results))
	for i, r := range results {
		all[i] = numbered{r, i}
	}
	l := list{op, []any{in.actions, in.resources}, in.marker, in.most}
	some, p, err := paged(s, l, all, func(x numbered) string { return fmt.Sprintf("%06d", x.n) })
	shown := make([]iam.EvaluationResult, 0, len(some))
	for _, x := range some {
		shown = append(shown, x.EvaluationResult)
	}
	return shown, p, err
}

// accountOf is the account of an ARN, or of its own if that is one.
func accountOf(text string) string {
	if parts := strings.Split(text, ":"); len(parts) >= arnFields {
		return parts[4]
	}
	return text
}

// namedPrincipal is a user or a role by its ARN, as the caller of a simulation.
func (s *Service) namedPrincipal(arn string) (policy.Principal, error) {
	v := s.view()
	if u := v.userOf(arn); u != nil {
		return s.principalOf(u), nil
	}
	if r := v.roleOf(arn); r != nil {
		return s.principalOf(r), nil
	}
	if err := checkARN(arn); err != nil {
		return policy.Principal{}, err
	}
	return policy.Principal{Account: accountOf(arn), ARN: arn}, nil
}

// principalOf is a user, or a session of a role.
func (s *Service) principalOf(g grantee) policy.Principal {
	p := policy.Principal{Account: s.Account, ARN: s.arnOf(g), UserID: g.id()}
	if r, ok := g.(*role); ok {
		const session = "simulated"
		p.Role, p.ARN, p.UserID = p.ARN, s.sessionARN(r, session), r.ID+":"+session
	}
	return p
}

// SimulateCustomPolicy implements iam:SimulateCustomPolicy.
func (s *Service) SimulateCustomPolicy(_ context.Context,
	in *iam.SimulateCustomPolicyInput) (*iam.SimulatePolicyResponse, error) {
	if err := untaken("iam:SimulateCustomPolicy", map[string]bool{
		"OrderedOrganizationPolicyInputList": len(in.OrderedOrganizationPolicyInputList) > 0,
	}); err != nil {
		return nil, err
	}
	identity, err := inputs(policy.Identity, "PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	results, p, err := s.simulate("SimulateCustomPolicy", policy.Sources{Identity: identity},
		policy.Principal{Account: s.Account, ARN: s.UserARN("simulated"), UserID: "AIDASIMULATED"}, simulated{
			boundary:       in.PermissionsBoundaryPolicyInputList,
			actions:        in.ActionNames,
			resources:      in.ResourceArns,
			resourcePolicy: in.ResourcePolicy,
			owner:          in.ResourceOwner,
			caller:         in.CallerArn,
			handling:       in.ResourceHandlingOption,
			context:        in.ContextEntries,
			marker:         in.Marker,
			most:           in.MaxItems,
		})
	return &iam.SimulatePolicyResponse{
		EvaluationResults: results,
		IsTruncated:       p.truncated,
		Marker:            p.marker,
	}, err
}

// simulatedSources are the policies of a user with its groups, of a group or of a role, by its ARN.
func (s *Service) simulatedSources(arn string) (policy.Sources, policy.Principal, error) {
	v := s.view()
	if u := v.userOf(arn); u != nil {
		return s.gather(v, u, u.Groups).sources, s.principalOf(u), nil
	}
	if r := v.roleOf(arn); r != nil {
		return s.gather(v, r, nil).sources, s.principalOf(r), nil
	}
	if g := v.groupOf(arn); g != nil {
		return s.gather(v, g, nil).sources, s.principalOf(g), nil
	}
	if err := checkARN(arn); err != nil {
		return policy.Sources{}, policy.Principal{}, err
	}
	return policy.Sources{}, policy.Principal{}, noSuch("The entity %s cannot be found.", arn)
}

// SimulatePrincipalPolicy implements iam:SimulatePrincipalPolicy.
func (s *Service) SimulatePrincipalPolicy(_ context.Context,
	in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePolicyResponse, error) {
	if err := untaken("iam:SimulatePrincipalPolicy", map[string]bool{
		"PolicyExclusionList": len(in.PolicyExclusionList) > 0,
	}); err != nil {
		return nil, err
	}
	sources, principal, err := s.simulatedSources(*in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	more, err := inputs(policy.Identity, "PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	sources.Identity = append(slices.Clone(sources.Identity), more...)
	results, p, err := s.simulate("SimulatePrincipalPolicy", sources, principal, simulated{
		boundary:       in.PermissionsBoundaryPolicyInputList,
		actions:        in.ActionNames,
		resources:      in.ResourceArns,
		resourcePolicy: in.ResourcePolicy,
		owner:          in.ResourceOwner,
		caller:         in.CallerArn,
		handling:       in.ResourceHandlingOption,
		context:        in.ContextEntries,
		marker:         in.Marker,
		most:           in.MaxItems,
	})
	return &iam.SimulatePolicyResponse{
		EvaluationResults: results,
		IsTruncated:       p.truncated,
		Marker:            p.marker,
	}, err
}

func contextKeys(all []policy.Attached) []string {
	policies := make([]*policy.Policy, 0, len(all))
	for _, p := range all {
		policies = append(policies, p.Policy)
	}
	return append([]string{}, policy.Keys(policies...)...)
}

// GetContextKeysForCustomPolicy implements iam:GetContextKeysForCustomPolicy.
func (*Service) GetContextKeysForCustomPolicy(_ context.Context,
	in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForPolicyResponse, error) {
	all, err := inputs(policy.Identity, "PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForPolicyResponse{ContextKeyNames: contextKeys(all)}, nil
}

// GetContextKeysForPrincipalPolicy implements iam:GetContextKeysForPrincipalPolicy.
func (s *Service) GetContextKeysForPrincipalPolicy(_ context.Context,
	in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPolicyResponse, error) {
	sources, _, err := s.simulatedSources(*in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	more, err := inputs(policy.Identity, "PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	keys := contextKeys(append(slices.Clone(sources.Identity), more...))
	return &iam.GetContextKeysForPolicyResponse{ContextKeyNames: keys}, nil
}
