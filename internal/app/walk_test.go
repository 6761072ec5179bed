package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/iam"
	"slipway/api/sts"
)

// walker asks every operation of a server, as whoever it is told to be.
type walker struct {
	*server
	t   *testing.T
	key sigv4.Credentials
}

// user is the one whose rights the walk changes.
const walkUser = "walker"

func newWalker(t *testing.T) *walker {
	t.Helper()
	o := newOptions(t)
	o.Regions = o.Place.Region
	w := &walker{server: newServer(t, o), t: t}
	if _, err := w.identity.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new(walkUser)}); err != nil {
		t.Fatal(err)
	}
	w.key = w.newKey(walkUser)
	return w
}

func (w *walker) newKey(user string) sigv4.Credentials {
	w.t.Helper()
	out, err := w.identity.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		w.t.Fatal(err)
	}
	return sigv4.Credentials{AccessKeyID: *out.AccessKey.AccessKeyId, SecretAccessKey: *out.AccessKey.SecretAccessKey}
}

// statement is one of a policy.
type statement map[string]any

// give replaces the rights of the user.
func (w *walker) give(statements ...statement) {
	w.t.Helper()
	ctx, name := w.t.Context(), new("rights")
	if len(statements) == 0 {
		_, err := w.identity.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: new(walkUser), PolicyName: name})
		if err != nil && awsproto.Code(err) != "NoSuchEntity" {
			w.t.Fatal(err)
		}
		return
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		w.t.Fatal(err)
	}
	in := &iam.PutUserPolicyInput{UserName: new(walkUser), PolicyName: name, PolicyDocument: new(string(text))}
	if _, err := w.identity.PutUserPolicy(ctx, in); err != nil {
		w.t.Fatal(err)
	}
}

// request is an empty request of an operation.
func (w *walker) request(info *awsproto.Info, op *awsproto.Operation) (r *http.Request, body string) {
	header := http.Header{}
	if info.Protocol == awsproto.JSON11 || info.Protocol == awsproto.JSON10 {
		body = "{}"
		header.Set("Content-Type", "application/x-amz-json-1.1")
		header.Set("X-Amz-Target", info.Target+"."+op.Name)
	} else {
		body = "Action=" + op.Name + "&Version=" + info.Version
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r = httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://127.0.0.1/", strings.NewReader(body))
	r.Header = header
	return r, body
}

var codes = regexp.MustCompile(`"__type":"(?:[^"#]*#)?([A-Za-z]+)|<Code>([A-Za-z.]+)</Code>`)

// code sends a request and returns the code of its error, "" for none, and the answer.
func (w *walker) code(r *http.Request) (code, answer string) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second) // ends what waits
	defer cancel()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r.WithContext(ctx))
	answer = rec.Body.String()
	if m := codes.FindStringSubmatch(strings.ReplaceAll(answer, `": "`, `":"`)); m != nil {
		return m[1] + m[2], answer
	}
	if rec.Code >= http.StatusBadRequest {
		return fmt.Sprintf("status %d", rec.Code), answer
	}
	return "", answer
}

// region is what requests of a service are signed for.
func (w *walker) region(info *awsproto.Info) string {
	if info.SigningName == "iam" {
		return "us-east-1"
	}
	return w.Place.Region
}

func (w *walker) as(info *awsproto.Info, op *awsproto.Operation, c sigv4.Credentials) (code, answer string) {
	r, body := w.request(info, op)
	c.Sign(r, sigv4.HexSHA256([]byte(body)), w.region(info), info.SigningName, time.Now())
	return w.code(r)
}

func denied(code string) bool {
	return slices.Contains([]string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}, code)
}

// everyOperation calls f with each operation that a server has.
func (w *walker) everyOperation(f func(info *awsproto.Info, e awsproto.Endpoint)) {
	n := 0
	for _, s := range append(w.newContract().all(), w.secureCommands(), w.olderConnections()) {
		for _, e := range s.Endpoints() {
			f(s.Info(), e)
			n++
		}
	}
	if n < 400 {
		w.t.Errorf("the walk has met %d operations; there are more", n)
	}
}

