package monitor

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/internal/event"
	"slipway/internal/fault"
	"slipway/internal/release/alarm"
	"slipway/internal/store"
)

// row is an alarm as it is kept. The documents are not changed once they are shared.
type row struct {
	*cw.MetricAlarm
	version      string
	contributors map[string]alarm.Contributor
}

const columns = `version, doc, contributors FROM monitor_alarms`

func scan(r *sql.Rows) (*row, error) {
	x := &row{MetricAlarm: new(cw.MetricAlarm)}
	return x, r.Scan(&x.version, store.JSON(x.MetricAlarm), store.JSON(&x.contributors))
}

// every visits all alarms, by name.
func every(ctx context.Context, q store.Queryer, visit func(*row)) error {
	const atOnce = 500
	for after := ""; ; {
		rows, err := store.All(ctx, q, scan, `SELECT `+columns+` WHERE name > $1 ORDER BY name LIMIT $2`, after, atOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, x := range rows {
			after = x.name()
			visit(x)
		}
	}
}

// find returns an alarm, or nil.
func find(ctx context.Context, q store.Queryer, name string) (*row, error) {
	all, err := store.All(ctx, q, scan, `SELECT `+columns+` WHERE name = $1`, name)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

func unknown(name string) error {
	return &cw.ResourceNotFound{Message: "Unknown alarm: " + name}
}

func (x *row) name() string { return *x.AlarmName }

// save writes an alarm and lets whoever looks know.
func (s *Service) save(ctx context.Context, tx store.Tx, x *row) error {
	tx.AfterCommit(func() { s.clock.set(x, s.Now()) })
	tx.Notify(alarmNotice, x.name())
	s.Hints.Changed(tx, "alarm/"+x.name(), "alarms")
	_, err := tx.Exec(ctx,
		`INSERT INTO monitor_alarms (name, state, version, doc, contributors) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO UPDATE SET state = excluded.state, version = excluded.version,
			doc = excluded.doc, contributors = excluded.contributors`,
		x.name(), string(x.StateValue), x.version, store.JSON(x.MetricAlarm), store.JSON(x.contributors))
	return err
}

// transition moves an alarm into a state, for a reason, with the writes of tx. Whoever watches it is told if it is
// another one.
func (s *Service) transition(ctx context.Context, tx store.Tx, x *row, to cw.StateValue, reason, data string) error {
	from, before := x.StateValue, *x.MetricAlarm
	now := awsproto.At(s.Now())
	changed := before
	changed.StateValue, changed.StateReason, changed.StateUpdatedTimestamp, changed.StateReasonData = to, &reason, now,
		nil
	if data != "" {
		changed.StateReasonData = &data
	}
	if from != to {
		changed.StateTransitionedTimestamp = now
	}
	x.MetricAlarm = &changed
	if err := s.save(ctx, tx, x); err != nil {
		return err
	}
	if from == to {
		return nil
	}
	type state struct {
		Value  cw.StateValue   `json:"stateValue"`
		Reason *string         `json:"stateReason"`
		Data   json.RawMessage `json:"stateReasonData,omitzero"`
	}
	document := func(a *cw.MetricAlarm) state {
		x := state{Value: a.StateValue, Reason: a.StateReason}
		if a.StateReasonData != nil && json.Valid([]byte(*a.StateReasonData)) {
			x.Data = json.RawMessage(*a.StateReasonData)
		}
		return x
	}
	what := map[string]any{"version": "1.0", "oldState": document(&before), "newState": document(&changed)}
	if err := s.record(ctx, tx, x.name(), cw.HistoryItemTypeStateUpdate,
		"Alarm updated from "+string(from)+" to "+string(to), what); err != nil {
		return err
	}
	tx.AfterCommit(func() { s.Log.Info("alarm changed", "alarm", x.name(), "from", from, "to", to, "reason", reason) })
	fault.Point("monitor.transition")
	if err := s.notice(ctx, tx, x.MetricAlarm, from); err != nil {
		return err
	}
	return event.AlarmChanged.Publish(ctx, tx, x.name()+" "+string(to), event.Alarm{Name: x.name(), State: string(to)})
}

const (
	// historyKept is how long CloudWatch keeps an alarm's history, and maxHistory how much of one alarm's is kept here.
	historyKept = 14 * 24 * time.Hour
	maxHistory  = 1000
)

// record adds to an alarm's history, and takes away what is too old or too much.
func (s *Service) record(ctx context.Context, tx store.Tx, name string, kind cw.HistoryItemType, summary string,
	what any) error {
	place, err := uuid.NewV7()
	if err != nil {
		return err
	}
	data, err := json.Marshal(what)
	if err != nil {
		return err
	}
	now := s.Now()
	item := cw.AlarmHistoryItem{
		AlarmName:       &name,
		AlarmType:       cw.AlarmTypeMetricAlarm,
		Timestamp:       awsproto.At(now),
		HistoryItemType: kind,
		HistorySummary:  &summary,
		HistoryData:     new(string(data)),
	}
	if _, err := tx.Exec(ctx, `INSERT INTO monitor_history (place, alarm, kind, at, doc) VALUES ($1, $2, $3, $4, $5)`,
		place.String(), name, string(kind), now.UnixMilli(), store.JSON(item)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx,
		`DELETE FROM monitor_history WHERE alarm = $1 AND (at < $2 OR place < (SELECT place FROM monitor_history
			WHERE alarm = $1 ORDER BY place DESC LIMIT 1 OFFSET $3))`,
		name, now.Add(-historyKept).UnixMilli(), maxHistory-1)
	return err
}
