package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"slipway/api/awsproto"
	cwl "slipway/api/logs"
	"slipway/internal/journal"
	"slipway/internal/store"
)

func refused(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
		Message: "Slipway does not implement " + what + ". docs/compatibility.md lists what it does."}
}

// CreateLogGroup implements logs:CreateLogGroup.
func (s *Service) CreateLogGroup(ctx context.Context, in *cwl.CreateLogGroupInput) (*cwl.CreateLogGroupOutput, error) {
	switch {
	case in.KmsKeyId != nil:
		return nil, refused("log groups that are encrypted with a key of KMS")
	case in.LogGroupClass != "" && in.LogGroupClass != cwl.LogGroupClassStandard:
		return nil, refused("log groups of the class " + string(in.LogGroupClass))
	case in.DeletionProtectionEnabled != nil && *in.DeletionProtectionEnabled:
		return nil, refused("the deletion protection of log groups")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	made, err := s.journal.CreateGroup(*in.LogGroupName)
	if err != nil {
		return nil, missing(err, "log group")
	}
	if !made {
		return nil, &cwl.ResourceAlreadyExistsException{Message: "The specified log group already exists"}
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error { return putTags(ctx, tx, *in.LogGroupName, in.Tags) })
}

// DeleteLogGroup implements logs:DeleteLogGroup.
func (s *Service) DeleteLogGroup(ctx context.Context, in *cwl.DeleteLogGroupInput) (*cwl.DeleteLogGroupOutput, error) {
	name := *in.LogGroupName
	if err := s.exists(ctx, name); err != nil {
		return nil, err
	}
	if err := s.journal.RemoveGroup(name); err != nil {
		return nil, missing(err, "log group")
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		for _, table := range []string{"log_groups WHERE name", "log_group_tags WHERE log_group",
			"log_streams WHERE log_group"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` = $1`, name); err != nil {
				return err
			}
		}
		return tx.Cancel(ctx, retentionJob, name)
	})
}

// exists returns an error if there is no log group of a name.
func (s *Service) exists(ctx context.Context, group string) error {
	_, err := s.journal.Streams(ctx, group, "", "", 1)
	return missing(err, "log group")
}

// Exists reports whether there is a log group of a name.
func (s *Service) Exists(ctx context.Context, group string) (bool, error) {
	err := s.exists(ctx, group)
	if awsproto.Code(err) == "ResourceNotFoundException" {
		return false, nil
	}
	return err == nil, err
}

// CreateLogStream implements logs:CreateLogStream.
func (s *Service) CreateLogStream(ctx context.Context,
	in *cwl.CreateLogStreamInput) (*cwl.CreateLogStreamOutput, error) {
	n := journal.Name{Group: *in.LogGroupName, Stream: *in.LogStreamName}
	if err := s.exists(ctx, n.Group); err != nil {
		return nil, err
	}
	defer s.lock(n)()
	if _, err := s.journal.Read(ctx, n, journal.Query{Limit: 1}); err == nil {
		return nil, &cwl.ResourceAlreadyExistsException{Message: "The specified log stream already exists"}
	} else if !errors.Is(err, journal.ErrNotExist) {
		return nil, missing(err, "log stream")
	}
	if err := s.makeStream(n); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO log_streams (log_group, name, created) VALUES ($1, $2, $3)
			ON CONFLICT (log_group, name) DO UPDATE SET created = excluded.created`, n.Group, n.Stream,
			s.Now().UnixMilli())
		return err
	})
}

// makeStream makes an empty log. It begins at time 0, because events that are put have times of their own, and the
// journal's times only grow.
func (s *Service) makeStream(n journal.Name) error {
	w, err := s.journal.AppendSince(n, time.UnixMilli(0))
	if err != nil {
		return missing(err, "log stream")
	}
	return w.Leave()
}

// DeleteLogStream implements logs:DeleteLogStream.
func (s *Service) DeleteLogStream(ctx context.Context,
	in *cwl.DeleteLogStreamInput) (*cwl.DeleteLogStreamOutput, error) {
	n := journal.Name{Group: *in.LogGroupName, Stream: *in.LogStreamName}
	defer s.lock(n)()
	if _, err := s.journal.Read(ctx, n, journal.Query{Limit: 1}); err != nil {
		return nil, missing(err, "log stream")
	}
	if err := s.journal.Remove(n); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM log_streams WHERE log_group = $1 AND name = $2`, n.Group, n.Stream)
		return err
	})
}

