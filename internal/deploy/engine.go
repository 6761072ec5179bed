package deploy

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/event"
	"slipway/internal/fault"
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

const deploymentColumns = `d.id, d.application, d.grp, d.place, d.live, a.name, g.name, d.doc, d.state, d.traffic, d.reuse FROM deploy_deployments d
	LEFT JOIN deploy_applications a ON a.id = d.application LEFT JOIN deploy_groups g ON g.id = d.grp`

func scanDeployment(r *sql.Rows) (*deployment, error) {
	d := &deployment{info: new(cd.DeploymentInfo)}
	var live int
	var app, group *string
	err := r.Scan(&d.id, &d.app, &d.grp, &d.place, &live, &app, &group, store.JSON(d.info), store.JSON(&d.state),
		store.JSON(&d.traffic), &d.reuse)
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

// absent tells whether an error says that a deployment does not exist, for a job that has nothing to do then.
func absent(err error) bool {
	_, gone := errors.AsType[*cd.DeploymentDoesNotExistException](err)
	return gone
}

func (d *deployment) insert(ctx context.Context, tx store.Tx, now time.Time) error {
	_, err := tx.Exec(ctx,
		`INSERT INTO deploy_deployments (id, place, application, grp, status, live, created, doc, state, traffic, reuse)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10)`,
		d.id, d.place, d.app, d.grp, string(d.info.Status), now.UnixMilli(), store.JSON(d.info), store.JSON(d.state),
		store.JSON(d.traffic), d.reuse)
	return err
}

func (d *deployment) save(ctx context.Context, tx store.Tx) error {
	b := d.state.BlueGreen
	_, err := tx.Exec(ctx,
		`UPDATE deploy_deployments SET status = $2, live = $3, undoing = $4, doc = $5, state = $6, traffic = $7 WHERE id = $1`, d.id,
		string(d.info.Status), bit(d.live), bit(b != nil && b.Undoing && !b.Undone), store.JSON(d.info),
		store.JSON(d.state), store.JSON(d.traffic))
	return err
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func loadTargets(ctx context.Context, q store.Queryer, where string, args ...any) ([]*rollout.Target, error) {
	return store.Documents[rollout.Target](ctx, q, `SELECT doc FROM deploy_targets WHERE `+where, args...)
}

func loadTarget(ctx context.Context, q store.Queryer, deployment, target string) (*rollout.Target, error) {
	return store.Document[rollout.Target](ctx, q,
		`SELECT doc FROM deploy_targets WHERE deployment = $1 AND target = $2`, deployment, target)
}

// saveTarget writes a target. While its command waits, it is in the host's queue, and the host is woken.
func (s *Service) saveTarget(ctx context.Context, tx store.Tx, t *rollout.Target) error {
	host, deliverable := "", int64(0)
	if from, ok := t.Deliverable(); ok {
		host, deliverable = *t.TargetId, from.UnixMilli()
		if t.Phase == rollout.Queued {
			tx.AfterCommit(func() { s.hosts.wake(host) })
		}
	}
	moving := t.Phase == rollout.Moving
	if moving {
		if err := tx.Enqueue(ctx, store.Job{Kind: moveJob, Key: timerKey(t)}); err != nil {
			return err
		}
	}
	id := *t.DeploymentId
	s.Hints.Changed(tx, "deployment/"+id, "deployments")
	_, err := tx.Exec(ctx,
		`UPDATE deploy_targets SET status = $3, host = $4, deliverable = $5, moving = $6, doc = $7 WHERE deployment = $1 AND target = $2`,
		*t.DeploymentId, *t.TargetId, string(t.Status), host, deliverable, bit(moving), store.JSON(t))
	return err
}

// change lets f change a target of a deployment that is live, writes what follows, and tells whether anything did.
func (s *Service) change(ctx context.Context, tx store.Tx, deploymentID, target string,
	f func(*deployment, *rollout.Target) (changed bool)) (bool, error) {
	d, err := loadDeployment(ctx, tx, deploymentID)
	if err != nil {
		return false, err
	}
	t, err := loadTarget(ctx, tx, deploymentID, target)
	if err != nil || t == nil {
		return false, err
	}
	before, over := t.Phase, t.Ended()
	if !f(d, t) {
		return false, nil
	}
	if over {
		return true, s.saveTarget(ctx, tx, t)
	}
	if err := s.counted(ctx, tx, d, t, before); err != nil {
		return false, err
	}
	if !t.Ended() && (t.Phase == before || d.state.BlueGreen == nil) {
		return true, nil // nothing that the deployment as a whole would heed
	}
	return true, s.react(ctx, tx, d)
}

// counted writes a target that was in progress and counts what became of it; before is the phase that it was in.
func (s *Service) counted(ctx context.Context, tx store.Tx, d *deployment, t *rollout.Target,
	before rollout.Phase) error {
	if err := s.saveTarget(ctx, tx, t); err != nil {
		return err
	}
	d.state.Count(t, before)
	if t.Ended() {
		return s.targetEnded(ctx, tx, d, t)
	}
	return nil
}

// targetEnded records what became of a host.
func (s *Service) targetEnded(ctx context.Context, tx store.Tx, d *deployment, t *rollout.Target) error {
	if err := tx.Cancel(ctx, timerJob, timerKey(t)); err != nil {
		return err
	}
	if t.Status == cd.TargetStatusSkipped || t.Original() || d.mirror() {
		return nil // nothing was installed
	}
	var h onHost
	if _, err := store.Find(ctx, tx, []any{store.JSON(&h)},
		`SELECT doc FROM deploy_health WHERE grp = $1 AND host = $2`, d.grp, *t.TargetId); err != nil {
		return err
	}
	var current string
	if _, err := store.Find(ctx, tx, []any{&current}, `SELECT revision FROM deploy_groups WHERE id = $1`,
		d.grp); err != nil {
		return err
	}
	h = h.after(t, revisionKey(d.info.Revision), current, s.Now())
	_, err := tx.Exec(ctx,
		`INSERT INTO deploy_health (grp, host, doc) VALUES ($1, $2, $3) ON CONFLICT (grp, host) DO UPDATE SET doc = excluded.doc`, d.grp, *t.TargetId, store.JSON(h))
	return err
}

// react carries out what the decider says until it has nothing to add, and writes the deployment.
func (s *Service) react(ctx context.Context, tx store.Tx, d *deployment) error {
	for {
		n := d.state.Next()
		if reflect.DeepEqual(n, rollout.Next{}) {
			break
		}
		if err := s.apply(ctx, tx, d, n); err != nil {
			return err
		}
	}
	fault.Point("deploy.before-react")
	return d.save(ctx, tx)
}

func (s *Service) apply(ctx context.Context, tx store.Tx, d *deployment, n rollout.Next) error {
	now := s.Now()
	if n.Begin > 0 {
		targets, err := loadTargets(ctx, tx, `deployment = $1 AND status = 'Pending' ORDER BY position LIMIT $2`, d.id,
			n.Begin)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if err := s.begin(ctx, tx, t, now); err != nil {
				return err
			}
		}
	}
	if n.Skip {
		if err := s.each(ctx, tx, d, "Pending", func(t *rollout.Target) { t.Skip(now) }); err != nil {
			return err
		}
	}
	if n.Halt {
		if err := s.each(ctx, tx, d, "InProgress", func(t *rollout.Target) { t.Halt(now) }); err != nil {
			return err
		}
	}
	if n.Step != "" {
		if err := s.step(ctx, tx, d, n.Step); err != nil {
			return err
		}
	}
	if n.End != nil {
		return s.finish(ctx, tx, d, n.End)
	}
	return nil
}

// begin starts a target.
func (s *Service) begin(ctx context.Context, tx store.Tx, t *rollout.Target, now time.Time) error {
	t.Begin(now)
	if err := s.saveTarget(ctx, tx, t); err != nil {
		return err
	}
	return tx.Enqueue(ctx, store.Job{Kind: timerJob, Key: timerKey(t), RunAt: t.Due()})
}

// each changes all targets of a status. Those that were pending have been counted already.
func (s *Service) each(ctx context.Context, tx store.Tx, d *deployment, status string, f func(*rollout.Target)) error {
	targets, err := loadTargets(ctx, tx, `deployment = $1 AND status = $2 ORDER BY position`, d.id, status)
	if err != nil {
		return err
	}
	for _, t := range targets {
		pending, before := t.Status == cd.TargetStatusPending, t.Phase
		f(t)
		if pending {
			err = s.saveTarget(ctx, tx, t)
		} else {
			err = s.counted(ctx, tx, d, t, before)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish ends a deployment: its group learns how, a rollback begins if one is due, and whoever waits is told.
func (s *Service) finish(ctx context.Context, tx store.Tx, d *deployment, end *rollout.End) error {
	now := awsproto.At(s.Now())
	d.live = false
	d.info.Status, d.info.ErrorInformation, d.info.CompleteTime = end.Status, end.Error, now
	// Saved before a rollback takes its place as the group's live deployment.
	if err := d.save(ctx, tx); err != nil {
		return err
	}
	g, err := groupByID(ctx, tx, d.grp)
	if err != nil {
		return err
	}
	if g != nil {
		last := &cd.LastDeploymentInfo{
			DeploymentId: &d.id,
			Status:       end.Status,
			CreateTime:   d.info.CreateTime,
			EndTime:      now,
		}
		g.LastAttemptedDeployment = last
		if end.Status == cd.DeploymentStatusSucceeded {
			g.LastSuccessfulDeployment, g.TargetRevision, g.revision = last, d.info.Revision, revisionKey(
				d.info.Revision)
			if d.traffic != nil && d.traffic.Side != "" {
				g.side = d.traffic.Side
			}
		}
		if err := g.save(ctx, tx); err != nil {
			return err
		}
		if err := s.rollBack(ctx, tx, d, g); err != nil {
			return err
		}
	}
	for _, job := range []string{limitJob, waitJob, undoJob} {
		if err := tx.Cancel(ctx, job, d.id); err != nil {
			return err
		}
	}
	if err := tx.Enqueue(ctx, store.Job{Kind: logsJob, Key: d.id}); err != nil {
		return err
	}
	s.Hints.Changed(tx, "deployment/"+d.id, "deployments")
	tx.AfterCommit(func() {
		s.Log.Info("deployment ended", "deployment", d.id, "status", end.Status, "error", text(messageOf(end.Error)))
	})
	return event.DeploymentEnded.Publish(ctx, tx, d.id, event.Ended{ID: d.id, Status: string(end.Status)})
}

func messageOf(e *cd.ErrorInformation) *string {
	if e == nil {
		return nil
	}
	return e.Message
}

// rollbackEvent is the event of an ended deployment that a rollback can be tied to; "" if there is none.
func (d *deployment) rollbackEvent() cd.AutoRollbackEvent {
	switch d.info.Status {
	case cd.DeploymentStatusFailed:
		return cd.AutoRollbackEventDeploymentFailure
	case cd.DeploymentStatusStopped:
		if d.state.Stop != nil && d.state.Stop.Code == cd.ErrorCodeAlarmActive {
			return cd.AutoRollbackEventDeploymentStopOnAlarm
		}
		return cd.AutoRollbackEventDeploymentStopOnRequest
	}
	return ""
}

// rollBack deploys the last good revision of the group once more, as a deployment of its own, if the deployment's
// configuration asks for that. A rollback is not rolled back.
func (s *Service) rollBack(ctx context.Context, tx store.Tx, d *deployment, g *group) error {
	c := d.info.AutoRollbackConfiguration
	occasion := d.rollbackEvent()
	if occasion == "" || c == nil || !is(c.Enabled) || !slices.Contains(c.Events, occasion) ||
		d.info.Creator == cd.DeploymentCreatorCodeDeployRollback {
		return nil
	}
	if d.state.Stop != nil &&
		(d.state.Stop.Code == cd.ErrorCodeDeploymentGroupMissing ||
			d.state.Stop.Code == cd.ErrorCodeApplicationMissing) {
		return nil
	}
	if b := d.state.BlueGreen; b == nil && d.state.Succeeded+d.state.Failed == 0 || b != nil && !b.Begun {
		return nil // no host was touched, or none that carries traffic
	}
	if g.TargetRevision == nil {
		d.info.RollbackInfo = &cd.RollbackInfo{
			RollbackMessage: new("There is nothing to roll back to: no deployment to the deployment group " +
				*g.DeploymentGroupName + " has succeeded yet."),
		}
		return nil
	}
	in := &cd.CreateDeploymentInput{ApplicationName: g.ApplicationName, DeploymentGroupName: g.DeploymentGroupName,
		Revision: g.TargetRevision, DeploymentConfigName: d.info.DeploymentConfigName,
		Description: new("Rollback of " + d.id), IgnoreApplicationStopFailures: d.info.IgnoreApplicationStopFailures,
		OverrideAlarmConfiguration: d.info.OverrideAlarmConfiguration,
		AutoRollbackConfiguration: &cd.AutoRollbackConfiguration{Enabled: new(false),
			Events: []cd.AutoRollbackEvent{}}}
	if good := g.LastSuccessfulDeployment; good != nil {
		last, err := loadDeployment(ctx, tx, *good.DeploymentId)
		if err != nil {
			return err
		}
		in.FileExistsBehavior = last.info.FileExistsBehavior
	}
	message := "The deployment " + d.id + " ended as " + string(d.info.Status) + " and is rolled back."
	id, err := s.create(ctx, tx, in, &cd.DeploymentInfo{Creator: cd.DeploymentCreatorCodeDeployRollback,
		RollbackInfo: &cd.RollbackInfo{RollbackTriggeringDeploymentId: &d.id, RollbackMessage: &message}},
		d.traffic.mirrored())
	if refusal, ok := errors.AsType[awsproto.ServiceError](err); ok {
		// the rollback can't be, which is no reason that the end could not
		d.info.RollbackInfo = &cd.RollbackInfo{
			RollbackMessage: new("The rollback could not be started: " + refusal.Error()),
		}
		return nil
	}
	d.info.RollbackInfo = &cd.RollbackInfo{RollbackDeploymentId: &id, RollbackMessage: &message}
	return err
}

// stopLive fails what is in progress in a group that is going away.
func (s *Service) stopLive(ctx context.Context, tx store.Tx, grp string, code cd.ErrorCode, message string) error {
	live, err := store.Strings(ctx, tx, `SELECT id FROM deploy_deployments WHERE grp = $1 AND live = 1`, grp)
	if err != nil || len(live) == 0 {
		return err
	}
	d, err := loadDeployment(ctx, tx, live[0])
	if err != nil {
		return err
	}
	d.state.Ask(rollout.Stop{Status: cd.DeploymentStatusFailed, Code: code, Message: message, Halt: true})
	return s.react(ctx, tx, d)
}
