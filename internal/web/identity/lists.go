package identity

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/web/kit"
)

// row is a line of a list.
type row struct {
	Name, Href, Note string
	Created, Used    *awsproto.Time
}

// listView is a list of users, groups or roles.
type listView struct {
	Kind string // user, group, role
	Rows []row
	More string
	// Create is whether the visitor may create one.
	Create bool
	// Groups and Policies can be chosen for a new one.
	Groups   []string
	Policies []iam.Policy
}

const rowsAPage = 100

func after(r *http.Request) *string {
	if marker := r.URL.Query().Get("after"); marker != "" {
		return &marker
	}
	return nil
}

func (s *pages) usersPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	out, err := s.IAM.ListUsers(r.Context(), &iam.ListUsersInput{Marker: after(r), MaxItems: new(int32(rowsAPage))})
	if err != nil {
		return err
	}
	x := &listView{
		Kind:   "user",
		More:   kit.OlderPath("/settings/users", out.Marker),
		Create: s.offers(r.Context(), s.arn("user/*"), "CreateUser"),
	}
	for i := range out.Users {
		u := &out.Users[i]
		x.Rows = append(x.Rows, row{
			Name:    awsproto.Value(u.UserName),
			Href:    subjectPath("user", awsproto.Value(u.UserName)),
			Created: u.CreateDate,
			Used:    u.PasswordLastUsed,
		})
	}
	if x.Create && s.offers(r.Context(), "*", "ListGroups") {
		if x.Groups, err = s.groups(r); err != nil {
			return err
		}
	}
	s.Render(w, r, http.StatusOK, List(s.Shell(r, v, "Users"), x, s.Now()))
	return nil
}

// groups are the names of all groups.
func (s *pages) groups(r *http.Request) ([]string, error) {
	all, err := people.Every(func(marker *string) ([]iam.Group, *string, error) {
		out, err := s.IAM.ListGroups(r.Context(), &iam.ListGroupsInput{Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.Groups, out.Marker, nil
	})
	var names []string
	for i := range all {
		names = append(names, awsproto.Value(all[i].GroupName))
	}
	return names, err
}

func (s *pages) createUser(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name := field(r, "name")
	if _, err := s.IAM.CreateUser(r.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		return err
	}
	for _, g := range r.PostForm["group"] {
		in := &iam.AddUserToGroupInput{UserName: &name, GroupName: &g}
		if _, err := s.IAM.AddUserToGroup(r.Context(), in); err != nil {
			return err
		}
	}
	return kit.Next(w, r, subjectPath("user", name), nil)
}

func (s *pages) groupsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	out, err := s.IAM.ListGroups(r.Context(), &iam.ListGroupsInput{Marker: after(r), MaxItems: new(int32(rowsAPage))})
	if err != nil {
		return err
	}
	x := &listView{
		Kind:   "group",
		More:   kit.OlderPath("/settings/groups", out.Marker),
		Create: s.offers(r.Context(), s.arn("group/*"), "CreateGroup"),
	}
	for i := range out.Groups {
		g := &out.Groups[i]
		x.Rows = append(x.Rows, row{
			Name:    awsproto.Value(g.GroupName),
			Href:    subjectPath("group", awsproto.Value(g.GroupName)),
			Created: g.CreateDate,
		})
	}
	s.Render(w, r, http.StatusOK, List(s.Shell(r, v, "Groups"), x, s.Now()))
	return nil
}

func (s *pages) createGroup(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name := field(r, "name")
	_, err := s.IAM.CreateGroup(r.Context(), &iam.CreateGroupInput{GroupName: &name})
	return kit.Next(w, r, subjectPath("group", name), err)
}

func (s *pages) rolesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	out, err := s.IAM.ListRoles(r.Context(), &iam.ListRolesInput{Marker: after(r), MaxItems: new(int32(rowsAPage))})
	if err != nil {
		return err
	}
	x := &listView{
		Kind:   "role",
		More:   kit.OlderPath("/settings/roles", out.Marker),
		Create: s.offers(r.Context(), s.arn("role/*"), "CreateRole"),
	}
	for i := range out.Roles {
		role := &out.Roles[i]
		x.Rows = append(x.Rows, row{
			Name:    awsproto.Value(role.RoleName),
			Href:    subjectPath("role", awsproto.Value(role.RoleName)),
			Note:    awsproto.Value(role.Description),
			Created: role.CreateDate,
		})
	}
	s.Render(w, r, http.StatusOK, List(s.Shell(r, v, "Roles"), x, s.Now()))
	return nil
}

// services are those that roles are made for most.
var services = []string{"codebuild.amazonaws.com", "codepipeline.amazonaws.com", "codedeploy.amazonaws.com",
	"lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "events.amazonaws.com"}

func (s *pages) createRole(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, service := field(r, "name"), field(r, "service")
	if !slices.Contains(services, service) {
		return kit.Refusal(http.StatusBadRequest, "Choose a service that may assume the role.")
	}
	trust, err := json.MarshalIndent(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect":    "Allow",
			"Principal": map[string]string{"Service": service},
			"Action":    "sts:AssumeRole",
		}},
	}, "", "  ")
	if err != nil {
		return err
	}
	in := &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(string(trust))}
	if text := field(r, "description"); text != "" {
		in.Description = &text
	}
	_, err = s.IAM.CreateRole(r.Context(), in)
	return kit.Next(w, r, subjectPath("role", name), err)
}

// title is how a list is called.
func (x *listView) title() string { return strings.ToUpper(x.Kind[:1]) + x.Kind[1:] + "s" }

var leads = map[string]string{
	"user":  "Who signs in, or signs requests with an access key.",
	"group": "Users who have the same rights.",
	"role":  "Rights that a build, a pipeline, a deployment or a person takes on for a while.",
}