// Created returns which of the streams of a group clients made, rather than builds and deployments, and when.
func (s *Service) Created(ctx context.Context, group string, streams []string) (map[string]time.Time, error) {
	type row struct {
		name string
		at   int64
	}
	rows, err := store.All(ctx, s.db, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.name, &x.at) },
		`SELECT name, created FROM log_streams WHERE log_group = $1 AND name IN `+store.In(2, len(streams)),
		append([]any{group}, store.Args(streams)...)...)
	made := make(map[string]time.Time, len(rows))
	for _, x := range rows {
		made[x.name] = time.UnixMilli(x.at)
	}
	return made, err
}

// retentions are the numbers of days that AWS takes.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
	3288, 3653}

// PutRetentionPolicy implements logs:PutRetentionPolicy. It is carried out at once, and daily from then on.
func (s *Service) PutRetentionPolicy(ctx context.Context,
	in *cwl.PutRetentionPolicyInput) (*cwl.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy "+
			"constraint: Member must satisfy enum value set: %v", *in.RetentionInDays, retentions)
	}
	return nil, s.setRetention(ctx, *in.LogGroupName, *in.RetentionInDays)
}

// DeleteRetentionPolicy implements logs:DeleteRetentionPolicy.
func (s *Service) DeleteRetentionPolicy(ctx context.Context,
	in *cwl.DeleteRetentionPolicyInput) (*cwl.DeleteRetentionPolicyOutput, error) {
	return nil, s.setRetention(ctx, *in.LogGroupName, 0)
}

func (s *Service) setRetention(ctx context.Context, group string, days int32) error {
	if err := s.exists(ctx, group); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO log_groups (name, retention) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET retention = excluded.retention`, group, days); err != nil {
			return err
		}
		if days == 0 {
			return tx.Cancel(ctx, retentionJob, group)
		}
		return tx.Enqueue(ctx, store.Job{Kind: retentionJob, Key: group})
	})
}

// retention returns the days that each of some groups keeps its events; those that keep them for ever are left out.
func (s *Service) retention(ctx context.Context, groups ...string) (map[string]int32, error) {
	type row struct {
		name string
		days int32
	}
	rows, err := store.All(ctx, s.db, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.name, &x.days) },
		`SELECT name, retention FROM log_groups WHERE retention > 0 AND name IN `+store.In(1, len(groups)),
		store.Args(groups)...)
	days := make(map[string]int32, len(rows))
	for _, x := range rows {
		days[x.name] = x.days
	}
	return days, err
}

// kept returns the time from which on a group keeps its events, or nil if it keeps all.
func (s *Service) kept(ctx context.Context, group string) (*int64, error) {
	days, err := s.retention(ctx, group)
	if err != nil || days[group] == 0 {
		return nil, err
	}
	return new(s.Now().AddDate(0, 0, -int(days[group])).UnixMilli()), nil
}

// retentionJob deletes the logs of the group that is its key whose last event is older than the group keeps them.
const retentionJob = "logs.retention"

func (s *Service) expire(ctx context.Context, j store.Running) (store.Outcome, error) {
	from, err := s.kept(ctx, j.Key)
	if err != nil || from == nil {
		return store.Done, err
	}
	const page = 500
	for after := ""; ; {
		streams, err := s.journal.Streams(ctx, j.Key, "", after, page)
		if errors.Is(err, journal.ErrNotExist) {
			return store.Done, nil
		}
		if err != nil {
			return store.Done, err
		}
		if len(streams) == 0 {
			return store.Again(s.Now().Add(24 * time.Hour)), nil
		}
		if err := s.expireStreams(ctx, j.Key, streams, *from); err != nil {
			return store.Done, fmt.Errorf("group %s: %w", j.Key, err)
		}
		after = streams[len(streams)-1].Name
	}
}

// expireStreams deletes those of some logs that have ended long enough ago. A stream that a client made stays, empty.
func (s *Service) expireStreams(ctx context.Context, group string, streams []journal.Stream, from int64) error {
	var old []string
	for _, st := range streams {
		if !st.Last.IsZero() && st.Last.UnixMilli() < from {
			old = append(old, st.Name)
		}
	}
	if len(old) == 0 {
		return nil
	}
	made, err := s.Created(ctx, group, old)
	if err != nil {
		return err
	}
	for _, name := range old {
		_, again := made[name]
		if err := s.expireStream(journal.Name{Group: group, Stream: name}, again); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) expireStream(n journal.Name, again bool) error {
	defer s.lock(n)()
	if err := s.journal.Remove(n); err != nil || !again {
		return err
	}
	return s.makeStream(n)
}
