package web

import (
	"net/url"
	"strings"
)

func pipelinePath(name string) string { return "/pipelines/" + url.PathEscape(name) }

func executionPath(pipeline, id string) string {
	return pipelinePath(pipeline) + "/executions/" + url.PathEscape(id)
}

// pathOf is the path of an address of this server; of another's it is the address itself.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for _, known := range []string{"/pipelines/", "/builds/", "/deployments/", "/repositories/", "/projects/",
		"/applications/"} {
		if strings.HasPrefix(u.Path, known) {
			return u.EscapedPath()
		}
	}
	if u.Scheme == "https" || u.Scheme == "http" {
		return address
	}
	return ""
}
