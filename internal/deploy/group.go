package deploy

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

const maxGroups = 1000 // of an application

type group struct {
	id, app  string
	revision string // the key of the last revision deployed with success
	side     Side   // that carries the traffic of a blue/green group; "" before its first deployment
	*cd.DeploymentGroupInfo
}

func (s *Service) groupARN(app, name string) string {
	return s.arn("deploymentgroup:", app+"/"+name)
}

const groupColumns = `g.id, g.application, g.revision, g.side, a.name, g.name, g.doc FROM deploy_groups g
	JOIN deploy_applications a ON a.id = g.application`

func scanGroup(scan func(...any) error) (*group, error) {
	g := &group{DeploymentGroupInfo: new(cd.DeploymentGroupInfo)}
	var app, name string
	err := scan(&g.id, &g.app, &g.revision, &g.side, &app, &name, store.JSON(g.DeploymentGroupInfo))
	g.ApplicationName, g.DeploymentGroupName = &app, &name
	return g, err
}

func findGroup(ctx context.Context, q store.Queryer, a *application, name *string) (*group, error) {
	groups, err := store.All(ctx, q, func(r *sql.Rows) (*group, error) { return scanGroup(r.Scan) },
		`SELECT `+groupColumns+` WHERE g.application = $1 AND g.name = $2`, a.id, awsproto.Value(name))
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, &cd.DeploymentGroupDoesNotExistException{Message: "No Deployment Group found for name: " +
			awsproto.Value(name)}
	}
	return groups[0], nil
}

func groupByID(ctx context.Context, q store.Queryer, id string) (*group, error) {
	groups, err := store.All(ctx, q, func(r *sql.Rows) (*group, error) { return scanGroup(r.Scan) },
		`SELECT `+groupColumns+` WHERE g.id = $1`, id)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	return groups[0], nil
}

func groupsOf(ctx context.Context, q store.Queryer, a *application) ([]*group, error) {
	return store.All(ctx, q, func(r *sql.Rows) (*group, error) { return scanGroup(r.Scan) },
		`SELECT `+groupColumns+` WHERE g.application = $1`, a.id)
}

func (g *group) save(ctx context.Context, tx store.Tx) error {
	_, err := tx.Exec(ctx,
		`UPDATE deploy_groups SET name = $2, config = $3, revision = $4, side = $5, doc = $6 WHERE id = $1`,
		g.id, *g.DeploymentGroupName, *g.DeploymentConfigName, g.revision, string(g.side),
		store.JSON(g.DeploymentGroupInfo))
	return err
}

// CreateDeploymentGroup implements codedeploy:CreateDeploymentGroup. What only AWS has (EC2 tags, Auto Scaling groups,
// load balancers, ECS services) is kept and returned; it matches no host here.
func (s *Service) CreateDeploymentGroup(ctx context.Context,
	in *cd.CreateDeploymentGroupInput) (*cd.CreateDeploymentGroupOutput, error) {
	g := &group{id: uuid.NewString(), DeploymentGroupInfo: &cd.DeploymentGroupInfo{
		ApplicationName: in.ApplicationName, DeploymentGroupName: in.DeploymentGroupName,
		DeploymentConfigName: in.DeploymentConfigName, ServiceRoleArn: in.ServiceRoleArn,
		Ec2TagFilters: in.Ec2TagFilters, OnPremisesInstanceTagFilters: in.OnPremisesInstanceTagFilters,
		AutoScalingGroups:     scalingGroups(in.AutoScalingGroups),
		TriggerConfigurations: in.TriggerConfigurations, AlarmConfiguration: in.AlarmConfiguration,
		AutoRollbackConfiguration: in.AutoRollbackConfiguration,
		DeploymentStyle:           in.DeploymentStyle, OutdatedInstancesStrategy: in.OutdatedInstancesStrategy,
		BlueGreenDeploymentConfiguration: in.BlueGreenDeploymentConfiguration,
		LoadBalancerInfo:                 in.LoadBalancerInfo, Ec2TagSet: in.Ec2TagSet,
		OnPremisesTagSet: in.OnPremisesTagSet, EcsServices: in.EcsServices,
		TerminationHookEnabled: in.TerminationHookEnabled,
	}}
	g.DeploymentGroupId = &g.id
	if err := checkParts(g.DeploymentGroupInfo); err != nil {
		return nil, err
	}
	if err := s.mayAssume(ctx, in.ServiceRoleArn); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		a, err := findApplication(ctx, tx, in.ApplicationName)
		if err != nil {
			return err
		}
		if _, err := findGroup(ctx, tx, a, in.DeploymentGroupName); err == nil {
			return &cd.DeploymentGroupAlreadyExistsException{
				Message: "Deployment group name already exists with name: " + *in.DeploymentGroupName,
			}
		}
		if err := atMost(ctx, tx, maxGroups,
			&cd.DeploymentGroupLimitExceededException{Message: "An application may have 1000 deployment groups."},
			`SELECT COUNT(*) FROM deploy_groups WHERE application = $1`, a.id); err != nil {
			return err
		}
		g.ComputePlatform = a.ComputePlatform
		g.fill()
		if err := s.checkGroup(ctx, tx, g.DeploymentGroupInfo); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx,
			`INSERT INTO deploy_groups (id, application, name, config, revision, doc) VALUES ($1, $2, $3, $4, '', $5)`,
			g.id, a.id, *g.DeploymentGroupName, *g.DeploymentConfigName,
			store.JSON(g.DeploymentGroupInfo)); err != nil {
			return err
		}
		return setTags(ctx, tx, s.groupARN(*g.ApplicationName, *g.DeploymentGroupName), in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &cd.CreateDeploymentGroupOutput{DeploymentGroupId: &g.id}, nil
}

