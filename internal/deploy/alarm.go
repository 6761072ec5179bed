package deploy

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// Alarms tell the states of alarms by name. An alarm that does not exist is left out.
type Alarms interface {
	AlarmStates(ctx context.Context, names []string) (map[string]cloudwatch.StateValue, error)
}

// watched is the alarm configuration that stops a deployment to a group; nil for none. Nothing stops a rollback: the
// alarm that was its reason would.
func watched(info *cd.DeploymentInfo, g *group) *cd.AlarmConfiguration {
	a := info.OverrideAlarmConfiguration
	if a == nil && g != nil {
		a = g.AlarmConfiguration
	}
	if a == nil || !awsproto.Value(a.Enabled) || info.Creator == cd.DeploymentCreatorCodeDeployRollback {
		return nil
	}
	return a
}

func namesOf(a *cd.AlarmConfiguration) (names []string) {
	if a == nil {
		return nil
	}
	for _, alarm := range a.Alarms {
		names = append(names, awsproto.Value(alarm.Name))
	}
	return names
}

// lookAtAlarms stops a deployment that begins while one of its alarms is on, or can't be read.
func (s *Service) lookAtAlarms(ctx context.Context, j store.Running) (store.Outcome, error) {
	d, err := loadLive(ctx, s.db, j.Key)
	if err != nil || d == nil {
		return store.Done, err
	}
	g, err := groupByID(ctx, s.db, d.grp)
	if err != nil {
		return store.Done, err
	}
	a := watched(d.info, g)
	if a == nil {
		return store.Done, nil
	}
	acting, err := s.acting(ctx, d)
	var states map[string]cloudwatch.StateValue
	if err == nil {
		states, err = s.Alarms.AlarmStates(acting, namesOf(a))
	}
	for _, name := range namesOf(a) {
		state, known := states[name]
		switch {
		case state == cloudwatch.StateValueAlarm:
			return store.Done, s.stopForAlarm(ctx, d.id, "The alarm "+name+" is on.")
		case awsproto.Value(a.IgnorePollAlarmFailure):
		case err != nil:
			return store.Done, s.stopForAlarm(ctx, d.id, "The alarm "+name+" could not be read: "+err.Error())
		case !known:
			return store.Done, s.stopForAlarm(ctx, d.id,
				"The alarm "+name+" does not exist. Create it, or set ignorePollAlarmFailure.")
		}
	}
	return store.Done, nil
}

func (s *Service) stopForAlarm(ctx context.Context, id, why string) error {
	return s.db.Write(ctx, func(tx store.Tx) error { return s.alarmed(ctx, tx, id, why) })
}

func (s *Service) alarmed(ctx context.Context, tx store.Tx, id, why string) error {
	d, err := loadDeployment(ctx, tx, id)
	if err != nil || !d.live {
		return err
	}
	d.state.Ask(rollout.Stop{
		Status:  cd.DeploymentStatusStopped,
		Code:    cd.ErrorCodeAlarmActive,
		Message: why,
		Halt:    true,
	})
	return s.react(ctx, tx, d)
}

// AlarmChanged stops the deployments that an alarm watches, in the transaction in which it goes on.
func (s *Service) AlarmChanged(ctx context.Context, tx store.Tx, name string, state cloudwatch.StateValue) error {
	if state != cloudwatch.StateValueAlarm {
		return nil
	}
	live, err := liveWatches(ctx, tx)
	if err != nil {
		return err
	}
	for _, x := range live {
		if !slices.Contains(namesOf(watched(&x.info, x.group)), name) {
			continue
		}
		if err := s.alarmed(ctx, tx, x.id, "The alarm "+name+" went on."); err != nil {
			return err
		}
	}
	return nil
}

// watching is a deployment in progress, with what says which alarms it watches.
type watching struct {
	id    string
	info  cd.DeploymentInfo
	group *group // nil if it is gone
}

// liveWatches reads all deployments in progress with their groups at once.
func liveWatches(ctx context.Context, q store.Queryer) ([]watching, error) {
	return store.All(ctx, q, func(r *sql.Rows) (x watching, err error) {
		var doc sql.NullString
		if err := r.Scan(&x.id, store.JSON(&x.info), &doc); err != nil || !doc.Valid {
			return x, err
		}
		x.group = &group{DeploymentGroupInfo: &cd.DeploymentGroupInfo{}}
		return x, json.Unmarshal([]byte(doc.String), x.group.DeploymentGroupInfo)
	},
		`SELECT d.id, d.doc, g.doc FROM deploy_deployments d LEFT JOIN deploy_groups g ON g.id = d.grp
			WHERE d.live = 1 ORDER BY d.place`)
}
