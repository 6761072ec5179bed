package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type house struct {
	*Service
	t    *testing.T
	db   *store.Store
	seal *seal.Sealer
	at   time.Time
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t, Migrations()), at: now}
	var err error
	if h.seal, err = seal.Open(filepath.Join(t.TempDir(), "key")); err != nil {
		t.Fatal(err)
	}
	h.Service = h.again()
	if err := h.EnsureUser(t.Context(), "alice", Administrator); err != nil {
		t.Fatal(err)
	}
	if err := h.AddKey(t.Context(), "alice", Key{"AKIAALICE", "secret/of+alice"}); err != nil {
		t.Fatal(err)
	}
	return h
}

// again is the service after a restart.
func (h *house) again() *Service {
	h.t.Helper()
	s, err := New(h.t.Context(), h.db, Config{Region: "eu-central-1", Account: "123456789012", Seal: h.seal,
		Now: func() time.Time { return h.at }})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *house) caller() context.Context {
	return awsproto.WithCaller(h.t.Context(), awsproto.Caller{Name: "alice"})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	h := open(t)
	for name, s := range map[string]*Service{"at once": h.Service, "after a restart": h.again()} {
		secret, ok, err := s.Lookup(t.Context(), "AKIAALICE", "")
		if err != nil || !ok || secret.Key != "secret/of+alice" {
			t.Errorf("%s: %+v %v %v", name, secret, ok, err)
		}
		c, err := s.Caller(t.Context(), "AKIAALICE", "")
		if err != nil || c.ARN != "arn:aws:iam::123456789012:user/alice" ||
			!strings.HasPrefix(c.UserID, "AIDA") {
			t.Errorf("%s: %+v %v", name, c, err)
		}
		if _, ok, _ := s.Lookup(t.Context(), "AKIANOBODY", ""); ok {
			t.Errorf("%s: a key that nobody has", name)
		}
	}
	// A user that is there keeps its policies: a start changes nobody's.
	if err := h.EnsureUser(t.Context(), "alice", Nobody); err != nil {
		t.Fatal(err)
	}
	c, err := h.again().Caller(t.Context(), "AKIAALICE", "")
	if err != nil {
		t.Fatal(err)
	}
	if sources, _, err := h.again().Sources(t.Context(), c); err != nil || len(sources.Identity) != 1 ||
		sources.Identity[0].ARN != administratorAccess {
		t.Errorf("%+v, %v", sources, err)
	}
	k := NewKey()
	if len(k.ID) != 20 || len(k.Secret) != 40 || k == NewKey() {
		t.Errorf("%+v", k)
	}
}

