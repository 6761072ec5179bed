package view

import (
	"fmt"
	"time"

	"slipway/api/awsproto"
)

// Took says how long something lasted; "" for less than nothing.
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return ""
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// Between is the time from a start to an end, or to now if there is no end; "" without a start.
func Between(start, end *awsproto.Time, now time.Time) string {
	if start == nil {
		return ""
	}
	if end == nil {
		return Took(now.Sub(start.Time))
	}
	return Took(end.Sub(start.Time))
}

// Clock is a time of a day, in UTC.
func Clock(t time.Time) string { return t.UTC().Format("15:04:05") }
