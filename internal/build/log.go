package build

import (
	"context"
	"errors"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/journal"
)

// AppendLog implements slipway:AppendLog. Bytes that the log has already are skipped, so that a runner may send them as
// often as it likes. Bytes beyond the log's end are not taken: the answer says where the log ends. complete counts once
// the log has all bytes up to it, and makes the log durable.
//
// The log is opened for each call, so that a runner may talk to any of several servers.
func (s *Service) AppendLog(ctx context.Context, in *slipway.AppendLogInput) (*slipway.AppendLogOutput, error) {
	if *in.Offset < 0 {
		return nil, &awsproto.Error{Code: "ValidationException", Message: "offset counts from 0."}
	}
	if err := s.speaks(ctx, *in.Runner); err != nil {
		return nil, err
	}
	w, err := s.openLog(ctx, in)
	end := *in.Offset + int64(len(in.Data))
	if errors.Is(err, journal.ErrComplete) {
		return &slipway.AppendLogOutput{Offset: &end, Complete: new(true)}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := appendLog(w, in); err != nil {
		return nil, errors.Join(err, w.Release())
	}
	fault.Point("build.logged")
	out := &slipway.AppendLogOutput{Offset: new(w.Offset()), Complete: new(false)}
	if !awsproto.Value(in.Complete) || *out.Offset < end {
		return out, w.Release()
	}
	out.Complete = new(true)
	return out, w.Close()
}

// openLog opens the log of a build for the runner that has the build, or had it.
func (s *Service) openLog(ctx context.Context, in *slipway.AppendLogInput) (*journal.Writer, error) {
	r, err := one(ctx, s.db, `WHERE id = $1`, *in.Id)
	if err != nil {
		return nil, err
	}
	if r == nil || r.Runner != *in.Runner {
		return nil, unknown(*in.Id)
	}
	begin := s.Now()
	if len(in.Marks) > 0 {
		begin = in.Marks[0].Time.Time
	}
	name := journal.Name{Group: awsproto.Value(r.build.Logs.GroupName), Stream: awsproto.Value(r.build.Logs.StreamName)}
	w, err := s.Logs.AppendSince(name, begin)
	if errors.Is(err, journal.ErrBusy) {
		return nil, &awsproto.Error{Code: "ServiceUnavailable", Status: 503, Message: "The log is being written."}
	}
	return w, err
}

// appendLog writes what the log does not have yet, with the times at which it was written.
func appendLog(w *journal.Writer, in *slipway.AppendLogInput) error {
	at := w.Offset()
	until := *in.Offset + int64(len(in.Data))
	if *in.Offset > at || until <= at {
		return nil
	}
	data, when := in.Data[at-*in.Offset:], time.Now()
	for i := range in.Marks {
		when = in.Marks[i].Time.Time
		end := until
		if i+1 < len(in.Marks) {
			end = min(until, *in.Marks[i+1].Offset)
		}
		if end <= at {
			continue
		}
		if _, err := w.WriteAs(data[:end-at], when); err != nil {
			return err
		}
		data, at = data[end-at:], end
	}
	_, err := w.WriteAs(data, when)
	return err
}
