package kit

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"
)

// IsCommit reports whether a text is the ID of a commit.
func IsCommit(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }

// DeploymentPath is the page of a deployment.
func DeploymentPath(id string) string { return "/deployments/" + url.PathEscape(id) }

// PipelinePath is the page of a pipeline.
func PipelinePath(name string) string { return "/pipelines/" + url.PathEscape(name) }

// ExecutionPath is the page of an execution.
func ExecutionPath(pipeline, id string) string {
	return PipelinePath(pipeline) + "/executions/" + url.PathEscape(id)
}

// PathOf is the path of an address of this server; of another's it is the address itself.
func PathOf(address string) string {
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

// ReleasePath is the page of the release of a deployment.
func ReleasePath(deployment string) string { return "/releases/" + url.PathEscape(deployment) }

// ReportPath is the page of a report, by its ARN.
func ReportPath(arn string) string { return "/reports/" + url.PathEscape(LastPath(arn)) }

// LastPath is what follows the last slash of an ARN.
func LastPath(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// OlderPath is where a list goes on; "" if it does not.
func OlderPath(path string, token *string) string {
	if token == nil {
		return ""
	}
	return path + "?after=" + url.QueryEscape(*token)
}

// RepositoryURL is the page of a folder of a repository at a branch or commit.
func RepositoryURL(name, at, folder string) string {
	q := url.Values{}
	if at != "" {
		q.Set("at", at)
	}
	if folder != "" {
		q.Set("folder", folder)
	}
	u := "/repositories/" + url.PathEscape(name)
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

// FilePath is the page of a file of a repository at a branch or commit.
func FilePath(name, at, file string) string {
	return "/repositories/" + url.PathEscape(name) + "/file?" + url.Values{"at": {at}, "path": {file}}.Encode()
}

// CommitPath is the page of a commit.
func CommitPath(name, id string) string {
	return "/repositories/" + url.PathEscape(name) + "/commits/" + url.PathEscape(id)
}

// DiffPath leads to what differs between two commits, in one file or in all.
func DiffPath(name, from, to, file string) string {
	q := url.Values{"to": {to}}
	if from != "" {
		q.Set("from", from)
	}
	if file != "" {
		q.Set("path", file)
	}
	return "/repositories/" + url.PathEscape(name) + "/diff?" + q.Encode()
}

// BuildURL is the page of a build.
func BuildURL(id string) templ.SafeURL { return templ.SafeURL("/builds/" + url.PathEscape(id)) }

// GroupURL is the page of a deployment group.
func GroupURL(application, group string) templ.SafeURL {
	return templ.SafeURL("/applications/" + url.PathEscape(application) + "/" + url.PathEscape(group))
}