// TestNothingInClear looks for secrets in the database's files.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	h := open(t)
	secrets := []string{"secret/of+alice"}
	out, err := h.CreateServiceSpecificCredential(h.caller(),
		&iam.CreateServiceSpecificCredentialInput{ServiceName: new(gitService)})
	if err != nil {
		t.Fatal(err)
	}
	cookie, ok, err := h.SignIn(t.Context(), "AKIAALICE", "secret/of+alice")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	secrets = append(secrets, *out.ServiceSpecificCredential.ServicePassword, cookie)
	var path string
	if err := h.db.QueryRow(t.Context(),
		`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, secret := range secrets {
			if strings.Contains(string(content), secret) {
				t.Errorf("secret %d is in %s in clear", i, filepath.Base(name))
			}
		}
	}
	// Sealed for one key, a secret does not open as another's.
	sealed := h.seal.Seal([]byte("x"), "access-key A")
	if _, err := h.seal.Open(sealed, "access-key B"); err == nil {
		t.Error("a secret was moved from one key to another")
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, c := range [][2]string{{"AKIAALICE", "wrong"}, {"AKIAALICE", ""}, {"AKIANOBODY", "secret/of+alice"},
		{"alice", ""}, {"", ""}} {
		if _, ok, err := h.SignIn(t.Context(), c[0], c[1]); ok || err != nil {
			t.Errorf("%v signed in: %v", c, err)
		}
	}
	cookie, ok, err := h.SignIn(t.Context(), "AKIAALICE", "secret/of+alice")
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	s, ok, err := h.Session(t.Context(), cookie)
	if !ok || err != nil || s.Caller.Name != "alice" || s.CSRF == "" {
		t.Errorf("%+v %v %v", s, ok, err)
	}
	if _, ok, _ := h.Session(t.Context(), cookie+"x"); ok {
		t.Error("another cookie has a session")
	}
	h.at = now.Add(SessionLife)
	if _, ok, _ := h.Session(t.Context(), cookie); ok {
		t.Error("a session outlives its life")
	}
	h.at = now
	if err := h.SignOut(t.Context(), cookie); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := h.Session(t.Context(), cookie); ok {
		t.Error("a session outlives its end")
	}
	// A password of one's own, too.
	if _, err := h.CreateLoginProfile(h.caller(),
		&iam.CreateLoginProfileInput{UserName: new("alice"), Password: new("correct horse")}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := h.SignIn(t.Context(), "alice", "correct horse"); !ok || err != nil {
		t.Errorf("password: %v %v", ok, err)
	}
	if _, ok, err := h.SignIn(t.Context(), "alice", "correct horsf"); ok || err != nil {
		t.Errorf("a wrong password: %v %v", ok, err)
	}
}

func TestGitCredentials(t *testing.T) {
	t.Parallel()
	h := open(t)
	var made []iam.ServiceSpecificCredential
	for range credentialsPerUser {
		out, err := h.CreateServiceSpecificCredential(h.caller(),
			&iam.CreateServiceSpecificCredentialInput{UserName: new("alice"), ServiceName: new(gitService)})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, *out.ServiceSpecificCredential)
	}
	if *made[0].ServiceUserName != "alice-at-123456789012" || *made[1].ServiceUserName != "alice+1-at-123456789012" {
		t.Errorf("%s %s", *made[0].ServiceUserName, *made[1].ServiceUserName)
	}
	for want, in := range map[string]*iam.CreateServiceSpecificCredentialInput{
		"LimitExceeded":       {ServiceName: new(gitService)},
		"NotSupportedService": {ServiceName: new("cassandra.amazonaws.com")},
		"NoSuchEntity":        {UserName: new("bob"), ServiceName: new(gitService)},
	} {
		if _, err := h.CreateServiceSpecificCredential(h.caller(), in); awsproto.Code(err) != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	git := func(user, password string) bool {
		_, ok, err := h.Git(t.Context(), user, password, "host", "/v1/repos/x")
		if err != nil {
			t.Error(err)
		}
		return ok
	}
	if !git(*made[1].ServiceUserName, *made[1].ServicePassword) ||
		git(*made[1].ServiceUserName, *made[0].ServicePassword) {
		t.Error("a password opens another credential, or not its own")
	}
	if _, err := h.DeleteServiceSpecificCredential(h.caller(),
		&iam.DeleteServiceSpecificCredentialInput{
			ServiceSpecificCredentialId: made[0].ServiceSpecificCredentialId,
		}); err != nil {
		t.Fatal(err)
	}
	list, err := h.ListServiceSpecificCredentials(h.caller(), &iam.ListServiceSpecificCredentialsInput{})
	if err != nil || len(list.ServiceSpecificCredentials) != 1 ||
		git(*made[0].ServiceUserName, *made[0].ServicePassword) {
		t.Errorf("after one was deleted: %+v, %v", list, err)
	}
	// The name that became free is given again, though the other is still there.
	if out, err := h.CreateServiceSpecificCredential(h.caller(),
		&iam.CreateServiceSpecificCredentialInput{ServiceName: new(gitService)}); err != nil ||
		*out.ServiceSpecificCredential.ServiceUserName == *made[1].ServiceUserName {
		t.Errorf("%+v, %v", out, err)
	}
}

// gitPassword makes a signed password by the documented algorithm, apart from the code under test.
func gitPassword(secret, region, host, path string, at time.Time) string {
	stamp := at.UTC().Format("20060102T150405")
	sum := sha256.Sum256([]byte("GIT\n" + path + "\n\nhost:" + host + "\n\nhost\n"))
	key := []byte("AWS4" + secret)
	for _, s := range []string{stamp[:8], region, "codecommit", "aws4_request",
		"AWS4-HMAC-SHA256\n" + stamp + "\n" + stamp[:8] + "/" + region + "/codecommit/aws4_request\n" +
			hex.EncodeToString(sum[:])} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s))
		key = m.Sum(nil)
	}
	return stamp + "Z" + hex.EncodeToString(key)
}

func TestSignedGitPasswords(t *testing.T) {
	t.Parallel()
	h := open(t)
	const path, secret, aws = "/v1/repos/app", "secret/of+alice", "git-codecommit.us-west-2.amazonaws.com"
	// A fixed vector, computed by the documented steps with another implementation of HMAC.
	if got, want := gitPassword("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1",
		"git-codecommit.us-east-1.amazonaws.com", "/v1/repos/MyRepo",
		now), "20260102T030405Z276ac681861e0226a0225f024ffc5ff709cfcf7870d768c1f2cbbd5f891133f7"; got != want {
		t.Errorf("the algorithm of this test gives %s, want %s", got, want)
	}
	for name, c := range map[string]struct {
		user, password, host string
		ok                   bool
	}{
		"our own host": {"AKIAALICE", gitPassword(secret, "eu-central-1", "slipway", path, now), "slipway",
			true},
		"a port, not signed": {"AKIAALICE", gitPassword(secret, "eu-central-1", "slipway", path, now),
			"slipway:8080", true},
		"a port, signed": {"AKIAALICE", gitPassword(secret, "eu-central-1", "slipway:8080", path, now),
			"slipway:8080", true},
		"an IPv6 address": {"AKIAALICE", gitPassword(secret, "eu-central-1", "::1", path, now), "[::1]:8080",
			true},
		"AWS's host":             {"AKIAALICE", gitPassword(secret, "us-west-2", aws, path, now), aws, true},
		"AWS's host, our region": {"AKIAALICE", gitPassword(secret, "eu-central-1", aws, path, now), aws, false},
		"14 minutes old": {"AKIAALICE",
			gitPassword(secret, "eu-central-1", "slipway", path, now.Add(-14*time.Minute)), "slipway", true},
		"16 minutes old": {"AKIAALICE",
			gitPassword(secret, "eu-central-1", "slipway", path, now.Add(-16*time.Minute)), "slipway", false},
		"of tomorrow": {"AKIAALICE",
			gitPassword(secret, "eu-central-1", "slipway", path, now.Add(24*time.Hour)), "slipway", false},
		"another path": {"AKIAALICE", gitPassword(secret, "eu-central-1", "slipway", path+"2", now),
			"slipway", false},
		"another host": {"AKIAALICE", gitPassword(secret, "eu-central-1", "other", path, now), "slipway",
			false},
		"an unknown key": {"AKIABOB", gitPassword(secret, "eu-central-1", "slipway", path, now), "slipway",
			false},
		"a session that is none": {"AKIAALICE%token", gitPassword(secret, "eu-central-1", "slipway", path, now),
			"slipway", false},
		"no signature":      {"AKIAALICE", "20260102T030405Z", "slipway", false},
		"the secret itself": {"AKIAALICE", secret, "slipway", false},
		"nothing":           {"", "", "slipway", false},
	} {
		caller, ok, err := h.Git(t.Context(), c.user, c.password, c.host, path)
		if ok != c.ok || err != nil || ok && caller.Name != "alice" {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

// FuzzGit feeds credentials that nobody has.
func FuzzGit(f *testing.F) {
	f.Add("AKIAALICE", "20260102T030405Z00", "slipway:8080", "/v1/repos/x")
	f.Add("AKIAALICE%", "Z", "[::1", "")
	f.Add("alice-at-123456789012", "", "git-codecommit..amazonaws.com", "\x00")
	db := storetest.Open(f, Migrations())
	sealer, err := seal.Open(filepath.Join(f.TempDir(), "key"))
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(f.Context(), db, Config{Region: "eu-central-1", Account: "123456789012", Seal: sealer,
		Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	if err := s.EnsureUser(f.Context(), "alice", Administrator); err != nil {
		f.Fatal(err)
	}
	if err := s.AddKey(f.Context(), "alice", NewKey()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, user, password, host, path string) {
		if _, ok, err := s.Git(t.Context(), user, password, host, path); ok ||
			err != nil && !slices.Contains([]rune(user), 0) {
			t.Fatalf("%v, %v", ok, err)
		}
	})
}
