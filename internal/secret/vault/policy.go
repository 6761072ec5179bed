package vault

import (
	"context"

	"slipway/api/secretsmanager"
	"slipway/internal/identity/policy"
	"slipway/internal/store"
)

func checkPolicyName(name *string) error {
	if name != nil {
		return refused("policies of secrets with a name (PolicyName); a secret has one policy")
	}
	return nil
}

// PutResourcePolicy implements secretsmanager:PutResourcePolicy.
func (s *Service) PutResourcePolicy(ctx context.Context,
	in *secretsmanager.PutResourcePolicyInput) (*secretsmanager.PutResourcePolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	p, err := policy.Parse(policy.Resource, *in.ResourcePolicy)
	if err != nil {
		return nil, &secretsmanager.MalformedPolicyDocumentException{
			Message: "This resource policy contains invalid Json: " + err.Error()}
	}
	if asked(in.BlockPublicPolicy) && isPublic(p) {
		return nil, &secretsmanager.PublicPolicyException{
			Message: "You can't use a resource policy that grants broad access to the secret."}
	}
	x, err := s.setPolicy(ctx, *in.SecretId, *in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutResourcePolicyOutput{ARN: new(s.arn(x)), Name: &x.name}, nil
}

func (s *Service) setPolicy(ctx context.Context, id, text string) (*secret, error) {
	return s.change(ctx, id, func(tx store.Tx, x *secret) error {
		_, err := tx.Exec(ctx, `UPDATE sm_secrets SET policy = $2 WHERE name = $1`, x.name, text)
		return err
	})
}

// isPublic tells whether a policy names everybody as a principal. A condition is not taken into account.
func isPublic(p *policy.Policy) bool {
	for _, n := range p.Principals() {
		if n.Value == "*" {
			return true
		}
	}
	return false
}

// GetResourcePolicy implements secretsmanager:GetResourcePolicy.
func (s *Service) GetResourcePolicy(ctx context.Context,
	in *secretsmanager.GetResourcePolicyInput) (*secretsmanager.GetResourcePolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	x, err := s.find(ctx, s.db, *in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.GetResourcePolicyOutput{ARN: new(s.arn(x)), Name: &x.name}
	if x.policy != "" {
		out.ResourcePolicy = &x.policy
	}
	return out, nil
}

// DeleteResourcePolicy implements secretsmanager:DeleteResourcePolicy.
func (s *Service) DeleteResourcePolicy(ctx context.Context,
	in *secretsmanager.DeleteResourcePolicyInput) (*secretsmanager.DeleteResourcePolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	x, err := s.setPolicy(ctx, *in.SecretId, "")
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DeleteResourcePolicyOutput{ARN: new(s.arn(x)), Name: &x.name}, nil
}

// ValidateResourcePolicy implements secretsmanager:ValidateResourcePolicy.
func (s *Service) ValidateResourcePolicy(ctx context.Context,
	in *secretsmanager.ValidateResourcePolicyInput) (*secretsmanager.ValidateResourcePolicyOutput, error) {
	if in.SecretId != nil {
		if _, err := s.find(ctx, s.db, *in.SecretId); err != nil {
			return nil, err
		}
	}
	out := &secretsmanager.ValidateResourcePolicyOutput{ValidationErrors: []secretsmanager.ValidationErrorsEntry{}}
	fails := func(check, why string) {
		out.ValidationErrors = append(out.ValidationErrors, secretsmanager.ValidationErrorsEntry{CheckName: &check,
			ErrorMessage: &why})
	}
	p, err := policy.Parse(policy.Resource, *in.ResourcePolicy)
	switch {
	case err != nil:
		fails("PolicySyntax", err.Error())
	case isPublic(p):
		fails("BlockPublicPolicy", "The policy grants broad access to the secret.")
	}
	out.PolicyValidationPassed = new(len(out.ValidationErrors) == 0)
	return out, nil
}
