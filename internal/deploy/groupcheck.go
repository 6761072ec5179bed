package deploy

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// Limits of AWS for a deployment group.
const (
	maxTagGroups  = 3
	maxGroupTags  = 10
	maxGroupTrigs = 10
	maxAlarms     = 10
	// In minutes.
	maxReadyWait       = 2 * 24 * 60
	maxTerminationWait = 2880
)

func checkGroup(ctx context.Context, q store.Queryer, g *cd.DeploymentGroupInfo) error {
	if err := checkParts(g); err != nil {
		return err
	}
	if _, err := findConfig(ctx, q, g.DeploymentConfigName); err != nil {
		return err
	}
	return checkTags(g)
}

var roleARN = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^arn:aws[a-z-]*:iam::\d{12}:role/\S+$`)
})

// checkRole refuses what is no ARN of a role.
func checkRole(role *string) error {
	switch {
	case text(role) == "":
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

func checkTags(g *cd.DeploymentGroupInfo) error {
	if len(g.Ec2TagFilters) > 0 && g.Ec2TagSet != nil {
		return &cd.InvalidEC2TagCombinationException{Message: "A call may have ec2TagFilters or ec2TagSet, not both."}
	}
	if len(g.OnPremisesInstanceTagFilters) > 0 && g.OnPremisesTagSet != nil {
		return &cd.InvalidOnPremisesTagCombinationException{
			Message: "A call may have onPremisesInstanceTagFilters or onPremisesTagSet, not both.",
		}
	}
	if g.DeploymentStyle.DeploymentType == cd.DeploymentTypeBlueGreen {
		if err := checkSides(g); err != nil {
			return err
		}
	}
	sets := [][]cd.TagFilter{g.OnPremisesInstanceTagFilters}
	if g.OnPremisesTagSet != nil {
		sets = g.OnPremisesTagSet.OnPremisesTagSetList
	}
	if len(sets) > maxTagGroups || g.Ec2TagSet != nil && len(g.Ec2TagSet.Ec2TagSetList) > maxTagGroups {
		return &cd.TagSetListLimitExceededException{Message: "A tag set may have 3 groups of tags."}
	}
	for _, filters := range sets {
		if err := checkFilters(filters); err != nil {
			return err
		}
	}
	return nil
}

// checkSides looks at a blue/green group. AWS knows no on-premises instances there; here the two groups of
// onPremisesTagSet are the two sides.
func checkSides(g *cd.DeploymentGroupInfo) error {
	if len(g.OnPremisesInstanceTagFilters) > 0 ||
		g.OnPremisesTagSet != nil && len(g.OnPremisesTagSet.OnPremisesTagSetList) != 2 {
		return &cd.InvalidOnPremisesTagCombinationException{
			Message: "A deployment group of the type BLUE_GREEN names its hosts by onPremisesTagSet with two groups " +
				"of tags: the first for the blue side, the second for the green one.",
		}
	}
	if g.OnPremisesTagSet == nil {
		return nil // kept as AWS's tools send it; a deployment says what is missing
	}
	if g.DeploymentStyle.DeploymentOption != cd.DeploymentOptionWithTrafficControl {
		return &cd.InvalidDeploymentStyleException{
			Message: "The deployment type BLUE_GREEN needs the deployment option WITH_TRAFFIC_CONTROL.",
		}
	}
	if b := g.BlueGreenDeploymentConfiguration; b != nil {
		if r := b.DeploymentReadyOption; r != nil && r.WaitTimeInMinutes != nil &&
			(*r.WaitTimeInMinutes < 0 || *r.WaitTimeInMinutes > maxReadyWait) {
			return &cd.InvalidBlueGreenDeploymentConfigurationException{
				Message: fmt.Sprintf("waitTimeInMinutes must be 0 to %d.", maxReadyWait),
			}
		}
		if x := b.TerminateBlueInstancesOnDeploymentSuccess; x != nil && x.TerminationWaitTimeInMinutes != nil &&
			(*x.TerminationWaitTimeInMinutes < 0 || *x.TerminationWaitTimeInMinutes > maxTerminationWait) {
			return &cd.InvalidBlueGreenDeploymentConfigurationException{
				Message: fmt.Sprintf("terminationWaitTimeInMinutes must be 0 to %d.", maxTerminationWait),
			}
		}
	}
	_, err := pairOf(g)
	return err
}

func checkFilters(filters []cd.TagFilter) error {
	if len(filters) > maxGroupTags {
		return &cd.InvalidTagException{Message: "A group of tags may have 10 of them."}
	}
	for _, f := range filters {
		if kindOf(f) != cd.TagFilterTypeValueOnly && text(f.Key) == "" {
			return &cd.InvalidTagException{Message: "A tag filter must have a key, unless its type is VALUE_ONLY."}
		}
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
		if text(alarm.Name) == "" {
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
