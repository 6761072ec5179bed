package release

import (
	"fmt"
	"math"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// trafficChart is the share of the new version over time: as it was, and as it is planned.
type trafficChart struct {
	Say  string // for whoever does not see it
	Wide drawing
	Tall drawing
}

// drawing is a chart in one size.
type drawing struct {
	Width, Height            int
	Left, Right, Top, Bottom float64
	Rows                     []label // of the shares
	Columns                  []label // of the times
	Edge, Fill, Planned      string
	Now                      string // where the line of now is; "" after the end
	NowAt                    string // the dot on it
	Marks                    []judgementMark
	Notes                    []label
	from                     time.Time
	length                   time.Duration
}

// label is a text at a place.
type label struct{ X, Y, Text, Anchor string }

type judgementMark struct {
	X    float64
	Kind kit.Kind
}

func (d *drawing) x(t time.Time) float64 {
	return d.Left + (d.Right-d.Left)*min(1, max(0, float64(t.Sub(d.from))/float64(d.length)))
}

func (d *drawing) y(percent int32) float64 {
	return d.Bottom - (d.Bottom-d.Top)*float64(percent)/100
}

// level is a share from a time on.
type level struct {
	at      time.Time
	percent int32
}

// levels are the shares that were in effect, and those that are planned from now on.
func levels(x *slipway.Release, now time.Time) (was, planned []level) {
	was = []level{{x.StartTime.Time, 0}}
	for _, st := range x.Steps {
		if st.InEffectTime != nil {
			was = append(was, level{st.InEffectTime.Time, *st.Percent})
		}
	}
	if x.EndTime != nil {
		if x.Status == slipway.ReleaseStatusRolledBack {
			was = append(was, level{x.EndTime.Time, 0})
		}
		return was, nil
	}
	held := x.Status == slipway.ReleaseStatusAsking || x.Status == slipway.ReleaseStatusRollingBack ||
		x.Paused != nil && *x.Paused
	for _, st := range x.Steps {
		if !held && st.InEffectTime == nil && st.PlannedTime != nil {
			at := st.PlannedTime.Time
			if at.Before(now) {
				at = now
			}
			planned = append(planned, level{at, *st.Percent})
		}
	}
	return was, planned
}

// drawTraffic draws a release in both sizes.
func drawTraffic(x *slipway.Release, now time.Time) trafficChart {
	was, planned := levels(x, now)
	end := now
	if x.EndTime != nil {
		end = x.EndTime.Time
	} else if len(planned) > 0 {
		end = planned[len(planned)-1].at
	}
	length := max(10*time.Second, end.Sub(x.StartTime.Time))
	length += length / 12
	c := trafficChart{
		Wide: drawing{Width: 1360, Height: 300, Left: 48, Right: 1346, Top: 22, Bottom: 246},
		Tall: drawing{Width: 350, Height: 260, Left: 48, Right: 336, Top: 22, Bottom: 206},
	}
	for _, d := range []*drawing{&c.Wide, &c.Tall} {
		d.from, d.length = x.StartTime.Time, length
		d.frame(x, map[*drawing]int{&c.Wide: 7, &c.Tall: 3}[d])
		d.lines(was, planned, now, x.EndTime == nil)
		for _, st := range x.Steps {
			if st.Verdict != nil && st.Verdict.WindowEnd != nil {
				d.Marks = append(d.Marks,
					judgementMark{d.x(st.Verdict.WindowEnd.Time), view.DecisionKind(st.Verdict.Decision)})
			}
		}
	}
	for i, l := range was[1:] {
		if l.percent > 0 && l.percent < 100 {
			c.Wide.Notes = append(
				c.Wide.Notes,
				label{kit.Decimal(c.Wide.x(l.at) + 8), kit.Decimal(c.Wide.y(l.percent) - 8),
					fmt.Sprintf("%d %%", l.percent),
					""},
			)
		}
		if i == 0 {
			c.Say = "The share of the new version over time:"
		}
		c.Say += fmt.Sprintf(" %d %% from %s,", l.percent, view.Clock(l.at))
	}
	for _, l := range planned {
		c.Say += fmt.Sprintf(" planned %d %% at %s,", l.percent, view.Clock(l.at))
	}
	c.Say = strings.TrimSuffix(c.Say, ",")
	if c.Say == "" {
		c.Say = "The new version has no traffic yet"
	}
	return c
}

// frame draws the rows of the shares that there are, and the times.
func (d *drawing) frame(x *slipway.Release, most int) {
	shares := []int32{0, 100}
	for _, st := range x.Steps {
		near := false
		for _, s := range shares {
			near = near || math.Abs(float64(s-*st.Percent)) < 7
		}
		if !near {
			shares = append(shares, *st.Percent)
		}
	}
	for _, s := range shares {
		words := fmt.Sprint(s)
		if s == 100 {
			words += " %"
		}
		d.Rows = append(d.Rows, label{Y: kit.Decimal(d.y(s)), Text: words})
	}
	step, format := timeStep(d.length, most)
	for at := d.from.Truncate(step).Add(step); !at.After(d.from.Add(d.length)); at = at.Add(step) {
		anchor := "middle"
		if d.x(at) > d.Right-20 {
			anchor = "end"
		}
		d.Columns = append(d.Columns, label{X: kit.Decimal(d.x(at)), Text: at.UTC().Format(format), Anchor: anchor})
	}
}

// timeStep is the distance of the times at an axis.
func timeStep(length time.Duration, most int) (time.Duration, string) {
	for _, step := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
		15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
		15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		if length/step <= time.Duration(most) {
			if step < time.Minute {
				return step, "15:04:05"
			}
			return step, "15:04"
		}
	}
	const day = 24 * time.Hour
	return (length/time.Duration(most)/day + 1) * day, "2 Jan"
}

// lines draws what was, and dashed what is planned.
func (d *drawing) lines(was, planned []level, now time.Time, open bool) {
	var edge strings.Builder
	fmt.Fprintf(&edge, "M%s %s", kit.Decimal(d.x(was[0].at)), kit.Decimal(d.y(was[0].percent)))
	for _, l := range was[1:] {
		fmt.Fprintf(&edge, "H%sV%s", kit.Decimal(d.x(l.at)), kit.Decimal(d.y(l.percent)))
	}
	last := was[len(was)-1].percent
	end := d.Right
	if open {
		end = d.x(now)
		d.Now, d.NowAt = kit.Decimal(end), kit.Decimal(d.y(last))
	}
	fmt.Fprintf(&edge, "H%s", kit.Decimal(end))
	d.Edge = edge.String()
	d.Fill = d.Edge + "V" + kit.Decimal(d.Bottom) + "H" + kit.Decimal(d.Left) + "Z"
	if len(planned) == 0 {
		return
	}
	var next strings.Builder
	fmt.Fprintf(&next, "M%s %s", d.Now, d.NowAt)
	for _, l := range planned {
		fmt.Fprintf(&next, "H%sV%s", kit.Decimal(d.x(l.at)), kit.Decimal(d.y(l.percent)))
	}
	fmt.Fprintf(&next, "H%s", kit.Decimal(d.Right))
	d.Planned = next.String()
}
