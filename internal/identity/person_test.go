package identity_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/pquerna/otp/totp"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/identity"
	"slipway/internal/identity/access"
)

const password = "correct horse battery"

// person makes a user with a password, and returns a context in which it asks.
func (w *world) person(name string) {
	w.t.Helper()
	must[*iam.CreateUserOutput](w.t)(w.iam().CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name}))
	must[*iam.CreateLoginProfileOutput](w.t)(w.iam().CreateLoginProfile(w.t.Context(), &iam.CreateLoginProfileInput{
		UserName: &name, Password: aws.String(password)}))
}

// authenticator gives a user a virtual MFA device, and returns its seed.
func (w *world) authenticator(name string) string {
	w.t.Helper()
	made := must[*iam.CreateVirtualMFADeviceOutput](w.t)(w.iam().CreateVirtualMFADevice(w.t.Context(),
		&iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})).VirtualMFADevice
	seed := string(made.Base32StringSeed)
	code := func(at time.Time) *string { return aws.String(must[string](w.t)(totp.GenerateCode(seed, at))) }
	now := w.now()
	must[*iam.EnableMFADeviceOutput](w.t)(w.iam().EnableMFADevice(w.t.Context(),
		&iam.EnableMFADeviceInput{UserName: &name,
			SerialNumber: made.SerialNumber, AuthenticationCode1: code(now.Add(-time.Minute)),
			AuthenticationCode2: code(now.Add(-30 * time.Second))}))
	return seed
}

func (w *world) signIn(name, secret string) (identity.Step, bool) {
	w.t.Helper()
	step, ok, err := w.Begin(w.t.Context(), name, secret, identity.From{Address: "192.0.2.1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return step, ok
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("bob")
	if step, ok := w.signIn("bob", password); !ok || step.Cookie == "" {
		t.Errorf("without a second factor: %+v, %t", step, ok)
	}
	seed := w.authenticator("bob")
	step, ok := w.signIn("bob", password)
	if !ok || step.Cookie != "" || !step.OneTime {
		t.Fatalf("with a second factor: %+v, %t", step, ok)
	}
	second := func(code string) (identity.Step, bool) {
		t.Helper()
		s, ok, err := w.Second(t.Context(), step.Pending, code)
		if err != nil {
			t.Fatal(err)
		}
		return s, ok
	}
	w.ahead.Store(int64(time.Minute))
	code := must[string](t)(totp.GenerateCode(seed, w.now()))
	in, ok := second(code)
	if !ok || in.Cookie == "" {
		t.Fatalf("the right code: %+v, %t", in, ok)
	}
	session, ok, err := w.Session(t.Context(), in.Cookie)
	if err != nil || !ok || session.Caller.ARN != w.UserARN("bob") || !session.Caller.Session.MFA {
		t.Errorf("the session: %+v, %t, %v", session, ok, err)
	}
	if _, ok := second(code); ok {
		t.Error("a code opens twice")
	}
	bob := awsproto.WithCaller(t.Context(), session.Caller)
	codes := must[*slipway.CreateRecoveryCodesOutput](t)(w.CreateRecoveryCodes(bob,
		&slipway.CreateRecoveryCodesInput{}))
	for i, want := range []bool{true, false} {
		if _, ok := second(codes.Codes[3]); ok != want {
			t.Errorf("a recovery code, time %d: %t", i+1, ok)
		}
	}
	for range 5 {
		second("000000")
	}
	w.ahead.Store(int64(2 * time.Minute))
	if _, ok := second(must[string](t)(totp.GenerateCode(seed, w.now()))); ok {
		t.Error("the right code after many wrong ones opens")
	}
	w.ahead.Store(int64(time.Hour))
	if _, ok := second(codes.Codes[4]); ok {
		t.Error("a sign-in that was begun an hour ago goes on")
	}
}

func TestSignInsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("bob")
	w.person("eve")
	step, _ := w.signIn("bob", password)
	other, _ := w.signIn("bob", password)
	session, _, err := w.Session(t.Context(), step.Cookie)
	if err != nil {
		t.Fatal(err)
	}
	bob := awsproto.WithCaller(t.Context(), session.Caller)
	list := must[*slipway.ListSignInsOutput](t)(w.ListSignIns(bob, &slipway.ListSignInsInput{}))
	if len(list.SignIns) != 2 || *list.SignIns[0].Address != "192.0.2.1" || *list.SignIns[0].Way != identity.ByPassword {
		t.Fatalf("%+v", list.SignIns)
	}
	if _, err := w.EndSignIn(bob, &slipway.EndSignInInput{UserName: aws.String("eve"),
		SignInId: list.SignIns[0].SignInId}); awsproto.Code(err) != "SignInNotFoundException" {
		t.Errorf("another's session: %v", err)
	}
	for _, x := range list.SignIns {
		must[*slipway.EndSignInOutput](t)(w.EndSignIn(bob, &slipway.EndSignInInput{SignInId: x.SignInId}))
	}
	for _, cookie := range []string{step.Cookie, other.Cookie} {
		if _, ok, _ := w.Session(t.Context(), cookie); ok {
			t.Error("a session goes on after its end")
		}
	}
}

func TestPasswordsAreRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("bob")
	must[*iam.UpdateAccountPasswordPolicyOutput](t)(w.iam().UpdateAccountPasswordPolicy(t.Context(),
		&iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(10), RequireNumbers: true,
			PasswordReusePrevention: aws.Int32(3)}))
	must[*iam.UpdateLoginProfileOutput](t)(w.iam().UpdateLoginProfile(t.Context(),
		&iam.UpdateLoginProfileInput{UserName: aws.String("bob"), PasswordResetRequired: aws.Bool(true)}))
	step, ok := w.signIn("bob", password)
	if !ok || !step.Renew || step.Cookie != "" {
		t.Fatalf("a password that must be changed: %+v, %t", step, ok)
	}
	for _, c := range []struct{ secret, want string }{
		{password, "differ"}, {"no digit in it", "number"}, {"short1", "minimum length"}, {"horse number 7", ""},
	} {
		next, ok, err := w.Renew(t.Context(), step.Pending, c.secret)
		switch {
		case c.want == "" && (err != nil || !ok || next.Cookie == ""):
			t.Errorf("%s: %+v, %t, %v", c.secret, next, ok, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.secret, err, c.want)
		}
		step = next
	}
	if step, ok := w.signIn("bob", "horse number 7"); !ok || step.Cookie == "" {
		t.Errorf("the new password: %+v, %t", step, ok)
	}
}

