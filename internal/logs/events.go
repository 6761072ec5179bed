package logs

import (
	"context"
	"strings"
	"time"

	cwl "slipway/api/logs"
	"slipway/internal/journal"
)

// GetLogEvents implements logs:GetLogEvents. Forward and backward tokens name a line. At an end of the log the answer
// has the token of the request, by which clients know that there are no more events for now.
func (s *Service) GetLogEvents(ctx context.Context, in *cwl.GetLogEventsInput) (*cwl.GetLogEventsOutput, error) {
	group, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	n := journal.Name{Group: group, Stream: *in.LogStreamName}
	limit := limitOf(in.Limit, pageEvents)
	start, err := s.start(ctx, group, in.StartTime)
	if err != nil {
		return nil, err
	}
	from, to, err := s.window(ctx, n, start, in.EndTime)
	if err != nil {
		return nil, missing(err, "log stream")
	}
	first, last := from, to
	filter := []any{group, n.Stream, in.StartTime, in.EndTime}
	forwards := in.StartFromHead != nil && *in.StartFromHead
	if token := in.NextToken; token != nil {
		direction, place, _ := strings.Cut(*token, "/")
		line := int64(-1)
		if !s.Pager.Place("GetLogEvents", filter, &place, &line) || line < 0 || direction != "f" && direction != "b" {
			return nil, badToken()
		}
		if forwards = direction == "f"; forwards {
			first = min(max(line, from), to)
		} else {
			last = max(min(line, to), from)
		}
	}
	var lines []journal.Line
	if forwards {
		lines, err = s.forwards(ctx, n, first, last, limit)
		last = first + int64(len(lines))
	} else {
		lines, err = s.backwards(ctx, n, first, last, limit)
		first = last - int64(len(lines))
	}
	if err != nil {
		return nil, missing(err, "log stream")
	}
	out := &cwl.GetLogEventsOutput{Events: []cwl.OutputLogEvent{},
		NextForwardToken:  new("f/" + *s.Pager.Token("GetLogEvents", filter, last)),
		NextBackwardToken: new("b/" + *s.Pager.Token("GetLogEvents", filter, first))}
	out.Events = append(out.Events, events(lines, start, in.EndTime)...)
	return out, nil
}

// events are the lines that are in a range of time; the journal's times are coarser.
func events(lines []journal.Line, start, end *int64) (all []cwl.OutputLogEvent) {
	for _, l := range lines {
		at, text := eventOf(l)
		if start != nil && at < *start || end != nil && at >= *end {
			continue
		}
		all = append(all, cwl.OutputLogEvent{Timestamp: &at, IngestionTime: new(l.Time.UnixMilli()), Message: &text})
	}
	return all
}

// start is the time from which on events of a group are given: one that was asked for, or the first that is kept.
func (s *Service) start(ctx context.Context, group string, asked *int64) (*int64, error) {
	kept, err := s.kept(ctx, group)
	if err != nil || kept == nil || asked != nil && *asked > *kept {
		return asked, err
	}
	return kept, nil
}

// window returns the range of lines of a log that are in a range of time, whose end is exclusive.
func (s *Service) window(ctx context.Context, n journal.Name, start, end *int64) (from, to int64, err error) {
	page, err := s.journal.Read(ctx, n, journal.Query{Limit: 1, Tail: true})
	if err != nil {
		return 0, 0, err
	}
	to = page.Total
	if start != nil {
		if from, err = s.journal.Seek(ctx, n, time.UnixMilli(*start)); err != nil {
			return 0, 0, err
		}
	}
	if end != nil {
		before, err := s.journal.Seek(ctx, n, time.UnixMilli(*end))
		if err != nil {
			return 0, 0, err
		}
		to = min(to, before)
	}
	return min(from, to), to, nil
}

// forwards reads lines from from on, up to a page.
func (s *Service) forwards(ctx context.Context, n journal.Name, from, to int64, limit int) ([]journal.Line, error) {
	var lines []journal.Line
	for size := 0; from < to && len(lines) < limit; {
		page, err := s.journal.Read(ctx, n,
			journal.Query{From: from, Limit: int(min(int64(limit-len(lines)), to-from))})
		if err != nil {
			return nil, err
		}
		for _, l := range page.Lines {
			if size += len(l.Text) + eventCost; size > pageBytes && len(lines) > 0 {
				return lines, nil
			}
			lines = append(lines, l)
		}
		if page.Next <= from {
			break
		}
		from = page.Next
	}
	return lines, nil
}

// backwards reads the last lines before to, up to a page.
func (s *Service) backwards(ctx context.Context, n journal.Name, from, to int64, limit int) ([]journal.Line, error) {
	var lines []journal.Line
	size := 0
	from = max(from, to-int64(limit))
	for from < to {
		page, err := s.journal.Read(ctx, n, journal.Query{From: from, Limit: int(min(int64(limit), to-from))})
		if err != nil {
			return nil, err
		}
		for _, l := range page.Lines {
			lines = append(lines, l)
			// A page keeps the newest bytes and drops older ones.
			for size += len(l.Text) + eventCost; size > pageBytes && len(lines) > 1; lines = lines[1:] {
				size -= len(lines[0].Text) + eventCost
			}
		}
		if page.Next <= from {
			break
		}
		from = page.Next
	}
	return lines, nil
}
