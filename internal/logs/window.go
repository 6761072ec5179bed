package logs

import (
	"context"
	"errors"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/journal"
)

// maxWait is how long ReadLog waits at most.
const maxWait = 50 * time.Second

// ReadLog implements slipway:ReadLog. It returns lines of a log, from a given line on or the last ones. With
// waitSeconds it waits until there is a line, the log is complete or the time is over. The log need not exist yet.
func (s *Service) ReadLog(ctx context.Context, in *slipway.ReadLogInput) (*slipway.ReadLogOutput, error) {
	n := journal.Name{Group: *in.LogGroupName, Stream: *in.LogStreamName}
	q := journal.Query{Tail: in.FromEnd != nil && *in.FromEnd}
	if in.FromLine != nil {
		if q.From = *in.FromLine; q.From < 0 {
			return nil, &awsproto.Error{Code: "ValidationException", Message: "fromLine counts from 0."}
		}
	}
	if in.Lines != nil {
		q.Limit = int(*in.Lines)
	}
	err := s.wait(ctx, in.WaitSeconds, func(ctx context.Context) error { return s.journal.Wait(ctx, n, q.From) })
	if err != nil {
		return nil, s.notFound(err, n)
	}
	page, err := s.journal.Read(ctx, n, q)
	if err != nil {
		return nil, s.notFound(err, n)
	}
	out := &slipway.ReadLogOutput{
		Lines:      []slipway.Line{},
		NextLine:   &page.Next,
		TotalLines: &page.Total,
		Complete:   &page.Complete,
	}
	for _, l := range page.Lines {
		text := strings.ToValidUTF8(l.Text, "\uFFFD")
		if strings.HasPrefix(text, eventMark) {
			_, text = eventOf(l)
		}
		out.Lines = append(out.Lines,
			slipway.Line{
				Number: &l.Number,
				Time:   awsproto.At(l.Time),
				Text:   &text,
			})
	}
	return out, nil
}

// wait calls something with a time limit in seconds. A timeout is not an error.
func (s *Service) wait(ctx context.Context, seconds *int32, something func(context.Context) error) error {
	if seconds == nil || *seconds <= 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, min(maxWait, time.Duration(*seconds)*time.Second))
	defer cancel()
	err := something(limited)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (s *Service) notFound(err error, n journal.Name) error {
	if errors.Is(err, journal.ErrNotExist) || errors.Is(err, journal.ErrName) {
		return &slipway.LogNotFoundException{Message: "There is no log " + n.Stream + " in " + n.Group + "."}
	}
	return err
}
