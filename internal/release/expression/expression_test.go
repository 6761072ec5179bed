package expression

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestArithmetic(t *testing.T) {
	values := map[string]float64{"m1": 6, "m2": 3, "zero": 0}
	value := func(id string) (float64, bool) { v, ok := values[id]; return v, ok }
	for text, want := range map[string]string{
		"1 + 2 * 3": "7", "(1 + 2) * 3": "9", "10 - 2 - 3": "5", "16 / 4 / 2": "2", "-m1 + 10": "4", "- - 2": "2",
		"100*(m1/(m1+m2))": "66.66666666666666", "m1/zero": "none", "m1 + none": "none",
		"FILL(none, 0) + 1": "1", "FILL(m1, 0)": "6", "100 * FILL(none, 0) / m2": "0", ".5*m1": "3", "1e3": "1000",
		"FILL(none, -1)": "-1", "m1\n*\t2": "12",
		"":    `error: the expression "" ends too early`,
		"1 +": `error: the expression "1 +" ends too early`, "(1": `error: the expression "(1" ends too early`,
		"1 2":    `error: the expression "1 2" is wrong at character 3: "2"`,
		"m1 > 2": `error: the expression "m1 > 2" is wrong at character 4: "> 2"`,
		"1.2.3":  `error: "1.2.3" is no number`, "SUM(METRICS())": "error: metric math's SUM",
		"FILL(m1, REPEAT)":           "error: metric math's FILL with REPEAT",
		"FILL(m1)":                   `error: the expression "FILL(m1)" is wrong at character 8: ")"`,
		"ANOMALY_DETECTION_BAND(m1)": "error: metric math's ANOMALY_DETECTION_BAND",
	} {
		got := "none"
		e, err := Parse(text)
		if err != nil {
			got = "error: " + err.Error()
		} else if v, ok := e.Eval(value); ok {
			got = fmt.Sprint(v)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	e, err := Parse("m2 / m1 + m2")
	if err != nil || strings.Join(e.IDs(), " ") != "m2 m1" {
		t.Errorf("%v %v", e.IDs(), err)
	}
	if _, err := Parse("RATE(m1)"); !errors.As(err, new(Unsupported)) {
		t.Errorf("%v", err)
	}
	for _, hostile := range []string{strings.Repeat("(", 1000), strings.Repeat("-", 1000), strings.Repeat("FILL(", 300),
		strings.Repeat("1+", 2000)} {
		if _, err := Parse(hostile); err == nil {
			t.Errorf("%.20s… is taken", hostile)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("100*(m1/(m1+m2))")
	f.Fuzz(func(_ *testing.T, text string) {
		if e, err := Parse(text); err == nil {
			e.Eval(func(string) (float64, bool) { return 1, true })
		}
	})
}
