package forge

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// MostCompared is how many files GitHub lists of a comparison. One that has so many may have more.
const MostCompared = 300

// Compare lists the files that differ between the head and where it left the base, in a repository.
func (a *API) Compare(ctx context.Context, repository, base, head string) (files []string, err error) {
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
	if _, err := a.Call(ctx, http.MethodGet, a.comparison(repository, base, head), nil, &x); err != nil {
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
func (a *API) comparison(repository, base, head string) string {
	switch a.Forge {
	case GitLab:
		return a.repository(repository) + "/repository/compare?from=" + url.QueryEscape(base) + "&to=" +
			url.QueryEscape(head)
	case Bitbucket:
		return a.repository(repository) + "/diffstat/" + url.PathEscape(head) + ".." + url.PathEscape(base) +
			"?topic=true&pagelen=500"
	}
	return a.repository(repository) + "/compare/" + url.PathEscape(base) + "..." + url.PathEscape(head)
}

// repository is the path of a repository, which is named OWNER/NAME.
func (a *API) repository(name string) string {
	switch a.Forge {
	case GitLab:
		return "/projects/" + url.PathEscape(name)
	case Bitbucket:
		return "/repositories/" + name
	}
	return "/repos/" + name
}