// login is an OpenID Connect provider that signs everybody in, with the claims that it was told.
type login struct {
	*issuer
	mu     sync.Mutex
	claims map[string]any
	nonce  string
}

func newLogin(t *testing.T) *login {
	t.Helper()
	l := &login{issuer: newIssuer(t)}
	keys := l.url
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l.url = server.URL
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": l.url, "jwks_uri": keys + "/keys",
			"authorization_endpoint": l.url + "/authorize", "token_endpoint": l.url + "/token",
			"id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if r.FormValue("code") != "code" || r.FormValue("code_verifier") == "" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		claims := map[string]any{"nonce": l.nonce}
		for k, v := range l.claims {
			claims[k] = v
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer",
			"id_token": *l.token(t, claims)})
	})
	return l
}

// visit goes through the provider as a browser does.
func (l *login) visit(t *testing.T, w *world, claims map[string]any) (identity.Step, error) {
	t.Helper()
	address, kept, err := w.Elsewhere("corp", "/builds")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, l.url+"/authorize?") || u.Query().Get("code_challenge") == "" {
		t.Fatalf("the browser is sent to %s, %v", address, err)
	}
	l.mu.Lock()
	l.claims, l.nonce = claims, u.Query().Get("nonce")
	l.mu.Unlock()
	if _, _, err := w.FromElsewhere(t.Context(), "corp", kept, "another", "code", identity.From{}); err == nil {
		t.Error("a sign-in with another state goes on")
	}
	step, to, err := w.FromElsewhere(t.Context(), "corp", kept, u.Query().Get("state"), "code", identity.From{})
	if err == nil && to != "/builds" {
		t.Errorf("then to %s", to)
	}
	return step, err
}

func TestSignInElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := newLogin(t)
	role := w.role("visitor", `{"AWS":"`+account+`"}`)
	w.person("bob")
	put := func(m ...slipway.SignInMapping) {
		t.Helper()
		must[*slipway.PutSignInProviderOutput](t)(w.PutSignInProvider(t.Context(), &slipway.PutSignInProviderInput{
			Name: aws.String("corp"), Issuer: &l.url, ClientId: aws.String("slipway"), ClientSecret: aws.String("s"),
			Claim: aws.String("groups"), Mappings: m}))
	}
	put(slipway.SignInMapping{Value: aws.String("dev"), GroupName: aws.String("developers")},
		slipway.SignInMapping{Value: aws.String("ops"), GroupName: aws.String("operators")},
		slipway.SignInMapping{Value: aws.String("guests"), RoleArn: &role})
	who := func(claims map[string]any) string {
		t.Helper()
		step, err := l.visit(t, w, claims)
		if err != nil {
			return err.Error()
		}
		x, ok, err := w.Session(t.Context(), step.Cookie)
		if err != nil || !ok {
			t.Fatalf("no session: %v", err)
		}
		return x.Caller.ARN
	}
	groups := func() (names []string) {
		out := must[*iam.ListGroupsForUserOutput](t)(w.iam().ListGroupsForUser(t.Context(),
			&iam.ListGroupsForUserInput{UserName: aws.String("ann")}))
		for _, g := range out.Groups {
			names = append(names, *g.GroupName)
		}
		return names
	}
	if got := who(map[string]any{"preferred_username": "ann", "groups": []string{"dev", "ops"}}); got !=
		w.UserARN("sso/corp/ann") || len(groups()) != 2 {
		t.Errorf("a developer is %s in %v", got, groups())
	}
	if who(map[string]any{"preferred_username": "ann", "groups": []string{"dev"}}); len(groups()) != 1 {
		t.Errorf("after she left a group she is in %v", groups())
	}
	if got := who(map[string]any{"preferred_username": "gus", "groups": []string{"guests"}}); got !=
		"arn:aws:sts::"+account+":assumed-role/visitor/gus" {
		t.Errorf("a guest is %s", got)
	}
	for what, c := range map[string]struct {
		claims map[string]any
		want   string
	}{
		"nobody's group": {map[string]any{"preferred_username": "kim", "groups": []string{"x"}},
			"nothing gives you access"},
		"a name that is had": {map[string]any{"preferred_username": "bob", "groups": []string{"dev"}},
			"There is a user bob"},
		"an unproved mail": {map[string]any{"email": "a@example.com", "email_verified": false, "sub": "/",
			"groups": []string{"dev"}},
			"no name that a user can have"},
		"another audience": {map[string]any{"aud": "x", "preferred_username": "ann", "groups": []string{"dev"}},
			"not valid"},
		"another nonce": {map[string]any{"nonce": "x", "preferred_username": "ann", "groups": []string{"dev"}},
			"another sign-in"},
	} {
		if got := who(c.claims); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %q", what, got, c.want)
		}
	}
}

