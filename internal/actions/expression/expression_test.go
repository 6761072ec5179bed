package expression_test

import (
	"math"
	"strings"
	"testing"

	"slipway/internal/actions/expression"
)

func scope() expression.Scope {
	items, _ := expression.FromJSON(`[{"name":"a","n":{"v":1}},{"name":"b"},3]`)
	event, _ := expression.FromJSON(`{"Labels":["Bug","help"],"o":{"x":1,"y":"z"},"empty":{},"none":null}`)
	env := expression.NewExact().Set("Path", "one").Set("PATH", "two")
	return expression.Scope{
		Contexts: map[string]expression.Value{"event": event, "items": items, "env": env,
			"github": expression.NewObject().Set("ref_name", "main").Set("run-id", "7")},
		Status: func(f string) bool { return f == "success" || f == "always" },
		Hash:   func(p []string) (string, error) { return strings.Join(p, "+"), nil },
	}
}

// Values, comparisons and functions are those of GitHub's runner.
func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]expression.Value{
		`1`: 1.0, `-2.5`: -2.5, `0xff`: 255.0, `0o17`: 15.0, `1e3`: 1000.0, `.5`: 0.5, `+3`: 3.0,
		`'it''s'`: "it's", `null`: nil, `true`: true, `Infinity`: math.Inf(1),
		// operands come out of && and ||
		`'a' && 'b'`: "b", `'' || 'b'`: "b", `0 || null`: nil, `false && 1`: false, `NaN || 'x'`: "x",
		`'' && 'x' || 'y'`: "y", `!''`: true, `!'0'`: false, `!event`: false,
		// unlike kinds go by number
		`'' == 0`: true, `null == 0`: true, `null == ''`: true, `true == 1`: true, `'1' == 1`: true, `' 0x10 ' == 16`: true,
		`'a' == 0`: false, `'NaN' == 0`: false, `NaN == NaN`: false, `null == null`: true, `event == event`: true,
		`event.o == event.empty`: false, `event.o == 0`: false, `'true' == true`: false,
		// texts without case
		`'ABC' == 'abc'`: true, `'a' < 'B'`: true, `'B' <= 'a'`: false, `1 < '2'`: true, `'a' < 1`: false, `'a' >= 1`: false,
		// precedence
		`1 < 2 == true && false || 'z'`: "z", `!false && 1`: 1.0, `(1 || 0) && 2`: 2.0, `1 == 1 == true`: true,
		// looking into values
		`github.REF_NAME`: "main", `GitHub['ref_name']`: "main", `github.run-id`: "7", `env.Path`: "one", `env.PATH`: "two",
		`env.path`: nil, `event.labels[0]`: "Bug", `event.labels['1']`: "help", `event.labels[9]`: nil, `event.labels[-1]`: nil,
		`event.no.such.thing`: nil, `event.o['X']`: 1.0, `github.ref_name.x`: nil, `event.labels.x`: nil,
		`join(items.*.name)`: "a,b", `toJSON(items.*.n.v[0])`: "[]", `join(items.*.n.v)`: "1", `join(event.o.*, '-')`: "1-z",
		`contains(items.*.name, 'A')`: true, `join(event.o[*])`: "1,z",
		// functions
		`contains('Hello', 'LL')`: true, `contains(event.labels, 'bug')`: true, `contains(event.labels, 'b')`: false,
		`contains(event.o, 'x')`: false, `contains(null, '')`: true, `contains(12, 2)`: true,
		`startsWith('Hello', 'he')`: true, `endsWith('Hello', 'LO')`: true, `startsWith(event, 'a')`: false,
		`format('{0} {{1}} {1}{0}', 'a', 2)`: "a {1} 2a", `join('x')`: "x", `join(event.labels, ' / ')`: "Bug / help",
		`fromJSON('{"A":[1,true,null]}').a[0]`: 1.0, `toJSON(event.empty)`: "{}", `toJSON('a<"b')`: `"a<\"b"`,
		`toJSON(event.labels)`: "[\n  \"Bug\",\n  \"help\"\n]", `toJSON(event.o)`: "{\n  \"x\": 1,\n  \"y\": \"z\"\n}",
		`case(false, 1, true, 2, 3)`: 2.0, `case(false, 1, 3)`: 3.0, `hashFiles('a', 'b')`: "a+b",
		`success() && !failure()`: true,
	} {
		e, err := expression.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := e.Evaluate(scope()); err != nil || got != want {
			t.Errorf("%s = %#v, %v, want %#v", text, got, err, want)
		}
	}
}

