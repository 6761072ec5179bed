package logs

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cwl "slipway/api/logs"
	"slipway/api/slipway"
	"slipway/internal/journal"
	"slipway/internal/store/storetest"
)

const group = "/aws/codebuild/app"

func open(t testing.TB) (*Service, *journal.Journal) {
	t.Helper()
	j, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return New(storetest.Open(t, Migrations()), j, Config{Region: "eu-central-1", Account: "123456789012",
		Pager: awsproto.Pager{Key: []byte("key")}, Now: time.Now}), j
}

// log opens a stream to write to, which the test leaves open unless it closes it.
func log(t testing.TB, j *journal.Journal, stream string) *journal.Writer {
	t.Helper()
	w, err := j.Append(journal.Name{Group: group, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func write(t testing.TB, w *journal.Writer, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if _, err := w.Write([]byte(l + "\n")); err != nil {
			t.Fatal(err)
		}
	}
}

func numbered(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return lines
}

func TestGetLogEvents(t *testing.T) {
	t.Parallel()
	s, j := open(t)
	w := log(t, j, "one")
	write(t, w, numbered(25)...)
	get := func(token *string, head bool, limit int32) (*cwl.GetLogEventsOutput, string) {
		t.Helper()
		out, err := s.GetLogEvents(t.Context(),
			&cwl.GetLogEventsInput{LogGroupName: new(group), LogStreamName: new("one"), NextToken: token,
				StartFromHead: &head, Limit: &limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Events) == 0 {
			return out, "none"
		}
		return out, fmt.Sprintf("%s to %s", *out.Events[0].Message, *out.Events[len(out.Events)-1].Message)
	}
	first, got := get(nil, true, 10)
	if got != "line 0 to line 9" {
		t.Errorf("head: %s", got)
	}
	second, got := get(first.NextForwardToken, true, 10)
	if got != "line 10 to line 19" {
		t.Errorf("forward: %s", got)
	}
	if _, got := get(second.NextBackwardToken, true, 5); got != "line 5 to line 9" {
		t.Errorf("back: %s", got)
	}
	tail, got := get(nil, false, 10)
	if got != "line 15 to line 24" {
		t.Errorf("tail: %s", got)
	}
	end, got := get(tail.NextForwardToken, false, 10)
	if got != "none" || *end.NextForwardToken != *tail.NextForwardToken {
		t.Errorf("at the end: %s, token %s after %s", got, *end.NextForwardToken, *tail.NextForwardToken)
	}
	write(t, w, "more")
	if _, got := get(end.NextForwardToken, false, 10); got != "more to more" {
		t.Errorf("followed: %s", got)
	}
	start, got := get(first.NextBackwardToken, true, 10)
	if got != "none" || *start.NextBackwardToken != *first.NextBackwardToken {
		t.Errorf("before the head: %s", got)
	}
	for _, bad := range []string{"x", "f/x", "f/" + strings.TrimPrefix(*first.NextForwardToken, "f/") + "x"} {
		if _, err := s.GetLogEvents(t.Context(),
			&cwl.GetLogEventsInput{LogGroupName: new(group), LogStreamName: new("one"),
				NextToken: &bad}); awsproto.Code(err) != "InvalidParameterException" {
			t.Errorf("token %q: %v", bad, err)
		}
	}
	if _, err := s.GetLogEvents(t.Context(),
		&cwl.GetLogEventsInput{LogGroupName: new(group),
			LogStreamName: new("none")}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("no stream: %v", err)
	}
}

// TestBigPages has lines that fill a page long before the limit does: none is left out, forwards or backwards.
func TestBigPages(t *testing.T) {
	t.Parallel()
	s, j := open(t)
	const n = 100
	w := log(t, j, "big")
	for i := range n {
		write(t, w, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 60_000)))
	}
	walk := func(head bool, token func(*cwl.GetLogEventsOutput) *string) (seen []string) {
		in := &cwl.GetLogEventsInput{LogGroupName: new(group), LogStreamName: new("big"), StartFromHead: &head}
		for pages := 0; ; pages++ {
			out, err := s.GetLogEvents(t.Context(), in)
			if err != nil || pages > n {
				t.Fatal(pages, err)
			}
			if len(out.Events) == 0 {
				return seen
			}
			size := 0
			var page []string
			for _, e := range out.Events {
				size += len(*e.Message)
				page = append(page, (*e.Message)[:3])
			}
			if size > pageBytes {
				t.Errorf("a page of %d bytes", size)
			}
			if head {
				seen = append(seen, page...)
			} else {
				seen = append(page, seen...)
			}
			in.NextToken = token(out)
		}
	}
	for name, seen := range map[string][]string{
		"forwards":  walk(true, func(o *cwl.GetLogEventsOutput) *string { return o.NextForwardToken }),
		"backwards": walk(false, func(o *cwl.GetLogEventsOutput) *string { return o.NextBackwardToken }),
	} {
		if len(seen) != n || seen[0] != "000" || seen[n-1] != "099" {
			t.Errorf("%s: %d lines, %v", name, len(seen), seen)
		}
	}
}

func TestFilterLogEvents(t *testing.T) {
	t.Parallel()
	s, j := open(t)
	a, b := log(t, j, "a"), log(t, j, "b")
	for i := range 300 {
		write(t, a, fmt.Sprintf("a %03d ok", i))
		write(t, b, fmt.Sprintf("b %03d ERROR: no", i))
	}
	all := func(in cwl.FilterLogEventsInput) (messages []string) {
		t.Helper()
		in.LogGroupName = new(group)
		ids := map[string]bool{}
		var before int64
		for {
			out, err := s.FilterLogEvents(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.Events {
				if ids[*e.EventId] || *e.Timestamp < before {
					t.Fatalf("event %s twice, or out of order", *e.EventId)
				}
				ids[*e.EventId], before = true, *e.Timestamp
				messages = append(messages, *e.Message)
			}
			if out.NextToken == nil {
				return messages
			}
			in.NextToken = out.NextToken
		}
	}
	for name, c := range map[string]struct {
		in   cwl.FilterLogEventsInput
		want int
	}{
		"all":         {cwl.FilterLogEventsInput{}, 600},
		"small pages": {cwl.FilterLogEventsInput{Limit: new(int32(7))}, 600},
		"term":        {cwl.FilterLogEventsInput{FilterPattern: new("ERROR")}, 300},
		"quoted":      {cwl.FilterLogEventsInput{FilterPattern: new(`"ERROR: no"`), Limit: new(int32(11))}, 300},
		"without":     {cwl.FilterLogEventsInput{FilterPattern: new("-ERROR")}, 300},
		"one of":      {cwl.FilterLogEventsInput{FilterPattern: new("?007 ?008")}, 4},
		"both":        {cwl.FilterLogEventsInput{FilterPattern: new("ERROR 007")}, 1},
		"a stream":    {cwl.FilterLogEventsInput{LogStreamNames: []string{"a"}}, 300},
		"a prefix":    {cwl.FilterLogEventsInput{LogStreamNamePrefix: new("b")}, 300},
		"the future":  {cwl.FilterLogEventsInput{StartTime: new(time.Now().Add(time.Hour).UnixMilli())}, 0},
		"the past":    {cwl.FilterLogEventsInput{EndTime: new(time.Now().Add(-time.Hour).UnixMilli())}, 0},
		"an hour": {cwl.FilterLogEventsInput{StartTime: new(time.Now().Add(-time.Hour).UnixMilli()),
			EndTime: new(time.Now().Add(time.Hour).UnixMilli())}, 600},
	} {
		if got := all(c.in); len(got) != c.want {
			t.Errorf("%s: %d events, want %d", name, len(got), c.want)
		}
	}
	for _, bad := range []string{"{ $.x = 1 }", "[a, b]", "%x%", "a.b", `"open`, "?", `""`} {
		if _, err := s.FilterLogEvents(t.Context(),
			&cwl.FilterLogEventsInput{LogGroupName: new(group),
				FilterPattern: &bad}); awsproto.Code(err) != "InvalidParameterException" {
			t.Errorf("pattern %q: %v", bad, err)
		}
	}
	if _, err := s.FilterLogEvents(t.Context(),
		&cwl.FilterLogEventsInput{LogGroupName: new("none")}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Errorf("no group: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	s, j := open(t)
	for i := range 7 {
		write(t, log(t, j, fmt.Sprint("s", i)), "x")
	}
	for name, c := range map[string]struct {
		in   cwl.DescribeLogStreamsInput
		want string
	}{
		"by name":      {cwl.DescribeLogStreamsInput{}, "[s0 s1 s2 s3 s4 s5 s6]"},
		"descending":   {cwl.DescribeLogStreamsInput{Descending: new(true)}, "[s6 s5 s4 s3 s2 s1 s0]"},
		"by prefix":    {cwl.DescribeLogStreamsInput{LogStreamNamePrefix: new("s3")}, "[s3]"},
		"newest first": {cwl.DescribeLogStreamsInput{OrderBy: cwl.OrderByLastEventTime, Descending: new(true)}, ""},
		"by the ARN too": {cwl.DescribeLogStreamsInput{LogGroupIdentifier: new(s.arn(group) + ":*")},
			"[s0 s1 s2 s3 s4 s5 s6]"},
	} {
		if c.in.LogGroupIdentifier == nil {
			c.in.LogGroupName = new(group)
		}
		c.in.Limit = new(int32(2))
		var names []string
		for {
			out, err := s.DescribeLogStreams(t.Context(), &c.in)
			if err != nil {
				t.Fatal(name, err)
			}
			for _, st := range out.LogStreams {
				names = append(names, *st.LogStreamName)
			}
			if c.in.NextToken = out.NextToken; out.NextToken == nil {
				break
			}
		}
		if len(names) != 7 && c.want == "" || c.want != "" && fmt.Sprint(names) != c.want {
			t.Errorf("%s: %v, want %s", name, names, c.want)
		}
	}
	groups, err := s.DescribeLogGroups(t.Context(), &cwl.DescribeLogGroupsInput{LogGroupNamePattern: new("CODEBUILD")})
	if err != nil || len(groups.LogGroups) != 1 || *groups.LogGroups[0].LogGroupName != group {
		t.Errorf("%+v, %v", groups, err)
	}
}

func TestReadLog(t *testing.T) {
	t.Parallel()
	s, j := open(t)
	in := &slipway.ReadLogInput{LogGroupName: new(group), LogStreamName: new("one")}
	if _, err := s.ReadLog(t.Context(), in); awsproto.Code(err) != "LogNotFoundException" {
		t.Errorf("no log: %v", err)
	}
	// A reader waits for a log that does not exist yet, then for its next line, then for its end.
	got := make(chan *slipway.ReadLogOutput)
	read := func(from int64) {
		out, err := s.ReadLog(t.Context(),
			&slipway.ReadLogInput{LogGroupName: new(group), LogStreamName: new("one"), FromLine: &from,
				WaitSeconds: new(int32(50))})
		if err != nil {
			t.Error(err)
		}
		got <- out
	}
	go read(0)
	w := log(t, j, "one")
	write(t, w, "first \xff")
	if out := <-got; len(out.Lines) != 1 || *out.Lines[0].Text != "first \uFFFD" || *out.NextLine != 1 ||
		*out.Complete {
		t.Errorf("%+v", out)
	}
	go read(1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if out := <-got; len(out.Lines) != 0 || !*out.Complete || *out.TotalLines != 1 {
		t.Errorf("%+v", out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.ReadLog(ctx,
		&slipway.ReadLogInput{LogGroupName: new(group), LogStreamName: new("two"),
			WaitSeconds: new(int32(50))}); err == nil {
		t.Error("a reader that went away was answered")
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"", "a b", `"a b" -c ?d`, `"\""`, "?-x", "- a", "{", "ü _1"} {
		f.Add(seed, "a b ü")
	}
	f.Fuzz(func(t *testing.T, text, line string) {
		p, err := parsePattern(text)
		if err != nil {
			if awsproto.Code(err) != "InvalidParameterException" {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, terms := range [][]string{p.must, p.not, p.any} {
			for _, term := range terms {
				if term == "" {
					t.Fatalf("an empty term in %q", text)
				}
			}
		}
		if all := strings.Join(p.must, " "); len(p.any) == 0 && len(p.not) == 0 && !p.match(all) {
			t.Fatalf("%q does not match its own terms", text)
		}
		p.match(line)
	})
}
