package app

import (
	"io"
	"testing"
)

func TestReadObject(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	f, err := s.rights.readObject(t.Context(), "arn:aws:iam::"+s.Place.Account+":role/slipway", "none", "key")
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
