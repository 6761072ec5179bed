package kit

import (
	"fmt"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/view"
)

// AgoWords says how long ago something was, or in what time it will be.
func AgoWords(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d <= -24*time.Hour:
		return fmt.Sprintf("in %d d", int(-d.Hours()/24))
	case d <= -time.Hour:
		return fmt.Sprintf("in %d h", int(-d.Hours()))
	case d <= -time.Minute:
		return fmt.Sprintf("in %d min", int(-d.Minutes()))
	case d < 0:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d d ago", int(d.Hours()/24))
}

// Exact is a moment for a title: UTC, to the second.
func Exact(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// Took says how long something lasted.
func Took(d time.Duration) string { return view.Took(d) }

// Between is the time from a start to an end, or to now if there is no end; "" without a start.
func Between(start, end *awsproto.Time, now time.Time) string { return view.Between(start, end, now) }

// Text is a text that may be missing; "" if it is.
func Text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
