package deploy

import (
	"context"
	"database/sql"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/journal"
	"slipway/internal/store"
)

// keptDeployments is how many deployments of a group stay, however old: what is served, and what can be gone back to,
// is among them.
const keptDeployments = 20

const expiredDeployments = `SELECT id, application, doc FROM deploy_deployments d WHERE live = 0 AND created < $1
	AND (SELECT COUNT(*) FROM (
		SELECT 1 FROM deploy_deployments n WHERE n.grp = d.grp AND n.place > d.place LIMIT $3
	) newer) = $3
	AND NOT EXISTS (SELECT 1 FROM deploy_groups g WHERE g.id = d.grp AND g.doc LIKE '%' || d.id || '%')
	ORDER BY place LIMIT $2`

// expiring is a deployment that is about to be deleted.
type expiring struct {
	id, application string
	units           []*rollout.Unit
}

// Expire deletes deployments that were created before a time and have ended, with their logs, the
// oldest first, at most limit of them. The newest of each group stay, and what its group names as its last. It returns
// how many it deleted.
func (s *Service) Expire(ctx context.Context, before time.Time, limit int) (n int, err error) {
	var gone []expiring
	err = s.db.Write(ctx, func(tx store.Tx) error {
		gone, err = store.All(ctx, tx, func(r *sql.Rows) (x expiring, err error) {
			var info cd.DeploymentInfo
			err = r.Scan(&x.id, &x.application, store.JSON(&info))
			x.application = awsproto.Value(info.ApplicationName)
			return x, err
		}, expiredDeployments, before.UnixMilli(), limit, keptDeployments)
		if err != nil {
			return err
		}
		for i := range gone {
			if err := gone[i].delete(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, x := range gone {
		for _, log := range x.logs() {
			if err := s.Logs.Remove(log); err != nil {
				return 0, err
			}
		}
	}
	return len(gone), nil
}

func (x *expiring) delete(ctx context.Context, tx store.Tx) error {
	var err error
	if x.units, err = loadUnits(ctx, tx, `deployment = $1`, x.id); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM deploy_targets WHERE deployment = $1`,
		`DELETE FROM deploy_deployments WHERE id = $1`,
	} {
		if _, err := tx.Exec(ctx, statement, x.id); err != nil {
			return err
		}
	}
	return nil
}

// logs are those of the lifecycle events of the deployment.
func (x *expiring) logs() (names []journal.Name) {
	for _, u := range x.units {
		for _, e := range u.Events {
			if e.LifecycleEventName != nil {
				names = append(names, LogName(x.application, x.id, u.Name, *e.LifecycleEventName))
			}
		}
	}
	return names
}

// Stored is an object by its bucket and key.
type Stored struct{ Bucket, Key string }

// InUse are the objects that groups last deployed with success: a rollback, or a new host, needs them.
func (s *Service) InUse(ctx context.Context) (map[Stored]bool, error) {
	infos, err := store.Documents[cd.DeploymentGroupInfo](ctx, s.db, `SELECT doc FROM deploy_groups`)
	used := map[Stored]bool{}
	for _, g := range infos {
		if r := g.TargetRevision; r != nil && r.S3Location != nil {
			used[Stored{awsproto.Value(r.S3Location.Bucket), awsproto.Value(r.S3Location.Key)}] = true
		}
	}
	return used, err
}

// Known tells which deployments there are, of some by their IDs.
func (s *Service) Known(ctx context.Context, ids []string) (map[string]bool, error) {
	found, err := store.Strings(ctx, s.db,
		`SELECT id FROM deploy_deployments WHERE id IN `+store.In(1, len(ids)), store.Args(ids)...)
	known := make(map[string]bool, len(found))
	for _, id := range found {
		known[id] = true
	}
	return known, err
}
