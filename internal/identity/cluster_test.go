package identity_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity"
	"slipway/internal/identity/access"
	"slipway/internal/identity/policy"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

func allows(t *testing.T, s *identity.Service, key, action string) bool {
	t.Helper()
	c, err := s.Caller(t.Context(), key, "")
	if err != nil {
		return false
	}
	sources, a, err := s.Sources(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Decide(sources, policy.Request{Principal: a.Principal, Action: action, Resource: "*",
		Context: policy.Values{}}).Allowed
}

// twoServers are servers on one database.
func twoServers(t *testing.T, now func() time.Time) (servers [2]*identity.Service) {
	t.Helper()
	dsn := storetest.Postgres(t).Database(t)
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range servers {
		db := storetest.OpenDSN(t, dsn, identity.Migrations())
		servers[i], err = identity.New(t.Context(), db, identity.Config{Region: region, Account: account, Seal: sealer,
			Now: now})
		if err != nil {
			t.Fatal(err)
		}
		storetest.Work(t, db)
	}
	return servers
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for !ok() {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// TestOlderSessionsAreRevoked ends the sessions of a role as AWS's console does: by a policy that denies everything to
// those that were issued before now. It holds at once where it was put, and within a second on the other server.
func TestOlderSessionsAreRevoked(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	servers := twoServers(t, now)
	here, there := servers[0], servers[1]
	may := func(s *identity.Service, c identity.Credentials) bool {
		caller, err := s.Caller(t.Context(), c.ID, c.Token)
		if err != nil {
			return false
		}
		a := &access.Authority{Region: region, Account: account, Now: now, Principal: access.Of(s)}
		return a.May(awsproto.WithCaller(t.Context(), caller), "s3:GetObject", "arn:aws:s3:::bucket/key")
	}
	ctx := awsproto.WithCaller(t.Context(), awsproto.Caller{Account: account, Name: "x"})
	if _, err := here.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("slipway-build"),
		PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}); err != nil {
		t.Fatal(err)
	}
	begin := func() identity.Credentials {
		c, _, err := here.ServiceSession(t.Context(), "codebuild.amazonaws.com",
			"arn:aws:iam::"+account+":role/slipway-build", "s", "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	older := begin()
	until(t, "the session is honoured there", func() bool { return may(here, older) && may(there, older) })
	ahead.Add(int64(10 * time.Second))
	revoke := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{` +
		`"DateLessThan":{"aws:TokenIssueTime":"` + now().UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000Z") +
		`"}}}]}`
	if _, err := here.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("slipway-build"),
		PolicyName: aws.String("AWSRevokeOlderSessions"), PolicyDocument: &revoke}); err != nil {
		t.Fatal(err)
	}
	if may(here, older) {
		t.Error("an older session is honoured where it was revoked")
	}
	until(t, "the older session is refused there", func() bool { return !may(there, older) })
	if newer := begin(); !may(here, newer) || !may(there, newer) {
		t.Error("a newer session is refused")
	}
}

// TestServersFollowEachOther changes rights on one server, and waits until another one honours it.
func TestServersFollowEachOther(t *testing.T) {
	t.Parallel()
	servers := twoServers(t, time.Now)
	here, there := servers[0], servers[1]
	ctx := awsproto.WithCaller(t.Context(), awsproto.Caller{Account: account, Name: "x"})
	if _, err := here.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	made, err := here.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	key := *made.AccessKey.AccessKeyId
	eventually := func(what string, ok func() bool) {
		t.Helper()
		until(t, what, ok)
	}
	eventually("the key is known there", func() bool {
		_, ok, err := there.Lookup(t.Context(), key, "")
		return ok && err == nil
	})
	if allows(t, there, key, "s3:GetObject") {
		t.Error("a user without policies has rights")
	}
	began := time.Now()
	if _, err := here.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("bob"),
		PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}); err != nil {
		t.Fatal(err)
	}
	eventually("the right is honoured there", func() bool { return allows(t, there, key, "s3:GetObject") })
	if took := time.Since(began); took > time.Second {
		t.Errorf("a change is honoured elsewhere after %s", took)
	}
	// Both change at the same time: nothing is lost.
	done := make(chan error, 20)
	for i := range cap(done) {
		go func() {
			_, err := servers[i%2].CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(fmt.Sprint("user", i))})
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for i, s := range servers {
		eventually("all users are known", func() bool {
			out, err := s.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/"), MaxItems: aws.Int32(1000)})
			return err == nil && len(out.Users) == cap(done)+1
		})
		_ = i
	}
}

