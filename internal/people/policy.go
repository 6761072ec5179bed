package people

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// maxVersions is how many versions a policy may have.
const maxVersions = 5

// Versions lists the versions of a policy.
func Versions(ctx context.Context, api iam.API, arn string) ([]iam.PolicyVersion, error) {
	return Every(func(marker *string) ([]iam.PolicyVersion, *string, error) {
		out, err := api.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.Versions, out.Marker, nil
	})
}

// oldestOf is the oldest version that is not the default.
func oldestOf(versions []iam.PolicyVersion) *iam.PolicyVersion {
	var oldest *iam.PolicyVersion
	for i := range versions {
		v := &versions[i]
		if awsproto.Value(v.IsDefaultVersion) {
			continue
		}
		if oldest == nil || v.CreateDate != nil && v.CreateDate.Before(oldest.CreateDate.Time) {
			oldest = v
		}
	}
	return oldest
}

// PolicyOf reads a policy with the text of its default version.
func PolicyOf(ctx context.Context, api iam.API, arn string) (*iam.Policy, string, error) {
	policy, err := api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return nil, "", err
	}
	in := &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: policy.Policy.DefaultVersionId}
	version, err := api.GetPolicyVersion(ctx, in)
	if err != nil {
		return nil, "", err
	}
	return policy.Policy, Document(version.PolicyVersion.Document), nil
}

// PutPolicy makes a text the default version of a policy, and returns the version. Of five versions, the oldest that is
// not the default is deleted first.
func PutPolicy(ctx context.Context, api iam.API, arn, text string) (string, error) {
	versions, err := Versions(ctx, api, arn)
	if err != nil {
		return "", err
	}
	if len(versions) >= maxVersions {
		oldest := oldestOf(versions)
		in := &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: oldest.VersionId}
		if _, err := api.DeletePolicyVersion(ctx, in); err != nil {
			return "", err
		}
	}
	out, err := api.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{
		PolicyArn:      &arn,
		PolicyDocument: &text,
		SetAsDefault:   new(true),
	})
	if err != nil {
		return "", err
	}
	return awsproto.Value(out.PolicyVersion.VersionId), nil
}

// DeletePolicy deletes a policy with all its versions.
func DeletePolicy(ctx context.Context, api iam.API, arn string) error {
	versions, err := Versions(ctx, api, arn)
	if err != nil {
		return err
	}
	for i := range versions {
		if awsproto.Value(versions[i].IsDefaultVersion) {
			continue
		}
		in := &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: versions[i].VersionId}
		if _, err := api.DeletePolicyVersion(ctx, in); err != nil {
			return err
		}
	}
	_, err = api.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arn})
	return err
}
