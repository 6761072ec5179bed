package terminal

import (
	"fmt"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/view"
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
func Between(start, end *awsproto.Time, now time.Time) string { return view.Between(start, end, now) }
