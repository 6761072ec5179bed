// Package quartz reads cron expressions in the form of Quartz: seconds, minutes, hours, day of month, month, day of
// week and, optionally, year. Source: "DeploymentWindow" in the CodePipeline user guide, which has the fields and their
// special characters.
package quartz

import (
	"fmt"
	"strings"
	"time"
)

// Schedule is a cron expression.
type Schedule struct {
	second, minute, hour, month set
	days                        []day // of the month; nil for any
	weekdays                    []weekday
	years                       map[int]bool // nil for any
}

// set has the values of a field, each as a bit.
type set uint64

func (s set) has(n int) bool { return s&(1<<n) != 0 }

// lastYear is the last year that an expression may name.
const (
	firstYear = 1970
	lastYear  = 2199
)

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// Parse reads an expression. An error names the field and what is wrong with it.
func Parse(expression string) (*Schedule, error) {
	fields := strings.Fields(strings.ToUpper(expression))
	if len(fields) != 6 && len(fields) != 7 {
		return nil, fmt.Errorf("the expression has %d fields; it needs 6 or 7: seconds, minutes, hours, day of month, "+
			"month, day of week and, optionally, year", len(fields))
	}
	s := &Schedule{}
	for i, f := range []struct {
		field
		into *set
	}{
		{field{"seconds", 0, 59, nil, 0}, &s.second},
		{field{"minutes", 0, 59, nil, 0}, &s.minute},
		{field{"hours", 0, 23, nil, 0}, &s.hour},
		{},
		{field{"month", 1, 12, monthNames, 1}, &s.month},
	} {
		if f.into == nil {
			continue
		}
		var err error
		if *f.into, err = f.set(fields[i]); err != nil {
			return nil, err
		}
	}
	if any(fields[3]) || any(fields[5]) {
		return s, s.rest(fields)
	}
	return nil, fmt.Errorf("day of month is %q and day of week %q; one of them must be ?", fields[3], fields[5])
}

// any reports whether a field of days names none.
func any(text string) bool { return text == "?" || text == "*" }

// rest reads the days and the years.
func (s *Schedule) rest(fields []string) (err error) {
	if !any(fields[3]) {
		if s.days, err = daysOf(fields[3]); err != nil {
			return err
		}
	}
	if !any(fields[5]) {
		if s.weekdays, err = weekdaysOf(fields[5]); err != nil {
			return err
		}
	}
	if len(fields) == 7 && fields[6] != "*" {
		s.years = map[int]bool{}
		years := field{"year", firstYear, lastYear, nil, 0}
		return years.each(fields[6], func(n int) { s.years[n] = true })
	}
	return nil
}

// Matches reports whether a time is within the schedule, in its own time zone.
func (s *Schedule) Matches(t time.Time) bool {
	return s.onDay(t) && s.hour.has(t.Hour()) && s.minute.has(t.Minute()) && s.second.has(t.Second())
}

// onDay reports whether the schedule has times on a day.
func (s *Schedule) onDay(t time.Time) bool {
	if !s.month.has(int(t.Month())) || s.years != nil && !s.years[t.Year()] {
		return false
	}
	if s.days != nil {
		for _, d := range s.days {
			if d.is(t) {
				return true
			}
		}
		return false
	}
	for _, w := range s.weekdays {
		if w.is(t) {
			return true
		}
	}
	return s.weekdays == nil
}

// Next returns the first second after a time that is within the schedule, in the time zone of that time. It reports
// false if there is none.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	y, m, d := after.Date()
	noon := time.Date(y, m, d, 12, 0, 0, 0, after.Location())
	for ; noon.Year() <= lastYear; noon = noon.AddDate(0, 0, 1) {
		if !s.onDay(noon) {
			continue
		}
		if t, ok := s.within(noon, after); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// within returns the first second of a day that is after a time. A time that a change of the clock leaves out is not
// there, and one that it repeats is there twice.
func (s *Schedule) within(day, after time.Time) (time.Time, bool) {
	y, m, d := day.Date()
	// A day may have 25 hours. The minutes are gone through in the order in which they come, whatever the clock says.
	t := time.Date(y, m, d, 0, 0, 0, 0, day.Location())
	for t.Day() != d { // a change of the clock leaves midnight out
		t = t.Add(time.Minute)
	}
	for ; t.Day() == d; t = t.Add(time.Minute) {
		if !s.hour.has(t.Hour()) || !s.minute.has(t.Minute()) || t.Add(time.Minute).Before(after) {
			continue
		}
		for second := range 60 {
			if at := t.Add(time.Duration(second) * time.Second); s.second.has(second) && at.After(after) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
