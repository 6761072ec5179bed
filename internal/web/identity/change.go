package identity

import (
	"context"
	"net/http"

	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/web/kit"
)

// changeSubject carries out what a form of the page of a user, a group or a role says.
func (s *pages) changeSubject(kind string) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
		name, to := r.PathValue("name"), subjectPath(kind, r.PathValue("name"))
		switch do := r.PostForm.Get("do"); do {
		case "attach":
			return kit.Next(w, r, to, s.attach(r.Context(), kind, name, field(r, "policy")))
		case "detach":
			return kit.Next(w, r, to, s.detach(r.Context(), kind, name, field(r, "policy")))
		case "remove-inline":
			return kit.Next(w, r, to, s.removeInline(r.Context(), kind, name, field(r, "policy")))
		case "join", "leave":
			group, user := field(r, "group"), name
			if kind == "group" {
				group, user = name, field(r, "user")
			}
			return kit.Next(w, r, to, people.ChangeMembers(r.Context(), s.IAM, group, []string{user}, do == "join"))
		case "delete":
			return kit.Next(w, r, "/settings/"+kind+"s", s.delete(r.Context(), kind, name))
		}
		if kind == "user" {
			return s.changeKeys(w, r, v, name)
		}
		return kit.Refusal(http.StatusBadRequest, "The form does not say what to do. Reload the page and try again.")
	}
}

func (s *pages) attach(ctx context.Context, kind, name, arn string) (err error) {
	switch kind {
	case "user":
		_, err = s.IAM.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &arn})
	case "group":
		_, err = s.IAM.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: &arn})
	default:
		_, err = s.IAM.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	}
	return err
}

func (s *pages) detach(ctx context.Context, kind, name, arn string) (err error) {
	switch kind {
	case "user":
		_, err = s.IAM.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn})
	case "group":
		_, err = s.IAM.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: &name, PolicyArn: &arn})
	default:
		_, err = s.IAM.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	}
	return err
}

func (s *pages) removeInline(ctx context.Context, kind, name, policy string) (err error) {
	switch kind {
	case "user":
		_, err = s.IAM.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &policy})
	case "group":
		_, err = s.IAM.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: &name, PolicyName: &policy})
	default:
		_, err = s.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy})
	}
	return err
}

func (s *pages) delete(ctx context.Context, kind, name string) error {
	switch kind {
	case "user":
		return people.DeleteUser(ctx, s.IAM, name)
	case "group":
		return people.DeleteGroup(ctx, s.IAM, name)
	}
	return people.DeleteRole(ctx, s.IAM, name)
}

// changeKeys creates, disables, enables or deletes an access key. A new one is answered with the page itself: its
// secret is nowhere else.
func (s *pages) changeKeys(w http.ResponseWriter, r *http.Request, v kit.Visitor, user string) error {
	to, key := subjectPath("user", user), field(r, "key")
	switch r.PostForm.Get("do") {
	case "create-key":
		if !s.Confirmed(w, r, v, to) {
			return nil
		}
		out, err := s.IAM.CreateAccessKey(r.Context(), &iam.CreateAccessKeyInput{UserName: &user})
		if err != nil {
			return err
		}
		return s.showSubject(w, r, v, "user", out.AccessKey)
	case "disable-key", "enable-key":
		status := iam.StatusTypeInactive
		if r.PostForm.Get("do") == "enable-key" {
			status = iam.StatusTypeActive
		}
		in := &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &key, Status: status}
		_, err := s.IAM.UpdateAccessKey(r.Context(), in)
		return kit.Next(w, r, to, err)
	case "delete-key":
		in := &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &key}
		_, err := s.IAM.DeleteAccessKey(r.Context(), in)
		return kit.Next(w, r, to, err)
	}
	return kit.Refusal(http.StatusBadRequest, "The form does not say what to do. Reload the page and try again.")
}
