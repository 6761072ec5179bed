package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

const (
	predefinedPrefix = "CodeDeployDefault."
	maxConfigs       = 50
)

// predefined are the 17 deployment configurations that AWS has made, in the order of their names.
func predefined() []cd.DeploymentConfigInfo {
	var all []cd.DeploymentConfigInfo
	add := func(name string, p cd.ComputePlatform, m *cd.MinimumHealthyHosts, t *cd.TrafficRoutingConfig) {
		id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(predefinedPrefix+name)).String()
		all = append(all,
			cd.DeploymentConfigInfo{DeploymentConfigName: new(predefinedPrefix + name), DeploymentConfigId: &id,
				ComputePlatform: p, MinimumHealthyHosts: m, TrafficRoutingConfig: t})
	}
	server := func(name string, kind cd.MinimumHealthyHostsType, value int32) {
		add(name, cd.ComputePlatformServer, &cd.MinimumHealthyHosts{Type: kind, Value: &value}, nil)
	}
	canary := func(name string, p cd.ComputePlatform, percentage, interval int32) {
		add(name, p, nil, &cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeTimeBasedCanary,
			TimeBasedCanary: &cd.TimeBasedCanary{CanaryPercentage: &percentage, CanaryInterval: &interval}})
	}
	linear := func(name string, p cd.ComputePlatform, percentage, interval int32) {
		add(name, p, nil, &cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeTimeBasedLinear,
			TimeBasedLinear: &cd.TimeBasedLinear{LinearPercentage: &percentage, LinearInterval: &interval}})
	}
	// OneAtATime reads back as a kind of its own (API_MinimumHealthyHosts).
	server("OneAtATime", rollout.MostConcurrency, 1)
	server("HalfAtATime", cd.MinimumHealthyHostsTypeFleetPercent, 50)
	server("AllAtOnce", cd.MinimumHealthyHostsTypeHostCount, 0)
	linear("ECSLinear10PercentEvery1Minutes", cd.ComputePlatformEcs, 10, 1)
	linear("ECSLinear10PercentEvery3Minutes", cd.ComputePlatformEcs, 10, 3)
	canary("ECSCanary10Percent5Minutes", cd.ComputePlatformEcs, 10, 5)
	canary("ECSCanary10Percent15Minutes", cd.ComputePlatformEcs, 10, 15)
	add("ECSAllAtOnce", cd.ComputePlatformEcs, nil, &cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeAllAtOnce})
	for _, minutes := range []int32{5, 10, 15, 30} {
		canary(fmt.Sprintf("LambdaCanary10Percent%dMinutes", minutes), cd.ComputePlatformLambda, 10, minutes)
	}
	linear("LambdaLinear10PercentEvery1Minute", cd.ComputePlatformLambda, 10, 1)
	for _, minutes := range []int32{2, 3, 10} {
		linear(fmt.Sprintf("LambdaLinear10PercentEvery%dMinutes", minutes), cd.ComputePlatformLambda, 10, minutes)
	}
	add("LambdaAllAtOnce", cd.ComputePlatformLambda, nil,
		&cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeAllAtOnce})
	slices.SortFunc(all, func(a, b cd.DeploymentConfigInfo) int {
		return strings.Compare(*a.DeploymentConfigName, *b.DeploymentConfigName)
	})
	return all
}

func defaultConfig(p cd.ComputePlatform) string {
	switch p {
	case cd.ComputePlatformEcs:
		return predefinedPrefix + "ECSAllAtOnce"
	case cd.ComputePlatformLambda:
		return predefinedPrefix + "LambdaAllAtOnce"
	}
	return predefinedPrefix + "OneAtATime"
}

func findConfig(ctx context.Context, q store.Queryer, name *string) (*cd.DeploymentConfigInfo, error) {
	if strings.HasPrefix(awsproto.Value(name), predefinedPrefix) {
		for _, c := range predefined() {
			if *c.DeploymentConfigName == *name {
				return &c, nil
			}
		}
	}
	c, err := store.Document[cd.DeploymentConfigInfo](ctx, q, `SELECT doc FROM deploy_configs WHERE name = $1`,
		awsproto.Value(name))
	if err == nil && c == nil {
		err = &cd.DeploymentConfigDoesNotExistException{Message: "No Deployment Config found for name: " +
			awsproto.Value(name)}
	}
	return c, err
}

