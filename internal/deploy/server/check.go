package server

import (
	"cmp"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy"
)

// Limits of AWS for the tags of a deployment group.
const (
	maxTagGroups = 3
	maxGroupTags = 10
)

// Check implements deploy.Platform.
func (p *Platform) Check(g *cd.DeploymentGroupInfo, revision *cd.RevisionLocation) error {
	if err := checkTags(g); err != nil || revision == nil {
		return err
	}
	return cmp.Or(checkStyle(g), checkBundle(revision))
}

// checkStyle refuses a deployment to a group that is kept as AWS's tools send it, and can't be carried out.
func checkStyle(g *cd.DeploymentGroupInfo) error {
	if g.DeploymentStyle.DeploymentType != cd.DeploymentTypeBlueGreen {
		return nil
	}
	if copies(g.BlueGreenDeploymentConfiguration) {
		return unsupported(
			"blue/green deployments that copy an Auto Scaling group. Set greenFleetProvisioningOption to " +
				"DISCOVER_EXISTING and name both sides by onPremisesTagSet.")
	}
	withTraffic := g.DeploymentStyle.DeploymentOption == cd.DeploymentOptionWithTrafficControl
	if withTraffic && g.OnPremisesTagSet == nil {
		return &cd.InvalidDeploymentStyleException{Message: "The deployment group " + *g.DeploymentGroupName +
			" is BLUE_GREEN and names no hosts: give onPremisesTagSet two groups of tags, the first for the blue " +
			"side, the second for the green one."}
	}
	return nil
}

func copies(b *cd.BlueGreenDeploymentConfiguration) bool {
	return b != nil && b.GreenFleetProvisioningOption != nil &&
		b.GreenFleetProvisioningOption.Action == cd.GreenFleetProvisioningActionCopyAutoScalingGroup
}

func checkBundle(r *cd.RevisionLocation) error {
	if r.RevisionType != cd.RevisionLocationTypeS3 {
		return unsupported("deployments of revisions of the type " + string(r.RevisionType) +
			" yet; those in S3 it does.")
	}
	switch kind := r.S3Location.BundleType; kind {
	case cd.BundleTypeYaml, cd.BundleTypeJson:
		return &cd.InvalidRevisionException{
			Message: "A bundle for servers must be of the type zip, tar or tgz, not " + string(kind) + ".",
		}
	}
	return nil
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

// checkSides refuses a blue/green group that does not name the hosts of both sides. AWS has no on-premises instances in
// such groups; here the two groups of onPremisesTagSet are the two sides.
func checkSides(g *cd.DeploymentGroupInfo) error {
	set := g.OnPremisesTagSet
	if len(g.OnPremisesInstanceTagFilters) > 0 || set != nil && len(set.OnPremisesTagSetList) != 2 {
		return &cd.InvalidOnPremisesTagCombinationException{
			Message: "A deployment group of the type BLUE_GREEN names its hosts by onPremisesTagSet with two groups " +
				"of tags: the first for the blue side, the second for the green one.",
		}
	}
	if set == nil {
		return nil // kept as AWS's tools send it; a deployment says what is missing
	}
	return deploy.CheckBlueGreen(g)
}

func checkFilters(filters []cd.TagFilter) error {
	if len(filters) > maxGroupTags {
		return &cd.InvalidTagException{Message: "A group of tags may have 10 of them."}
	}
	for _, f := range filters {
		if kindOf(f) != cd.TagFilterTypeValueOnly && awsproto.Value(f.Key) == "" {
			return &cd.InvalidTagException{Message: "A tag filter must have a key, unless its type is VALUE_ONLY."}
		}
	}
	return nil
}