// With a provider go all sessions that came by it, those of roles too, and no others.
func TestSessionsEndWithTheirProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := newLogin(t)
	role := w.role("visitor", `{"AWS":"`+account+`"}`)
	put := func() {
		t.Helper()
		must[*slipway.PutSignInProviderOutput](t)(w.PutSignInProvider(t.Context(), &slipway.PutSignInProviderInput{
			Name: aws.String("corp"), Issuer: &l.url, ClientId: aws.String("slipway"), Claim: aws.String("groups"),
			Mappings: []slipway.SignInMapping{{Value: aws.String("dev"), GroupName: aws.String("developers")},
				{Value: aws.String("guests"), RoleArn: &role}}}))
	}
	put()
	var cookies []string
	for name, group := range map[string]string{"ann": "dev", "gus": "guests"} {
		step, err := l.visit(t, w, map[string]any{"preferred_username": name, "groups": []string{group}})
		if err != nil {
			t.Fatal(err)
		}
		cookies = append(cookies, step.Cookie)
	}
	w.person("bob")
	other, ok, err := w.SignIn(t.Context(), "bob", password)
	if err != nil || !ok {
		t.Fatalf("bob signs in: %t, %v", ok, err)
	}
	open := func(cookie string) bool {
		t.Helper()
		_, ok, err := w.Session(t.Context(), cookie)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for _, c := range cookies {
		if !open(c) {
			t.Error("a session is not open")
		}
	}
	must[*slipway.DeleteSignInProviderOutput](t)(w.DeleteSignInProvider(t.Context(),
		&slipway.DeleteSignInProviderInput{Name: aws.String("corp")}))
	put() // a provider of the same name does not bring them back
	for _, c := range cookies {
		if open(c) {
			t.Error("a session outlives its provider")
		}
	}
	if !open(other) {
		t.Error("a session that began with a password ended too")
	}
}

// With AllowUsersToChangePassword users may change their own passwords, and nobody else's, without a policy that says
// so. A deny still counts.
func TestUsersChangeTheirPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"ann", "bob"} {
		must[*iam.CreateUserOutput](t)(w.iam().CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}))
	}
	key := must[*iam.CreateAccessKeyOutput](t)(w.iam().CreateAccessKey(t.Context(),
		&iam.CreateAccessKeyInput{UserName: aws.String("ann")})).AccessKey.AccessKeyId
	a := &access.Authority{Region: region, Account: account, Now: w.now, Principal: access.Of(w.Service)}
	check := func(when string, own, other bool) {
		t.Helper()
		ctx := awsproto.WithCaller(t.Context(), must[awsproto.Caller](t)(w.Caller(t.Context(), *key, "")))
		for name, want := range map[string]bool{"ann": own, "bob": other} {
			if got := a.May(ctx, "iam:ChangePassword", w.UserARN(name)); got != want {
				t.Errorf("%s: ann may change the password of %s: %t, want %t", when, name, got, want)
			}
		}
		if a.May(ctx, "iam:CreateLoginProfile", w.UserARN("ann")) {
			t.Errorf("%s: ann may do more", when)
		}
	}
	put := func(allow bool) {
		must[*iam.UpdateAccountPasswordPolicyOutput](t)(w.iam().UpdateAccountPasswordPolicy(t.Context(),
			&iam.UpdateAccountPasswordPolicyInput{AllowUsersToChangePassword: allow}))
	}
	check("without a password policy", false, false)
	put(true)
	check("with AllowUsersToChangePassword", true, false)
	must[*iam.PutUserPolicyOutput](t)(w.iam().PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: aws.String("ann"), PolicyName: aws.String("no"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*"}}`)}))
	check("with a deny", false, false)
	must[*iam.DeleteUserPolicyOutput](t)(w.iam().DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{
		UserName: aws.String("ann"), PolicyName: aws.String("no")}))
	put(false)
	check("once it is taken away", false, false)
}

// A list of users says when those on its page last signed in, before and after that is written.
func TestListSaysWhenUsersSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"ann", "bob", "cid"} {
		w.person(name)
	}
	for _, name := range []string{"ann", "cid"} {
		if _, ok, err := w.SignIn(t.Context(), name, password); !ok || err != nil {
			t.Fatalf("%s does not get in: %v", name, err)
		}
	}
	for _, when := range []string{"before it is written", "after"} {
		signedIn := map[string]bool{}
		for p := iam.NewListUsersPaginator(w.iam(), &iam.ListUsersInput{MaxItems: aws.Int32(2)}); p.HasMorePages(); {
			for _, u := range must[*iam.ListUsersOutput](t)(p.NextPage(t.Context())).Users {
				signedIn[*u.UserName] = u.PasswordLastUsed != nil
			}
		}
		if want := map[string]bool{"admin": false, "ann": true, "bob": false, "cid": true}; !maps.Equal(signedIn, want) {
			t.Errorf("%s: %v, want %v", when, signedIn, want)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
