package terminal

import (
	"fmt"
	"time"

	"slipway/api/awsproto"
)

// Ago says how long ago something was, or in what time it will be; "" for never.
func Ago(t *awsproto.Time, now time.Time) string {
	if t == nil {
		return ""
	}
	d := now.Sub(t.Time)
	if d <= -time.Minute {
		return in(-d)
	}
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d d ago", int(d.Hours()/24))
}

// in says in what time something will be.
func in(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("in %d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("in %d h", int(d.Hours()))
	}
	return fmt.Sprintf("in %d d", int(d.Hours()/24))
}

// Between is the time from a start to an end, or to now if there is no end; "" without a start.
func Between(start, end *awsproto.Time, now time.Time) string {
	if start == nil {
		return ""
	}
	if end != nil {
		now = end.Time
	}
	d := now.Sub(start.Time)
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
