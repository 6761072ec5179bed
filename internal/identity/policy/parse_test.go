package policy

import (
	"errors"
	"strings"
	"testing"
)

// statementWith returns an identity policy with one statement, in which what is given stands instead of the default.
func statementWith(members map[string]string) string {
	all := map[string]string{"Effect": `"Allow"`, "Action": `"s3:ListBucket"`, "Resource": `"arn:aws:s3:::example"`}
	for name, value := range members {
		all[name] = value
	}
	var parts []string
	for _, name := range append(elementNames, "Extra") {
		if v := all[name]; v != "" && v != "-" {
			parts = append(parts, `"`+name+`": `+v)
		}
	}
	return `{"Version": "2012-10-17", "Statement": {` + strings.Join(parts, ", ") + `}}`
}

// Messages and their order are AWS's, as recorded in moto's tests.
func TestDocumentsAreRefusedInTheWordsOfAWS(t *testing.T) {
	type m = map[string]string
	resource := func(arn string) string { return statementWith(m{"Resource": `"` + arn + `"`}) }
	date := func(d string) string {
		return statementWith(m{"Condition": `{"DateLessThan": {"aws:CurrentTime": "` + d + `"}}`})
	}
	tests := []struct{ name, document, message string }{
		{"no JSON", "no JSON", syntaxErrors},
		{"no version", `{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`, newerVersion},
		{"old version", strings.Replace(statementWith(nil), "2012", "2008", 1), newerVersion},
		{"own version", strings.Replace(statementWith(nil), "2012", "2013", 1), syntaxErrors},
		{"no statement", `{"Version": "2012-10-17"}`, syntaxErrors},
		{"empty statements", `{"Version": "2012-10-17", "Statement": []}`, syntaxErrors},
		{"text for a statement", `{"Version": "2012-10-17", "Statement": ["x"]}`, syntaxErrors},
		{"unknown element", statementWith(m{"Extra": `"x"`}), syntaxErrors},
		{"Id as a list", `{"Version": "2012-10-17", "Id": ["x"], "Statement": {}}`, syntaxErrors},
		{"effect", statementWith(m{"Effect": `"Maybe"`}), syntaxErrors},
		{"no effect", statementWith(m{"Effect": "-"}), syntaxErrors},
		{"letters of the effect", statementWith(m{"Effect": `"allow"`}), legacyParsing},
		{"no action", statementWith(m{"Action": "-"}), actionsMissing},
		{"empty actions", statementWith(m{"Action": "[]"}), actionsMissing},
		{"no service", statementWith(m{"Action": `"ListBucket"`}), vendorMissing},
		{"empty action", statementWith(m{"Action": "-", "NotAction": `""`}), vendorMissing},
		{"space in the service", statementWith(m{"Action": `"a a:List"`}), "Vendor a a is not valid"},
		{"two colons", statementWith(m{"Action": `"s3:List:Bucket"`}), oneColon},
		{"action as object", statementWith(m{"Action": `{}`}), syntaxErrors},
		{"both actions", statementWith(m{"NotAction": `"s3:*"`}), syntaxErrors},
		{"both resources", statementWith(m{"NotResource": `[]`}), syntaxErrors},
		{"no resource", statementWith(m{"Resource": "-"}), resourceMissing},
		{"empty resources", statementWith(m{"Resource": "[]"}), resourceMissing},
		{"action before resource", statementWith(m{"Resource": "-", "Action": `"x"`}), vendorMissing},
		{"no ARN", resource("adf"), `Resource adf must be in ARN format or "*".`},
		{"empty ARN", resource(""), `Resource  must be in ARN format or "*".`},
		{"partition", resource("arn:error:s3:::b"), `Partition "error" is not valid for resource "arn:error:s3:::b".`},
		{"short partition", resource("a:b:c"), `Partition "b" is not valid for resource "arn:b:c:*:*:*".`},
		{"only a partition", resource("arn:aws"), vendorPattern},
		{"five parts", resource("arn:aws:s3::example"), legacyParsing},
		{"no service in the ARN", resource("arn:aws::::example"), legacyParsing},
		{"region of S3", resource("arn:aws:s3:us-east-1::b"),
			"Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{"region of IAM", resource("arn:aws:iam:us-east-1::b"),
			"IAM resource arn:aws:iam:us-east-1::b cannot contain region information."},
		{"path of IAM", resource("arn:aws:iam:::b"), `IAM resource path must either be "*" or start with user/, ` +
			`federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, ` +
			`saml-provider/, oidc-provider/, report/, access-report/.`},
		{"condition as a list", statementWith(m{"Condition": "[]"}), syntaxErrors},
		{"condition without key", statementWith(m{"Condition": `{"Bool": "true"}`}), syntaxErrors},
		{"condition with an object", statementWith(m{"Condition": `{"Bool": {"a": {}}}`}), syntaxErrors},
		{"operator", statementWith(m{"Condition": `{"x": {"a": "1"}}`}), syntaxErrors},
		{"operator with two colons", statementWith(m{"Condition": `{"ForAnyValue::Bool": {"a": "1"}}`}), syntaxErrors},
		{"NullIfExists", statementWith(m{"Condition": `{"NullIfExists": {"a": "true"}}`}), syntaxErrors},
		{"no date", date("soon"), legacyParsing},
		{"half a date", date("234-13"), legacyParsing},
		{"seconds out of range", date("9223372036854775808"), legacyParsing},
		{"Sid as an object", statementWith(m{"Sid": "{}"}), syntaxErrors},
		{"Sid with a space", statementWith(m{"Sid": `"a b"`}), plainSids},
		{"two of a Sid", `{"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow", "Action": "s3:*",
			"Resource": "*"}, {"Sid": "a", "Effect": "Allow"}]}`, uniqueSids},
		{"principal", statementWith(m{"Principal": `"*"`}), noPrincipal},
		{"member twice", `{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": {}}`, syntaxErrors},
	}
	for _, test := range tests {
		_, err := Parse(Identity, test.document)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.message)
		} else if e.Message != test.message || e.Line == 0 || e.Column == 0 || e.Hint == "" {
			t.Errorf("%s: got %+v, want %q with a place and a hint", test.name, *e, test.message)
		}
	}
}

