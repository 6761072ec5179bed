package pipeline

import (
	"context"
	"database/sql"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// RolePrincipal is the service that assumes the roles of pipelines.
const RolePrincipal = "codepipeline.amazonaws.com"

// Roles lets actions act with the rights of the roles of their pipelines.
type Roles interface {
	// Check returns an error if a pipeline's role does not exist, or does not trust CodePipeline. The error says how to
	// make it.
	Check(ctx context.Context, role string) error
	// Act returns a context in which providers act as a session of a pipeline's role, or of the action's own role,
	// which the pipeline's role assumes; "" for none.
	Act(ctx context.Context, role, own, session string) (context.Context, error)
}

// checkRole refuses a pipeline whose role CodePipeline could not assume, or whose actions have roles of their own that
// the pipeline's role could not assume.
func (s *Service) checkRole(ctx context.Context, d *cp.PipelineDeclaration) error {
	if s.Roles == nil {
		return nil
	}
	role := awsproto.Value(d.RoleArn)
	if err := s.Roles.Check(ctx, role); err != nil {
		return cannotAssume("CodePipeline", role, err)
	}
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			own := awsproto.Value(d.Stages[i].Actions[j].RoleArn)
			if own == "" {
				continue
			}
			if _, err := s.Roles.Act(ctx, role, own, "check"); err != nil {
				return cannotAssume(role, own, err)
			}
		}
	}
	return nil
}

// cannotAssume is how CodePipeline words that somebody cannot assume a role.
func cannotAssume(who, role string, err error) error {
	if _, refused := err.(awsproto.ServiceError); !refused {
		return err
	}
	return &cp.InvalidStructureException{
		Message: who + " is not authorized to perform AssumeRole on role " + role + ". " + awsproto.Message(err),
	}
}

// acting returns the context in which a provider works on an action: it has the rights of the action's role, or of the
// pipeline's.
func (s *Service) acting(ctx context.Context, a *Action, run *engine.Run) (context.Context, error) {
	if s.Roles == nil {
		return ctx, nil
	}
	role, err := s.roleOf(ctx, a, run)
	if err != nil {
		return nil, err
	}
	return s.actingAs(ctx, a, &role, run.Action.RoleArn)
}

// actingAs returns the context in which a provider works with the rights of a pipeline's role, or of an action's or a
// rule's own, which the pipeline's assumes.
func (s *Service) actingAs(ctx context.Context, a *Action, role, own *string) (context.Context, error) {
	if s.Roles == nil {
		return ctx, nil
	}
	acting, err := s.Roles.Act(ctx, awsproto.Value(role), awsproto.Value(own), a.Execution)
	if refused, ok := err.(awsproto.ServiceError); ok {
		return nil, Refuse("PermissionError", "CodePipeline cannot act as the role of %s: %s", a.Name,
			awsproto.Message(refused))
	}
	return acting, err
}

// roleOf is the role of the pipeline when the execution started.
func (s *Service) roleOf(ctx context.Context, a *Action, run *engine.Run) (string, error) {
	if role := awsproto.Value(run.Role); role != "" {
		return role, nil
	}
	r, err := load(ctx, s.db, a.Pipeline) // it started in a version that did not record the role
	if err != nil {
		return "", err
	}
	return awsproto.Value(r.Declaration.RoleArn), nil
}

// ServiceRoles returns the roles of all pipelines and of their actions. It is for databases of a version in which roles
// were names alone.
func (s *Service) ServiceRoles(ctx context.Context) ([]string, error) {
	all, err := s.definitions(ctx)
	var roles []string
	for _, d := range all {
		roles = append(roles, awsproto.Value(d.RoleArn))
	}
	for _, a := range actionRoles(all) {
		roles = append(roles, a.Own)
	}
	return roles, err
}

// ActionRole is a role of an action's own, with the role of its pipeline, which assumes it.
type ActionRole struct{ Own, Pipeline string }

// ActionRoles returns the roles that actions of all pipelines have. It is for the same databases as ServiceRoles.
func (s *Service) ActionRoles(ctx context.Context) ([]ActionRole, error) {
	all, err := s.definitions(ctx)
	return actionRoles(all), err
}

func (s *Service) definitions(ctx context.Context) ([]*cp.PipelineDeclaration, error) {
	return store.All(ctx, s.db, func(r *sql.Rows) (*cp.PipelineDeclaration, error) {
		d := new(cp.PipelineDeclaration)
		return d, r.Scan(store.JSON(d))
	}, `SELECT doc FROM pipelines`)
}

func actionRoles(all []*cp.PipelineDeclaration) (roles []ActionRole) {
	for _, d := range all {
		for i := range d.Stages {
			for _, a := range d.Stages[i].Actions {
				if own := awsproto.Value(a.RoleArn); own != "" {
					roles = append(roles, ActionRole{own, awsproto.Value(d.RoleArn)})
				}
			}
		}
	}
	return roles
}
