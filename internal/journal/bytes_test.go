package journal

import (
	"errors"
	"testing"
	"time"
)

func TestBytesHaveTheTimesOfTheirWriting(t *testing.T) {
	j := open(t)
	begin := time.UnixMilli(1_700_000_000_000).UTC()
	w, err := j.AppendSince(build, begin)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"one\n", "two\n", "three\n"} {
		if _, err := w.WriteAs([]byte(text), begin.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	// A time that runs backwards does not count.
	if _, err := w.WriteAs([]byte("four\n"), begin); err != nil {
		t.Fatal(err)
	}
	b, err := j.Bytes(t.Context(), build, 5, 7)
	if err != nil || string(b.Data) != "wo\nthre" || b.Size != 19 || b.Complete {
		t.Fatalf("%q of %d bytes, complete %v, %v", b.Data, b.Size, b.Complete, err)
	}
	want := []Mark{{4, begin.Add(time.Second)}, {8, begin.Add(2 * time.Second)}}
	if len(b.Marks) != 2 || b.Marks[0] != want[0] || b.Marks[1] != want[1] {
		t.Errorf("the marks are %v, want %v", b.Marks, want)
	}
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(build); err != nil {
		t.Error(err)
	}
	if b, err = j.Bytes(t.Context(), build, 19, 100); err != nil || len(b.Data) != 0 || !b.Complete {
		t.Errorf("at the end there are %q, complete %v, %v", b.Data, b.Complete, err)
	}
	if _, err := j.Append(build); !errors.Is(err, ErrComplete) {
		t.Errorf("a sealed log can be appended to: %v", err)
	}
}

func TestALogThatWasReleasedGoesOn(t *testing.T) {
	j := open(t)
	for _, text := range []string{"one\ntw", "o\n"} {
		w, err := j.Append(build)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, text)
		if err := w.Release(); err != nil {
			t.Fatal(err)
		}
	}
	p, err := j.Read(t.Context(), build, Query{})
	if err != nil || len(p.Lines) != 2 || p.Lines[1].Text != "two" {
		t.Errorf("%+v, %v", p, err)
	}
}