// TestUpgrade opens a database of the version before.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	before := fstest.MapFS{}
	all := identity.Migrations()
	for _, name := range []string{"0001_identity.sql", "0002_password.sql", "0003_inactive.sql",
		"0004_user_policies.sql",
		"0005_session_key.sql"} {
		f, err := all.FS.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		buffer := make([]byte, 64<<10)
		n, _ := f.Read(buffer)
		b.Write(buffer[:n])
		before[name] = &fstest.MapFile{Data: []byte(b.String())}
	}
	old, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + path,
		Migrations: []store.Migrations{{Stage: all.Stage, FS: before}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Write(t.Context(), func(tx store.Tx) error {
		for _, statement := range []string{
			`INSERT INTO users (name, id, arn, role, created) VALUES
				('administrator', 'AIDA1', 'arn:aws:iam::` + account + `:user/administrator', 'administrator', 1),
				('runner', 'AIDA2', 'arn:aws:iam::` + account + `:user/runner', 'runner', 1),
				('AWS/CodeDeploy/runner', 'AIDA3', 'arn:aws:iam::` + account + `:user/AWS/CodeDeploy/runner', 'host', 1)`,
			`INSERT INTO access_keys (id, owner, secret, created, active) VALUES
				('AKIAADMIN', 'administrator', '` + sealer.Seal([]byte("one"), "access-key AKIAADMIN") + `', 1, 1),
				('AKIAOFF', 'administrator', '` + sealer.Seal([]byte("two"), "access-key AKIAOFF") + `', 1, 0),
				('AKIAHOST', 'AWS/CodeDeploy/runner', '` + sealer.Seal([]byte("three"), "access-key AKIAHOST") + `', 1, 1)`,
			`INSERT INTO user_policies (owner, name, document) VALUES ('AWS/CodeDeploy/runner', 'own', '` +
				`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}}')`,
			`INSERT INTO sessions (id, owner, csrf, expires, access_key, created) VALUES
				('x', 'administrator', 'csrf', 99999999999999, 'AKIAADMIN', 1)`,
		} {
			if _, err := tx.Exec(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db := storetest.OpenDSN(t, "sqlite:"+path, all)
	for range 2 { // the second start changes nothing
		s, err := identity.New(t.Context(), db, identity.Config{Region: region, Account: account, Seal: sealer,
			Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			key, action string
			want        bool
		}{
			{"AKIAADMIN", "iam:CreateUser", true},
			{"AKIAOFF", "iam:CreateUser", false},
			{"AKIAHOST", "iam:CreateUser", false},
			{"AKIAHOST", "s3:ListBucket", true},
		} {
			if got := allows(t, s, x.key, x.action); got != x.want {
				t.Errorf("%s may %s: %t, want %t", x.key, x.action, got, x.want)
			}
		}
		secret, ok, err := s.Lookup(t.Context(), "AKIAHOST", "")
		if !ok || err != nil || secret.Key != "three" {
			t.Errorf("the host's key: %+v, %t, %v", secret, ok, err)
		}
		c, err := s.Caller(t.Context(), "AKIAHOST", "")
		if err != nil || c.UserID != "AIDA3" || c.Name != "runner" {
			t.Errorf("the host is %+v, %v", c, err)
		}
	}
}
