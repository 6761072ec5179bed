package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/iam"
)

// defaultMaxSession is how long a role can be assumed for at a time, in seconds, if nothing else is said.
const defaultMaxSession = 3600

// CreateRole implements iam:CreateRole.
func (s *Service) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	if strings.HasPrefix(pathOr(in.Path), linkedPath) {
		return nil, &iam.InvalidInputException{Message: "Roles under " + linkedPath +
			" are made by CreateServiceLinkedRole."}
	}
	r := &role{head: s.newHead("AROA", pathOr(in.Path), *in.RoleName), MaxSession: defaultMaxSession,
		Trust: *in.AssumeRolePolicyDocument, Description: awsproto.Value(in.Description)}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	var shown *iam.Role
	err := s.change(ctx, func(v *view) (err error) {
		if v.find(roleKind, r.key()) != nil {
			return exists("Role with name %s already exists.", r.Name)
		}
		if r.Bound, err = v.trust(r.Trust); err != nil {
			return err
		}
		if err := v.setBoundary(&r.grants, in.PermissionsBoundary); err != nil {
			return err
		}
		if r.Tags, err = retag(nil, in.Tags); err != nil {
			return err
		}
		v.put(r)
		shown = s.shownRole(v, r, true)
		shown.MaxSessionDuration = nil // IAM's answer has none
		return nil
	})
	return &iam.CreateRoleOutput{Role: shown}, err
}

// shownRole is a role in an answer. Lists leave out tags and boundary.
func (s *Service) shownRole(v *view, r *role, whole bool) *iam.Role {
	shown := &iam.Role{
		RoleName:                 &r.Name,
		Path:                     &r.Path,
		RoleId:                   &r.ID,
		Arn:                      new(s.arnOf(r)),
		CreateDate:               at(r.Created),
		AssumeRolePolicyDocument: encoded(v.shownTrust(r)),
		MaxSessionDuration:       &r.MaxSession,
	}
	if r.Description != "" {
		shown.Description = &r.Description
	}
	if whole {
		shown.Tags, shown.PermissionsBoundary = someTags(r.Tags), shownBoundary(r.Boundary)
	}
	return shown
}

// encoded is a document as IAM returns it: percent-encoded by RFC 3986.
func encoded(document string) *string { return new(sigv4.Escape(document, true)) }

// GetRole implements iam:GetRole.
func (s *Service) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	v := s.view()
	r, err := v.role(*in.RoleName)
	if err != nil {
		return nil, err
	}
	shown := s.shownRole(v, r, true)
	shown.RoleLastUsed, err = s.roleLastUsed(ctx, r)
	return &iam.GetRoleOutput{Role: shown}, err
}

func (s *Service) roleLastUsed(ctx context.Context, r *role) (*iam.RoleLastUsed, error) {
	used, err := s.lastUses(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	shown := &iam.RoleLastUsed{}
	if _, x, ok := latest(used); ok {
		shown.LastUsedDate, shown.Region = awsproto.At(x.at), &x.region
	}
	return shown, nil
}

// ListRoles implements iam:ListRoles.
func (s *Service) ListRoles(_ context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	v := s.view()
	all := under(each[*role](v, roleKind), in.PathPrefix)
	some, p, err := paged(s, list{"ListRoles", in.PathPrefix, in.Marker, in.MaxItems}, all, (*role).key)
	out := &iam.ListRolesOutput{Roles: []iam.Role{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, r := range some {
		out.Roles = append(out.Roles, *s.shownRole(v, r, false))
	}
	return out, err
}

// changeRole changes a role. Service-linked roles belong to their services.
func (s *Service) changeRole(ctx context.Context, name string, f func(v *view, r *role) error) error {
	return s.change(ctx, func(v *view) error {
		r, err := v.role(name)
		if err != nil {
			return err
		}
		if err := unlinked(r); err != nil {
			return err
		}
		r = edit(r)
		if err := f(v, r); err != nil {
			return err
		}
		v.put(r)
		return nil
	})
}

func unlinked(r *role) error {
	if r.Linked == "" {
		return nil
	}
	return &iam.UnmodifiableEntityException{Message: "Cannot perform the operation on the protected role '" + r.Name +
		"' - this role is only modifiable by AWS"}
}

// UpdateRole implements iam:UpdateRole.
func (s *Service) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return nil, s.changeRole(ctx, *in.RoleName, func(_ *view, r *role) error {
		r.Description = awsproto.Value(in.Description)
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
}

// UpdateRoleDescription implements iam:UpdateRoleDescription.
func (s *Service) UpdateRoleDescription(ctx context.Context,
	in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	var shown *iam.Role
	err := s.changeRole(ctx, *in.RoleName, func(v *view, r *role) error {
		r.Description = *in.Description
		shown = s.shownRole(v, r, true)
		return nil
	})
	return &iam.UpdateRoleDescriptionOutput{Role: shown}, err
}

// UpdateAssumeRolePolicy implements iam:UpdateAssumeRolePolicy.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context,
	in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	return nil, s.changeRole(ctx, *in.RoleName, func(v *view, r *role) (err error) {
		r.Trust = *in.PolicyDocument
		r.Bound, err = v.trust(r.Trust)
		return err
	})
}

// PutRolePermissionsBoundary implements iam:PutRolePermissionsBoundary.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context,
	in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return nil, s.changeRole(ctx, *in.RoleName, func(v *view, r *role) error {
		return v.setBoundary(&r.grants, in.PermissionsBoundary)
	})
}

// DeleteRolePermissionsBoundary implements iam:DeleteRolePermissionsBoundary.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context,
	in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return nil, s.changeRole(ctx, *in.RoleName, func(_ *view, r *role) error {
		r.Boundary = ""
		return nil
	})
}

// DeleteRole implements iam:DeleteRole. Sessions of the role end at once.
func (s *Service) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		r, err := v.role(*in.RoleName)
		if err == nil {
			err = unlinked(r)
		}
		switch {
		case err != nil:
			return err
		case len(v.profilesOf(r)) > 0:
			return conflict("remove roles from instance profile first.")
		case len(r.Inline) > 0:
			return conflict("delete policies first.")
		case len(r.Attached) > 0:
			return conflict("detach all policies first.")
		}
		v.drop(r)
		return nil
	})
}

