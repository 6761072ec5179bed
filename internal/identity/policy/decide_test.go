package policy

import (
	"strings"
	"testing"
)

const (
	account = "111122223333"
	other   = "444455556666"
	bucket  = "arn:aws:s3:::docs"
	object1 = "arn:aws:s3:::docs/one"
)

var (
	anna    = Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/anna", UserID: "AIDAANNA000000000001"}
	session = Principal{
		Account: account,
		ARN:     "arn:aws:sts::" + account + ":assumed-role/deployer/run",
		Role:    "arn:aws:iam::" + account + ":role/deployer",
		UserID:  "AROADEPLOYER00000001:run",
	}
	federated = Principal{
		Account: account,
		ARN:     "arn:aws:sts::" + account + ":federated-user/fred",
		UserID:  account + ":fred",
	}
	root     = Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, Root: true}
	stranger = Principal{Account: other, ARN: "arn:aws:iam::" + other + ":user/sam"}
	builder  = Principal{Service: "codebuild.amazonaws.com"}
)

// must reads a policy. A text that is no whole document is the inside of its only statement.
func must(t testing.TB, kind Kind, text string) Attached {
	t.Helper()
	if !strings.HasPrefix(text, "{") {
		text = `{"Version": "2012-10-17", "Statement": [{` + text + `}]}`
	}
	p, err := Parse(kind, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return Attached{Policy: p, ARN: "arn:aws:iam::" + account + ":policy/p", Name: "p"}
}

func identity(t testing.TB, texts ...string) []Attached { return all(t, Identity, texts) }
func resource(t testing.TB, texts ...string) []Attached { return all(t, Resource, texts) }
func trust(t testing.TB, texts ...string) []Attached    { return all(t, Trust, texts) }

func all(t testing.TB, kind Kind, texts []string) []Attached {
	t.Helper()
	var out []Attached
	for _, text := range texts {
		out = append(out, must(t, kind, text))
	}
	return out
}

const (
	allowAll   = `"Effect": "Allow", "Action": "*", "Resource": "*"`
	allowGet   = `"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"`
	allowPut   = `"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"`
	denyGet    = `"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"`
	theObjects = `, "Action": "s3:*", "Resource": "arn:aws:s3:::docs/*"`
)

func grantTo(principal string) string {
	return `"Effect": "Allow", "Principal": ` + principal + theObjects
}

func aws(arn string) string { return `{"AWS": "` + arn + `"}` }

func TestPoliciesTogetherDecide(t *testing.T) {
	boundary := must(t, Identity, allowPut)
	get := must(t, Identity, allowGet)
	limit := identity(t, allowPut)
	byARN := `, "Condition": {"ArnEquals": {"aws:PrincipalArn": "` + session.Role + `"}}`
	tests := []struct {
		name string
		s    Sources
		p    Principal
		want Type // of the policy that decides
		may  bool
	}{
		{"nothing", Sources{}, anna, ByIdentity, false},
		{"allowed", Sources{Identity: identity(t, allowGet)}, anna, ByIdentity, true},
		{"other action", Sources{Identity: identity(t, allowPut)}, anna, ByIdentity, false},
		{"denied", Sources{Identity: identity(t, allowAll, denyGet)}, anna, ByIdentity, false},
		{"boundary allows nothing by itself", Sources{Boundary: &get}, anna, ByIdentity, false},
		{"boundary and identity", Sources{Identity: identity(t, allowAll), Boundary: &get}, anna, ByIdentity, true},
		{"boundary lacks", Sources{Identity: identity(t, allowAll), Boundary: &boundary}, anna, ByBoundary, false},
		{"session lacks", Sources{Identity: identity(t, allowAll), Session: limit, Limited: true}, session, BySession, false},
		{"session without policies", Sources{Identity: identity(t, allowAll), Limited: true}, federated, BySession, false},
		{"user by the resource", Sources{Resource: resource(t, grantTo(aws(anna.ARN))), Boundary: &boundary}, anna,
			ByResource, true},
		{"account by the resource", Sources{Resource: resource(t, grantTo(aws(account)))}, anna, ByIdentity, false},
		{"account and identity", Sources{Resource: resource(t, grantTo(aws(account))), Identity: identity(t, allowGet)}, anna,
			ByIdentity, true},
		{"role by the resource", Sources{Resource: resource(t, grantTo(aws(session.Role)))}, session, ByResource, true},
		{"role within its boundary", Sources{Resource: resource(t, grantTo(aws(session.Role))), Boundary: &boundary}, session,
			ByBoundary, false},
		{"role within its session", Sources{Resource: resource(t, grantTo(aws(session.Role))), Session: limit, Limited: true},
			session, BySession, false},
		{"session by the resource", Sources{Resource: resource(t, grantTo(aws(session.ARN))), Boundary: &boundary,
			Session: limit, Limited: true}, session, ByResource, true},
		{"federated user by the resource", Sources{Resource: resource(t, grantTo(aws(federated.ARN))), Limited: true},
			federated, ByResource, true},
		{"anybody by aws:PrincipalArn", Sources{Resource: resource(t, grantTo(`"*"`)+byARN), Boundary: &boundary}, session,
			ByResource, true},
		{"anybody within the boundary", Sources{Resource: resource(t, grantTo(`"*"`)), Boundary: &boundary}, session,
			ByBoundary, false},
		{"resource denies", Sources{Identity: identity(t, allowAll),
			Resource: resource(t, `"Effect": "Deny", "Principal": "*"`+theObjects)}, anna, ByResource, false},
		{"resource denies the account", Sources{Identity: identity(t, allowAll),
			Resource: resource(t, `"Effect": "Deny", "Principal": `+aws(account)+theObjects)}, anna, ByResource, false},
		{"boundary denies", Sources{Identity: identity(t, allowAll), Boundary: &identity(t, denyGet)[0]}, anna, ByBoundary, false},
		{"root", Sources{}, root, ByRoot, true},
		{"root is denied", Sources{Resource: resource(t, `"Effect": "Deny", "Principal": "*"`+theObjects)}, root, ByResource, false},
		{"other account, one side", Sources{Identity: identity(t, allowAll)}, stranger, ByResource, false},
		{"other account, other side", Sources{Resource: resource(t, grantTo(aws(stranger.ARN)))}, stranger, ByIdentity, false},
		{"other account, both sides", Sources{Identity: identity(t, allowAll), Resource: resource(t, grantTo(aws(other)))},
			stranger, ByIdentity, true},
		{"service", Sources{Resource: resource(t, grantTo(`{"Service": "codebuild.amazonaws.com"}`))}, builder, ByResource, true},
		{"other service", Sources{Resource: resource(t, grantTo(`{"Service": "sns.amazonaws.com"}`))}, builder, ByResource, false},
		{"nobody", Sources{}, Principal{}, ByIdentity, false},
		{"nobody may as anybody", Sources{Resource: resource(t, grantTo(`"*"`))}, Principal{}, ByResource, true},
	}
	for _, test := range tests {
		for _, alone := range []string{"s3:GetObject"} {
			d := Decide(test.s, Request{Principal: test.p, Action: alone, Resource: object1, Account: account,
				Context: Values{"aws:principalarn": {session.Role}}})
			if d.Allowed != test.may || d.Type != test.want {
				t.Errorf("%s: got %+v, want allowed %t by %s", test.name, d, test.may, test.want)
			}
		}
	}
}

func TestTrustPoliciesAllowByThemselves(t *testing.T) {
	assume := func(principal string) string {
		return `"Effect": "Allow", "Principal": ` + principal + `, "Action": "sts:AssumeRole"`
	}
	provider := "arn:aws:iam::" + account + ":oidc-provider/example.org"
	tests := []struct {
		name     string
		trust    string
		identity []Attached
		p        Principal
		may      bool
		want     Type
	}{
		{"identity alone", assume(aws(session.Role)), identity(t, allowAll), anna, false, ByTrust},
		{"named", assume(aws(anna.ARN)), nil, anna, true, ByTrust},
		{"account without identity", assume(aws(account)), nil, anna, false, ByIdentity},
		{"account and identity", assume(aws(account)), identity(t, allowAll), anna, true, ByIdentity},
		{"other account, one side", assume(aws(stranger.ARN)), nil, stranger, false, ByIdentity},
		{"other account", assume(aws(stranger.ARN)), identity(t, allowAll), stranger, true, ByIdentity},
		{"service", assume(`{"Service": "codebuild.amazonaws.com"}`), nil, builder, true, ByTrust},
		{"not the service", assume(`{"Service": "ecs.amazonaws.com"}`), nil, builder, false, ByTrust},
		{"regional service", assume(`{"Service": "codedeploy.eu-west-1.amazonaws.com"}`), nil,
			Principal{Service: "codedeploy.amazonaws.com"}, true, ByTrust},
		{"other region", assume(`{"Service": "codedeploy.us-east-1.amazonaws.com"}`), nil,
			Principal{Service: "codedeploy.amazonaws.com"}, false, ByTrust},
		{"token", assume(`{"Federated": "` + provider + `"}`), nil, Principal{Federated: provider}, true, ByTrust},
		{"token of another", assume(`{"Federated": "` + provider + `2"}`), nil, Principal{Federated: provider}, false, ByTrust},
		{"a star is no token's issuer", assume(`"*"`), nil, Principal{Federated: provider}, false, ByTrust},
	}
	for _, test := range tests {
		d := Decide(Sources{Identity: test.identity, Resource: trust(t, test.trust), Alone: true}, Request{
			Principal: test.p,
			Action:    "sts:AssumeRole",
			Resource:  "arn:aws:iam::" + account + ":role/x",
			Account:   account,
			Context:   Values{"aws:requestedregion": {"eu-west-1"}},
		})
		if d.Allowed != test.may || d.Type != test.want {
			t.Errorf("%s: got %+v, want allowed %t by %s", test.name, d, test.may, test.want)
		}
	}
}

func TestANamesakeGetsNothing(t *testing.T) {
	p := trust(t, `"Effect": "Allow", "Principal": `+aws(anna.ARN)+`, "Action": "sts:AssumeRole"`)[0]
	ask := func(bound *Policy) bool {
		return Decide(Sources{Resource: []Attached{{Policy: bound}}, Alone: true},
			Request{Principal: anna, Action: "sts:AssumeRole", Resource: "arn:aws:iam::" + account + ":role/x"}).Allowed
	}
	if !ask(p.Bind(map[string]string{anna.ARN: anna.UserID})) {
		t.Error("the user that was bound is refused")
	}
	if ask(p.Bind(map[string]string{anna.ARN: "AIDAOLDANNA000000001"})) {
		t.Error("a user of the same name is let in")
	}
	if names := p.Principals(); len(names) != 1 || names[0].Value != anna.ARN || names[0].At.Line != 1 {
		t.Errorf("got principals %+v", names)
	}
}

func TestADenyWithNotPrincipalSparesWhoIsNamedWhole(t *testing.T) {
	deny := func(arns ...string) []Attached {
		return resource(t, `"Effect": "Deny", "NotPrincipal": {"AWS": ["`+strings.Join(arns, `", "`)+`"]}`+theObjects)
	}
	tests := []struct {
		name string
		p    Principal
		arns []string
		may  bool
	}{
		{"session, role and account", session, []string{account, session.Role, session.ARN}, true},
		{"session and role", session, []string{session.Role, session.ARN}, false},
		{"role and account", session, []string{account, session.Role}, false},
		{"user and account", anna, []string{account, anna.ARN}, true},
		{"another user", anna, []string{account, anna.ARN + "2"}, false},
	}
	for _, test := range tests {
		s := Sources{Identity: identity(t, allowAll), Resource: deny(test.arns...)}
		d := Decide(s, Request{Principal: test.p, Action: "s3:GetObject", Resource: object1})
		if d.Allowed != test.may {
			t.Errorf("%s: got %+v, want allowed %t", test.name, d, test.may)
		}
	}
}

func TestADecisionNamesItsStatement(t *testing.T) {
	p := must(t, Identity, "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {"+allowAll+"},\n    {\"Sid\": \"No\", "+
		denyGet+"}\n  ]\n}")
	d := Decide(Sources{Identity: []Attached{p}}, Request{Principal: anna, Action: "s3:GetObject", Resource: object1})
	want := Decision{Explicit: true, Type: ByIdentity, ARN: p.ARN, Name: "p", Statement: 2, Sid: "No",
		Start: Position{5, 5}, End: Position{5, 79}}
	if d != want {
		t.Errorf("got %+v, want %+v", d, want)
	}
}

func TestDenialsReadAsThoseOfAWS(t *testing.T) {
	get := Request{Principal: anna, Action: "s3:GetObject", Resource: object1}
	start := "User: " + anna.ARN + " is not authorized to perform: s3:GetObject on resource: " + object1 + " "
	tests := []struct {
		r    Request
		d    Decision
		want string
	}{
		{get, Decision{Type: ByIdentity}, start + "because no identity-based policy allows the s3:GetObject action"},
		{get, Decision{Type: ByBoundary}, start + "because no permissions boundary allows the s3:GetObject action"},
		{get, Decision{Type: BySession}, start + "because no session policy allows the s3:GetObject action"},
		{get, Decision{Type: ByResource}, start + "because no resource-based policy allows the s3:GetObject action"},
		{get, Decision{Type: ByTrust}, start + "because no role trust policy allows the s3:GetObject action"},
		{get, Decision{Type: ByIdentity, Explicit: true}, start + "with an explicit deny in an identity-based policy"},
		{get, Decision{Type: ByBoundary, Explicit: true, ARN: "arn:x"}, start +
			"with an explicit deny in a permissions boundary: arn:x"},
		{get, Decision{Type: BySession, Explicit: true}, start + "with an explicit deny in a session policy"},
		{get, Decision{Type: ByResource, Explicit: true}, start + "with an explicit deny in a resource-based policy"},
		{get, Decision{Type: ByTrust, Explicit: true}, start + "with an explicit deny in the role trust policy"},
		{Request{Principal: builder, Action: "s3:ListAllMyBuckets", Resource: "*"}, Decision{Type: ByResource},
			"User: codebuild.amazonaws.com is not authorized to perform: s3:ListAllMyBuckets because no resource-based " +
				"policy allows the s3:ListAllMyBuckets action"},
	}
	for _, test := range tests {
		if got := Denied(test.r, test.d); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
