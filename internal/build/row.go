package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// row is a build in the database.
type row struct {
	State
	build                             cb.Build
	work                              work
	submitted, assigned, acknowledged time.Time
	cause                             *slipway.Cause
	needs                             string // of its runner
	fleet                             string // the ARN of the fleet whose runners it is for, "" for none
	seq                               int64  // its place in the order of submission
	surroundings                      slipway.Surroundings
}

// The kinds of rows. A sandbox is taken, watched and ended as a build is. No operation on builds shows one.
const (
	kindBuild   = "build"
	kindSandbox = "sandbox"
)

func (r *row) kind() string {
	if r.Sandbox {
		return kindSandbox
	}
	return kindBuild
}

// topics are what hints of a change of the row name.
func (r *row) topics() []string {
	if r.Sandbox {
		return []string{"sandbox/" + *r.build.Id, "sandboxes"}
	}
	return []string{"build/" + *r.build.Id, "builds"}
}

const columns = `state, runner, stop, submitted, assigned, acknowledged, doc, work, cause, needs, fleet, overflow, seq,
	kind, surroundings`

func scan(r *sql.Rows) (*row, error) {
	var x row
	var stop, overflow, submitted, assigned, acknowledged int64
	var kind string
	err := r.Scan(&x.Stage, &x.Runner, &stop, &submitted, &assigned, &acknowledged, store.JSON(&x.build),
		store.JSON(&x.work), store.JSON(&x.cause), &x.needs, &x.fleet, &overflow, &x.seq, &kind,
		store.JSON(&x.surroundings))
	x.Overflow, x.Sandbox = overflow == 1, kind == kindSandbox
	x.Stop, x.submitted, x.assigned, x.acknowledged = stop == 1, moment(submitted), moment(assigned), moment(
		acknowledged)
	return &x, err
}

func many(ctx context.Context, q store.Queryer, where string, args ...any) ([]*row, error) {
	return store.All(ctx, q, scan, `SELECT `+columns+` FROM builds `+where, args...)
}

// one returns a build, or nil.
func one(ctx context.Context, q store.Queryer, where string, args ...any) (*row, error) {
	all, err := many(ctx, q, where, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// oneBuild returns the build of an ID, or nil. A sandbox is none.
func oneBuild(ctx context.Context, q store.Queryer, id string) (*row, error) {
	return one(ctx, q, `WHERE id = $1 AND kind = 'build'`, id)
}

// save writes how far a build has come.
func (r *row) save(ctx context.Context, tx store.Tx) error {
	_, err := tx.Exec(ctx,
		`UPDATE builds SET state = $2, runner = $3, stop = $4, assigned = $5, acknowledged = $6, doc = $7, cause = $8,
			overflow = $9, surroundings = $10
			WHERE id = $1`,
		*r.build.Id, string(r.Stage), r.Runner, number(r.Stop), milliseconds(r.assigned), milliseconds(r.acknowledged),
		store.JSON(&r.build), store.JSON(r.cause), number(r.Overflow), store.JSON(r.surroundings))
	return err
}

// number is a truth as the database has it.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// order is what a runner gets.
func (s *Service) order(r *row) (*slipway.BuildOrder, error) {
	o := slipway.Order{Build: view(r, nil), Sources: r.work.Sources, Outputs: r.work.Outputs,
		Variables: r.work.Variables, Notes: append(overflowNote(r), r.work.Notes...),
		Image: r.work.Image, Privileged: r.work.Privileged,
		ReadBatch: r.work.ReadBatch, Fork: r.work.Fork, Hosted: r.work.Job != nil,
		TestTimes:   r.work.TestTimes,
		CachesSince: r.work.CachesSince, CacheApart: r.work.CacheApart, Sandbox: r.Sandbox,
		Group: *r.build.Logs.GroupName, Stream: *r.build.Logs.StreamName, Region: s.Region, Account: s.Account}
	if r.work.Buildspec != nil {
		source := *o.Build.Source
		source.Buildspec = r.work.Buildspec
		o.Build.Source = &source
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("order of %s: %w", *r.build.Id, err)
	}
	return &slipway.BuildOrder{Id: r.build.Id, Order: text}, nil
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
