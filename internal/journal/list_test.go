package journal

import (
	"errors"
	"strings"
	"testing"
)

func TestGroupsAndStreams(t *testing.T) {
	j, ctx := open(t), t.Context()
	for _, n := range []Name{{"/aws/codebuild/a", "1"}, {"/aws/codebuild/a", "2"}, {"/aws/codebuild/b", ".."},
		{"/aws/codedeploy/c", "d-1/host/Install"}} {
		w, err := j.Append(n)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, "hello\n")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	groups, err := j.Groups(ctx, "/aws/codebuild/", "", 10)
	if err != nil || len(groups) != 2 || groups[0].Name != "/aws/codebuild/a" || groups[0].Bytes != 12 ||
		groups[0].Created.IsZero() {
		t.Fatalf("%+v %v", groups, err)
	}
	if groups, err = j.Groups(ctx, "", "/aws/codebuild/a", 1); err != nil || len(groups) != 1 ||
		groups[0].Name != "/aws/codebuild/b" {
		t.Fatalf("%+v %v", groups, err)
	}
	streams, err := j.Streams(ctx, "/aws/codebuild/a", "", "1", 10)
	if err != nil || len(streams) != 1 || streams[0].Name != "2" || streams[0].Bytes != 6 ||
		streams[0].First.IsZero() || streams[0].Last.IsZero() || streams[0].Created.IsZero() {
		t.Fatalf("%+v %v", streams, err)
	}
	if _, err := j.Streams(ctx, "nothing", "", "", 10); !errors.Is(err, ErrNotExist) {
		t.Fatal(err)
	}
	if err := j.Remove(Name{"/aws/codebuild/a", "1"}); err != nil {
		t.Fatal(err)
	}
	if err := j.Remove(Name{"/aws/codebuild/a", "1"}); err != nil {
		t.Fatal(err)
	}
	if groups, err = j.Groups(ctx, "", "", 1); err != nil || groups[0].Bytes != 6 {
		t.Fatalf("%+v %v", groups, err)
	}
	for _, n := range []Name{{"", "x"}, {"x", ""}, {strings.Repeat("/", 100), "x"}} {
		if _, err := j.Append(n); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", n, err)
		}
	}
}
