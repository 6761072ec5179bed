package logs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"time"

	cwl "slipway/api/logs"
	"slipway/internal/journal"
)

// Limits of PutLogEvents, as at AWS but for the length of a message, which must fit in a line of the journal.
const (
	maxPut     = 10_000
	maxMessage = journal.MaxLine - 64
	maxSpan    = 24 * time.Hour
	tooOld     = 14 * 24 * time.Hour
	tooNew     = 2 * time.Hour
)

// locks are for the writers of streams: one at a time may have a log open.
type locks [64]sync.Mutex

// lock waits for a log, and returns what gives it back.
func (s *Service) lock(n journal.Name) (unlock func()) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(n.String()))
	m := &s.locks[h.Sum32()%uint32(len(s.locks))]
	m.Lock()
	return m.Unlock
}

// PutLogEvents implements logs:PutLogEvents, for streams that CreateLogStream made. Sequence tokens are ignored, as at
// AWS. The events are durable when it returns.
func (s *Service) PutLogEvents(ctx context.Context, in *cwl.PutLogEventsInput) (*cwl.PutLogEventsOutput, error) {
	n := journal.Name{Group: *in.LogGroupName, Stream: *in.LogStreamName}
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	if err := s.writable(ctx, n); err != nil {
		return nil, err
	}
	kept, err := s.kept(ctx, n.Group)
	if err != nil {
		return nil, err
	}
	out := &cwl.PutLogEventsOutput{NextSequenceToken: new(fmt.Sprintf("%056d", s.Now().UnixMilli()))}
	if in.Entity != nil { // which metrics of which application a stream belongs to is not known here
		out.RejectedEntityInfo = &cwl.RejectedEntityInfo{
			ErrorType: cwl.EntityRejectionErrorTypeUnsupportedLogGroupType}
	}
	first, last := acceptable(in.LogEvents, s.Now(), kept, out)
	if first == last {
		return out, nil
	}
	return out, s.put(n, in.LogEvents[first:last])
}

// writable returns an error for a stream that does not exist, or that is a build's or a deployment's.
func (s *Service) writable(ctx context.Context, n journal.Name) error {
	made, err := s.Created(ctx, n.Group, []string{n.Stream})
	if _, ok := made[n.Stream]; err != nil || ok {
		return err
	}
	if err := s.exists(ctx, n.Group); err != nil {
		return err
	}
	if _, err := s.journal.Read(ctx, n, journal.Query{Limit: 1}); err != nil {
		return missing(err, "log stream")
	}
	return invalid("The log stream %s is written by a build or a deployment. Create a stream with CreateLogStream to "+
		"put events into.", n.Stream)
}

func (s *Service) put(n journal.Name, events []cwl.InputLogEvent) error {
	defer s.lock(n)()
	w, err := s.journal.AppendSince(n, time.UnixMilli(0))
	if errors.Is(err, journal.ErrBusy) {
		return &cwl.ServiceUnavailableException{Message: "Another server writes to the stream. Try again."}
	}
	if err != nil {
		return missing(err, "log stream")
	}
	for _, e := range events {
		line := encodeEvent(*e.Timestamp, *e.Message)
		if _, err := w.WriteAs([]byte(line), time.UnixMilli(*e.Timestamp)); err != nil {
			return errors.Join(err, w.Release())
		}
	}
	return w.Leave()
}

// checkBatch holds the rules of a batch of events.
func checkBatch(events []cwl.InputLogEvent) error {
	if len(events) > maxPut {
		return invalid("Log events in a single PutLogEvents request must be at most %d.", maxPut)
	}
	size := 0
	for i, e := range events {
		length := len(*e.Message)
		if length == 0 {
			return invalid("Log event message must have at least one character.")
		}
		if escaped := len(encodeEvent(*e.Timestamp, *e.Message)); escaped > maxMessage {
			return invalid("Log event too large: %d bytes exceeds limit of %d", escaped, maxMessage)
		}
		if size += length + eventCost; size > pageBytes {
			return invalid("Upload too large: the events of a batch have at most %d bytes.", pageBytes)
		}
		if i > 0 && *e.Timestamp < *events[i-1].Timestamp {
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if n := len(events); n > 0 && *events[n-1].Timestamp-*events[0].Timestamp > maxSpan.Milliseconds() {
		return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// acceptable returns the range of events that are neither too old nor too new, and says of the others why.
func acceptable(events []cwl.InputLogEvent, now time.Time, kept *int64, out *cwl.PutLogEventsOutput) (first, last int) {
	oldest, newest := now.Add(-tooOld).UnixMilli(), now.Add(tooNew).UnixMilli()
	var info cwl.RejectedLogEventsInfo
	last = len(events)
	for i, e := range events {
		switch at := *e.Timestamp; {
		case at < oldest:
			first, info.TooOldLogEventEndIndex = i+1, new(int32(i+1))
		case kept != nil && at < *kept:
			first, info.ExpiredLogEventEndIndex = i+1, new(int32(i+1))
		case at > newest && last == len(events):
			last, info.TooNewLogEventStartIndex = i, new(int32(i))
		}
	}
	if first > 0 || last < len(events) {
		out.RejectedLogEventsInfo = &info
	}
	return first, max(first, last)
}

// eventMark begins the line of an event that a client put: its time and a space follow, then the message, whose
// newlines are escaped. A line of a build may begin so too; it is shown as what it looks like.
const eventMark = "\x1e"

var (
	escapeEvent   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	unescapeEvent = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
)

func encodeEvent(at int64, message string) string {
	return eventMark + strconv.FormatInt(at, 10) + " " + escapeEvent.Replace(message) + "\n"
}

// eventOf is the time in milliseconds and the message of a line.
func eventOf(l journal.Line) (at int64, text string) {
	if rest, ok := strings.CutPrefix(l.Text, eventMark); ok {
		stamp, message, ok := strings.Cut(rest, " ")
		if at, err := strconv.ParseInt(stamp, 10, 64); ok && err == nil {
			return at, strings.ToValidUTF8(unescapeEvent.Replace(message), "\uFFFD")
		}
	}
	return l.Time.UnixMilli(), strings.ToValidUTF8(strings.TrimSuffix(l.Text, "\r"), "\uFFFD")
}

// Tags are the tags of the log group of an ARN.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	group, ok := s.groupOf(arn)
	if !ok {
		return nil, nil
	}
	return s.tags(ctx, group)
}

// groupOf is the log group that an ARN names, with or without :* or a stream after it.
func (s *Service) groupOf(arn string) (string, bool) {
	rest, ok := strings.CutPrefix(arn, s.arn(""))
	group, _, _ := strings.Cut(rest, ":")
	return group, ok && group != ""
}
