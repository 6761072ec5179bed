package policy

import (
	"strings"
	"testing"
)

// conditionCases are condition, values of the key k (- for none, | between several), and whether it holds. The rules are
// of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.
const conditionCases = `
StringEquals              "a"                        a                      yes
StringEquals              "a"                        A                      no
StringEquals              "a*"                       ab                     no
StringEquals              ["a", "b"]                 b                      yes
StringEquals              "a"                        -                      no
StringEquals              "a"                        a|a                    no
StringEquals              []                         a                      no
StringEquals              "${aws:username}"          anna                   yes
StringEquals              "${aws:missing}"           x                      no
StringEquals              "${aws:missing, 'x'}"      x                      yes
StringEquals              7                          7                      yes
StringNotEquals           "a"                        b                      yes
StringNotEquals           "a"                        a                      no
StringNotEquals           ["a", "b"]                 b                      no
StringNotEquals           "a"                        -                      yes
StringNotEquals           "a"                        b|c                    no
StringNotEquals           "${aws:missing}"           x                      yes
StringEqualsIgnoreCase    "Straße"                   sTRAßE                 yes
StringEqualsIgnoreCase    "${aws:username}"          ANNA                   yes
StringNotEqualsIgnoreCase "a"                        A                      no
StringLike                "a*"                       abc                    yes
StringLike                "a?"                       abc                    no
StringLike                "${aws:star}"              abc                    no
StringLike                "${aws:star}"              a*                     yes
StringNotLike             "a*"                       abc                    no
StringNotLike             "a*"                       -                      yes
StringEqualsIfExists      "a"                        -                      yes
StringEqualsIfExists      "a"                        b                      no
NumericEquals             "10"                       10.0                   yes
NumericEquals             10                         11                     no
NumericEquals             "x"                        10                     no
NumericNotEquals          10                         11                     yes
NumericNotEquals          10                         x                      no
NumericLessThan           "10"                       9                      yes
NumericLessThan           "10"                       10                     no
NumericLessThanEquals     "10"                       10                     yes
NumericGreaterThan        "10"                       10                     no
NumericGreaterThan        "10"                       1e2                    yes
NumericGreaterThanEquals  "10"                       10                     yes
NumericLessThan           "10"                       x                      no
DateEquals                "2026-01-01T00:00:00Z"     2026-01-01             yes
DateEquals                "1767225600"               2026-01-01T00:00:00Z   yes
DateNotEquals             "2026-01-01"               2026-01-02             yes
DateLessThan              "2026-01-01T00:00:00Z"     2025-12-31T23:59:59Z   yes
DateLessThan              "2026-01-01T00:00:00+01:00" 2025-12-31T23:30:00Z  no
DateLessThanEquals        "2026-01-01"               2026-01-01T00:00:00Z   yes
DateGreaterThan           "2026-01-01T00:00:00Z"     2026-01-01T00:00:00.1Z yes
DateGreaterThanEquals     "2026-01-01"               yesterday              no
Bool                      "true"                     true                   yes
Bool                      true                       TRUE                   yes
Bool                      "True"                     true                   yes
Bool                      "true"                     false                  no
Bool                      "true"                     -                      no
Bool                      "false"                    x                      no
Bool                      "${aws:flag}"              true                   yes
BoolIfExists              "false"                    -                      yes
BinaryEquals              "QmluYXJ5"                 QmluYXJ5               yes
BinaryEquals              "QmluYXJ5"                 QmluYXJ6               no
IpAddress                 "203.0.113.0/24"           203.0.113.9            yes
IpAddress                 "203.0.113.7/24"           203.0.113.9            yes
IpAddress                 "203.0.113.9"              203.0.113.9            yes
IpAddress                 "203.0.113.9"              203.0.113.8            no
IpAddress                 "203.0.113.0/24"           ::ffff:203.0.113.9     yes
IpAddress                 "2001:DB8:1234:5678::/64"  2001:db8:1234:5678::1  yes
IpAddress                 "0.0.0.0/0"                2001:db8::1            no
IpAddress                 "0.0.0.0/0"                x                      no
NotIpAddress              "0.0.0.0/0"                2001:db8::1            yes
NotIpAddress              "203.0.113.0/24"           203.0.113.9            no
ArnEquals                 "arn:aws:s3:::*"           arn:aws:s3:::b         yes
ArnLike                   "arn:aws:sns:*:*:x"        arn:aws:sns:r:a:x      yes
ArnLike                   "arn:aws:sns:*:x"          arn:aws:sns:r:a:x      no
ArnLike                   "arn:aws:sns:*:*:x"        x                      no
ArnLike                   "arn:aws:s3:::${aws:username}" arn:aws:s3:::anna  yes
ArnNotEquals              "arn:aws:s3:::a"           arn:aws:s3:::b         yes
ArnNotLike                "arn:aws:s3:::*"           arn:aws:s3:::b         no
Null                      "true"                     -                      yes
Null                      "true"                     a                      no
Null                      "false"                    a                      yes
Null                      false                      -                      no
ForAllValues:StringEquals ["a", "b"]                 a|b                    yes
ForAllValues:StringEquals ["a", "b"]                 a|c                    no
ForAllValues:StringEquals ["a", "b"]                 -                      yes
ForAllValues:StringNotEquals "a"                     b|c                    yes
ForAllValues:StringNotEquals "a"                     a|c                    no
ForAnyValue:StringEquals  ["a", "b"]                 c|b                    yes
ForAnyValue:StringEquals  ["a", "b"]                 c|d                    no
ForAnyValue:StringEquals  "a"                        -                      no
ForAnyValue:StringNotEquals "a"                      -                      no
ForAnyValue:StringNotEquals "a"                      a|b                    yes
ForAnyValue:StringNotEquals "a"                      a                      no
ForAnyValue:StringLike    "refs/heads/*"             refs/heads/main        yes
`

