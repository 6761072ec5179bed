package view

import (
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

func TestRolledBackAt(t *testing.T) {
	at := func(minute int) *awsproto.Time { return awsproto.At(time.Unix(int64(60*minute), 0)) }
	x := &slipway.Release{Status: slipway.ReleaseStatusRolledBack, Steps: []slipway.ReleaseStepState{
		{StartTime: at(0), EndTime: at(1)}, {StartTime: at(1), EndTime: at(2)}, {},
	}}
	for i, want := range []bool{false, true, false} {
		if got := rolledBackAt(x, &x.Steps[i]); got != want {
			t.Errorf("step %d: %v, want %v", i+1, got, want)
		}
	}
	if x.Status = slipway.ReleaseStatusPromoted; rolledBackAt(x, &x.Steps[1]) {
		t.Error("a step of a release that was promoted was not rolled back")
	}
}
