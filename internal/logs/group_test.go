package logs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cwl "slipway/api/logs"
	"slipway/internal/journal"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

var name = new("/app/web")

// made returns a service with a group and a stream.
func made(t *testing.T) *Service {
	t.Helper()
	s, _ := open(t)
	if _, err := s.CreateLogGroup(t.Context(), &cwl.CreateLogGroupInput{LogGroupName: name,
		Tags: map[string]string{"team": "a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateLogStream(t.Context(), &cwl.CreateLogStreamInput{LogGroupName: name,
		LogStreamName: new("s")}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Service) puts(t *testing.T, at time.Time, messages ...string) (*cwl.PutLogEventsOutput, error) {
	t.Helper()
	in := &cwl.PutLogEventsInput{LogGroupName: name, LogStreamName: new("s"), SequenceToken: new("any")}
	for i, m := range messages {
		in.LogEvents = append(in.LogEvents, cwl.InputLogEvent{Timestamp: new(at.UnixMilli() + int64(i)), Message: &m})
	}
	return s.PutLogEvents(t.Context(), in)
}

func (s *Service) gets(t *testing.T) string {
	t.Helper()
	out, err := s.GetLogEvents(t.Context(), &cwl.GetLogEventsInput{LogGroupName: name, LogStreamName: new("s"),
		StartFromHead: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range out.Events {
		all = append(all, fmt.Sprintf("%d %s", *e.Timestamp, *e.Message))
	}
	return strings.Join(all, "|")
}

// Events come back as they were put, with their times to the millisecond, and with the lines that a message has.
func TestPutLogEvents(t *testing.T) {
	t.Parallel()
	s := made(t)
	now := time.UnixMilli(time.Now().UnixMilli())
	first, second := `one\n`, "two\nlines \\ and\r"
	if _, err := s.puts(t, now, first, second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.puts(t, now.Add(time.Second), "three"); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d %s|%d %s|%d three", now.UnixMilli(), first, now.UnixMilli()+1, second, now.UnixMilli()+1000)
	if got := s.gets(t); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	found, err := s.FilterLogEvents(t.Context(), &cwl.FilterLogEventsInput{LogGroupName: name, FilterPattern: new("lines")})
	if err != nil || len(found.Events) != 1 || *found.Events[0].Message != second ||
		*found.Events[0].Timestamp != now.UnixMilli()+1 {
		t.Errorf("%+v, %v", found, err)
	}
	out, err := s.puts(t, now.Add(3*time.Hour), "too new")
	if err != nil || *out.RejectedLogEventsInfo.TooNewLogEventStartIndex != 0 || s.gets(t) != want {
		t.Errorf("%+v, %v", out, err)
	}
	if out, err = s.puts(t, now.AddDate(0, 0, -15), "too old"); err != nil ||
		*out.RejectedLogEventsInfo.TooOldLogEventEndIndex != 1 || s.gets(t) != want {
		t.Errorf("%+v, %v", out, err)
	}
	for _, in := range [][]cwl.InputLogEvent{
		{{Timestamp: new(int64(2)), Message: new("a")}, {Timestamp: new(int64(1)), Message: new("b")}},
		{{Timestamp: new(int64(2)), Message: new(strings.Repeat("x", journal.MaxLine))}},
	} {
		if _, err := s.PutLogEvents(t.Context(), &cwl.PutLogEventsInput{LogGroupName: name, LogStreamName: new("s"),
			LogEvents: in}); awsproto.Code(err) != "InvalidParameterException" {
			t.Errorf("%v", err)
		}
	}
}

// A stream that a build writes, one that does not exist and a group that does not are refused.
func TestPutElsewhere(t *testing.T) {
	t.Parallel()
	s := made(t)
	w, err := s.journal.AppendSince(journal.Name{Group: *name, Stream: "build"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	event := []cwl.InputLogEvent{{Timestamp: new(time.Now().UnixMilli()), Message: new("x")}}
	for stream, want := range map[string]string{"build": "InvalidParameterException", "none": "ResourceNotFoundException"} {
		if _, err := s.PutLogEvents(t.Context(), &cwl.PutLogEventsInput{LogGroupName: name, LogStreamName: &stream,
			LogEvents: event}); awsproto.Code(err) != want {
			t.Errorf("%s: %v, want %s", stream, err, want)
		}
	}
	if _, err := s.PutLogEvents(t.Context(), &cwl.PutLogEventsInput{LogGroupName: new("no"), LogStreamName: new("s"),
		LogEvents: event}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("%v", err)
	}
}

// A retention hides what is older at once, and deletes the logs that have ended before.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := made(t)
	ctx, now := t.Context(), time.Now()
	if _, err := s.puts(t, now.AddDate(0, 0, -5), "old"); err != nil {
		t.Fatal(err)
	}
	w, err := s.journal.AppendSince(journal.Name{Group: *name, Stream: "build"}, now.AddDate(0, 0, -9))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAs([]byte("a build\n"), now.AddDate(0, 0, -9)); err != nil {
		t.Fatal(err)
	}
	if err := w.Leave(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutRetentionPolicy(ctx, &cwl.PutRetentionPolicyInput{LogGroupName: name,
		RetentionInDays: new(int32(4))}); awsproto.Code(err) != "InvalidParameterException" {
		t.Errorf("a number of days that AWS does not take: %v", err)
	}
	if _, err := s.PutRetentionPolicy(ctx, &cwl.PutRetentionPolicyInput{LogGroupName: name,
		RetentionInDays: new(int32(3))}); err != nil {
		t.Fatal(err)
	}
	groups, err := s.DescribeLogGroups(ctx, &cwl.DescribeLogGroupsInput{LogGroupNamePrefix: name})
	if err != nil || len(groups.LogGroups) != 1 || *groups.LogGroups[0].RetentionInDays != 3 {
		t.Fatalf("%+v, %v", groups, err)
	}
	if got := s.gets(t); got != "" {
		t.Errorf("an event that is older than the retention is given: %q", got)
	}
	if _, err := s.puts(t, now, "new"); err != nil {
		t.Fatal(err)
	}
	if again, err := s.expire(ctx, store.Running{Key: *name}); err != nil || again == store.Done {
		t.Fatalf("%+v, %v; want it to run again", again, err)
	}
	if _, err := s.journal.Read(ctx, journal.Name{Group: *name, Stream: "build"},
		journal.Query{}); !errors.Is(err, journal.ErrNotExist) {
		t.Errorf("a log that ended before is there: %v", err)
	}
	if got := s.gets(t); !strings.HasSuffix(got, " new") || strings.Contains(got, "old") {
		t.Errorf("left is %q", got)
	}
	s.Now = func() time.Time { return now.AddDate(0, 0, 9) }
	if _, err := s.expire(ctx, store.Running{Key: *name}); err != nil {
		t.Fatal(err)
	}
	streams, err := s.DescribeLogStreams(ctx, &cwl.DescribeLogStreamsInput{LogGroupName: name})
	if err != nil || len(streams.LogStreams) != 1 {
		t.Errorf("a stream that a client made stays, empty: %+v, %v", streams, err)
	}
	s.Now = time.Now
	if _, err := s.puts(t, now, "again"); err != nil || !strings.HasSuffix(s.gets(t), " again") {
		t.Errorf("%v", err)
	}
	if _, err := s.DeleteRetentionPolicy(ctx, &cwl.DeleteRetentionPolicyInput{LogGroupName: name}); err != nil {
		t.Fatal(err)
	}
	if ended, err := s.expire(ctx, store.Running{Key: *name}); err != nil || ended != store.Done {
		t.Errorf("without a retention: %+v, %v", ended, err)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	s := made(t)
	ctx := t.Context()
	if _, err := s.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: name}); awsproto.Code(
		err) != "ResourceAlreadyExistsException" {
		t.Errorf("a second group: %v", err)
	}
	if _, err := s.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: name, LogStreamName: new("s")}); awsproto.Code(
		err) != "ResourceAlreadyExistsException" {
		t.Errorf("a second stream: %v", err)
	}
	arn := new("arn:aws:logs:eu-central-1:123456789012:log-group:/app/web")
	if _, err := s.TagResource(ctx, &cwl.TagResourceInput{ResourceArn: arn,
		Tags: map[string]string{"stage": "test"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UntagLogGroup(ctx, &cwl.UntagLogGroupInput{LogGroupName: name, Tags: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := s.ListTagsForResource(ctx, &cwl.ListTagsForResourceInput{ResourceArn: new(*arn + ":*")})
	if err != nil || len(tags.Tags) != 1 || tags.Tags["stage"] != "test" {
		t.Errorf("%+v, %v", tags, err)
	}
	for range 2 {
		_, err = s.DeleteLogGroup(ctx, &cwl.DeleteLogGroupInput{LogGroupName: name})
		if err != nil {
			break
		}
	}
	if awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := s.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: name, KmsKeyId: new("k")}); awsproto.Code(
		err) != "NotImplementedException" {
		t.Errorf("an encrypted group: %v", err)
	}
	if _, err := s.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: name}); err != nil {
		t.Error(err)
	}
	if tags, err := s.ListTagsLogGroup(ctx, &cwl.ListTagsLogGroupInput{LogGroupName: name}); err != nil || len(tags.Tags) != 0 {
		t.Errorf("a new group has the tags of the one before: %+v, %v", tags, err)
	}
}

// TestOnPostgreSQL repeats the tests that use the database.
func TestOnPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.OnPostgres(t, map[string]func(*testing.T){
		"PutLogEvents":    TestPutLogEvents,
		"PutElsewhere":    TestPutElsewhere,
		"Retention":       TestRetention,
		"Groups":          TestGroups,
		"GetLogEvents":    TestGetLogEvents,
		"FilterLogEvents": TestFilterLogEvents,
		"Describe":        TestDescribe,
	})
}
