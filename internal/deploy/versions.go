package deploy

import (
	"context"
	"errors"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// historyRead is how many of the newest deployments of an application are looked at for its versions.
const historyRead = 200

// Versions tells which versions were deployed to a group, the newest first, and how each fared there last and in the
// application's other groups. It looks at the newest 200 deployments of the group, and as many of the application.
func (s *Service) Versions(ctx context.Context, application, name string) ([]slipway.Tried, error) {
	a, err := findApplication(ctx, s.db, &application)
	var g *group
	if err == nil {
		g, err = findGroup(ctx, s.db, a, &name)
	}
	_, noGroup := errors.AsType[*cd.DeploymentGroupDoesNotExistException](err)
	_, noApplication := errors.AsType[*cd.ApplicationDoesNotExistException](err)
	if noGroup || noApplication {
		return nil, &slipway.DeploymentGroupNotFoundException{
			Message: "There is no deployment group " + application + "/" + name,
		}
	}
	if err != nil {
		return nil, err
	}
	here, err := store.All(ctx, s.db, scanDeployment,
		`SELECT `+deploymentColumns+` WHERE d.grp = $1 ORDER BY d.place DESC LIMIT $2`, g.id, historyRead)
	if err != nil {
		return nil, err
	}
	around, err := store.All(ctx, s.db, scanDeployment,
		`SELECT `+deploymentColumns+` WHERE d.application = $1 ORDER BY d.place DESC LIMIT $2`, a.id, historyRead)
	if err != nil {
		return nil, err
	}
	all, at := []slipway.Tried{}, map[string]int{}
	for _, d := range here {
		key := revisionKey(d.info.Revision)
		if _, known := at[key]; known {
			continue
		}
		at[key] = len(all)
		all = append(all,
			slipway.Tried{
				Key:        key,
				Deployment: d.id,
				Outcome:    outcomeOf(d.info),
				At:         d.info.CreateTime,
				Message:    awsproto.Value(messageOf(d.info.ErrorInformation)),
			})
	}
	elsewhere(all, at, around, g.id)
	return all, nil
}

// elsewhere adds how versions fared last in other groups.
func elsewhere(all []slipway.Tried, at map[string]int, around []*deployment, here string) {
	seen := map[string]bool{}
	for _, d := range around {
		key := revisionKey(d.info.Revision)
		i, ok := at[key]
		if !ok || d.grp == here || seen[key+d.grp] {
			continue
		}
		seen[key+d.grp] = true
		all[i].Elsewhere = append(all[i].Elsewhere,
			slipway.TriedElsewhere{Group: awsproto.Value(d.info.DeploymentGroupName), Deployment: d.id,
				Outcome: outcomeOf(d.info),
				Message: awsproto.Value(messageOf(d.info.ErrorInformation))})
	}
}

// outcomeOf is how a deployment went.
func outcomeOf(d *cd.DeploymentInfo) slipway.VersionOutcome {
	switch {
	case d.RollbackInfo != nil && awsproto.Value(d.RollbackInfo.RollbackDeploymentId) != "":
		return slipway.VersionOutcomeRolledBack
	case d.Status == cd.DeploymentStatusSucceeded:
		return slipway.VersionOutcomeGood
	case d.Status == cd.DeploymentStatusFailed:
		return slipway.VersionOutcomeFailed
	case d.Status == cd.DeploymentStatusStopped:
		return slipway.VersionOutcomeStopped
	}
	return slipway.VersionOutcomeInProgress
}