func TestConditionsHold(t *testing.T) {
	count := 0
	for line := range strings.Lines(conditionCases) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		op, rest, _ := strings.Cut(line, " ")
		fields := strings.Fields(rest)
		n := len(fields)
		value, values, want := strings.Join(fields[:n-2], " "), fields[n-2], fields[n-1] == "yes"
		ctx := Values{"aws:username": {"anna"}, "aws:star": {"a*"}, "aws:flag": {"True"}}
		if values != "-" {
			ctx["k"] = strings.Split(values, "|")
		}
		text := allowGet + `, "Condition": {"` + op + `": {"K": ` + value + `}}`
		d := Decide(Sources{Identity: identity(t, text)},
			Request{Principal: anna, Action: "s3:GetObject", Resource: object1, Context: ctx})
		if d.Allowed != want {
			t.Errorf("%s: got %t", line, d.Allowed)
		}
		count++
	}
	if count < 80 {
		t.Errorf("got %d cases", count)
	}
}

func TestAllKeysOfAllOperatorsMustHold(t *testing.T) {
	text := allowGet + `, "Condition": {"StringEquals": {"a": "1", "b": "1"}, "Bool": {"c": "true"}}`
	for _, missing := range []string{"", "a", "b", "c"} {
		ctx := Values{"a": {"1"}, "b": {"1"}, "c": {"true"}}
		delete(ctx, missing)
		d := Decide(Sources{Identity: identity(t, text)},
			Request{Principal: anna, Action: "s3:GetObject", Resource: object1, Context: ctx})
		if d.Allowed != (missing == "") {
			t.Errorf("without %q: got %t", missing, d.Allowed)
		}
	}
}

func TestKeysAreInLowerCaseButForTags(t *testing.T) {
	for key, want := range map[string]string{
		"aws:SourceIp":             "aws:sourceip",
		"aws:ResourceTag/CostUnit": "aws:resourcetag/CostUnit",
		"aws:RequestTag/a:B/C":     "aws:requesttag/a:B/C",
		"Example.org/Path:Aud":     "example.org/path:aud",
		"codecommit:References":    "codecommit:references",
	} {
		if got := lowerKey(key); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}
