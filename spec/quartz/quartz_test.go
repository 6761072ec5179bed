package quartz

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(t *testing.T, text, zone string) time.Time {
	t.Helper()
	z, err := Zone(zone)
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04:05", text, z)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// The 1st of December 2026 is a Tuesday.
func TestNext(t *testing.T) {
	for _, c := range []struct{ cron, zone, after, want string }{
		{"0 0 9 ? * MON-FRI", "", "2026-12-01 08:59:59", "2026-12-01 09:00:00"},
		{"0 0 9 ? * MON-FRI", "", "2026-12-01 09:00:00", "2026-12-02 09:00:00"},
		{"0 0 9 ? * MON-FRI *", "", "2026-12-04 10:00:00", "2026-12-07 09:00:00"},
		{"* * 9-17 ? * 2-6", "", "2026-12-04 18:00:00", "2026-12-07 09:00:00"},
		{"0/15 5/20 * * * ?", "", "2026-12-01 00:05:45", "2026-12-01 00:25:00"},
		{"0 0 22-2 * * ?", "", "2026-12-01 03:00:00", "2026-12-01 22:00:00"},
		{"0 0 22-2 * * ?", "", "2026-12-01 22:30:00", "2026-12-01 23:00:00"},
		{"0 0 22-2 * * ?", "", "2026-12-01 23:30:00", "2026-12-02 00:00:00"},
		{"0 0 0 ? * FRI-MON", "", "2026-12-01 03:00:00", "2026-12-04 00:00:00"},
		{"0 0 0 L * ?", "", "2026-12-01 03:00:00", "2026-12-31 00:00:00"},
		{"0 0 0 L-3 * ?", "", "2027-02-01 03:00:00", "2027-02-25 00:00:00"},
		{"0 0 0 LW * ?", "", "2027-01-01 03:00:00", "2027-01-29 00:00:00"},  // the 31st is a Sunday
		{"0 0 0 15W * ?", "", "2027-05-01 03:00:00", "2027-05-14 00:00:00"}, // the 15th is a Saturday
		{"0 0 0 1W * ?", "", "2027-04-30 03:00:00", "2027-05-03 00:00:00"},  // the 1st is a Saturday
		{"0 0 0 ? * 6L", "", "2026-12-01 03:00:00", "2026-12-25 00:00:00"},
		{"0 0 0 ? * FRI#2", "", "2026-12-01 03:00:00", "2026-12-11 00:00:00"},
		{"0 0 0 ? * 2#5", "", "2026-12-01 03:00:00", "2027-03-29 00:00:00"},
		{"0 0 0 ? * L", "", "2026-12-01 03:00:00", "2026-12-05 00:00:00"},
		{"0 0 0 29 FEB ?", "", "2026-12-01 03:00:00", "2028-02-29 00:00:00"},
		{"0 0 0 1 JAN ? 2030/5", "", "2031-12-01 03:00:00", "2035-01-01 00:00:00"},
		{"0 0 9 * * *", "America/New_York", "2026-12-01 09:30:00", "2026-12-02 09:00:00"},
		{"0 30 2 * * ?", "America/New_York", "2027-03-13 12:00:00", "2027-03-15 02:30:00"}, // the 14th has no 2:30
		{"0 30 1 L 4 ?", "Africa/Cairo", "2026-04-01 12:00:00", "2026-04-30 01:30:00"},
		{"0 30 1 24 4 ?", "Africa/Cairo", "2026-04-01 12:00:00", "2026-04-24 01:30:00"}, // it has no midnight
		{"0 0 0 1,15 * ?", "UTC+05:30", "2026-12-02 00:00:00", "2026-12-15 00:00:00"},
		{"0 0 0 31 APR ?", "", "2026-12-01 03:00:00", ""},
		{"0 0 0 1 1 ? 1999", "", "2026-12-01 03:00:00", ""},
	} {
		s, err := Parse(c.cron)
		if err != nil {
			t.Errorf("%s: %v", c.cron, err)
			continue
		}
		got, ok := s.Next(at(t, c.after, c.zone))
		switch {
		case ok != (c.want != ""):
			t.Errorf("%s after %s: %v, %t; want %q", c.cron, c.after, got, ok, c.want)
		case ok && (!got.Equal(at(t, c.want, c.zone)) || !s.Matches(got)):
			t.Errorf("%s after %s: %v, want %s; it matches: %t", c.cron, c.after, got, c.want, s.Matches(got))
		}
	}
}

// TestARepeatedHourIsThereTwice: in New York the 1st of November 2026 has 1:30 twice.
func TestARepeatedHourIsThereTwice(t *testing.T) {
	s, err := Parse("0 30 1 * * ?")
	if err != nil {
		t.Fatal(err)
	}
	first, _ := s.Next(at(t, "2026-11-01 00:00:00", "America/New_York"))
	second, _ := s.Next(first)
	if second.Sub(first) != time.Hour {
		t.Errorf("%v and then %v", first, second)
	}
}

func TestWrongExpressions(t *testing.T) {
	for _, text := range []string{
		"", "* * * * *", "0 0 9 1 * MON", "60 * * * * ?", "* * 24 * * ?", "* * * 0 * ?", "* * * 32 * ?", "* * * * 13 ?",
		"* * * ? * 8", "* * * ? * MON#6", "* * * ? * FOO", "*/0 * * * * ?", "1-x * * * * ?", "* * * L-31 * ?",
		"* * * xW * ?", "* * * * * ? 1969", "* * * * * ? 2200", "* * * * * ? * *", "? * * * * ?", "-1 * * * * ?",
	} {
		if s, err := Parse(text); err == nil {
			t.Errorf("%q is read as %+v", text, s)
		}
	}
	for _, zone := range []string{"Nowhere/City", "UTC+25", "UTC+05:99", "UTC*3", "Local", "UTC+"} {
		if z, err := Zone(zone); err == nil {
			t.Errorf("%q is the zone %s", zone, z)
		}
	}
	for _, zone := range []string{"", "UTC", "PST", "EST", "Europe/Berlin", "UTC-8", "UTC+0530", "GMT+1"} {
		if _, err := Zone(zone); err != nil {
			t.Error(err)
		}
	}
}

func TestNothingLiesBeforeTheNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`(0|\*|\*/7|5-9) (0|\*|[1-5]?[0-9](-5[0-9])?) (\*|[0-9]|1[0-9],2[0-3]) `+
			`(\?|\*|L|LW|1[0-9]?W?) (\*|[1-9]|FEB) \?`).Draw(t, "cron")
		s, err := Parse(text)
		if err != nil {
			t.Skip(err)
		}
		after := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "after"), 0).UTC()
		next, ok := s.Next(after)
		if !ok || !next.After(after) || !s.Matches(next) {
			t.Fatalf("%s after %v: %v, %t", text, after, next, ok)
		}
		for i := range 200 {
			between := after.Add(next.Sub(after) * time.Duration(i) / 200).Truncate(time.Second)
			if between.After(after) && between.Before(next) && s.Matches(between) {
				t.Fatalf("%s after %v: %v, but %v is before it", text, after, next, between)
			}
		}
	})
}
