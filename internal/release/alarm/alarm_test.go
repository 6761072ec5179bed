package alarm

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	cw "slipway/api/cloudwatch"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// points reads the notation of AWS's tables: 0 is a datapoint that does not breach, X one that does, - a missing one;
// the newest is on the right.
func points(text string) []*Datapoint {
	var out []*Datapoint
	for i, symbol := range strings.Fields(text) {
		at := noon.Add(time.Duration(i) * time.Minute)
		switch symbol {
		case "0":
			out = append(out, &Datapoint{at, 0})
		case "X":
			out = append(out, &Datapoint{at, 10})
		default:
			out = append(out, nil)
		}
	}
	return out
}

// TestTablesOfTheDocumentation are those of "How alarm state is evaluated when data is missing", of today and of two
// former editions, which have other rows.
func TestTablesOfTheDocumentation(t *testing.T) {
	const retain = "Retain current state"
	for _, c := range []struct {
		points  string
		toAlarm int
		filled  int
		want    [4]string // missing, ignore, breaching, notBreaching
	}{
		{"0 - X - X", 3, 0, [4]string{"OK", "OK", "OK", "OK"}},
		{"0 - - - -", 3, 2, [4]string{"OK", "OK", "OK", "OK"}},
		{"- - - - -", 3, 3, [4]string{"INSUFFICIENT_DATA", retain, "ALARM", "OK"}},
		{"0 X X - X", 3, 0, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"- - X - -", 3, 2, [4]string{"ALARM", retain, "ALARM", "OK"}},
		{"- - - - X", 3, 2, [4]string{"INSUFFICIENT_DATA", retain, "ALARM", "OK"}}, // 2018
		{"X - - - -", 3, 2, [4]string{"ALARM", retain, "ALARM", "OK"}},             // 2019
		// "does not go immediately into ALARM state"
		{"- - - X -", 3, 2, [4]string{"INSUFFICIENT_DATA", retain, "ALARM", "OK"}},
		{"- - - X 0", 3, 1, [4]string{"OK", "OK", "OK", "OK"}},
		{"0 - X - X", 2, 0, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"0 0 X 0 X", 2, 0, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"0 - X - -", 2, 1, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"- - - - 0", 2, 2, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"- - - X -", 2, 2, [4]string{"ALARM", retain, "ALARM", "OK"}},
		{"- - - - X", 2, 2, [4]string{"INSUFFICIENT_DATA", retain, "ALARM", "OK"}}, // 2018
		{"- - - X X", 2, 1, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},         // real ones are enough
		{"- - - - X", 1, 2, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
	} {
		for i, missing := range []string{Missing, Ignore, Breaching, NotBreaching} {
			r := Rule{Operator: cw.ComparisonOperatorGreaterThanThreshold, Threshold: 5, Periods: 3, ToAlarm: c.toAlarm,
				Missing: missing}
			e := r.Evaluate(points(c.points))
			got := string(e.State)
			if e.Retain {
				got = retain
			}
			if got != c.want[i] || e.Filled != c.filled {
				t.Errorf("%d of 3, %s, %s: %s with %d filled, want %s with %d", c.toAlarm, c.points, missing, got,
					e.Filled, c.want[i], c.filled)
			}
		}
	}
}

func TestOperators(t *testing.T) {
	for o, want := range map[cw.ComparisonOperator][3]bool{
		cw.ComparisonOperatorGreaterThanThreshold:          {false, false, true},
		cw.ComparisonOperatorGreaterThanOrEqualToThreshold: {false, true, true},
		cw.ComparisonOperatorLessThanThreshold:             {true, false, false},
		cw.ComparisonOperatorLessThanOrEqualToThreshold:    {true, true, false},
	} {
		for i, v := range []float64{4, 5, 6} {
			if got := (Rule{Operator: o, Threshold: 5}).Breaches(v); got != want[i] {
				t.Errorf("%v %s 5: %v", v, o, got)
			}
		}
	}
}

// TestWithoutGaps compares with counting: without missing datapoints an alarm is on if M of the last N breach, however
// they are treated.
func TestWithoutGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		r := Rule{Operator: cw.ComparisonOperatorGreaterThanThreshold, Threshold: 5, Periods: n,
			ToAlarm: rapid.IntRange(1, n).Draw(t, "m"),
			Missing: rapid.SampledFrom([]string{Missing, Ignore, Breaching, NotBreaching}).Draw(t, "missing")}
		text, breaching := "", 0
		for i := range r.Range() {
			symbol := rapid.SampledFrom([]string{"0", "X"}).Draw(t, "point")
			if symbol == "X" && i >= 2 {
				breaching++
			}
			text += symbol + " "
		}
		e := r.Evaluate(points(text))
		if want := breaching >= r.ToAlarm; e.Retain || (e.State == cw.StateValueAlarm) != want ||
			e.State == cw.StateValueInsufficientData {
			t.Fatalf("%d of %d in %s: %s", r.ToAlarm, n, text, e.State)
		}
	})
}

