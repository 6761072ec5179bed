package build

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/hook"
)

const (
	// compareTime bounds how long a forge is asked for the files of a change, as it waits for the answer to its
	// delivery meanwhile.
	compareTime = 6 * time.Second
	// mostCompared is how many files GitHub lists of a comparison. One that has so many may have more.
	mostCompared = 300
)

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
	files, err := api.compare(ctx, e.Before, e.After)
	switch {
	case err != nil:
		s.Log.Warn("compare commits at a forge", "project", a.webhook.project, "error", err)
		return unknown("the forge does not compare the commits")
	case len(files) >= mostCompared:
		return unknown("there are too many")
	}
	return hook.Changes{Files: files, Message: e.Message}
}

// compare lists the files that differ between the head and where it left the base.
func (a *forgeAPI) compare(ctx context.Context, base, head string) (files []string, err error) {
	var x struct {
		Files []struct {
			Name string `json:"filename"`
			Old  string `json:"previous_filename"`
		} `json:"files"`
		Diffs []struct {
			Name string `json:"new_path"`
			Old  string `json:"old_path"`
		} `json:"diffs"`
		Values []struct {
			New *struct{ Path string } `json:"new"`
			Old *struct{ Path string } `json:"old"`
		} `json:"values"`
	}
	if _, err := a.call(ctx, http.MethodGet, a.comparison(base, head), nil, &x); err != nil {
		return nil, err
	}
	add := func(names ...string) {
		for _, name := range names {
			if name != "" && !slices.Contains(files[max(0, len(files)-1):], name) {
				files = append(files, name)
			}
		}
	}
	for _, f := range x.Files {
		add(f.Name, f.Old)
	}
	for _, f := range x.Diffs {
		add(f.Name, f.Old)
	}
	for _, f := range x.Values {
		if f.New != nil {
			add(f.New.Path)
		}
		if f.Old != nil {
			add(f.Old.Path)
		}
	}
	return files, nil
}

// comparison is where a forge compares commits. Sources: "Compare two commits" (GitHub), "Compare branches, tags or
// commits" (GitLab), "Compare two commit diff stats" (Bitbucket).
func (a *forgeAPI) comparison(base, head string) string {
	switch a.cred.server {
	case cb.ServerTypeGitlab, cb.ServerTypeGitlabSelfManaged:
		return "/projects/" + url.PathEscape(a.path) + "/repository/compare?from=" + url.QueryEscape(base) + "&to=" +
			url.QueryEscape(head)
	case cb.ServerTypeBitbucket:
		return "/repositories/" + a.path + "/diffstat/" + url.PathEscape(head) + ".." + url.PathEscape(base) +
			"?topic=true&pagelen=500"
	}
	return "/repos/" + a.path + "/compare/" + url.PathEscape(base) + "..." + url.PathEscape(head)
}
