package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity/policy"
	"slipway/internal/people"
	"slipway/internal/web/kit"
)

// subject is a user, a group or a role with what it has.
type subject struct {
	Kind, Name, ARN string
	Description     string
	Created, Used   *awsproto.Time
	Boundary        string // the ARN of the policy that limits it
	Groups          []string
	Members         []string
	Attached        []iam.AttachedPolicy
	Inline          []string
	Keys            []people.Key
	NewKey          *iam.AccessKey // created just now, and shown this once
	Trust           string
	// Rights are how much of each service its policies allow.
	Rights []policy.ServiceRights
	// Services are when each service was used last, by the service's prefix; nil if that is not known.
	Services map[string]*awsproto.Time

	// Denials are what was refused to it lately; Asked is whether the visitor may see that.
	Denials []denialRow
	Asked   bool

	OtherGroups   []string
	OtherPolicies []iam.Policy
	May           changes
}

// changes are what the visitor may change.
type changes struct{ Attach, Detach, Inline, Groups, Members, Keys, Trust, Delete bool }

func (s *pages) subjectPage(kind string) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
		return s.showSubject(w, r, v, kind, nil)
	}
}

func (s *pages) showSubject(
	w http.ResponseWriter,
	r *http.Request,
	v kit.Visitor,
	kind string,
	key *iam.AccessKey,
) error {
	x := &subject{Kind: kind, Name: r.PathValue("name"), NewKey: key}
	read := map[string]func(context.Context, *subject) error{"user": s.user, "group": s.group, "role": s.role}[kind]
	if err := read(r.Context(), x); err != nil {
		return err
	}
	who := kind + "/" + x.Name
	if sources, err := people.Sources(r.Context(), s.IAM, who); err == nil {
		x.Rights = people.Summary(sources)
	}
	x.Services = s.lastUse(r.Context(), x.ARN)
	s.may(r.Context(), x)
	if err := s.denialsOf(r.Context(), x); err != nil {
		return err
	}
	if err := s.choices(r, x); err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Subject(s.Shell(r, v, x.Name), x, s.Now()))
	return nil
}

func (s *pages) user(ctx context.Context, x *subject) error {
	u, err := people.UserOf(ctx, s.IAM, x.Name)
	if err != nil {
		return err
	}
	x.ARN, x.Created, x.Used = awsproto.Value(u.User.Arn), u.User.CreateDate, u.User.PasswordLastUsed
	if b := u.User.PermissionsBoundary; b != nil {
		x.Boundary = awsproto.Value(b.PermissionsBoundaryArn)
	}
	x.Groups, x.Attached, x.Inline, x.Keys = u.Groups, u.AttachedPolicies, u.InlinePolicies, u.AccessKeys
	for i := range x.Keys { // a key is used more than a password
		last := x.Keys[i].LastUsed
		if last != nil && last.LastUsedDate != nil && (x.Used == nil || last.LastUsedDate.After(x.Used.Time)) {
			x.Used = last.LastUsedDate
		}
	}
	return nil
}

func (s *pages) group(ctx context.Context, x *subject) error {
	g, err := people.GroupOf(ctx, s.IAM, x.Name)
	if err != nil {
		return err
	}
	x.ARN, x.Created = awsproto.Value(g.Group.Arn), g.Group.CreateDate
	x.Members, x.Attached, x.Inline = g.Users, g.AttachedPolicies, g.InlinePolicies
	return nil
}

func (s *pages) role(ctx context.Context, x *subject) error {
	d, err := people.RoleOf(ctx, s.IAM, x.Name)
	if err != nil {
		return err
	}
	x.ARN, x.Created, x.Description = awsproto.Value(d.Role.Arn), d.Role.CreateDate, awsproto.Value(d.Role.Description)
	if d.Role.RoleLastUsed != nil {
		x.Used = d.Role.RoleLastUsed.LastUsedDate
	}
	if b := d.Role.PermissionsBoundary; b != nil {
		x.Boundary = awsproto.Value(b.PermissionsBoundaryArn)
	}
	x.Trust, x.Attached, x.Inline = legible(d.TrustPolicy), d.AttachedPolicies, d.InlinePolicies
	return nil
}

