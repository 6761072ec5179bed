package build_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/journal"
)

// logged is a build that a runner has begun, with its log.
type logged struct {
	*stage
	id   string
	name journal.Name
}

func openLogged(t *testing.T) *logged {
	t.Helper()
	s := open(t)
	s.create(project("web"))
	b := s.start(&cb.StartBuildInput{ProjectName: new("web")})
	s.poll("r1", 1)
	if !s.acknowledge("r1", *b.Id) {
		t.Fatal("the build is not the runner's")
	}
	return &logged{s, *b.Id, journal.Name{Group: *b.Logs.GroupName, Stream: *b.Logs.StreamName}}
}

// send hands over a part of the log and returns where the server's log ends then, and whether it is complete.
func (l *logged) send(offset int64, data string, complete bool, marks ...slipway.LogMark) (int64, bool) {
	l.t.Helper()
	out, err := l.AppendLog(l.ctx(), &slipway.AppendLogInput{
		Id: &l.id, Runner: new("r1"), Offset: &offset, Data: []byte(data), Complete: &complete, Marks: marks,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return *out.Offset, *out.Complete
}

func (l *logged) read() journal.Page {
	l.t.Helper()
	p, err := l.journal.Read(l.ctx(), l.name, journal.Query{})
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

func TestALogIsHandedOverByOffset(t *testing.T) {
	l := openLogged(t)
	for _, c := range []struct {
		offset   int64
		data     string
		complete bool
		end      int64
		whole    bool
	}{
		{0, "", false, 0, false},
		{0, "one\ntw", false, 6, false},
		{0, "one\ntw", false, 6, false},           // sent twice
		{4, "two\nthree\n", false, 14, false},     // begins with what is there
		{20, "a hole", false, 14, false},          // a hole is not taken
		{20, "a hole", true, 14, false},           // nor does it complete the log
		{14, "four\n", true, 19, true},            //
		{14, "four\n", true, 19, true},            // the answer was lost
		{0, "one\ntwo\nthree\n", false, 14, true}, // a late part
	} {
		if end, whole := l.send(c.offset, c.data, c.complete); end != c.end || whole != c.whole {
			t.Errorf("%d %q: the log ends at %d, complete %v", c.offset, c.data, end, whole)
		}
	}
	p := l.read()
	var lines []string
	for _, line := range p.Lines {
		lines = append(lines, line.Text)
	}
	if want := []string{"one", "two", "three", "four"}; !p.Complete || !slices.Equal(lines, want) {
		t.Errorf("the log has %q, complete %v", lines, p.Complete)
	}
}

func TestALineHasTheTimeAtWhichTheRunnerWroteIt(t *testing.T) {
	l := openLogged(t)
	begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond).UTC()
	mark := func(offset int64, after time.Duration) slipway.LogMark {
		return slipway.LogMark{Offset: &offset, Time: awsproto.At(begin.Add(after))}
	}
	l.send(0, "one\ntwo\nthree\n", true, mark(0, 0), mark(4, time.Minute), mark(8, 2*time.Minute))
	for i, line := range l.read().Lines {
		if want := begin.Add(time.Duration(i) * time.Minute); !line.Time.Equal(want) {
			t.Errorf("line %d has the time %s, want %s", i, line.Time, want)
		}
	}
}

func TestOnlyItsRunnerWritesALog(t *testing.T) {
	l := openLogged(t)
	l.poll("r2", 0)
	_, err := l.AppendLog(l.ctx(), &slipway.AppendLogInput{
		Id: &l.id, Runner: new("r2"), Offset: new(int64(0)), Data: []byte("forged\n"),
	})
	if _, refused := errors.AsType[*slipway.BuildNotFoundException](err); !refused {
		t.Errorf("another runner's log is answered with %v", err)
	}
}
