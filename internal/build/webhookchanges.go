package build

import (
	"context"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/build/hook"
	"slipway/internal/forge"
)

// compareTime bounds how long a forge is asked for the files of a change, as it waits for the answer to its
// delivery meanwhile.
const compareTime = 6 * time.Second

// changes are what an event's commits changed, as far as it can be known: as the delivery lists them, or as the forge
// compares the commits for the credential that was imported for it.
func (s *Service) changes(ctx context.Context, a *arrival) hook.Changes {
	e := a.event
	if e.Complete {
		return hook.Changes{Files: e.Files, Message: e.Message}
	}
	unknown := func(why string) hook.Changes { return hook.Changes{Message: e.Message, Unknown: why} }
	if e.Before == "" || e.After == "" {
		return unknown("there is no earlier commit to compare with")
	}
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	api, err := s.forgeOf(ctx, a.project)
	switch {
	case err != nil:
		return unknown("the source credential cannot be read: " + awsproto.Message(err))
	case api == nil:
		return unknown("the delivery does not list them all, and there is no source credential to ask the forge with")
	}
	if a.doc.ScopeConfiguration != nil {
		api.path = e.Repository.Name
	}
	files, err := api.Compare(ctx, api.path, e.Before, e.After)
	switch {
	case err != nil:
		s.Log.Warn("compare commits at a forge", "project", a.webhook.project, "error", err)
		return unknown("the forge does not compare the commits")
	case len(files) >= forge.MostCompared:
		return unknown("there are too many")
	}
	return hook.Changes{Files: files, Message: e.Message}
}
