package settings

import (
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/web/kit"
)

// quiet is after what time it is worth a word that a process was not heard of: all of them ask at least every
// half minute.
const quiet = time.Minute

// presence says whether a process is heard of, and else for how long it was not.
func presence(seen *awsproto.Time, now time.Time) (kit.Kind, string) {
	switch {
	case seen == nil:
		return kit.Queued, "Not heard of yet"
	case now.Sub(seen.Time) < quiet:
		return kit.Succeeded, "Connected"
	}
	return kit.Watch, "Silent for " + strings.TrimSuffix(kit.AgoWords(seen.Time, now), " ago")
}
