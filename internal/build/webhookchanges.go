package build

import (
	"context"

	"slipway/internal/build/hook"
)

// changes are what an event's commits changed, as far as it can be known.
func (s *Service) changes(_ context.Context, a *arrival) hook.Changes {
	e := a.event
	if e.Complete {
		return hook.Changes{Files: e.Files, Message: e.Message}
	}
	return hook.Changes{Message: e.Message, Unknown: "the delivery does not list them all"}
}
