package testreport

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// told is what a file says: a line for each test case, or for each covered file.
func told(t testing.TB, format, text string) (string, error) {
	t.Helper()
	r := Results{Source: "/src"}
	err := r.Add(format, "f", strings.NewReader(text))
	var lines []string
	for _, c := range r.Cases {
		line := *c.Status
		for _, s := range []*string{c.TestSuiteName, c.Prefix, c.Name} {
			if line += " | "; s != nil {
				line += *s
			}
		}
		if *c.DurationInNanoSeconds > 0 {
			line += " | " + time.Duration(*c.DurationInNanoSeconds).String()
		}
		if c.Message != nil {
			line += fmt.Sprintf(" | %q", *c.Message)
		}
		lines = append(lines, line)
	}
	for _, f := range r.Coverage.Files() {
		lines = append(lines, fmt.Sprintf("%s covered %s missed %s branches %d of %d", f.Path, f.Covered, f.Missed,
			f.BranchesCovered, f.BranchesCovered+f.BranchesMissed))
	}
	return strings.Join(lines, "\n"), err
}

// says checks what a file says.
func says(t *testing.T, format, text string, want ...string) {
	t.Helper()
	got, err := told(t, format, text)
	if err != nil {
		t.Errorf("%s: %v", format, err)
	}
	if w := strings.Join(want, "\n"); got != w {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", format, got, w)
	}
}

// refuses checks why a file is refused.
func refuses(t *testing.T, format, text, want string) {
	t.Helper()
	if _, err := told(t, format, text); err == nil || err.Error() != want {
		t.Errorf("%s %.60q\ngot:  %v\nwant: %s", format, text, err, want)
	}
}

// fuzz checks that a reader of a format ends, and keeps the limits, whatever it is given.
func fuzz(f *testing.F, format string, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
		f.Add(s[:len(s)/2])
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := Results{Source: "/src"}
		err := r.Add(format, "f", strings.NewReader(text))
		if err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("the error does not name the file: %v", err)
		}
		if len(r.Cases) > MaxCases {
			t.Errorf("%d cases are kept", len(r.Cases))
		}
		for _, c := range r.Cases {
			if *c.DurationInNanoSeconds < 0 || !slices.Contains([]string{Succeeded, Failed, Error, Skipped, Unknown}, *c.Status) {
				t.Errorf("%+v", c)
			}
		}
		for _, x := range r.Coverage.Files() {
			if x.LinesCovered < 0 || x.LinesMissed < 0 || x.BranchesCovered < 0 || x.BranchesMissed < 0 {
				t.Errorf("%+v", x)
			}
			for _, l := range []Lines{x.Covered, x.Missed} {
				if again, err := ParseLines(l.String()); err != nil || !slices.Equal(again, l) {
					t.Errorf("%s is read as %v, %v", l, again, err)
				}
			}
		}
	})
}

func TestFormatsAreFoundInAnyCase(t *testing.T) {
	for _, name := range Formats() {
		if !Supported(strings.ToLower(name)) {
			t.Errorf("%s is not found", strings.ToLower(name))
		}
		if got, _ := told(t, strings.ToLower(name), ""); got != "" {
			t.Errorf("an empty %s says %q", name, got)
		}
	}
	if IsCoverage("junitxml") || !IsCoverage("jacocoxml") || !IsCoverage("lcov") || Supported("") {
		t.Error("tests are taken for coverage, or the other way round")
	}
}

func TestEveryFormatRefusesAnEmptyFile(t *testing.T) {
	for _, form := range formats() {
		_, err := told(t, form.name, "")
		if err == nil || !strings.HasPrefix(err.Error(), "f:1") || !strings.HasSuffix(err.Error(),
			"this is no "+form.what+": the file is empty") {
			t.Errorf("%s: %v", form.name, err)
		}
	}
}

// endless repeats a text, after a beginning.
type endless struct{ begin, again string }

func (e *endless) Read(p []byte) (int, error) {
	if e.begin == "" {
		e.begin = strings.Repeat(e.again, 64<<10/len(e.again)+1)
	}
	n := copy(p, e.begin)
	e.begin = e.begin[n:]
	return n, nil
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		format      string
		begin, then string
		want        string
	}{
		"a long attribute": {"JUNITXML", `<testsuite name="`, "x", "a value has more than 32 MB"},
		"a long comment":   {"CLOVERXML", `<coverage><!--`, "x", "a value has more than 32 MB"},
		"a long text":      {"CUCUMBERJSON", `[{"name":"`, "x", "a value has more than 32 MB"},
		"blank lines":      {"SIMPLECOV", `{"RSpec":`, "\n", "a value has more than 32 MB"},
		"a long line":      {"LCOV", `SF:`, "x", "a line has more than 1 MB"},
		"a long file":      {"TAP", "1..1\n", "# " + strings.Repeat("x", 1000) + "\n", "the file has more than 100 MB"},
		"deep elements":    {"COBERTURAXML", "<coverage>", "<a>", "elements nest deeper than 256"},
		"deep suites":      {"NUNIT3XML", "<test-run>", "<test-suite>", "suites nest deeper than 64"},
		"deep results":     {"VISUALSTUDIOTRX", "<TestRun><Results>", "<UnitTestResult><InnerResults>", "results nest deeper than 64"},
		"deep values":      {"SARIF", "", `{"a":[`, "values nest deeper than 256"},
		"many scenarios":   {"CUCUMBERJSON", `[{"elements":[{}`, ",{}", "a feature has more than 100000 scenarios"},
		"many results":     {"SARIF", `{"runs":[{"results":[{}`, ",{}", "a run has more than 100000 results"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r Results
			err := r.Add(c.format, "f", io.MultiReader(strings.NewReader(c.begin), &endless{again: c.then}))
			if err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestWorkOnOverlappingBlocksIsLimited(t *testing.T) {
	var text strings.Builder
	text.WriteString("mode: set\n")
	for i := range 100 {
		fmt.Fprintf(&text, "a.go:1.1,900000.%d 1 1\n", i)
	}
	refuses(t, "GOCOVER", text.String(),
		"f:73: this is no Go coverage profile: lines are told of more than 64000000 times")
}

func TestEntitiesAreNotExpanded(t *testing.T) {
	const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>` + "\n"
	for format, root := range map[string]string{"NUNITXML": "test-results", "NUNIT3XML": "test-run",
		"TESTNGXML": "testng-results", "VISUALSTUDIOTRX": "TestRun", "CLOVERXML": "coverage", "COBERTURAXML": "coverage",
		"JACOCOXML": "report"} {
		_, err := told(t, format, bomb+"<"+root+">&b;</"+root+">")
		if err == nil || !strings.HasPrefix(err.Error(), "f:2:") ||
			!strings.HasSuffix(err.Error(), "XML syntax error on line 2: invalid character entity &b;") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestAByteOrderMarkIsSkipped(t *testing.T) {
	says(t, "CUCUMBERJSON", "\ufeff"+`[{"name":"A","elements":[{"name":"b"}]}]`, "UNKNOWN |  | A | b")
	says(t, "TAP", "\ufeff1..1\nok 1 - a\n", "SUCCEEDED |  |  | a")
}
