package people

import (
	"context"
	"errors"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// User is a user with what it has.
type User struct {
	User             *iam.User
	Groups           []string
	AttachedPolicies []iam.AttachedPolicy
	InlinePolicies   []string
	AccessKeys       []Key
}

// UserOf reads a user.
func UserOf(ctx context.Context, api iam.API, name string) (*User, error) {
	user, err := api.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if err != nil {
		return nil, err
	}
	d := &User{User: user.User}
	groups, err := Every(func(marker *string) ([]iam.Group, *string, error) {
		out, err := api.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: &name, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.Groups, out.Marker, nil
	})
	for i := range groups {
		d.Groups = append(d.Groups, awsproto.Value(groups[i].GroupName))
	}
	if err != nil {
		return nil, err
	}
	d.AttachedPolicies, err = Every(func(marker *string) ([]iam.AttachedPolicy, *string, error) {
		in := &iam.ListAttachedUserPoliciesInput{UserName: &name, Marker: marker}
		out, err := api.ListAttachedUserPolicies(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return out.AttachedPolicies, out.Marker, nil
	})
	if err != nil {
		return nil, err
	}
	d.InlinePolicies, err = Every(func(marker *string) ([]string, *string, error) {
		out, err := api.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: &name, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.PolicyNames, out.Marker, nil
	})
	if err != nil {
		return nil, err
	}
	d.AccessKeys, err = AccessKeys(ctx, api, name)
	return d, err
}

// DeleteUser deletes a user with its keys, credentials and own policies.
func DeleteUser(ctx context.Context, api iam.API, name string) error {
	if err := strip(ctx, api, name); err != nil {
		return err
	}
	_, err := api.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
	return err
}

// strip takes from a user all that keeps it from being deleted.
func strip(ctx context.Context, api iam.API, name string) error {
	d, err := UserOf(ctx, api, name)
	if err != nil {
		return err
	}
	for i := range d.AccessKeys {
		in := &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: d.AccessKeys[i].AccessKeyId}
		if _, err := api.DeleteAccessKey(ctx, in); err != nil {
			return err
		}
	}
	for _, g := range d.Groups {
		in := &iam.RemoveUserFromGroupInput{UserName: &name, GroupName: &g}
		if _, err := api.RemoveUserFromGroup(ctx, in); err != nil {
			return err
		}
	}
	for i := range d.AttachedPolicies {
		in := &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: d.AttachedPolicies[i].PolicyArn}
		if _, err := api.DetachUserPolicy(ctx, in); err != nil {
			return err
		}
	}
	for _, p := range d.InlinePolicies {
		in := &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &p}
		if _, err := api.DeleteUserPolicy(ctx, in); err != nil {
			return err
		}
	}
	return stripCredentials(ctx, api, name)
}

func stripCredentials(ctx context.Context, api iam.API, name string) error {
	git, err := api.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: &name})
	if err != nil {
		return err
	}
	for i := range git.ServiceSpecificCredentials {
		id := git.ServiceSpecificCredentials[i].ServiceSpecificCredentialId
		in := &iam.DeleteServiceSpecificCredentialInput{UserName: &name, ServiceSpecificCredentialId: id}
		if _, err := api.DeleteServiceSpecificCredential(ctx, in); err != nil {
			return err
		}
	}
	ssh, err := Every(func(marker *string) ([]iam.SSHPublicKeyMetadata, *string, error) {
		out, err := api.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: &name, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.SSHPublicKeys, out.Marker, nil
	})
	if err != nil {
		return err
	}
	for i := range ssh {
		in := &iam.DeleteSSHPublicKeyInput{UserName: &name, SSHPublicKeyId: ssh[i].SSHPublicKeyId}
		if _, err := api.DeleteSSHPublicKey(ctx, in); err != nil {
			return err
		}
	}
	_, err = api.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: &name})
	if e, ok := errors.AsType[awsproto.ServiceError](err); ok && strings.HasPrefix(e.ErrorCode(), "NoSuchEntity") {
		return nil
	}
	return err
}

// Key is an access key with its last use.
type Key struct {
	iam.AccessKeyMetadata
	LastUsed *iam.AccessKeyLastUsed
}

// AccessKeys lists the access keys of a user, with when each was used last, and for what.
func AccessKeys(ctx context.Context, api iam.API, user string) ([]Key, error) {
	keys, err := Every(func(marker *string) ([]iam.AccessKeyMetadata, *string, error) {
		out, err := api.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &user, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.AccessKeyMetadata, out.Marker, nil
	})
	if err != nil {
		return nil, err
	}
	all := []Key{}
	for i := range keys { // a user has two keys at most
		in := &iam.GetAccessKeyLastUsedInput{AccessKeyId: keys[i].AccessKeyId}
		out, err := api.GetAccessKeyLastUsed(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, Key{keys[i], out.AccessKeyLastUsed})
	}
	return all, nil
}
