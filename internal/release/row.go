package release

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/release/shift"
	"slipway/internal/store"
)

// row is a release as it is kept.
type row struct {
	Release
	place   string
	created time.Time
	ended   time.Time // zero while it lives
	policy  *slipway.ReleasePolicy
	state   *shift.State
	notes   []slipway.ReleaseNote
	trouble string
}

const columns = `place, created, ended, doc, policy, state, notes, trouble FROM release_releases`

func scan(r *sql.Rows) (*row, error) {
	x := &row{state: new(shift.State)}
	var created, ended int64
	err := r.Scan(&x.place, &created, &ended, store.JSON(&x.Release), store.JSON(&x.policy), store.JSON(x.state),
		store.JSON(&x.notes), &x.trouble)
	x.created = time.UnixMilli(created).UTC()
	if ended > 0 {
		x.ended = time.UnixMilli(ended).UTC()
	}
	return x, err
}

func load(ctx context.Context, q store.Queryer, deployment string) (*row, error) {
	all, err := store.All(ctx, q, scan, `SELECT `+columns+` WHERE deployment = $1`, deployment)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &slipway.ReleaseNotFoundException{Message: "The deployment " + deployment +
			" has no release: only one that shifts traffic does."}
	}
	return all[0], nil
}

func (x *row) insert(ctx context.Context, tx store.Tx) error {
	place, err := uuid.NewV7()
	if err != nil {
		return err
	}
	x.place = place.String()
	_, err = tx.Exec(ctx,
		`INSERT INTO release_releases
			(deployment, place, application, grp, status, live, created, ended, doc, policy, state, notes, trouble)
			VALUES ($1, $2, $3, $4, $5, 1, $6, 0, $7, $8, $9, $10, '')`,
		x.DeploymentID, x.place, x.Application, x.Group, string(x.state.Status), x.created.UnixMilli(),
		store.JSON(x.Release), store.JSON(x.policy), store.JSON(x.state), store.JSON(x.notes))
	return err
}

func (x *row) save(ctx context.Context, tx store.Tx) error {
	live, ended := 1, int64(0)
	if x.state.Ended() {
		live, ended = 0, x.ended.UnixMilli()
	}
	_, err := tx.Exec(ctx,
		`UPDATE release_releases SET status = $2, live = $3, ended = $4, state = $5, notes = $6, trouble = $7
			WHERE deployment = $1`,
		x.DeploymentID, string(x.state.Status), live, ended, store.JSON(x.state), store.JSON(x.notes), x.trouble)
	return err
}

// maxNotes bounds what a release remembers of what people did.
const maxNotes = 100

func (x *row) note(now time.Time, by, text string) {
	if len(x.notes) < maxNotes {
		x.notes = append(x.notes, slipway.ReleaseNote{Time: awsproto.At(now), By: &by, Text: &text})
	}
}

// weights are those of the target groups that give the canary a share.
func (r Release) weights(percent int) map[string]int {
	return map[string]int{r.Canary: percent, r.Baseline: 100 - percent}
}
