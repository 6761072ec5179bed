package report

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

const (
	// maxQuarantine is the longest time that a test may be in quarantine, so that it is looked at again.
	maxQuarantine = 90 * 24 * time.Hour
	// maxQuarantined is how many tests of a group may be in quarantine.
	maxQuarantined = 500
)

// PutTestQuarantine implements slipway:PutTestQuarantine: until a time, 90 days away at most, failures of a test do not
// make the reports of its group FAILED. The owner is who gives it, unless another is named.
func (s *Service) PutTestQuarantine(ctx context.Context,
	in *slipway.PutTestQuarantineInput) (*slipway.PutTestQuarantineOutput, error) {
	now := s.Now()
	until := in.Until.Time
	switch {
	case !until.After(now):
		return nil, invalid("until is %s, which is over.", until.UTC().Format(time.RFC3339))
	case until.After(now.Add(maxQuarantine)):
		return nil, invalid("until is %s: a test can be in quarantine for 90 days at most.",
			until.UTC().Format(time.RFC3339))
	}
	owner := awsproto.Value(in.Owner)
	if owner == "" {
		owner = callerName(awsproto.CallerOf(ctx))
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.find(ctx, tx, *in.ReportGroupArn); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM quarantines WHERE grp = $1 AND until <= $2`, *in.ReportGroupArn,
			now.UnixMilli()); err != nil {
			return err
		}
		var n int
		if _, err := store.Find(ctx, tx, []any{&n},
			`SELECT COUNT(*) FROM quarantines WHERE grp = $1 AND NOT (prefix = $2 AND name = $3)`, *in.ReportGroupArn,
			awsproto.Value(in.Prefix), *in.Name); err != nil {
			return err
		}
		if n >= maxQuarantined {
			return invalid("%d tests of the group are in quarantine already.", n)
		}
		_, err := tx.Exec(ctx, `INSERT INTO quarantines (grp, prefix, name, owner, reason, since, until)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (grp, prefix, name)
			DO UPDATE SET owner = excluded.owner, reason = excluded.reason, until = excluded.until`,
			*in.ReportGroupArn, awsproto.Value(in.Prefix), *in.Name, owner, *in.Reason, now.UnixMilli(),
			until.UnixMilli())
		return err
	})
}

// callerName is a user's name, or the name of a session.
func callerName(c awsproto.Caller) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ARN[strings.LastIndexByte(c.ARN, '/')+1:]
}

// DeleteTestQuarantine implements slipway:DeleteTestQuarantine. A test that is in none is not an error.
func (s *Service) DeleteTestQuarantine(ctx context.Context,
	in *slipway.DeleteTestQuarantineInput) (*slipway.DeleteTestQuarantineOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM quarantines WHERE grp = $1 AND prefix = $2 AND name = $3`,
			*in.ReportGroupArn, awsproto.Value(in.Prefix), *in.Name)
		return err
	})
}

// ListTestQuarantines implements slipway:ListTestQuarantines: the tests of a group that are in quarantine now, the one
// that leaves it next first.
func (s *Service) ListTestQuarantines(ctx context.Context,
	in *slipway.ListTestQuarantinesInput) (*slipway.ListTestQuarantinesOutput, error) {
	if _, err := s.find(ctx, s.db, *in.ReportGroupArn); err != nil {
		return nil, err
	}
	all, err := s.quarantined(ctx, s.db, []string{*in.ReportGroupArn})
	out := &slipway.ListTestQuarantinesOutput{Quarantines: append([]slipway.TestQuarantine{}, all...)}
	return out, err
}

// quarantined are the tests of groups that are in quarantine now.
func (s *Service) quarantined(ctx context.Context, q store.Queryer, groups []string) ([]slipway.TestQuarantine, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	return store.All(ctx, q, func(r *sql.Rows) (slipway.TestQuarantine, error) {
		x := slipway.TestQuarantine{ReportGroupArn: new(""), Prefix: new(""), Name: new(""), Owner: new(""),
			Reason: new("")}
		var since, until int64
		err := r.Scan(x.ReportGroupArn, x.Prefix, x.Name, x.Owner, x.Reason, &since, &until)
		x.Since, x.Until = awsproto.At(time.UnixMilli(since)), awsproto.At(time.UnixMilli(until))
		return x, err
	}, `SELECT grp, prefix, name, owner, reason, since, until FROM quarantines WHERE until > $1 AND grp IN `+
		store.In(3, len(groups))+` ORDER BY until LIMIT $2`,
		append([]any{s.Now().UnixMilli(), maxQuarantined * len(groups)}, store.Args(groups)...)...)
}

// byTest finds the quarantine of a test.
func byTest(all []slipway.TestQuarantine) map[string]map[test]*slipway.TestQuarantine {
	found := map[string]map[test]*slipway.TestQuarantine{}
	for i := range all {
		x := &all[i]
		if found[*x.ReportGroupArn] == nil {
			found[*x.ReportGroupArn] = map[test]*slipway.TestQuarantine{}
		}
		found[*x.ReportGroupArn][test{*x.Prefix, *x.Name}] = x
	}
	return found
}
