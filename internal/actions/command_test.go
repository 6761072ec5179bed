package actions

import (
	"maps"
	"reflect"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]command{
		"::error file=a.go,line=3,col=2,title=A%3AB%2CC::x%0Ay%25": {"error", map[string]string{"file": "a.go", "line": "3", "col": "2", "title": "A:B,C"}, "x\ny%"},
		"  ::group::My title":                {"group", map[string]string{}, "My title"},
		"::set-output name=a::b=c::d":        {"set-output", map[string]string{"name": "a"}, "b=c::d"},
		"::endgroup::":                       {"endgroup", map[string]string{}, ""},
		"##[warning file=x;line=2]a%5Db%3Bc": {"warning", map[string]string{"file": "x", "line": "2"}, "a]b;c"},
		"before ##[group]title":              {"group", map[string]string{}, "title"},
		"::DEBUG::%253A":                     {"debug", map[string]string{}, "%3A"},
	} {
		got, ok := parseCommand(line)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %#v, want %#v", line, got, want)
		}
	}
	for _, line := range []string{"", "a ::error::b", "::error", "std::vector", "::::x", "##[x", "##[]x"} {
		if c, ok := parseCommand(line); ok {
			t.Errorf("%q is %#v", line, c)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"::error file=a,line=b::c", "##[group]x", "::a b=%0::%25"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := parseCommand(line)
		if ok && (c.name == "" || c.name != strings.ToLower(c.name)) {
			t.Errorf("%q has the name %q", line, c.name)
		}
	})
}

func TestPairs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		"a=b\nc=d=e\n":                      {"a": "b", "c": "d=e"},
		"a<<X\none\ntwo\nX\nb=":             {"a": "one\ntwo", "b": ""},
		"a<<X\nX\n":                         {"a": ""},
		"a<<X\r\none\r\nX\r\n":              {"a": "one"},
		"a=<<X\nb<<=\n=x\n=\n":              {"a": "<<X", "b": "=x"}, // which comes first decides
		"\n\n \t=x\n":                       {" \t": "x"},
		"a<<E O F\nl\n\nE O F\na=last wins": {"a": "last wins"},
	} {
		all, err := parsePairs(text)
		got := map[string]string{}
		for _, p := range all {
			got[p.name] = p.value
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"x": "neither", "a<<X\none": "has no end", "=b": "has no name", "<<X\nX": "no name",
		"a<<\n\n": "no delimiter"} {
		if _, err := parsePairs(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if checkEnvironment([]pair{{"node_options", "x"}}) == nil {
		t.Error("NODE_OPTIONS is taken")
	}
}

func FuzzPairs(f *testing.F) {
	for _, s := range []string{"a=b\n", "a<<X\nb\nX\n", "<<", "a<<\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parsePairs(text)
		for _, p := range all {
			if err == nil && p.name == "" {
				t.Errorf("%q has a pair without a name", text)
			}
		}
	})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for wanted, is := range map[string]bool{
		"20": true, "20.x": true, "20.2": true, "20.3": false, "2": false, "v20.2.1": true, "^20.1": true, "^19": false, "~20.2.0": true,
		"~20.1": false, ">=18": true, ">= 18 <20": false, "18 || 20": true, "*": true, "lts/*": true, "<=20": true, "<20": false,
		"latest": true, "abc": false, ">20.2.1": false, "=20.2.1": true, "20.2.1-rc1": true, "^0.2": false,
	} {
		if got := satisfies("20.2.1", wanted); got != is {
			t.Errorf("20.2.1 satisfies %q: %v", wanted, got)
		}
	}
	if satisfies("0.3.0", "^0.2.1") || !satisfies("0.2.9", "^0.2.1") {
		t.Error("^0.2.1 means 0.2.x from 0.2.1 on")
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	got, err := words(`perl -e "a b" 'c "d' {0} ""`)
	if want := []string{"perl", "-e", "a b", `c "d`, "{0}", ""}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := words(`a "b`); err == nil {
		t.Error("a quote without an end is taken")
	}
}
