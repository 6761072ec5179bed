package quartz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is what a field of an expression may hold.
type field struct {
	name      string
	low, high int
	names     []string // that stand for numbers
	first     int      // the number of the first name
}

func (f field) wrong(text string) error {
	names := ""
	if f.names != nil {
		names = " or " + f.names[0] + "-" + f.names[len(f.names)-1]
	}
	return fmt.Errorf("%s: %q is not understood; use numbers from %d to %d%s, with , - * and /", f.name, text, f.low,
		f.high, names)
}

func (f field) set(text string) (s set, err error) {
	err = f.each(text, func(n int) { s |= 1 << n })
	return s, err
}

// each calls add for each value of a field: a list of values, ranges and steps.
func (f field) each(text string, add func(int)) error {
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 || n > f.high {
				return f.wrong(part)
			}
			by = n
		}
		from, to, err := f.span(span, stepped)
		if err != nil {
			return err
		}
		for n := from; ; n += by {
			if from > to && n > f.high { // 22-2 goes on at the beginning
				n, from = f.low+(n-f.high-1), f.low
			}
			if n > to && from <= to {
				break
			}
			add(n)
		}
	}
	return nil
}

// span reads a value or a range. A value with a step goes on to the end.
func (f field) span(text string, stepped bool) (from, to int, err error) {
	if text == "*" || text == "" && stepped {
		return f.low, f.high, nil
	}
	first, last, ranged := strings.Cut(text, "-")
	if from, err = f.value(first); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		to, err = f.value(last)
	case stepped:
		to = f.high
	default:
		to = from
	}
	return from, to, err
}

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.first + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high {
		return 0, f.wrong(text)
	}
	return n, nil
}

// day is a day of a month, or a number of days before its last one; with work it is the working day nearest to it, in
// the same month.
type day struct {
	of   int
	last bool // of is counted from the end
	work bool
}

// daysOf reads days of the month: what a field may hold, L, L-3, LW and 15W.
func daysOf(text string) (all []day, err error) {
	f := field{"day of month", 1, 31, nil, 0}
	for part := range strings.SplitSeq(text, ",") {
		value, work := strings.CutSuffix(part, "W")
		switch {
		case value == "L":
			all = append(all, day{0, true, work})
		case strings.HasPrefix(value, "L-"):
			n, err := strconv.Atoi(value[2:])
			if err != nil || n < 0 || n > 30 {
				return nil, fmt.Errorf("day of month: %q is not understood; L-30 is the most", part)
			}
			all = append(all, day{n, true, work})
		case work:
			n, err := f.value(value)
			if err != nil {
				return nil, err
			}
			all = append(all, day{n, false, true})
		default:
			if err := f.each(part, func(n int) { all = append(all, day{of: n}) }); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (d day) is(t time.Time) bool {
	last := lastDay(t)
	want := d.of
	if d.last {
		want = last - d.of
	}
	if want < 1 || want > last {
		return false
	}
	if d.work {
		want = workday(t, want, last)
	}
	return t.Day() == want
}

func lastDay(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 12, 0, 0, 0, time.UTC).Day()
}

// workday is the day from Monday to Friday nearest to a day of a month, in that month.
func workday(t time.Time, n, last int) int {
	switch on := time.Date(t.Year(), t.Month(), n, 12, 0, 0, 0, time.UTC).Weekday(); {
	case on == time.Saturday && n == 1:
		return n + 2
	case on == time.Saturday:
		return n - 1
	case on == time.Sunday && n == last:
		return n - 2
	case on == time.Sunday:
		return n + 1
	}
	return n
}

// weekday is a day of the week: every one, the last of the month, or its nth.
type weekday struct {
	on   time.Weekday
	last bool
	nth  int // 0 for every one
}

// weekdaysOf reads days of the week: what a field may hold, L, 6L and 6#3. 1 is Sunday.
func weekdaysOf(text string) (all []weekday, err error) {
	f := field{"day of week", 1, 7, dayNames, 1}
	for part := range strings.SplitSeq(text, ",") {
		value, nth, numbered := strings.Cut(part, "#")
		value, last := strings.CutSuffix(value, "L")
		switch {
		case part == "L":
			all = append(all, weekday{on: time.Saturday})
		case numbered || last:
			n, err := f.value(value)
			if err != nil {
				return nil, err
			}
			w := weekday{on: time.Weekday(n - 1), last: last}
			if numbered {
				if w.nth, err = strconv.Atoi(nth); err != nil || w.nth < 1 || w.nth > 5 || last {
					return nil, fmt.Errorf("day of week: %q is not understood; after # stands 1 to 5", part)
				}
			}
			all = append(all, w)
		default:
			add := func(n int) { all = append(all, weekday{on: time.Weekday(n - 1)}) }
			if err := f.each(part, add); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (w weekday) is(t time.Time) bool {
	switch {
	case t.Weekday() != w.on:
		return false
	case w.last:
		return t.Day()+7 > lastDay(t)
	}
	return w.nth == 0 || (t.Day()-1)/7+1 == w.nth
}
