package deploy

import (
	"context"
	"database/sql"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// RolePrincipal is the service that assumes the roles of deployment groups.
const RolePrincipal = "codedeploy.amazonaws.com"

// Roles lets deployments act with the rights of the roles of their groups.
type Roles interface {
	// Check returns an error if a group's role does not exist, or does not trust CodeDeploy. The error says how to make
	// it.
	Check(ctx context.Context, role string) error
	// Act returns a context in which platforms act as a session of a role; own is "".
	Act(ctx context.Context, role, own, session string) (context.Context, error)
}

// mayAssume refuses a role that deployments could not assume.
func (s *Service) mayAssume(ctx context.Context, role *string) error {
	if s.Roles == nil || awsproto.Value(role) == "" {
		return nil
	}
	if err := s.Roles.Check(ctx, *role); err != nil {
		return &cd.InvalidRoleException{
			Message: "AWS CodeDeploy does not have the permissions required to assume the role " + *role + ". " +
				awsproto.Message(err),
		}
	}
	return nil
}

// Act returns the context in which the release of a deployment moves its traffic: it has the rights of the group's
// role.
func (s *Service) Act(ctx context.Context, deploymentID string) (context.Context, error) {
	d, err := loadDeployment(ctx, s.db, deploymentID)
	if err != nil {
		return nil, err
	}
	return s.acting(ctx, d)
}

// acting returns the context in which a deployment acts: it has the rights of its group's role. If the group was
// deleted meanwhile, traffic still goes back with those of the role that it had.
func (s *Service) acting(ctx context.Context, d *deployment) (context.Context, error) {
	if s.Roles == nil {
		return ctx, nil
	}
	g, err := groupByID(ctx, s.db, d.grp)
	if err != nil {
		return nil, err
	}
	switch {
	case g != nil:
		return s.Roles.Act(ctx, awsproto.Value(g.ServiceRoleArn), "", d.id)
	case d.traffic != nil && d.traffic.Role != "":
		return s.Roles.Act(ctx, d.traffic.Role, "", d.id)
	}
	return ctx, nil // it has nothing left to do that asks for a right
}

// refused returns why a work was refused for want of a right, or "". It will be refused however often it is tried.
func refused(err error) string {
	switch awsproto.Code(err) {
	case "AccessDenied", "AccessDeniedException":
		return awsproto.Message(err)
	}
	return ""
}

// ServiceRoles returns the roles of all deployment groups. It is for databases of a version in which roles were names
// alone.
func (s *Service) ServiceRoles(ctx context.Context) ([]string, error) {
	groups, err := store.All(ctx, s.db, func(r *sql.Rows) (*group, error) { return scanGroup(r.Scan) },
		`SELECT `+groupColumns)
	var roles []string
	for _, g := range groups {
		roles = append(roles, awsproto.Value(g.ServiceRoleArn))
	}
	return roles, err
}
