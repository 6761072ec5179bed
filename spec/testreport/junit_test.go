package testreport

import (
	"fmt"
	"strings"
	"testing"
)

const gotestsum = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" errors="0" time="1.5">
	<testsuite tests="4" failures="1" time="1.5" name="example.com/web" timestamp="2026-11-25T01:02:03Z">
		<properties><property name="go.version" value="go1.26"></property></properties>
		<testcase classname="example.com/web" name="TestOK" time="0.25"></testcase>
		<testcase classname="example.com/web" name="TestBad" time="1,000.5"><failure message="Failed" type="">web_test.go:7: got 1 &amp; 2</failure></testcase>
		<testcase classname="example.com/web" name="TestSkip"><skipped message="not here"/></testcase>
		<testsuite name="inner"><testcase name="deep"><system-out>noise</system-out><error>boom</error></testcase></testsuite>
	</testsuite>
</testsuites>`

func TestJUnit(t *testing.T) {
	var r Results
	if err := r.Add("JUNITXML", "out/junit.xml", strings.NewReader(gotestsum)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range r.Cases {
		line := *c.Name + " " + *c.Status + " " + fmt.Sprint(*c.DurationInNanoSeconds) + " " + *c.TestRawDataPath
		if c.Prefix != nil {
			line += " " + *c.Prefix
		}
		if c.Message != nil {
			line += fmt.Sprintf(" %q", *c.Message)
		}
		got = append(got, line)
	}
	want := `TestOK SUCCEEDED 250000000 out/junit.xml example.com/web
TestBad FAILED 1000500000000 out/junit.xml example.com/web "Failed\nweb_test.go:7: got 1 & 2"
TestSkip SKIPPED 0 out/junit.xml example.com/web "not here"
deep ERROR 0 out/junit.xml "boom"`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got:\n%s\nwant:\n%s", s, want)
	}
}

func TestBrokenAndHostileFiles(t *testing.T) {
	for name, c := range map[string]struct{ format, text, want string }{
		"format": {"EXCEL", "{}", "f: there is no report format EXCEL; one of CUCUMBERJSON, JUNITXML, NUNITXML, NUNIT3XML, " +
			"TESTNGXML, VISUALSTUDIOTRX, CLOVERXML, COBERTURAXML, JACOCOXML, SIMPLECOV, TAP, GOTESTJSON, SARIF, PLAYWRIGHTJSON, NEWMANJSON, K6JSON, LCOV, " +
			"GOCOVER can be read"},
		"empty": {"JUNITXML", "", "f:1:1: this is no JUnit report: the file is empty"},
		"other": {"JUNITXML", "<html/>",
			"f:1:8: this is no JUnit report: it begins with <html>, not with <testsuites> or <testsuite>"},
		"cut": {"JUNITXML", "<testsuite>\n<testcase name='a'>",
			"f:2:20: this is no JUnit report: XML syntax error on line 2: unexpected EOF"},
		"bomb": {"JUNITXML", `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>`,
			"f:1:74: this is no JUnit report: XML syntax error on line 1: invalid character entity &b;"},
		"nesting": {"JUNITXML", strings.Repeat("<testsuite>", 1_000_000),
			"f:1:716: this is no JUnit report: suites nest deeper than 64"},
	} {
		t.Run(name, func(t *testing.T) {
			var r Results
			err := r.Add(c.format, "f", strings.NewReader(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("got:  %v\nwant: %s", err, c.want)
			}
		})
	}
}

func TestAtMost500Cases(t *testing.T) {
	var r Results
	for range 2 {
		text := "<testsuite>" + strings.Repeat(`<testcase name="a"/>`, 300) + "</testsuite>"
		if err := r.Add("JUNITXML", "f", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.Cases) != MaxCases || !r.Truncated {
		t.Errorf("%d cases, truncated %v", len(r.Cases), r.Truncated)
	}
}

func TestACaseNamesItsSuite(t *testing.T) {
	var r Results
	text := `<testsuites><testsuite name="outer"><testcase name="a"/><testsuite name="inner"><testcase name="b"/></testsuite><testcase name="c"/></testsuite></testsuites>`
	if err := r.Add("JUNITXML", "f", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range r.Cases {
		got += *c.TestSuiteName + "/" + *c.Name + " "
	}
	if got != "outer/a inner/b outer/c " {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsCutIsCounted(t *testing.T) {
	var r Results
	text := "<testsuite>" + strings.Repeat(`<testcase name="a" time="1"/>`, 600) +
		`<testcase name="bad" time="1"><failure>no</failure></testcase></testsuite>`
	if err := r.Add("JUNITXML", "f", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if r.Counts[Succeeded] != 600 || r.Counts[Failed] != 1 || r.Nanoseconds != 601e9 {
		t.Errorf("counts %v, %d ns", r.Counts, r.Nanoseconds)
	}
	kept := 0
	for _, c := range r.Cases {
		if *c.Status == Failed {
			kept++
		}
	}
	if len(r.Cases) != MaxCases || kept != 1 {
		t.Errorf("%d cases are kept, %d of them failed; want %d and 1", len(r.Cases), kept, MaxCases)
	}
}

func TestAFailureNeverTakesThePlaceOfAnother(t *testing.T) {
	var r Results
	text := "<testsuite>" + strings.Repeat(`<testcase name="a"><failure/></testcase><testcase name="b"/>`, 700) +
		"</testsuite>"
	if err := r.Add("JUNITXML", "f", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cases {
		if *c.Status != Failed {
			t.Fatalf("a passed test is kept, though 700 failed: %s", *c.Name)
		}
	}
}

func FuzzJUnit(f *testing.F) {
	f.Add(gotestsum)
	f.Fuzz(func(t *testing.T, text string) {
		var r Results
		_ = r.Add("JUNITXML", "f", strings.NewReader(text))
		if len(r.Cases) > MaxCases {
			t.Fatal(len(r.Cases))
		}
	})
}
