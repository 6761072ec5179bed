package identity

import (
	"fmt"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// user finds a user by name. A host's user gives way to another one of its name.
func (v *view) user(name string) (*user, error) {
	for _, key := range []string{strings.ToLower(name), strings.ToLower(HostPath + name)} {
		if u, ok := v.find(userKind, key).(*user); ok {
			return u, nil
		}
	}
	return nil, noSuch("The user with name %s cannot be found.", name)
}

// userOr finds a user by name, or the caller if there is no name.
func (v *view) userOr(c awsproto.Caller, name *string) (*user, error) {
	if name != nil {
		return v.user(*name)
	}
	if u, ok := v.get(userKind, c.UserID).(*user); ok {
		return u, nil
	}
	if c.Session != nil || c.Name == "" {
		return nil, &iam.InvalidInputException{Message: "Must specify userName when calling with non-User credentials"}
	}
	return v.user(c.Name)
}

func (v *view) group(name string) (*group, error) {
	if g, ok := v.find(groupKind, strings.ToLower(name)).(*group); ok {
		return g, nil
	}
	return nil, noSuch("The group with name %s cannot be found.", name)
}

func (v *view) role(name string) (*role, error) {
	if r, ok := v.find(roleKind, strings.ToLower(name)).(*role); ok {
		return r, nil
	}
	return nil, noSuch("The role with name %s cannot be found.", name)
}

// roleOf finds a role by its ARN, or returns nil.
func (v *view) roleOf(arn string) *role {
	full, ok := strings.CutPrefix(arn, v.s.arn("role/"))
	if !ok {
		return nil
	}
	r, _ := v.find(roleKind, strings.ToLower(full[strings.LastIndexByte(full, '/')+1:])).(*role)
	if r == nil || v.s.arnOf(r) != arn {
		return nil
	}
	return r
}

// userOf finds a user by its ARN, or returns nil.
func (v *view) userOf(arn string) *user {
	full, ok := strings.CutPrefix(arn, v.s.arn("user/"))
	if !ok {
		return nil
	}
	for _, key := range []string{strings.ToLower(full[strings.LastIndexByte(full, '/')+1:]), strings.ToLower(full)} {
		if u, _ := v.find(userKind, key).(*user); u != nil && v.s.arnOf(u) == arn {
			return u
		}
	}
	return nil
}

func (v *view) groupOf(arn string) *group {
	full, ok := strings.CutPrefix(arn, v.s.arn("group/"))
	if !ok {
		return nil
	}
	g, _ := v.find(groupKind, strings.ToLower(full[strings.LastIndexByte(full, '/')+1:])).(*group)
	if g == nil || v.s.arnOf(g) != arn {
		return nil
	}
	return g
}

func (v *view) profile(name string) (*profile, error) {
	if p, ok := v.find(profileKind, strings.ToLower(name)).(*profile); ok {
		return p, nil
	}
	return nil, noSuch("Instance Profile %s cannot be found.", name)
}

// policy finds a managed policy by its ARN, or returns nil.
func (v *view) policy(arn string) *managedPolicy {
	if p := builtins()[arn]; p != nil {
		return p
	}
	full, ok := strings.CutPrefix(arn, v.s.arn("policy/"))
	if !ok {
		return nil
	}
	p, _ := v.find(policyKind, strings.ToLower(full[strings.LastIndexByte(full, '/')+1:])).(*managedPolicy)
	if p == nil || v.s.arnOf(p) != arn {
		return nil
	}
	return p
}

// policyOf finds a managed policy for an operation that reads it.
func (v *view) policyOf(arn string) (*managedPolicy, error) {
	if p := v.policy(arn); p != nil {
		return p, nil
	}
	if err := checkARN(arn); err != nil {
		return nil, err
	}
	return nil, noSuch("Policy %s was not found.", arn)
}

// ownPolicy finds a managed policy of this account, for an operation that changes it.
func (v *view) ownPolicy(arn string) (*managedPolicy, error) {
	p, err := v.policyOf(arn)
	if err == nil && p.ARN != "" {
		return nil, &iam.UnmodifiableEntityException{Message: "Policy " + arn + " belongs to every account and " +
			"cannot be changed. Create a policy of your own instead."}
	}
	return p, err
}

// arnFields is how many fields an ARN has.
const arnFields = 6

// checkARN refuses what is no ARN.
func checkARN(arn string) error {
	if strings.HasPrefix(arn, "arn:") && strings.Count(arn, ":") >= arnFields-1 {
		return nil
	}
	return &awsproto.Error{Code: "ValidationError", Message: "ARN " + arn + " is not valid."}
}

func noSuch(format string, args ...any) error {
	return &iam.NoSuchEntityException{Message: fmt.Sprintf(format, args...)}
}

func exceeds(format string, args ...any) error {
	return &iam.LimitExceededException{Message: fmt.Sprintf(format, args...)}
}

func exists(format string, args ...any) error {
	return &iam.EntityAlreadyExistsException{Message: fmt.Sprintf(format, args...)}
}

func conflict(message string) error {
	return &iam.DeleteConflictException{Message: "Cannot delete entity, must " + message}
}