func TestDocumentsAreTaken(t *testing.T) {
	type m = map[string]string
	documents := []string{
		statementWith(nil),
		statementWith(m{"Action": `"iam: asdf safdsf af "`}),
		statementWith(m{"Action": `"*"`}),
		statementWith(m{"Action": `["s3-s:A", "s3.s:A", "unknown:A"]`}),
		statementWith(m{"Action": "-", "NotAction": `"s3:*"`, "Resource": "-", "NotResource": `"*"`}),
		statementWith(m{"Resource": `["*", "arn:aws:iam:::user/x", "arn:aws:s33:::x", "arn:aws:fdsasf"]`}),
		statementWith(m{"Resource": `["arn:aws:ec2:us-east-1::x", "arn:*:iam::*:role/${aws:username}"]`}),
		statementWith(m{"Condition": `{}`}),
		statementWith(m{"Condition": `{"x": {}, "y": {}}`}),
		statementWith(m{"Condition": `{"DateGreaterThan": {"a": []}}`}),
		statementWith(m{"Condition": `{"ForAnyValue:StringEqualsIfExists": {"a": ["b", 1, true]}}`}),
		statementWith(m{"Condition": `{"DateLessThan": {"a": "2016-12-13T21:20:37.593194+00:00"}}`}),
		statementWith(m{"Condition": `{"DateLessThan": {"a": ["2019-07-01T13:20:15Z", "-292275054", "2019-07-01"]}}`}),
		`{"Version": "2012-10-17", "Id": "x", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}`,
	}
	for _, d := range documents {
		if p, err := Parse(Identity, d); err != nil {
			t.Errorf("%s: %v", d, err)
		} else if p.Text() != d || p.Statements() != 1 {
			t.Errorf("%s: got %d statements and %s", d, p.Statements(), p.Text())
		}
	}
}

func TestTrustPoliciesHaveRulesOfTheirOwn(t *testing.T) {
	trust := func(principal, action, more string) string {
		return `{"Statement": {"Effect": "Allow", "Principal": ` + principal + `, "Action": ` + action + more + `}}`
	}
	tests := []struct{ document, message string }{
		{trust(`{"Service": "codebuild.amazonaws.com"}`, `"sts:AssumeRole"`, ""), ""},
		{trust(`{"AWS": ["111122223333", "arn:aws:iam::111122223333:role/a/b"]}`, `["sts:AssumeRole"]`, ""), ""},
		{trust(`{"Federated": "accounts.google.com"}`, `"sts:AssumeRoleWithWebIdentity"`, ""), ""},
		{trust(`"*"`, `"sts:AssumeRole"`, `, "Resource": "*"`), "Has prohibited field Resource"},
		{trust(`"*"`, `"s3:GetObject"`, ""), assumeOnly},
		{trust(`{"AWS": "arn:aws:iam::111122223333:role/*"}`, `"sts:AssumeRole"`, ""),
			`Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"`},
		{`{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}`, "Missing required field Principal"},
		{`{"Statement": `, invalidJSON},
	}
	for _, test := range tests {
		_, err := Parse(Trust, test.document)
		var e *Error
		switch {
		case errors.As(err, &e) && e.Message == test.message, err == nil && test.message == "":
		default:
			t.Errorf("%s: got %v, want %q", test.document, err, test.message)
		}
	}
}

func TestFaultsHaveTheirPlace(t *testing.T) {
	tests := []struct {
		document     string
		line, column int
	}{
		{"{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\"Effekt\": \"Allow\"}\n}", 3, 17},
		{"{\n  \"Id\": \"äöü\", \"Version\": 7, \"Statement\": {}}", 2, 27},
		{"{\"Version\": \"2012-10-17\",\n\"Statement\": [{\"Effect\": \"Allow\",\n\t\"Action\": [\"s3:*\", \"s3\"], " +
			"\"Resource\": \"*\"}]}", 3, 21},
		{"{\"Version\": \"2012-10-17\",}", 1, 26},
		{"{\"Version\": \"2012-10-17\" \"Statement\"", 1, 26},
		{"{\"a\": 1, \"a\": 2}", 1, 10},
		{strings.Repeat("[", 100), 1, maxDepth + 2},
	}
	for _, test := range tests {
		_, err := Parse(Identity, test.document)
		var e *Error
		if !errors.As(err, &e) || e.Line != test.line || e.Column != test.column {
			t.Errorf("%s: got %v, want line %d, column %d", test.document, err, test.line, test.column)
		}
	}
}