// linkedPath is where service-linked roles are.
const linkedPath = "/aws-service-role/"

// linkedRoles are the services that have service-linked roles, with the words in the names of these.
var linkedRoles = map[string]string{
	"autoscaling.amazonaws.com":                 "AutoScaling",
	"codestar-notifications.amazonaws.com":      "CodeStarNotifications",
	"ecs.amazonaws.com":                         "ECS",
	"elasticbeanstalk.amazonaws.com":            "ElasticBeanstalk",
	"elasticloadbalancing.amazonaws.com":        "ElasticLoadBalancing",
	"replication.ecr.amazonaws.com":             "ECRReplication",
	"ecs.application-autoscaling.amazonaws.com": "ApplicationAutoScaling_ECSService",
}

// CreateServiceLinkedRole implements iam:CreateServiceLinkedRole.
func (s *Service) CreateServiceLinkedRole(ctx context.Context,
	in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service := *in.AWSServiceName
	word := linkedRoles[service]
	if word == "" {
		return nil, &iam.InvalidInputException{Message: "Service principal " + service +
			" has no service-linked role here."}
	}
	name := "AWSServiceRoleFor" + word
	if in.CustomSuffix != nil {
		if service != "autoscaling.amazonaws.com" {
			return nil, &iam.InvalidInputException{Message: "Custom suffix is not allowed for " + service}
		}
		name += "_" + *in.CustomSuffix
	}
	r := &role{head: s.newHead("AROA", linkedPath+service+"/", name), MaxSession: defaultMaxSession,
		Description: awsproto.Value(in.Description), Linked: service, Trust: serviceTrust(service)}
	var shown *iam.Role
	err := s.change(ctx, func(v *view) error {
		if v.find(roleKind, r.key()) != nil {
			return &iam.InvalidInputException{Message: "Service role name " + name +
				" has been taken in this account, please try a different suffix."}
		}
		v.put(r)
		shown = s.shownRole(v, r, true)
		return nil
	})
	return &iam.CreateServiceLinkedRoleOutput{Role: shown}, err
}

// DeleteServiceLinkedRole implements iam:DeleteServiceLinkedRole. The role is gone when it returns.
func (s *Service) DeleteServiceLinkedRole(ctx context.Context,
	in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	var task string
	err := s.change(ctx, func(v *view) error {
		r, err := v.role(*in.RoleName)
		if err != nil {
			return err
		}
		if r.Linked == "" {
			return &iam.InvalidInputException{Message: "Role " + r.Name + " is no service-linked role."}
		}
		sum := sha256.Sum256([]byte(r.ID))
		task = fmt.Sprintf("task%s%s/%s", r.Path, r.Name, hex.EncodeToString(sum[:16]))
		v.drop(r)
		return nil
	})
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: &task}, err
}

// GetServiceLinkedRoleDeletionStatus implements iam:GetServiceLinkedRoleDeletionStatus.
func (s *Service) GetServiceLinkedRoleDeletionStatus(_ context.Context,
	in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	parts := strings.Split(*in.DeletionTaskId, "/")
	if !strings.HasPrefix(*in.DeletionTaskId, "task"+linkedPath) || len(parts) != 5 {
		return nil, noSuch("The deletion task %s cannot be found.", *in.DeletionTaskId)
	}
	r, err := s.view().role(parts[3])
	if err == nil {
		if sum := sha256.Sum256([]byte(r.ID)); hex.EncodeToString(sum[:16]) == parts[4] {
			return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: iam.DeletionTaskStatusTypeNotStarted}, nil
		}
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: iam.DeletionTaskStatusTypeSucceeded}, nil
}
