package view

import "slipway/api/slipway"

// RolledBackAt tells whether a step is the one at which a release went back: the last that it had begun. Such a
// step has ended, but was not completed.
func RolledBackAt(x *slipway.Release, st *slipway.ReleaseStepState) bool {
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