// Each operation asks for its rights: nobody without them gets further, and who has just them does.
func TestEveryOperationAsksForItsRights(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	w.everyOperation(func(info *awsproto.Info, e awsproto.Endpoint) {
		name := e.Op.Service.Name + ":" + e.Op.Name
		asks := e.Asks(w.Place.Region, w.Place.Account)
		if info.SigningName == "codedeploy-commands" {
			asks = nil // no policy is asked there; see rights.plainly
		}
		if e.Op.Name == "AssumeRoleWithWebIdentity" || e.Op.Name == "WaitForChange" {
			return // one is not signed; the other asks for the rights of its topics, see TestTopics
		}
		if len(asks) == 0 {
			w.give()
			if code, answer := w.as(info, e.Op, w.key); denied(code) {
				t.Errorf("%s is open to all who have an identity, and was refused: %s", name, answer)
			}
			return
		}
		var actions []string
		for _, a := range asks {
			actions = append(actions, a.Action)
		}
		allow := statement{"Effect": "Allow", "Action": actions, "Resource": "*"}
		deny := statement{"Effect": "Deny", "Action": actions, "Resource": "*"}
		for _, c := range []struct {
			what    string
			rights  []statement
			refused string // a part of the answer; "" if the caller gets further
		}{
			{"no right", nil, "no identity-based policy allows"},
			{"the right", []statement{allow}, ""},
			{"the right, and a deny", []statement{allow, deny}, "with an explicit deny in an identity-based policy"},
			{"another resource", []statement{with(allow, "Resource", "arn:aws:other:::x")}, "is not authorized"},
			{"all but this action", []statement{without(with(allow, "NotAction", actions), "Action")}, "is not authorized"},
			{"a condition that misses", []statement{with(allow, "Condition", map[string]any{
				"IpAddress": map[string]any{"aws:SourceIp": "203.0.113.0/24"}})}, "is not authorized"},
			{"a condition that holds", []statement{with(allow, "Condition", map[string]any{
				"IpAddress": map[string]any{"aws:SourceIp": "192.0.2.0/24"}})}, ""},
		} {
			w.give(c.rights...)
			code, answer := w.as(info, e.Op, w.key)
			if denied(code) != (c.refused != "") || !strings.Contains(answer, c.refused) {
				t.Errorf("%s with %s: got %s %s", name, c.what, code, answer)
			}
		}
	})
}

func with(s statement, key string, value any) statement {
	s = maps.Clone(s)
	s[key] = value
	return s
}

func without(s statement, key string) statement {
	s = maps.Clone(s)
	delete(s, key)
	return s
}

