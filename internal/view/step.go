package view

import "slipway/api/slipway"

// rolledBackAt reports whether a step is the one at which a release was rolled back: the last that began. Such a step
// has ended and is not complete.
func rolledBackAt(x *slipway.Release, st *slipway.ReleaseStepState) bool {
	if x.Status != slipway.ReleaseStatusRollingBack && x.Status != slipway.ReleaseStatusRolledBack ||
		st.StartTime == nil {
		return false
	}
	for i := range x.Steps {
		if s := &x.Steps[i]; s.StartTime != nil && s.StartTime.After(st.StartTime.Time) {
			return false
		}
	}
	return true
}
