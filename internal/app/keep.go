package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/internal/deploy"
	"slipway/internal/store"
)

// Keep is how long what has ended is kept. Zero is for ever.
type Keep struct {
	Builds      time.Duration // with their logs
	Executions  time.Duration // with the artifacts that they made
	Deployments time.Duration // with their logs and releases
	Reports     time.Duration
	Denials     time.Duration // what policies refused, since the last time
	Uploads     time.Duration // that were never finished
}

const day = 24 * time.Hour

// DefaultKeep keeps for a year what ran, as AWS does, and unfinished uploads for a week.
var DefaultKeep = Keep{
	Builds:      365 * day,
	Executions:  365 * day,
	Deployments: 365 * day,
	Reports:     365 * day,
	Denials:     365 * day,
	Uploads:     7 * day,
}

// ParseKeep reads a setting such as builds=90d,executions=30d,reports=forever. What is not named keeps its default.
func ParseKeep(setting string) (Keep, error) {
	k := DefaultKeep
	fields := map[string]*time.Duration{
		"builds":      &k.Builds,
		"executions":  &k.Executions,
		"deployments": &k.Deployments,
		"reports":     &k.Reports,
		"denials":     &k.Denials,
		"uploads":     &k.Uploads,
	}
	for part := range strings.SplitSeq(setting, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		field := fields[name]
		if field == nil {
			names := make([]string, 0, len(fields))
			for n := range fields {
				names = append(names, n)
			}
			slices.Sort(names)
			return k, fmt.Errorf("--keep does not know %q; it takes %s, such as builds=90d", name,
				strings.Join(names, ", "))
		}
		days, err := strconv.Atoi(strings.TrimSuffix(value, "d"))
		switch {
		case value == "forever":
			*field = 0
		case err != nil || days < 1 || !strings.HasSuffix(value, "d"):
			return k, fmt.Errorf("--keep %s must be a number of days such as 90d, or forever; not %q", name, value)
		default:
			*field = time.Duration(days) * day
		}
	}
	return k, nil
}

const (
	housekeeping = "housekeeping"
	// batch is how many rows are deleted in one transaction, so that other writes do not wait long.
	batch = 100
)

// keeper deletes what has been kept long enough, and moves what the database does not know to the quarantine, once a
// day.
type keeper struct {
	*ground
	*storage
	*stages
}

// newKeeper makes the keeper and its daily job, which first runs an hour after the first start.
func newKeeper(ctx context.Context, g *ground, st *storage, x *stages) error {
	k := &keeper{g, st, x}
	k.db.Handle(housekeeping, store.Limits{Time: time.Hour}, k.run)
	return k.db.Write(ctx, func(tx store.Tx) error {
		return tx.Enqueue(ctx, store.Job{Kind: housekeeping, Key: "daily", RunAt: time.Now().Add(time.Hour)})
	})
}

func (k *keeper) run(ctx context.Context, _ store.Running) (store.Outcome, error) {
	if err := k.expire(ctx); err != nil {
		return store.Done, err
	}
	if err := errors.Join(
		k.sources.Sweep(ctx),
		k.objects.Sweep(ctx),
		k.reports.SweepFiles(ctx),
		k.sweepLogs(ctx, k.aside()),
	); err != nil {
		return store.Done, err
	}
	return store.Again(time.Now().Add(day)), nil
}

// expire deletes what has ended long enough ago, some at a time.
func (k *keeper) expire(ctx context.Context) error {
	used, err := k.deployments.InUse(ctx)
	if err != nil {
		return err
	}
	inUse := func(bucket, key string) bool { return used[deploy.Stored{Bucket: bucket, Key: key}] }
	keep := k.Keep
	for _, step := range []struct {
		what   string
		age    time.Duration
		expire func(ctx context.Context, before time.Time, limit int) (int, error)
	}{
		{"executions", keep.Executions, func(ctx context.Context, before time.Time, limit int) (int, error) {
			return k.pipelines.Expire(ctx, before, limit, inUse)
		}},
		{"builds", keep.Builds, k.builds.Expire},
		{"reports", keep.Reports, k.reports.Expire},
		{"releases", keep.Deployments, k.releases.Expire},
		{"deployments", keep.Deployments, k.deployments.Expire},
		{"denials", keep.Denials, k.identity.ExpireDenials},
		{"uploads", keep.Uploads, k.objects.ExpireUploads},
	} {
		if step.age == 0 {
			continue
		}
		total := 0
		for {
			n, err := step.expire(ctx, time.Now().Add(-step.age), batch)
			if err != nil {
				return fmt.Errorf("delete old %s: %w", step.what, err)
			}
			if total += n; n == 0 {
				break
			}
		}
		if total > 0 {
			k.Log.Info("deleted what was kept long enough", "what", step.what, "number", total, "older than",
				step.age)
		}
	}
	return nil
}
