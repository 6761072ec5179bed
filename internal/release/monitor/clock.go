package monitor

import (
	"slices"
	"sync"
	"time"
)

// clock knows every alarm and when it is evaluated next. An alarm of which nothing is measured sleeps until something
// is: its state cannot change before.
type clock struct {
	mu      *sync.Mutex
	alarms  map[string]*scheduled
	changed chan struct{}
}

type scheduled struct {
	*row
	measures []string      // the namespaces of a threshold alarm
	every    time.Duration // how often it is evaluated
	due      time.Time
	heard    time.Time // when something of its namespaces was measured last
	asleep   bool
	busy     bool // it is being evaluated
}

// grace is how long measurements of a period may take until they are here: routers report once a second.
const grace = 2 * time.Second

func newClock() clock {
	return clock{mu: new(sync.Mutex), alarms: map[string]*scheduled{}, changed: make(chan struct{}, 1)}
}

// whole is the end of the last step whose measurements are here.
func whole(now time.Time, every time.Duration) time.Time { return now.Add(-grace).Truncate(every) }

// next is when the measurements of another step will be here.
func next(now time.Time, every time.Duration) time.Time {
	return whole(now, every).Add(every).Add(grace)
}

// set makes an alarm known as it is now, and lets it be evaluated at the next boundary.
func (c clock) set(x *row, now time.Time) {
	w := &scheduled{row: x, every: seconds(x.EvaluationInterval)}
	if m, err := watch(x.MetricAlarm); err == nil && x.EvaluationCriteria == nil { // it was checked when it was put
		w.measures, w.every = m.namespaces(), min(m.period, time.Minute)
	}
	w.every = max(w.every, time.Second)
	w.due = next(now, w.every)
	c.mu.Lock()
	if old := c.alarms[x.name()]; old != nil {
		w.busy, w.heard = old.busy, old.heard
	}
	c.alarms[x.name()] = w
	c.mu.Unlock()
	c.signal()
}

// clear forgets all alarms.
func (c clock) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.alarms)
}

func (c clock) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.alarms, name)
}

func (c clock) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// arrived wakes the alarms of a namespace, for something of it was measured.
func (c clock) arrived(namespace string, now time.Time) {
	woken := false
	c.mu.Lock()
	for _, w := range c.alarms {
		if !slices.Contains(w.measures, namespace) {
			continue
		}
		if w.heard = now; w.asleep {
			w.asleep, w.due, woken = false, next(now, w.every), true
		}
	}
	c.mu.Unlock()
	if woken {
		c.signal()
	}
}

// due returns the alarms to evaluate now, which are busy until done is called, and when there will be others; zero for
// never.
func (c clock) due(now time.Time) (ready []*scheduled, then time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.alarms {
		switch {
		case w.asleep || w.busy:
		case !w.due.After(now):
			w.busy = true
			ready = append(ready, w)
		case then.IsZero() || w.due.Before(then):
			then = w.due
		}
	}
	return ready, then
}

// done sets when an alarm that was evaluated is so again. One that found nothing sleeps, unless what was heard of last
// belongs to a period that is yet to be evaluated.
func (c clock) done(name string, now time.Time, nothing bool) {
	c.mu.Lock()
	if w := c.alarms[name]; w != nil && w.busy {
		w.busy = false
		if !w.due.After(now) { // one that was changed meanwhile keeps the time that it was given
			w.due = next(now, w.every)
			w.asleep = nothing && !whole(now, w.every).Before(w.heard)
		}
	}
	c.mu.Unlock()
	c.signal()
}