// CreateDeploymentConfig implements codedeploy:CreateDeploymentConfig.
func (s *Service) CreateDeploymentConfig(ctx context.Context,
	in *cd.CreateDeploymentConfigInput) (*cd.CreateDeploymentConfigOutput, error) {
	c := &cd.DeploymentConfigInfo{DeploymentConfigId: new(uuid.NewString()),
		DeploymentConfigName: in.DeploymentConfigName, MinimumHealthyHosts: in.MinimumHealthyHosts,
		CreateTime: awsproto.At(s.Now()), ComputePlatform: in.ComputePlatform,
		TrafficRoutingConfig: in.TrafficRoutingConfig, ZonalConfig: in.ZonalConfig}
	if c.ComputePlatform == "" {
		c.ComputePlatform = cd.ComputePlatformServer
	}
	if err := checkConfig(c); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := findConfig(ctx, tx, in.DeploymentConfigName); err == nil {
			return &cd.DeploymentConfigAlreadyExistsException{Message: "Deployment Config already exists with name: " +
				*in.DeploymentConfigName}
		}
		if err := atMost(ctx, tx, maxConfigs,
			&cd.DeploymentConfigLimitExceededException{
				Message: "An account may have 50 deployment configurations of its own.",
			}, `SELECT COUNT(*) FROM deploy_configs`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO deploy_configs (name, doc) VALUES ($1, $2)`, *c.DeploymentConfigName,
			store.JSON(c))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cd.CreateDeploymentConfigOutput{DeploymentConfigId: c.DeploymentConfigId}, nil
}

// checkConfig refuses a configuration that is malformed, and completes it.
func checkConfig(c *cd.DeploymentConfigInfo) error {
	if strings.HasPrefix(*c.DeploymentConfigName, predefinedPrefix) {
		return &cd.InvalidDeploymentConfigNameException{
			Message: "Names that begin with CodeDeployDefault. are reserved.",
		}
	}
	if c.ComputePlatform != cd.ComputePlatformServer {
		if c.MinimumHealthyHosts != nil {
			return &cd.InvalidMinimumHealthyHostValueException{
				Message: "Minimum healthy hosts are for the compute platform Server alone.",
			}
		}
		return checkTraffic(c.ComputePlatform, c.TrafficRoutingConfig)
	}
	// AWS routes the traffic of ECS and Lambda alone; here that of blue/green hosts too, which may all be installed on
	// at once, for they are idle.
	if c.TrafficRoutingConfig != nil {
		if err := checkTraffic(c.ComputePlatform, c.TrafficRoutingConfig); err != nil {
			return err
		}
		if c.MinimumHealthyHosts == nil {
			c.MinimumHealthyHosts = &cd.MinimumHealthyHosts{Type: cd.MinimumHealthyHostsTypeHostCount}
		}
	}
	if err := checkMinimum(c.MinimumHealthyHosts); err != nil {
		return err
	}
	return checkZones(c.ZonalConfig)
}

// checkMinimum refuses a minimum of healthy hosts that is none, and completes it.
func checkMinimum(m *cd.MinimumHealthyHosts) error {
	if m == nil || m.Type == "" {
		return &cd.InvalidMinimumHealthyHostValueException{
			Message: "A configuration for servers needs minimumHealthyHosts with a type and a value.",
		}
	}
	if m.Value == nil {
		m.Value = new(int32(0)) // AWS's SDK for Go leaves a zero out
	}
	if *m.Value < 0 || m.Type == cd.MinimumHealthyHostsTypeFleetPercent && *m.Value > 100 {
		return &cd.InvalidMinimumHealthyHostValueException{
			Message: fmt.Sprintf("%d is no value for %s: it must be 0 or more, and a percentage 100 at most.",
				*m.Value, m.Type),
		}
	}
	return nil
}

func checkZones(z *cd.ZonalConfig) error {
	if z == nil {
		return nil
	}
	for _, d := range []*int64{z.FirstZoneMonitorDurationInSeconds, z.MonitorDurationInSeconds} {
		if d != nil && *d < 0 {
			return &cd.InvalidZonalDeploymentConfigurationException{
				Message: "A monitor duration must be 0 seconds or more.",
			}
		}
	}
	return nil
}

// maxShift is how long the traffic of a Lambda function may take to shift, in minutes.
const maxShift = 2880

func checkTraffic(p cd.ComputePlatform, t *cd.TrafficRoutingConfig) error {
	bad := func(format string, args ...any) error {
		return &cd.InvalidTrafficRoutingConfigurationException{Message: fmt.Sprintf(format, args...)}
	}
	within := func(n *int32, most int32) bool { return n != nil && *n >= 1 && *n <= most }
	switch {
	case t == nil || t.Type == "":
		return bad("A configuration for %s needs trafficRoutingConfig.", p)
	case t.Type == cd.TrafficRoutingTypeTimeBasedCanary:
		if t.TimeBasedCanary == nil || !within(t.TimeBasedCanary.CanaryPercentage, 99) ||
			!within(t.TimeBasedCanary.CanaryInterval, maxShift) {
			return bad("TimeBasedCanary needs a percentage of 1 to 99 and an interval of 1 to %d minutes.", maxShift)
		}
	case t.Type == cd.TrafficRoutingTypeTimeBasedLinear:
		if t.TimeBasedLinear == nil || !within(t.TimeBasedLinear.LinearPercentage, 99) ||
			!within(t.TimeBasedLinear.LinearInterval, maxShift) {
			return bad("TimeBasedLinear needs a percentage of 1 to 99 and an interval of 1 to %d minutes.", maxShift)
		}
		steps := (100 + int64(*t.TimeBasedLinear.LinearPercentage) - 1) / int64(*t.TimeBasedLinear.LinearPercentage)
		if (steps-1)*int64(*t.TimeBasedLinear.LinearInterval) > maxShift {
			return bad("The shift would take longer than %d minutes.", maxShift)
		}
	}
	return nil
}

// GetDeploymentConfig implements codedeploy:GetDeploymentConfig.
func (s *Service) GetDeploymentConfig(ctx context.Context,
	in *cd.GetDeploymentConfigInput) (*cd.GetDeploymentConfigOutput, error) {
	c, err := findConfig(ctx, s.db, in.DeploymentConfigName)
	if err != nil {
		return nil, err
	}
	return &cd.GetDeploymentConfigOutput{DeploymentConfigInfo: c}, nil
}

// ListDeploymentConfigs implements codedeploy:ListDeploymentConfigs; the most there can be fit on one page.
func (s *Service) ListDeploymentConfigs(ctx context.Context,
	in *cd.ListDeploymentConfigsInput) (*cd.ListDeploymentConfigsOutput, error) {
	names, next, err := page(s, "ListDeploymentConfigs", nil,
		in.NextToken, func(after string, limit int) ([]string, error) {
			all, err := store.Strings(ctx, s.db,
				`SELECT name FROM deploy_configs WHERE name > $1 ORDER BY name LIMIT $2`, after, limit)
			for _, c := range predefined() {
				if *c.DeploymentConfigName > after {
					all = append(all, *c.DeploymentConfigName)
				}
			}
			slices.Sort(all)
			return all[:min(len(all), limit)], err
		}, itself)
	return &cd.ListDeploymentConfigsOutput{DeploymentConfigsList: names, NextToken: next}, err
}

// DeleteDeploymentConfig implements codedeploy:DeleteDeploymentConfig; an unknown name is no error.
func (s *Service) DeleteDeploymentConfig(ctx context.Context,
	in *cd.DeleteDeploymentConfigInput) (*cd.DeleteDeploymentConfigOutput, error) {
	if strings.HasPrefix(*in.DeploymentConfigName, predefinedPrefix) {
		return nil, &cd.InvalidOperationException{
			Message: "The predefined deployment configurations cannot be deleted.",
		}
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		used, err := store.Strings(ctx, tx, `SELECT name FROM deploy_groups WHERE config = $1 ORDER BY name LIMIT 1`,
			*in.DeploymentConfigName)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return &cd.DeploymentConfigInUseException{
				Message: "The deployment configuration is used by the deployment group " + used[0] + ".",
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM deploy_configs WHERE name = $1`, *in.DeploymentConfigName)
		return err
	})
}
