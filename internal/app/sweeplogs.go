package app

import (
	"context"
	"errors"
	"strings"

	"slipway/internal/journal"
	"slipway/internal/quarantine"
)

const (
	buildLogs      = "/aws/codebuild/"
	deploymentLogs = "/aws/codedeploy/"
)

// sweepLogs moves logs of unknown builds and deployments to the quarantine. It looks at the groups that Slipway names
// itself. It leaves groups that a project names alone, because their logs cannot be matched to builds.
func (k *keeper) sweepLogs(ctx context.Context, aside quarantine.Place) error {
	for after := ""; ; {
		groups, err := k.journal.Groups(ctx, "/aws/code", after, batch)
		if err != nil || len(groups) == 0 {
			return err
		}
		for _, g := range groups {
			after = g.Name
			if err := k.sweepGroup(ctx, aside, g.Name); err != nil && !errors.Is(err, journal.ErrNotExist) {
				return err
			}
		}
	}
}

func (k *keeper) sweepGroup(ctx context.Context, aside quarantine.Place, group string) error {
	for after := ""; ; {
		streams, err := k.journal.Streams(ctx, group, "", after, batch)
		if err != nil || len(streams) == 0 {
			return err
		}
		owners := map[string]string{} // of a log, the build or deployment that it is of
		for _, x := range streams {
			after = x.Name
			if project, ok := strings.CutPrefix(group, buildLogs); ok {
				// a project may put a prefix before it
				owners[x.Name] = project + ":" + x.Name[strings.LastIndex(x.Name, "/")+1:]
			} else if strings.HasPrefix(group, deploymentLogs) {
				owners[x.Name], _, _ = strings.Cut(x.Name, "/")
			}
		}
		names := make([]string, len(streams))
		for i, x := range streams {
			names[i] = x.Name
		}
		made, err := k.logs.Created(ctx, group, names)
		if err != nil {
			return err
		}
		for name := range made {
			delete(owners, name)
		}
		known, err := k.known(ctx, strings.HasPrefix(group, buildLogs), owners)
		if err != nil {
			return err
		}
		for name, owner := range owners {
			if known[owner] {
				continue
			}
			if err := k.journal.MoveAway(journal.Name{Group: group, Stream: name}, aside); err != nil {
				return err
			}
		}
	}
}

func (k *keeper) known(ctx context.Context, builds bool, owners map[string]string) (map[string]bool, error) {
	ids := make([]string, 0, len(owners))
	for _, id := range owners {
		ids = append(ids, id)
	}
	if builds {
		return k.builds.Known(ctx, ids)
	}
	return k.deployments.Known(ctx, ids)
}
