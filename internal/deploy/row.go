package deploy

import (
	"context"
	"database/sql"
	"errors"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// deployment is a row: what the API shows of it, and what the decider knows.
type deployment struct {
	id, app, grp string
	place        string
	live         bool
	info         *cd.DeploymentInfo
	state        rollout.State
	traffic      *traffic // nil if it moves none
	reuse        string   // the deployment whose unpacked bundle a restart uses again
}

const deploymentColumns = `d.id, d.application, d.grp, d.place, d.live, a.name, g.name,
	d.doc, d.state, d.traffic, d.reuse
	FROM deploy_deployments d
	LEFT JOIN deploy_applications a ON a.id = d.application
	LEFT JOIN deploy_groups g ON g.id = d.grp`

func scanDeployment(r *sql.Rows) (*deployment, error) {
	d := &deployment{info: new(cd.DeploymentInfo)}
	var live int
	var app, group *string
	err := r.Scan(&d.id, &d.app, &d.grp, &d.place, &live, &app, &group,
		store.JSON(d.info), store.JSON(&d.state), store.JSON(&d.traffic), &d.reuse)
	d.live = live == 1
	// Names change; what was deleted keeps its last one.
	replace(&d.info.ApplicationName, app)
	replace(&d.info.DeploymentGroupName, group)
	d.info.DeploymentOverview = d.state.Overview()
	return d, err
}

func loadDeployment(ctx context.Context, q store.Queryer, id string) (*deployment, error) {
	all, err := store.All(ctx, q, scanDeployment, `SELECT `+deploymentColumns+` WHERE d.id = $1`, id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &cd.DeploymentDoesNotExistException{Message: "The deployment " + id + " could not be found"}
	}
	return all[0], nil
}

// loadLive reads a deployment for a job. It returns nil if the deployment has ended or does not exist, so that there is
// nothing to do.
func loadLive(ctx context.Context, q store.Queryer, id string) (*deployment, error) {
	d, err := loadDeployment(ctx, q, id)
	if _, gone := errors.AsType[*cd.DeploymentDoesNotExistException](err); gone {
		return nil, nil
	}
	if err != nil || !d.live {
		return nil, err
	}
	return d, nil
}

func (d *deployment) insert(ctx context.Context, tx store.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO deploy_deployments
		(id, place, application, grp, status, live, created, doc, state, traffic, reuse)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10)`,
		d.id, d.place, d.app, d.grp, string(d.info.Status), now.UnixMilli(),
		store.JSON(d.info), store.JSON(d.state), store.JSON(d.traffic), d.reuse)
	return err
}

func (d *deployment) save(ctx context.Context, tx store.Tx) error {
	b := d.state.BlueGreen
	undoing := b != nil && b.Undoing && !b.Undone
	_, err := tx.Exec(ctx, `UPDATE deploy_deployments
		SET status = $2, live = $3, undoing = $4, doc = $5, state = $6, traffic = $7 WHERE id = $1`,
		d.id, string(d.info.Status), bit(d.live), bit(undoing),
		store.JSON(d.info), store.JSON(d.state), store.JSON(d.traffic))
	return err
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
