package monitor

import (
	"context"
	"encoding/json"
	"strings"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/internal/store"
)

// SetAlarmState implements cloudwatch:SetAlarmState. The next evaluation sets the state again.
func (s *Service) SetAlarmState(ctx context.Context, in *cw.SetAlarmStateInput) (*cw.SetAlarmStateOutput, error) {
	if in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)) {
		return nil, &cw.InvalidFormatFault{Message: "StateReasonData must be valid JSON."}
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		x, err := find(ctx, tx, *in.AlarmName)
		if err != nil {
			return err
		}
		if x == nil {
			return unknown(*in.AlarmName)
		}
		return s.transition(ctx, tx, x, in.StateValue, *in.StateReason, awsproto.Value(in.StateReasonData))
	})
}

// DeleteAlarms implements cloudwatch:DeleteAlarms: with a name that is not there none is deleted.
func (s *Service) DeleteAlarms(ctx context.Context, in *cw.DeleteAlarmsInput) (*cw.DeleteAlarmsOutput, error) {
	return nil, s.each(ctx, in.AlarmNames, func(tx store.Tx, x *row) error {
		for _, query := range []string{`DELETE FROM monitor_alarms WHERE name = $1`,
			`DELETE FROM monitor_tags WHERE alarm = $1`} {
			if _, err := tx.Exec(ctx, query, x.name()); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() { s.clock.forget(x.name()) })
		tx.Notify(alarmNotice, x.name())
		s.Hints.Changed(tx, "alarm/"+x.name(), "alarms")
		return s.record(ctx, tx, x.name(), cw.HistoryItemTypeConfigurationUpdate, "Alarm \""+x.name()+"\" deleted",
			map[string]any{"version": "1.0", "type": "Delete"})
	})
}

// each changes alarms together, or none of them.
func (s *Service) each(ctx context.Context, names []string, f func(store.Tx, *row) error) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, name := range names {
			x, err := find(ctx, tx, name)
			if err != nil {
				return err
			}
			if x == nil {
				return unknown(name)
			}
			if err := f(tx, x); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) setActions(ctx context.Context, names []string, enabled bool) error {
	return s.each(ctx, names, func(tx store.Tx, x *row) error {
		if *x.ActionsEnabled == enabled {
			return nil
		}
		changed := *x.MetricAlarm
		changed.ActionsEnabled, changed.AlarmConfigurationUpdatedTimestamp = &enabled, awsproto.At(s.Now())
		x.MetricAlarm = &changed
		if err := s.save(ctx, tx, x); err != nil {
			return err
		}
		return s.record(ctx, tx, x.name(), cw.HistoryItemTypeConfigurationUpdate, "Alarm \""+x.name()+"\" updated",
			map[string]any{"version": "1.0", "type": "Update", "updatedAlarm": &changed})
	})
}

// EnableAlarmActions implements cloudwatch:EnableAlarmActions.
func (s *Service) EnableAlarmActions(ctx context.Context,
	in *cw.EnableAlarmActionsInput) (*cw.EnableAlarmActionsOutput, error) {
	return nil, s.setActions(ctx, in.AlarmNames, true)
}

// DisableAlarmActions implements cloudwatch:DisableAlarmActions.
func (s *Service) DisableAlarmActions(ctx context.Context,
	in *cw.DisableAlarmActionsInput) (*cw.DisableAlarmActionsOutput, error) {
	return nil, s.setActions(ctx, in.AlarmNames, false)
}

// maxTags is CloudWatch's limit of a resource.
const maxTags = 50

var tags = store.Tags{Table: "monitor_tags", Of: "alarm"}

func setTags(ctx context.Context, tx store.Tx, name string, given []cw.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return &cw.InvalidParameterValueException{Message: "Tag keys that begin with aws: are reserved."}
		}
		all = append(all, store.Tag{Key: *t.Key, Value: *t.Value})
	}
	n, err := tags.Put(ctx, tx, name, all)
	if err == nil && n > maxTags {
		err = &cw.InvalidParameterValueException{Message: "A resource may have 50 tags at most."}
	}
	return err
}

// tagged finds the alarm of an ARN; alarms are all that can have tags here.
func (s *Service) tagged(ctx context.Context, q store.Queryer, arn string) (string, error) {
	name, ok := strings.CutPrefix(arn, s.arn(""))
	if !ok {
		return "", &cw.InvalidParameterValueException{Message: arn + " is no ARN of an alarm here; they begin with " +
			s.arn("")}
	}
	x, err := find(ctx, q, name)
	if err == nil && x == nil {
		err = &cw.ResourceNotFoundException{Message: "Unknown alarm: " + name}
	}
	return name, err
}

// TagResource implements cloudwatch:TagResource.
func (s *Service) TagResource(ctx context.Context, in *cw.TagResourceInput) (*cw.TagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.tagged(ctx, tx, *in.ResourceARN)
		if err != nil {
			return err
		}
		return setTags(ctx, tx, name, in.Tags)
	})
}

// UntagResource implements cloudwatch:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *cw.UntagResourceInput) (*cw.UntagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.tagged(ctx, tx, *in.ResourceARN)
		if err != nil {
			return err
		}
		return tags.Delete(ctx, tx, name, in.TagKeys)
	})
}

// ListTagsForResource implements cloudwatch:ListTagsForResource.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cw.ListTagsForResourceInput) (*cw.ListTagsForResourceOutput, error) {
	name, err := s.tagged(ctx, s.db, *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &cw.ListTagsForResourceOutput{Tags: []cw.Tag{}}
	all, err := tags.List(ctx, s.db, name, "", maxTags)
	for _, t := range all {
		out.Tags = append(out.Tags, cw.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, err
}