// fill gives AWS's defaults to what was left out.
func (g *group) fill() {
	if g.DeploymentConfigName == nil {
		g.DeploymentConfigName = new(defaultConfig(g.ComputePlatform))
	}
	if g.DeploymentStyle == nil {
		g.DeploymentStyle = &cd.DeploymentStyle{}
	}
	if g.DeploymentStyle.DeploymentType == "" {
		g.DeploymentStyle.DeploymentType = cd.DeploymentTypeInPlace
	}
	if g.DeploymentStyle.DeploymentOption == "" {
		g.DeploymentStyle.DeploymentOption = cd.DeploymentOptionWithoutTrafficControl
	}
	if g.OutdatedInstancesStrategy == "" {
		g.OutdatedInstancesStrategy = cd.OutdatedInstancesStrategyUpdate
	}
	if g.TerminationHookEnabled == nil {
		g.TerminationHookEnabled = new(false)
	}
}

func scalingGroups(names []string) []cd.AutoScalingGroup {
	var all []cd.AutoScalingGroup
	for _, name := range names {
		all = append(all, cd.AutoScalingGroup{Name: &name})
	}
	return all
}

// GetDeploymentGroup implements codedeploy:GetDeploymentGroup.
func (s *Service) GetDeploymentGroup(ctx context.Context,
	in *cd.GetDeploymentGroupInput) (*cd.GetDeploymentGroupOutput, error) {
	a, err := findApplication(ctx, s.db, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	g, err := findGroup(ctx, s.db, a, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	return &cd.GetDeploymentGroupOutput{DeploymentGroupInfo: g.DeploymentGroupInfo}, nil
}

// BatchGetDeploymentGroups implements codedeploy:BatchGetDeploymentGroups.
func (s *Service) BatchGetDeploymentGroups(ctx context.Context,
	in *cd.BatchGetDeploymentGroupsInput) (*cd.BatchGetDeploymentGroupsOutput, error) {
	out := &cd.BatchGetDeploymentGroupsOutput{DeploymentGroupsInfo: []cd.DeploymentGroupInfo{}}
	if err := tooMany(len(in.DeploymentGroupNames), maxBatch); err != nil {
		return nil, err
	}
	a, err := findApplication(ctx, s.db, in.ApplicationName)
	if err != nil || len(in.DeploymentGroupNames) == 0 {
		return out, err
	}
	groups, err := store.All(ctx, s.db, func(r *sql.Rows) (*group, error) { return scanGroup(r.Scan) },
		`SELECT `+groupColumns+` WHERE g.application = $1 AND g.name IN `+store.In(2, len(in.DeploymentGroupNames))+
			` ORDER BY g.name`,
		append([]any{a.id}, store.Args(in.DeploymentGroupNames)...)...)
	if err != nil {
		return nil, err
	}
	for _, name := range in.DeploymentGroupNames {
		i := slices.IndexFunc(groups, func(g *group) bool { return *g.DeploymentGroupName == name })
		if i < 0 {
			out.ErrorMessage = new("No Deployment Group found for name: " + name)
			continue
		}
		out.DeploymentGroupsInfo = append(out.DeploymentGroupsInfo, *groups[i].DeploymentGroupInfo)
	}
	return out, nil
}

// ListDeploymentGroups implements codedeploy:ListDeploymentGroups.
func (s *Service) ListDeploymentGroups(ctx context.Context,
	in *cd.ListDeploymentGroupsInput) (*cd.ListDeploymentGroupsOutput, error) {
	a, err := findApplication(ctx, s.db, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(s, "ListDeploymentGroups", a.id,
		in.NextToken, func(after string, limit int) ([]string, error) {
			return store.Strings(ctx, s.db,
				`SELECT name FROM deploy_groups WHERE application = $1 AND name > $2 ORDER BY name LIMIT $3`, a.id,
				after, limit)
		}, itself)
	return &cd.ListDeploymentGroupsOutput{
		ApplicationName:  a.ApplicationName,
		DeploymentGroups: names,
		NextToken:        next,
	}, err
}

// UpdateDeploymentGroup implements codedeploy:UpdateDeploymentGroup: what is given replaces what was.
func (s *Service) UpdateDeploymentGroup(ctx context.Context,
	in *cd.UpdateDeploymentGroupInput) (*cd.UpdateDeploymentGroupOutput, error) {
	if in.ServiceRoleArn != nil {
		if err := cmp.Or(checkRole(in.ServiceRoleArn), s.mayAssume(ctx, in.ServiceRoleArn)); err != nil {
			return nil, err
		}
	}
	if err := cmp.Or(checkAlarms(in.AlarmConfiguration), checkRollback(in.AutoRollbackConfiguration)); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		a, err := findApplication(ctx, tx, in.ApplicationName)
		if err != nil {
			return err
		}
		g, err := findGroup(ctx, tx, a, in.CurrentDeploymentGroupName)
		if err != nil {
			return err
		}
		if name := in.NewDeploymentGroupName; name != nil && *name != *g.DeploymentGroupName {
			if _, err := findGroup(ctx, tx, a, name); err == nil {
				return &cd.DeploymentGroupAlreadyExistsException{
					Message: "Deployment group name already exists with name: " + *name,
				}
			}
			if err := moveTags(ctx, tx, s.groupARN(*a.ApplicationName, *g.DeploymentGroupName),
				s.groupARN(*a.ApplicationName, *name)); err != nil {
				return err
			}
			if err := s.renamed(ctx, tx, *a.ApplicationName, *g.DeploymentGroupName, *a.ApplicationName,
				*name); err != nil {
				return err
			}
			g.DeploymentGroupName = name
		}
		g.update(in)
		g.fill()
		if err := s.checkGroup(ctx, tx, g.DeploymentGroupInfo); err != nil {
			return err
		}
		return g.save(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	return &cd.UpdateDeploymentGroupOutput{HooksNotCleanedUp: []cd.AutoScalingGroup{}}, nil
}

// replace sets what is given.
func replace[T any](to **T, given *T) {
	if given != nil {
		*to = given
	}
}

func replaceList[T any](to *[]T, given []T) {
	if given != nil {
		*to = given
	}
}

func (g *group) update(in *cd.UpdateDeploymentGroupInput) {
	replace(&g.DeploymentConfigName, in.DeploymentConfigName)
	replace(&g.ServiceRoleArn, in.ServiceRoleArn)
	replace(&g.AlarmConfiguration, in.AlarmConfiguration)
	replace(&g.AutoRollbackConfiguration, in.AutoRollbackConfiguration)
	replace(&g.DeploymentStyle, in.DeploymentStyle)
	replace(&g.BlueGreenDeploymentConfiguration, in.BlueGreenDeploymentConfiguration)
	replace(&g.LoadBalancerInfo, in.LoadBalancerInfo)
	replace(&g.TerminationHookEnabled, in.TerminationHookEnabled)
	replaceList(&g.TriggerConfigurations, in.TriggerConfigurations)
	replaceList(&g.EcsServices, in.EcsServices)
	if in.AutoScalingGroups != nil {
		g.AutoScalingGroups = scalingGroups(in.AutoScalingGroups)
	}
	if in.OutdatedInstancesStrategy != "" {
		g.OutdatedInstancesStrategy = in.OutdatedInstancesStrategy
	}
	// Filters and sets exclude each other: the one that is given takes the other's place.
	if in.Ec2TagFilters != nil || in.Ec2TagSet != nil {
		g.Ec2TagFilters, g.Ec2TagSet = in.Ec2TagFilters, in.Ec2TagSet
	}
	if in.OnPremisesInstanceTagFilters != nil || in.OnPremisesTagSet != nil {
		g.OnPremisesInstanceTagFilters, g.OnPremisesTagSet = in.OnPremisesInstanceTagFilters, in.OnPremisesTagSet
	}
}

// DeleteDeploymentGroup implements codedeploy:DeleteDeploymentGroup; an unknown name is no error. Its deployments stay
// in the history, and one that is in progress fails.
func (s *Service) DeleteDeploymentGroup(ctx context.Context,
	in *cd.DeleteDeploymentGroupInput) (*cd.DeleteDeploymentGroupOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		a, err := findApplication(ctx, tx, in.ApplicationName)
		if err == nil {
			var g *group
			if g, err = findGroup(ctx, tx, a, in.DeploymentGroupName); err == nil {
				return s.removeGroup(ctx, tx, g, cd.ErrorCodeDeploymentGroupMissing,
					"The deployment group "+*g.DeploymentGroupName+" was deleted while the deployment was in progress.")
			}
		}
		if code := awsproto.Code(err); code == "ApplicationDoesNotExistException" ||
			code == "DeploymentGroupDoesNotExistException" {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cd.DeleteDeploymentGroupOutput{HooksNotCleanedUp: []cd.AutoScalingGroup{}}, nil
}

func (s *Service) removeGroup(ctx context.Context, tx store.Tx, g *group, code cd.ErrorCode, message string) error {
	for _, statement := range []string{`DELETE FROM deploy_health WHERE grp = $1`,
		`DELETE FROM deploy_groups WHERE id = $1`} {
		if _, err := tx.Exec(ctx, statement, g.id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM deploy_tags WHERE arn = $1`,
		s.groupARN(*g.ApplicationName, *g.DeploymentGroupName)); err != nil {
		return err
	}
	if s.Releases != nil {
		if err := s.Releases.GroupDeleted(ctx, tx, *g.ApplicationName, *g.DeploymentGroupName); err != nil {
			return err
		}
	}
	return s.stopLive(ctx, tx, g.id, code, message)
}
