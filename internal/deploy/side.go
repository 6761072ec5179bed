package deploy

import (
	"context"
	"slices"

	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// side is one half of a blue/green group: its hosts and its target group. Which of the two carries the traffic changes
// with each deployment.
type side string

const (
	blue  side = "blue"
	green side = "green"
)

// other is the side that is idle while this one carries the traffic. The first deployment of all goes to the blue side.
func (x side) other() side {
	if x == blue {
		return green
	}
	return blue
}

// index is the place of a side's tags in onPremisesTagSet, and of its target group in the pair.
func (x side) index() int {
	if x == green {
		return 1
	}
	return 0
}

// hostsOfSide finds the registered instances of one side of a group, by name.
func hostsOfSide(ctx context.Context, q store.Queryer, g *cd.DeploymentGroupInfo, x side) ([]*cd.InstanceInfo, error) {
	mine, others := g.OnPremisesTagSet.OnPremisesTagSetList[x.index()],
		g.OnPremisesTagSet.OnPremisesTagSetList[1-x.index()]
	all, err := store.Documents[cd.InstanceInfo](ctx, q,
		`SELECT doc FROM deploy_instances WHERE deregistered = 0 ORDER BY name`)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(i *cd.InstanceInfo) bool { return !matchesAny(mine, i.Tags) })
	for _, i := range all {
		if matchesAny(others, i.Tags) {
			return nil, &cd.InvalidOnPremisesTagCombinationException{
				Message: "The on-premises instance " + *i.InstanceName +
					" has tags of the blue and of the green side of the deployment group " +
					text(g.DeploymentGroupName) + ". A host must be on one of them.",
			}
		}
	}
	return all, nil
}
