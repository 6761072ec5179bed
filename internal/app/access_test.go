package app

import (
	"io"
	"strings"
	"testing"

	"slipway/api/awsproto"
	"slipway/internal/identity"
	"slipway/internal/object/s3"
)

// No key opens more than its work needs: without work a host reads nothing, and a runner neither.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	objects, repositories := objectAccess(s.builds, s.hosts), repositoryAccess(s.builds)
	for _, c := range []struct {
		role, operation string
		object          bool // else a repository
		may             bool
	}{
		{identity.Administrator, "GetObject", true, true},
		{identity.Administrator, "DeleteBucket", true, true},
		{identity.Administrator, "GitPush", false, true},
		{identity.Host, "GetObject", true, false},
		{identity.Host, "PutObject", true, false},
		{identity.Host, "GitPull", false, false},
		{identity.Runner, "GetObject", true, false},
		{identity.Runner, "ListBucket", true, false},
		{identity.Runner, "PutObject", true, false},
		{identity.Runner, "DeleteObject", true, false},
		{identity.Runner, "GitPull", false, false},
		{identity.Runner, "GitPush", false, false},
		{identity.Router, "GetObject", true, false},
		{identity.Nobody, "GitPull", false, false},
	} {
		caller := awsproto.Caller{ARN: s.identity.UserARN("someone"), Role: c.role, AccessKeyID: "AKIASOMEONE"}
		var err error
		if c.object {
			err = objects(awsproto.WithCaller(t.Context(), caller),
				s3.Right{Action: c.operation, Bucket: "bucket", Key: "key"})
		} else {
			err = repositories(t.Context(), caller, c.operation, "greeter")
		}
		if c.may != (err == nil) || !c.may && awsproto.Code(err) != "AccessDeniedException" {
			t.Errorf("%s of a %s: got %v, want allowed = %t", c.operation, c.role, err, c.may)
		}
		if !c.may && !strings.Contains(err.Error(), "is not authorized to perform: ") {
			t.Errorf("%s of a %s is refused by %q", c.operation, c.role, err)
		}
	}
}

func TestReadObject(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	f, err := s.readObject(t.Context(), "none", "key")
	if err == nil {
		_, _ = io.Copy(io.Discard, f)
		t.Error("an object was read that is not there")
	}
}

// The pages get a session as it is kept, and none for a cookie that nobody has.
func TestSessions(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	key, _, err := s.Data.ReadKey("administrator")
	if err != nil {
		t.Fatal(err)
	}
	cookie, ok, err := s.identity.SignIn(t.Context(), key.ID, key.Secret)
	if err != nil || !ok {
		t.Fatalf("sign in: %t, %v", ok, err)
	}
	got, ok, err := sessions{s.identity}.Session(t.Context(), cookie)
	if err != nil || !ok || got.Caller.Name != "administrator" || got.CSRF == "" || got.Began.IsZero() {
		t.Errorf("got %+v, %t, %v", got, ok, err)
	}
	if _, ok, err := (sessions{s.identity}).Session(t.Context(), "none"); ok || err != nil {
		t.Errorf("a cookie that nobody has: got %t, %v", ok, err)
	}
}