func TestReasons(t *testing.T) {
	r := Rule{Operator: cw.ComparisonOperatorGreaterThanThreshold, Threshold: 5, Periods: 3, ToAlarm: 2,
		Missing: Missing, Period: time.Minute}
	reason := func(r Rule, text string, from cw.StateValue) string { return r.Reason(r.Evaluate(points(text)), from) }
	breaching, not := r, r
	breaching.Missing, not.Missing = Breaching, NotBreaching
	for _, c := range []struct{ got, want string }{
		{reason(r, "0 0 X 0 X", "OK"),
			"Threshold Crossed: 2 out of the last 3 datapoints [10.0 (25/11/26 12:04:00), 10.0 (25/11/26 12:02:00)] " +
				"were greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."},
		{reason(r, "0 0 0 0 X", "ALARM"),
			"Threshold Crossed: 2 out of the last 3 datapoints [0.0 (25/11/26 12:03:00), 0.0 (25/11/26 12:02:00)] " +
				"were not greater than the threshold (5.0) (minimum 2 datapoints for ALARM -> OK transition)."},
		{reason(r, "- - - - -", "OK"), "Insufficient Data: 3 datapoints were unknown."},
		{reason(breaching, "- - - - -", "OK"),
			"Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as " +
				"[Breaching]."},
		{reason(breaching, "- - - X -", "OK"),
			"Threshold Crossed: 1 out of the last 1 datapoints [10.0 (25/11/26 12:03:00)] was greater than the " +
				"threshold (5.0) and 2 missing datapoints were treated as [Breaching] (minimum 2 datapoints for OK " +
				"-> ALARM transition)."},
		{reason(not, "- - - - -", "INSUFFICIENT_DATA"),
			"Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as " +
				"[NonBreaching]."},
	} {
		if c.got != c.want {
			t.Errorf("%s\nwant %s", c.got, c.want)
		}
	}
	if got := r.Data(r.Evaluate(points("0 0 X 0 X")), "Sum",
		noon); got !=
		`{"version":"1.0","queryDate":"2026-11-25T12:00:00.000+0000","startDate":"2026-11-25T12:02:00.000+0000",`+
			`"statistic":"Sum","period":60,"recentDatapoints":[10,0,10],"threshold":5,"evaluatedDatapoints":[`+
			`{"timestamp":"2026-11-25T12:04:00.000+0000","value":10},`+
			`{"timestamp":"2026-11-25T12:03:00.000+0000","value":0},`+
			`{"timestamp":"2026-11-25T12:02:00.000+0000","value":10}]}` {
		t.Error(got)
	}
}

func TestQueries(t *testing.T) {
	a, b := Sample{map[string]string{"pod": "a"}, 1}, Sample{map[string]string{"pod": "b"}, 2}
	type step struct {
		after  time.Duration
		result []Sample
		want   cw.StateValue
	}
	for name, c := range map[string]struct {
		query Query
		steps []step
	}{
		"at once": {Query{}, []step{{0, []Sample{a}, "ALARM"}, {time.Minute, nil, "OK"}}},
		"only after the pending period": {Query{Pending: 2 * time.Minute},
			[]step{{0, []Sample{a}, "OK"}, {time.Minute, []Sample{a}, "OK"}, {2 * time.Minute, []Sample{a}, "ALARM"}}},
		"a gap begins it anew": {Query{Pending: 2 * time.Minute},
			[]step{{0, []Sample{a}, "OK"}, {time.Minute, nil, "OK"}, {2 * time.Minute, []Sample{a}, "OK"},
				{4 * time.Minute, []Sample{a}, "ALARM"}}},
		"each series for itself": {Query{Pending: 2 * time.Minute},
			[]step{{0, []Sample{a}, "OK"}, {time.Minute, []Sample{b}, "OK"}, {2 * time.Minute, []Sample{a, b}, "OK"},
				{3 * time.Minute, []Sample{b}, "ALARM"}}},
		"recovery takes a while": {Query{Recovery: 2 * time.Minute},
			[]step{{0, []Sample{a}, "ALARM"}, {time.Minute, nil, "ALARM"}, {2 * time.Minute, nil, "ALARM"},
				{3 * time.Minute, nil, "OK"}}},
		"back before it had recovered": {Query{Pending: time.Hour, Recovery: 2 * time.Minute},
			[]step{{0, []Sample{a}, "OK"}, {time.Hour, []Sample{a}, "ALARM"}, {time.Hour + time.Minute, nil, "ALARM"},
				{time.Hour + 2*time.Minute, []Sample{a}, "ALARM"}, {time.Hour + 4*time.Minute, nil, "ALARM"}}},
		"one is enough": {Query{},
			[]step{{0, []Sample{a, b}, "ALARM"}, {time.Minute, []Sample{b}, "ALARM"}, {2 * time.Minute, nil, "OK"}}},
	} {
		contributors := map[string]Contributor{}
		for _, s := range c.steps {
			var got cw.StateValue
			if contributors, got = c.query.After(contributors, s.result, noon.Add(s.after)); got != s.want {
				t.Errorf("%s: after %s: %s, want %s", name, s.after, got, s.want)
			}
		}
	}
	many := make([]Sample, MaxContributors+100)
	for i := range many {
		many[i] = Sample{map[string]string{"i": string(rune('a' + i))}, 1}
	}
	contributors, state := Query{}.After(nil, many, noon)
	if len(contributors) != MaxContributors || state != cw.StateValueAlarm {
		t.Errorf("%d contributors", len(contributors))
	}
	if got := QueryReason(map[string]Contributor{"x": {Alarm: true, Value: 2},
		"y": {}}); got != "1 time series breaches: x = 2.0" {
		t.Error(got)
	}
}