func TestNumbersAsText(t *testing.T) {
	t.Parallel()
	for of, want := range map[float64]string{1: "1", 0.1 + 0.2: "0.3", 1e15: "1E+15", 123456789012345: "123456789012345",
		1.0 / 3: "0.333333333333333", 1e-5: "1E-05", 0.0001: "0.0001", -2.50: "-2.5", math.NaN(): "NaN"} {
		if got := expression.Text(of); got != want {
			t.Errorf("%v is %q, want %q", of, got, want)
		}
	}
}

// What is no expression is refused, with its place.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``: "was expected", `1 +`: "unexpected symbol", `'a`: "has no end", `foo()`: "unknown function foo", `(1`: "too early",
		`a b`: `unexpected "b"`, `contains('a')`: "contains has 1 arguments", `a..b`: "unexpected", `1 = 1`: "unexpected symbol",
		`secrets.x`: "the context secrets is not there", `format('{1}', 1)`: "asks for the argument {1}",
		`format('{', 1)`: "brace without", `fromJSON('')`: "is no JSON", `case(1, 2, 3)`: "neither true nor false",
		`case(true, 1, true, 2)`: "case wants pairs", "\"a\"": "unexpected symbol",
		strings.Repeat("(", 60) + "1" + strings.Repeat(")", 60): "deeper than 50", strings.Repeat("!", 60) + "1": "deeper",
		"'" + strings.Repeat("x", 21000) + "'": "longer than 21000",
	} {
		e, err := expression.Parse(text)
		if err == nil {
			_, err = e.Evaluate(scope())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
}

// A condition without a status function holds only after success. A text beside the braces makes it true.
func TestConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		ok, fail bool
	}{
		{"", true, false}, {"true", true, false}, {"${{ true }}", true, false}, {"always()", true, true},
		{"failure()", false, true}, {"!success()", false, true}, {"github.ref_name == 'main'", true, false},
		{"github.ref_name == 'x' || always()", true, true}, {"${{ false }} && x", true, false}, {"${{ always() }}", true, true},
		{"false", false, false}, {"${{ failure() }} x", true, true},
	} {
		for failed, want := range map[bool]bool{false: c.ok, true: c.fail} {
			s := scope()
			s.Status = func(f string) bool { return f == "always" || f == "failure" && failed || f == "success" && !failed }
			if got, err := expression.Condition(c.text, s); err != nil || got != want {
				t.Errorf("if: %s after failure=%v is %v, %v, want %v", c.text, failed, got, err, want)
			}
		}
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]expression.Value{
		"plain": "plain", "${{ 1 }}": 1.0, "v${{ 1 }}": "v1", "${{ 'a}}b' }}-${{ github.ref_name }}": "a}}b-main",
		"${{ github.no }}": nil, "a ${{ github.no }}b": "a b", "$${{ 1 }}": "$1", "{{ x }}": "{{ x }}",
	} {
		if got, err := expression.Resolve(text, scope()); err != nil || got != want {
			t.Errorf("%s = %#v, %v, want %#v", text, got, err, want)
		}
	}
	if _, err := expression.Resolve("${{ 1", scope()); err == nil {
		t.Error("braces without an end are taken")
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"a.b[0].*.c == 'x' && !f()", "format('{0}', 1)", "case(true,1,2)", "1e999", "fromJSON('[[')"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := expression.Parse(text); err == nil {
			_, _ = e.Evaluate(scope())
		}
		_, _ = expression.Resolve(text, scope())
		_, _ = expression.Condition(text, scope())
	})
}
