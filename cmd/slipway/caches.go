package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type cachesCommand struct {
	List  cachesListCommand  `cmd:"" default:"withargs" help:"List the caches of a project."`
	Clear cachesClearCommand `cmd:"" help:"Invalidate the caches of a project: its next build begins without."`
}

func (*cachesCommand) Help() string { return (*cachesListCommand)(nil).Help() }

type cachesListCommand struct {
	client
	printer
	Project string `arg:"" help:"The project."`
}

func (*cachesListCommand) Help() string {
	return "The caches that builds of a project have saved and may restore: on runners, and in buckets. The one used " +
		"last comes first.\n\n" +
		"  slipway caches web-build\n" +
		"  slipway caches clear web-build"
}

func (c *cachesListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.slipway.ListProjectCaches(ctx, &slipway.ListProjectCachesInput{ProjectName: &c.Project})
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(out, func(t *terminal.Table) {
		t.Head("KEY", "WHERE", "SIZE", "STORED", "HITS", "LAST USED", "SAVED BY", "DIRECTORIES")
		for _, x := range out.Caches {
			key := view.CacheName(&x)
			t.Row(terminal.Text(key), terminal.Pointed(x.Location), terminal.Text(view.Size(*x.Size)),
				terminal.Text(view.Size(*x.StoredSize)), terminal.Text(strconv.FormatInt(*x.Hits, 10)),
				terminal.Text(terminal.Ago(x.LastUsedTime, now)),
				terminal.Text(*x.ProjectName+":"+strconv.FormatInt(*x.BuildNumber, 10)),
				terminal.Text(strings.Join(x.Directories, ", ")))
		}
		if len(out.Caches) == 0 {
			t.Note("No build of the project " + c.Project + " has saved a cache yet.")
		}
	})
}

type cachesClearCommand struct {
	client
	printer
	Project string `arg:"" help:"The project."`
}

func (*cachesClearCommand) Help() string {
	return "Invalidates the caches of a project, and of all projects that share them by a cacheNamespace. Builds " +
		"that start from now on find none of them.\n\n  slipway caches clear web-build"
}

func (c *cachesClearCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	in := &codebuild.InvalidateProjectCacheInput{ProjectName: &c.Project}
	if _, err := api.builds.InvalidateProjectCache(ctx, in); err != nil {
		return err
	}
	return c.done(&outcome{Did: "invalidated", Message: "The caches of the project " + c.Project + " are invalidated."})
}
