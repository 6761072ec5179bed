package deploy

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// Limits of AWS for a deployment group.
const (
	maxGroupTrigs = 10
	maxAlarms     = 10
	// In minutes.
	maxReadyWait       = 2 * 24 * 60
	maxTerminationWait = 2880
)

func (s *Service) checkGroup(ctx context.Context, q store.Queryer, g *cd.DeploymentGroupInfo) error {
	if err := checkParts(g); err != nil {
		return err
	}
	if _, err := findConfig(ctx, q, g.DeploymentConfigName); err != nil {
		return err
	}
	if p := s.platform(g.ComputePlatform); p != nil {
		return p.Check(g, nil)
	}
	return nil
}

var roleARN = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^arn:aws[a-z-]*:iam::\d{12}:role/\S+$`)
})

// checkRole refuses what is no ARN of a role.
func checkRole(role *string) error {
	switch {
	case awsproto.Value(role) == "":
		return &cd.RoleRequiredException{Message: "A service role ARN must be given."}
	case !roleARN().MatchString(*role):
		return &cd.InvalidRoleException{
			Message: fmt.Sprintf("%q is no ARN of a role; they look like arn:aws:iam::123456789012:role/NAME.", *role),
		}
	}
	return nil
}

// checkParts looks at what needs no more than the request: it comes before anything is looked up, as what is malformed
// is said before what is absent.
func checkParts(g *cd.DeploymentGroupInfo) error {
	if err := checkRole(g.ServiceRoleArn); err != nil {
		return err
	}
	if len(g.TriggerConfigurations) > maxGroupTrigs {
		return &cd.TriggerTargetsLimitExceededException{Message: "A deployment group may have 10 triggers."}
	}
	if err := checkAlarms(g.AlarmConfiguration); err != nil {
		return err
	}
	return checkRollback(g.AutoRollbackConfiguration)
}

// CheckBlueGreen refuses a blue/green group that does not say how its traffic is shifted. A platform calls it from
// Check.
func CheckBlueGreen(g *cd.DeploymentGroupInfo) error {
	if g.DeploymentStyle.DeploymentOption != cd.DeploymentOptionWithTrafficControl {
		return &cd.InvalidDeploymentStyleException{
			Message: "The deployment type BLUE_GREEN needs the deployment option WITH_TRAFFIC_CONTROL.",
		}
	}
	if err := checkWaits(g.BlueGreenDeploymentConfiguration); err != nil {
		return err
	}
	_, err := pairOf(g)
	return err
}

func checkWaits(b *cd.BlueGreenDeploymentConfiguration) error {
	if b == nil {
		return nil
	}
	check := func(name string, minutes *int32, most int32) error {
		if minutes == nil || *minutes >= 0 && *minutes <= most {
			return nil
		}
		return &cd.InvalidBlueGreenDeploymentConfigurationException{
			Message: fmt.Sprintf("%s must be 0 to %d.", name, most),
		}
	}
	if r := b.DeploymentReadyOption; r != nil {
		if err := check("waitTimeInMinutes", r.WaitTimeInMinutes, maxReadyWait); err != nil {
			return err
		}
	}
	if x := b.TerminateBlueInstancesOnDeploymentSuccess; x != nil {
		return check("terminationWaitTimeInMinutes", x.TerminationWaitTimeInMinutes, maxTerminationWait)
	}
	return nil
}

func checkAlarms(a *cd.AlarmConfiguration) error {
	if a == nil {
		return nil
	}
	if len(a.Alarms) > maxAlarms {
		return &cd.AlarmsLimitExceededException{Message: "A deployment group may have 10 alarms."}
	}
	if a.Enabled != nil && *a.Enabled && len(a.Alarms) == 0 {
		return &cd.InvalidAlarmConfigException{
			Message: "An alarm configuration that is enabled needs at least one alarm.",
		}
	}
	for _, alarm := range a.Alarms {
		if awsproto.Value(alarm.Name) == "" {
			return &cd.InvalidAlarmConfigException{Message: "An alarm must have a name."}
		}
	}
	return nil
}

func checkRollback(r *cd.AutoRollbackConfiguration) error {
	if r != nil && r.Enabled != nil && *r.Enabled && len(r.Events) == 0 {
		return &cd.InvalidAutoRollbackConfigException{
			Message: "An automatic rollback that is enabled needs at least one event.",
		}
	}
	return nil
}
