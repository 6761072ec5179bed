package build

import (
	"context"
	"slices"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// fleetTypes are the environment types of fleets whose builds a runner can run. Source: CreateFleet in the CodeBuild
// API reference, without Windows and macOS.
var fleetTypes = []cb.EnvironmentType{cb.EnvironmentTypeArmContainer, cb.EnvironmentTypeArmEc2,
	cb.EnvironmentTypeLinuxContainer, cb.EnvironmentTypeLinuxEc2, cb.EnvironmentTypeLinuxGpuContainer}

// checkFleet refuses a fleet that could not do what it says.
func (s *Service) checkFleet(ctx context.Context, f *cb.Fleet) error {
	if !slices.Contains(fleetTypes, f.EnvironmentType) {
		return invalid("A fleet of the environmentType %s is not executed: runners run on Linux. Use one of %v.",
			f.EnvironmentType, fleetTypes)
	}
	if f.ProxyConfiguration != nil {
		return invalid("proxyConfiguration is not enforced by Slipway, so a fleet with one is refused. Restrict the " +
			"network of the machines of its runners instead.")
	}
	if err := checkFleetCompute(f); err != nil {
		return err
	}
	if err := checkScaling(f); err != nil {
		return err
	}
	if role := awsproto.Value(f.FleetServiceRole); role != "" && !roleARN()(role) {
		return invalid("Invalid fleetServiceRole: %q is not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME).", role)
	}
	return s.checkRole(ctx, f.FleetServiceRole)
}

// checkFleetCompute asks for a computeConfiguration where the computeType is nothing without it.
func checkFleetCompute(f *cb.Fleet) error {
	c := f.ComputeConfiguration
	switch f.ComputeType {
	case cb.ComputeTypeAttributeBasedCompute:
		if c == nil {
			return invalid("The computeType %s needs a computeConfiguration.", f.ComputeType)
		}
	case cb.ComputeTypeCustomInstanceType:
		if c == nil || awsproto.Value(c.InstanceType) == "" {
			return invalid("The computeType %s needs computeConfiguration.instanceType.", f.ComputeType)
		}
	}
	return nil
}

func checkScaling(f *cb.Fleet) error {
	c := f.ScalingConfiguration
	if c == nil {
		return nil
	}
	switch base, most := awsproto.Value(f.BaseCapacity), awsproto.Value(c.MaxCapacity); {
	case c.ScalingType == "":
		return invalid("Invalid scalingConfiguration: scalingType is required (%s).",
			cb.FleetScalingTypeTargetTrackingScaling)
	case most < base:
		return invalid("Invalid scalingConfiguration: maxCapacity %d must not be less than baseCapacity %d.", most,
			base)
	case len(c.TargetTrackingScalingConfigs) > 1:
		return invalid("Invalid scalingConfiguration: targetTrackingScalingConfigs has %d entries; there is one "+
			"metric, %s.", len(c.TargetTrackingScalingConfigs), cb.FleetScalingMetricTypeFleetUtilizationRate)
	}
	for _, t := range c.TargetTrackingScalingConfigs {
		if v := awsproto.Value(t.TargetValue); t.MetricType == "" || !(v > 0 && v <= 100) {
			return invalid("Invalid scalingConfiguration: a target needs the metricType %s and a targetValue over 0 "+
				"and up to 100 (percent).", cb.FleetScalingMetricTypeFleetUtilizationRate)
		}
	}
	return nil
}

// fleetThere refuses a fleet that does not exist; "" is none.
func (s *Service) fleetThere(ctx context.Context, arn, project string) error {
	if arn == "" {
		return nil
	}
	if err := s.checkFleetARN(arn); err != nil {
		return err
	}
	all, err := s.fleetsByARN(ctx)
	if err == nil && all[arn] == nil {
		err = invalid("The fleet %s of the project %s does not exist; it may have been deleted. Give the project "+
			"another (environment.fleet.fleetArn), or none.", arn, project)
	}
	return err
}

// grounds are what builds are made on: what stands for images, and the fleets.
type grounds struct {
	images map[string]string
	fleets map[string]*cb.Fleet
}

func (s *Service) grounds(ctx context.Context) (g grounds, err error) {
	if g.images, err = s.namedImages(ctx); err != nil {
		return g, err
	}
	g.fleets, err = s.fleetsByARN(ctx)
	return g, err
}

// takeMachines gives a build what its fleet says of its machines: type and computeType of the project are ignored then.
// Source: ProjectEnvironment in the CodeBuild API reference.
func takeMachines(e *cb.ProjectEnvironment, f *cb.Fleet) {
	if f != nil {
		e.Type, e.ComputeType, e.ComputeConfiguration = f.EnvironmentType, f.ComputeType, f.ComputeConfiguration
	}
}

// watchFleet ends, by a job, a build that is submitted for a fleet that was deleted at this moment.
func watchFleet(ctx context.Context, tx store.Tx, arn string) error {
	var name string
	there, err := store.Find(ctx, tx, []any{&name}, `SELECT name FROM fleets WHERE arn = $1`, arn)
	if err != nil || there {
		return err
	}
	return tx.Enqueue(ctx, store.Job{Kind: jobFleet, Key: arn})
}
