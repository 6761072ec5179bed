package deploy

import (
	"slices"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
)

// other is the side that is idle while this one carries the traffic. The first deployment goes to the blue side.
func (x Side) other() Side {
	if x == Blue {
		return Green
	}
	return Blue
}

// index is the place of a side's target group in the pair, and of its tags in onPremisesTagSet.
func (x Side) index() int {
	if x == Green {
		return 1
	}
	return 0
}

// ofSide returns the targets of one side of a group. A target of both sides is refused.
func ofSide(g *group, all []Target, x Side) ([]Target, error) {
	var mine []Target
	for _, t := range all {
		if !slices.Contains(t.Sides, x) {
			continue
		}
		if len(t.Sides) > 1 {
			return nil, &cd.InvalidOnPremisesTagCombinationException{
				Message: "The on-premises instance " + t.Name + " has tags of the blue and of the green side of the " +
					"deployment group " + awsproto.Value(g.DeploymentGroupName) + ". A host must be on one of them."}
		}
		mine = append(mine, t)
	}
	return mine, nil
}