// legible indents a document that stands in one line.
func legible(document string) string {
	var b bytes.Buffer
	if strings.Contains(document, "\n") || json.Indent(&b, []byte(document), "", "  ") != nil {
		return document
	}
	return b.String()
}

// lastUse says when each service was used last. Who may not ask that sees the page without it.
func (s *pages) lastUse(ctx context.Context, arn string) map[string]*awsproto.Time {
	job, err := s.IAM.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &arn})
	if err != nil {
		return nil
	}
	in := &iam.GetServiceLastAccessedDetailsInput{JobId: job.JobId, MaxItems: new(int32(1000))}
	out, err := s.IAM.GetServiceLastAccessedDetails(ctx, in)
	if err != nil || out.JobStatus != iam.JobStatusTypeCompleted {
		return nil
	}
	used := map[string]*awsproto.Time{}
	for i := range out.ServicesLastAccessed {
		one := &out.ServicesLastAccessed[i]
		used[awsproto.Value(one.ServiceNamespace)] = one.LastAuthenticated
	}
	return used
}

// operations are how the operations of IAM call a kind: AttachUserPolicy.
var operations = map[string]string{"user": "User", "group": "Group", "role": "Role"}

func (s *pages) may(ctx context.Context, x *subject) {
	kind := operations[x.Kind]
	may := func(actions ...string) bool { return s.offers(ctx, x.ARN, actions...) }
	x.May = changes{
		Attach:  may("Attach" + kind + "Policy"),
		Detach:  may("Detach" + kind + "Policy"),
		Inline:  may("Put"+kind+"Policy", "Delete"+kind+"Policy"),
		Members: x.Kind == "group" && may("AddUserToGroup", "RemoveUserFromGroup"),
		Groups:  x.Kind == "user" && s.offers(ctx, s.arn("group/*"), "AddUserToGroup", "RemoveUserFromGroup"),
		Keys:    x.Kind == "user" && may("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"),
		Trust:   x.Kind == "role" && may("UpdateAssumeRolePolicy"),
		Delete:  may("Delete" + kind),
	}
}

// choices are the groups and policies that can be added.
func (s *pages) choices(r *http.Request, x *subject) error {
	if x.May.Groups {
		all, err := s.groups(r)
		if err != nil {
			return err
		}
		x.OtherGroups = slices.DeleteFunc(all, func(g string) bool { return slices.Contains(x.Groups, g) })
	}
	if !x.May.Attach {
		return nil
	}
	for _, scope := range []iam.PolicyScopeType{iam.PolicyScopeTypeLocal, iam.PolicyScopeTypeAws} {
		all, err := people.Policies(r.Context(), s.IAM, scope, false)
		if err != nil {
			return err
		}
		for i := range all {
			ready := strings.Contains(awsproto.Value(all[i].Path), "service-role/")
			if awsproto.Value(all[i].IsAttachable) && !ready && !x.has(awsproto.Value(all[i].Arn)) {
				x.OtherPolicies = append(x.OtherPolicies, all[i])
			}
		}
	}
	return nil
}

func (x *subject) has(arn string) bool {
	is := func(p iam.AttachedPolicy) bool { return awsproto.Value(p.PolicyArn) == arn }
	return slices.ContainsFunc(x.Attached, is)
}

func (x *subject) path() string { return subjectPath(x.Kind, x.Name) }

// editor is the address of the editor of one of its inline policies, "" for a new one.
func (x *subject) editor(policy string) string {
	return editorPath(url.Values{"of": {x.Kind + "/" + x.Name}, "name": {policy}})
}

func (x *subject) trustEditor() string { return editorPath(url.Values{"trust": {x.Name}}) }
