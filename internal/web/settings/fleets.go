package settings

import (
	"fmt"

	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// builds says what a fleet runs, of what it may.
func builds(f slipway.FleetState) string {
	text := fmt.Sprintf("%d of %d running", kit.Number32(f.Running), kit.Number32(f.MaxCapacity))
	if n := kit.Number32(f.Queued); n > 0 {
		text += fmt.Sprintf(", %d waiting", n)
	}
	if n := kit.Number32(f.Overflowing); n > 0 {
		text += fmt.Sprintf(", %d on other runners", n)
	}
	return text
}

// places says how many of a runner's places are taken.
func places(r slipway.RunnerState) string {
	return fmt.Sprintf("%d of %d places taken", len(r.Builds), kit.Number32(r.Slots))
}
