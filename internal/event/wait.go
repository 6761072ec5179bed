package event

import (
	"context"
	"strconv"
	"strings"
	"time"

	"slipway/api/slipway"
)

// defaultWait is how long WaitForChange waits where nothing is said.
const defaultWait = 20

// WaitForChange implements slipway:WaitForChange. It returns once a topic (pipelines, pipeline/NAME, builds, build/ID,
// deployments, deployment/ID, releases, release/ID) changed since a place that an earlier call returned, or when the
// time is over. Without a place it returns the present one at once. The place of another process, or of one before a
// restart, counts as changed, because changes may have been missed.
func (h *Hints) WaitForChange(ctx context.Context,
	in *slipway.WaitForChangeInput) (*slipway.WaitForChangeOutput, error) {
	told, stop := h.Listen(in.Topics...)
	defer stop()
	place := int64(-1)
	if in.Since != nil {
		epoch, number, _ := strings.Cut(*in.Since, "/")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && epoch == h.epoch {
			place = n
		}
	}
	seconds := int32(defaultWait)
	if in.WaitSeconds != nil {
		seconds = *in.WaitSeconds
	}
	over := time.NewTimer(time.Duration(seconds) * time.Second)
	defer over.Stop()
	for {
		changed, now := h.since(place, in.Topics)
		if place < 0 {
			changed = in.Since != nil
		}
		out := &slipway.WaitForChangeOutput{Changed: &changed, At: new(h.epoch + "/" + strconv.FormatInt(now, 10))}
		if changed || place < 0 {
			return out, nil
		}
		select {
		case <-told:
		case <-over.C:
			return out, nil
		case <-ctx.Done(): // the server ends, or nobody listens any more
			return out, nil
		}
	}
}
