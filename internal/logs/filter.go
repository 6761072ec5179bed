package logs

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"slipway/api/awsproto"
	cwl "slipway/api/logs"
	"slipway/internal/journal"
)

const (
	maxNamedStreams = 100     // AWS's limit of logStreamNames
	maxScanned      = 200_000 // lines that one call looks at; the token goes on from there
	ahead           = 500     // lines that are read of a stream at a time
)

// spot is the place of an event among all events of a group, ordered by time, then stream, then line.
type spot struct {
	Time   int64  `json:"t"`
	Stream string `json:"s"`
	Line   int64  `json:"l"`
}

func (a spot) compare(b spot) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Stream, b.Stream), cmp.Compare(a.Line, b.Line))
}

func checkFilter(in *cwl.FilterLogEventsInput) error {
	switch {
	case in.StartFromHead != nil && !*in.StartFromHead:
		return invalid(
			"Slipway does not implement startFromHead=false: leave it out, and events come in the order of " +
				"their times.")
	case len(in.LogStreamNames) > 0 && awsproto.Value(in.LogStreamNamePrefix) != "":
		return invalid("LogStreamNames and LogStreamNamePrefix cannot both be specified.")
	case len(in.LogStreamNames) > maxNamedStreams:
		return invalid("At most %d log stream names may be specified.", maxNamedStreams)
	}
	return nil
}

// FilterLogEvents implements logs:FilterLogEvents: events of several streams of a group in the order of their times.
func (s *Service) FilterLogEvents(ctx context.Context,
	in *cwl.FilterLogEventsInput) (*cwl.FilterLogEventsOutput, error) {
	group, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if err := checkFilter(in); err != nil {
		return nil, err
	}
	text, prefix := awsproto.Value(in.FilterPattern), awsproto.Value(in.LogStreamNamePrefix)
	want, err := parsePattern(text)
	if err != nil {
		return nil, err
	}
	filter := []any{group, prefix, in.LogStreamNames, in.StartTime, in.EndTime, text}
	var after *spot
	if !s.Pager.Place("FilterLogEvents", filter, in.NextToken, &after) {
		return nil, badToken()
	}
	m := &merge{ctx: ctx, journal: s.journal, group: group, after: after}
	if in.EndTime != nil {
		m.end = new(*in.EndTime)
	}
	start, err := s.start(ctx, group, in.StartTime)
	if err != nil {
		return nil, err
	}
	if after != nil && (start == nil || after.Time > *start) {
		start = &after.Time
	}
	if err := s.begin(ctx, m, in.LogStreamNames, prefix, start); err != nil {
		return nil, err
	}
	out := &cwl.FilterLogEventsOutput{Events: []cwl.FilteredLogEvent{}, SearchedLogStreams: []cwl.SearchedLogStream{}}
	more, last, err := m.collect(want, limitOf(in.Limit, pageEvents), &out.Events)
	if more {
		out.NextToken = s.Pager.Token("FilterLogEvents", filter, last)
	}
	return out, err
}

// collect appends the events that a pattern wants, as many as fit on a page. more says that there are others behind the
// spot last.
func (m *merge) collect(want pattern, limit int, events *[]cwl.FilteredLogEvent) (more bool, last spot, err error) {
	size := 0
	for scanned := 0; ; scanned++ {
		l, at, err := m.next()
		if err != nil || l == nil {
			return false, last, err
		}
		if size >= pageBytes || len(*events) == limit || scanned == maxScanned {
			return true, last, nil
		}
		last = at
		time, line := eventOf(*l)
		if !want.match(line) {
			continue
		}
		*events = append(*events, cwl.FilteredLogEvent{
			LogStreamName: &at.Stream,
			Timestamp:     &time,
			IngestionTime: &at.Time,
			Message:       &line,
			EventId:       new(eventID(at)),
		})
		size += len(line) + eventCost
	}
}

// eventID has 56 digits, as AWS's has. Clients that follow a log use it to skip events they have seen.
func eventID(at spot) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(at.Stream))
	return fmt.Sprintf("%016d%020d%020d", at.Time, h.Sum64(), at.Line)
}

// begin puts into the merge each stream that has events in the range of time.
func (s *Service) begin(ctx context.Context, m *merge, names []string, prefix string, start *int64) error {
	from := time.Time{}
	if start != nil {
		from = time.UnixMilli(*start)
	}
	add := func(name string) error {
		c := &cursor{name: journal.Name{Group: m.group, Stream: name}}
		if !from.IsZero() {
			var err error
			if c.from, err = s.journal.Seek(ctx, c.name, from); err != nil {
				return err
			}
		}
		return m.push(c)
	}
	if len(names) > 0 {
		for _, name := range names {
			if err := add(name); err != nil {
				return missing(err, "log stream")
			}
		}
		return nil
	}
	var failed error
	err := s.allStreams(ctx, m.group, prefix, func(st journal.Stream) bool {
		if st.Last.IsZero() || st.Last.Before(from.Truncate(time.Second)) ||
			m.end != nil && st.First.UnixMilli() >= *m.end {
			return true
		}
		if failed = add(st.Name); errors.Is(failed, journal.ErrNotExist) {
			failed = nil // removed at this moment
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

// cursor is a place in a stream.
type cursor struct {
	name  journal.Name
	from  int64
	lines []journal.Line
}

func (c *cursor) spot() spot {
	return spot{c.lines[0].Time.UnixMilli(), c.name.Stream, c.lines[0].Number}
}

// merge yields the lines of several streams in order.
type merge struct {
	ctx     context.Context
	journal Journal
	group   string
	end     *int64
	after   *spot
	cursors cursors
}

// push fills a cursor and puts it among those that have lines left.
func (m *merge) push(c *cursor) error {
	for {
		if len(c.lines) == 0 {
			page, err := m.journal.Read(m.ctx, c.name, journal.Query{From: c.from, Limit: ahead})
			if err != nil {
				return err
			}
			if len(page.Lines) == 0 {
				return nil
			}
			c.lines, c.from = page.Lines, page.Next
		}
		at := c.spot()
		if m.end != nil && at.Time >= *m.end {
			return nil
		}
		if m.after == nil || at.compare(*m.after) > 0 {
			heap.Push(&m.cursors, c)
			return nil
		}
		c.lines = c.lines[1:]
	}
}

// next returns the line that comes first, or nil.
func (m *merge) next() (*journal.Line, spot, error) {
	if len(m.cursors) == 0 {
		return nil, spot{}, nil
	}
	c := heap.Pop(&m.cursors).(*cursor)
	l, at := c.lines[0], c.spot()
	c.lines = c.lines[1:]
	err := m.push(c)
	if errors.Is(err, journal.ErrNotExist) {
		err = nil // removed meanwhile
	}
	return &l, at, err
}

type cursors []*cursor

func (cs cursors) Len() int           { return len(cs) }
func (cs cursors) Less(i, j int) bool { return cs[i].spot().compare(cs[j].spot()) < 0 }
func (cs cursors) Swap(i, j int)      { cs[i], cs[j] = cs[j], cs[i] }
func (cs *cursors) Push(x any)        { *cs = append(*cs, x.(*cursor)) }
func (cs *cursors) Pop() any {
	old := *cs
	c := old[len(old)-1]
	*cs = old[:len(old)-1]
	return c
}