// Each operation takes valid credentials alone.
func TestEveryOperationTakesValidCredentialsAlone(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	w.give(statement{"Effect": "Allow", "Action": "*", "Resource": "*"})
	ended := w.newKey(walkUser)
	status := &iam.UpdateAccessKeyInput{UserName: new(walkUser), AccessKeyId: &ended.AccessKeyID,
		Status: iam.StatusTypeInactive}
	if _, err := w.identity.UpdateAccessKey(t.Context(), status); err != nil {
		t.Fatal(err)
	}
	one, other := w.session("one"), w.session("other")
	mixed := one
	mixed.SessionToken = other.SessionToken
	bare := one
	bare.SessionToken = ""
	gone := w.session("gone")
	if _, err := w.identity.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: new("gone")}); err != nil {
		t.Fatal(err)
	}
	wrong, unknown := w.key, w.key
	wrong.SecretAccessKey += "x"
	unknown.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	signed := func(c sigv4.Credentials, region string, at time.Duration) func(*http.Request, *awsproto.Info, string) {
		return func(r *http.Request, info *awsproto.Info, body string) {
			if region == "" {
				region = w.region(info)
			}
			c.Sign(r, sigv4.HexSHA256([]byte(body)), region, info.SigningName, time.Now().Add(at))
		}
	}
	ways := map[string]func(r *http.Request, info *awsproto.Info, body string){
		"no credentials":      func(*http.Request, *awsproto.Info, string) {},
		"an unknown key":      signed(unknown, "", 0),
		"a wrong secret":      signed(wrong, "", 0),
		"an inactive key":     signed(ended, "", 0),
		"an old signature":    signed(w.key, "", -16*time.Minute),
		"a signature to come": signed(w.key, "", 16*time.Minute),
		"another's token":     signed(mixed, "", 0),
		"no token":            signed(bare, "", 0),
		"a role that is gone": signed(gone, "", 0),
		"another region": func(r *http.Request, info *awsproto.Info, body string) {
			c := w.key
			if info.SigningName == "iam" || info.SigningName == "sts" {
				c = wrong // these are signed for one region from everywhere
			}
			c.Sign(r, sigv4.HexSHA256([]byte(body)), "ap-south-1", info.SigningName, time.Now())
		},
		"another service": func(r *http.Request, info *awsproto.Info, body string) {
			w.key.Sign(r, sigv4.HexSHA256([]byte(body)), w.region(info), "glacier", time.Now())
		},
		"another body": func(r *http.Request, info *awsproto.Info, body string) {
			w.key.Sign(r, sigv4.HexSHA256([]byte(body+" ")), w.region(info), info.SigningName, time.Now())
		},
		"another header": func(r *http.Request, info *awsproto.Info, body string) {
			r.Header.Set("X-Amz-Meta-Walk", "one")
			w.key.Sign(r, sigv4.HexSHA256([]byte(body)), w.region(info), info.SigningName, time.Now())
			r.Header.Set("X-Amz-Meta-Walk", "two")
		},
	}
	refusals := []string{"MissingAuthenticationToken", "MissingAuthenticationTokenException", "UnrecognizedClientException",
		"InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature",
		"IncompleteSignatureException", "ExpiredToken", "ExpiredTokenException", "InvalidAction",
		"AuthFailure", "RequestExpired"}
	w.everyOperation(func(info *awsproto.Info, e awsproto.Endpoint) {
		if e.Op.Name == "AssumeRoleWithWebIdentity" {
			return // the token is its credential
		}
		for _, what := range slices.Sorted(maps.Keys(ways)) {
			r, body := w.request(info, e.Op)
			ways[what](r, info, body)
			if code, answer := w.code(r); !slices.Contains(refusals, code) {
				t.Errorf("%s:%s with %s: got %s %s, want a refusal", e.Op.Service.Name, e.Op.Name, what, code, answer)
			}
		}
		if code, answer := w.as(info, e.Op, one); slices.Contains(refusals, code) {
			t.Errorf("%s:%s with a session: got %s", e.Op.Service.Name, e.Op.Name, answer)
		}
	})
}

// session is one of a role that may do everything.
func (w *walker) session(role string) sigv4.Credentials {
	w.t.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"AWS":"` + w.identity.UserARN(walkUser) + `"}}]}`
	ctx := w.t.Context()
	_, err := w.identity.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: &trust})
	if err != nil {
		w.t.Fatal(err)
	}
	caller, err := w.identity.Caller(ctx, w.key.AccessKeyID, "")
	if err != nil {
		w.t.Fatal(err)
	}
	arn := "arn:aws:iam::" + w.Place.Account + ":role/" + role
	out, err := w.identity.AssumeRole(awsproto.WithCaller(ctx, caller),
		&sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: new("walk")})
	if err != nil {
		w.t.Fatal(err)
	}
	c := out.Credentials
	return sigv4.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey,
		SessionToken: *c.SessionToken}
}
