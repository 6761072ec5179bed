package policy

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	f.Add(statementWith(nil))
	f.Add(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "a:${b}", "Resource": "arn:aws:a:::${b, 'c'}"}}`)
	f.Add(`{"Statement": [{"Effect": "Deny", "NotPrincipal": {"AWS": ["*"]}, "Action": "sts:AssumeRole"}]}`)
	f.Add(`{"Statement": {"Condition": {"ForAllValues:DateLessThanIfExists": {"a": ["2026-01-01", 7, true]}}}}`)
	f.Add("{\"a\": \"\\ud83d\\ude00\\n\", \"b\": [[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]}")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, kind := range []Kind{Identity, Trust, Resource} {
			p, err := Parse(kind, text)
			var e *Error
			switch {
			case err == nil:
				if !json.Valid([]byte(text)) || p.Text() != text {
					t.Fatalf("%q is taken", text)
				}
				Matches(Sources{Identity: []Attached{{Policy: p}}}, Request{Action: "a:B", Resource: "arn:aws:a:::b"})
			case !errors.As(err, &e) || e.Line < 1 || e.Line > lines || e.Column < 1 || e.Message == "" || e.Hint == "":
				t.Fatalf("%q: got %#v", text, err)
			}
			refused := false
			for _, finding := range Check(kind, text) {
				refused = refused || finding.Severity == SeverityError
			}
			if refused != (err != nil) {
				t.Fatalf("%q: the check says refused %t, the error is %v", text, refused, err)
			}
		}
	})
}

// FuzzJSON compares what is JSON with the standard library's opinion.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a": [1, -0.5e3, "x\u00e4", true, null]}`, `01`, `1.`, `"\x"`, `[1,]`, `{"a" 1}`, `-`, `1e`} {
		f.Add(s)
	}
	f.Add(strings.Repeat("8", 400))
	f.Fuzz(func(t *testing.T, text string) {
		_, err := readJSON(text)
		// Some documents of JSON are not for policies: with a member twice, too deep, too large, not in UTF-8.
		if valid := json.Valid([]byte(text)); err == nil && !valid ||
			err != nil && valid && utf8.ValidString(text) && !strings.Contains(err.hint, "twice") &&
				!strings.Contains(err.hint, "nested") && !strings.Contains(err.hint, "limit") {
			t.Fatalf("%q: got %v, valid %t", text, err, valid)
		}
	})
}

func FuzzDecide(f *testing.F) {
	f.Add("s3:Get*", "arn:aws:s3:::a/${aws:username}*", "StringLike", "k", "a*", "s3:GetObject", "arn:aws:s3:::a/x", "ab")
	f.Add("*", "arn:aws:*", "ForAnyValue:ArnLike", "aws:SourceArn", "arn:aws:sns:*:*:x", "s3:GetObject", "*", "arn:aws:sns:a:b:x")
	f.Add("a:B", "*", "IpAddress", "aws:SourceIp", "10.0.0.0/8", "A:b", "*", "10.1.1.1")
	f.Fuzz(func(t *testing.T, action, resource, operator, key, want, asked, on, value string) {
		var quoted [5]string
		for i, s := range []string{action, resource, operator, key, want} {
			b, err := json.Marshal(s)
			if err != nil {
				t.Skip()
			}
			quoted[i] = string(b)
		}
		p, err := Parse(Identity, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": `+quoted[0]+
			`, "Resource": `+quoted[1]+`, "Condition": {`+quoted[2]+`: {`+quoted[3]+`: `+quoted[4]+`}}}}`)
		if err != nil {
			t.Skip()
		}
		s := Sources{Identity: []Attached{{Policy: p}}}
		r := Request{Principal: anna, Action: asked, Resource: on, Context: Values{lowerKey(key): {value}}}
		if d := Decide(s, r); d.Allowed != (len(Matches(s, r)) > 0) {
			t.Fatalf("got %+v", d)
		}
	})
}
