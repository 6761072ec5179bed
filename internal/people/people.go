// Package people is what commands and pages do with users, groups, roles and policies in several calls of IAM's API.
package people

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// Every collects the pages of a list.
func Every[T any](get func(marker *string) (page []T, next *string, err error)) ([]T, error) {
	all := []T{}
	for marker := (*string)(nil); ; {
		page, next, err := get(marker)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if marker = next; marker == nil {
			return all, nil
		}
	}
}

// Missing is the error for what is not there under its name.
type Missing struct {
	What, Name string
	Names      []string // that there are
}

func (e *Missing) Error() string { return fmt.Sprintf("there is no %s %s", e.What, e.Name) }

// PolicyARN finds a policy by its name or ARN. One of the account wins over one of AWS's or Slipway's.
func PolicyARN(ctx context.Context, api iam.API, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	var names []string
	for _, scope := range []iam.PolicyScopeType{iam.PolicyScopeTypeLocal, iam.PolicyScopeTypeAws} {
		all, err := Policies(ctx, api, scope, false)
		if err != nil {
			return "", err
		}
		for i := range all {
			if awsproto.Value(all[i].PolicyName) == name {
				return awsproto.Value(all[i].Arn), nil
			}
			names = append(names, awsproto.Value(all[i].PolicyName))
		}
	}
	return "", &Missing{What: "policy", Name: name, Names: names}
}

// Policies lists the policies of a scope, all or those that are attached to something.
func Policies(ctx context.Context, api iam.API, scope iam.PolicyScopeType, attached bool) ([]iam.Policy, error) {
	return Every(func(marker *string) ([]iam.Policy, *string, error) {
		in := &iam.ListPoliciesInput{Scope: scope, Marker: marker, MaxItems: new(int32(1000))}
		if attached {
			in.OnlyAttached = &attached
		}
		out, err := api.ListPolicies(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return out.Policies, out.Marker, nil
	})
}

// Document decodes a policy as IAM answers it.
func Document(encoded *string) string {
	text, err := url.PathUnescape(awsproto.Value(encoded))
	if err != nil {
		return awsproto.Value(encoded)
	}
	return text
}
