package app

import (
	"net/http"
	"strings"
)

// beforeSignIn reports whether a page is for people who are not signed in.
func beforeSignIn(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.HasPrefix(path, "/signin") || strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/public/")
}

const signOut = "POST /signout"

// stayOpen are pages that send as long as somebody listens.
var stayOpen = []string{"GET /live", "GET /builds/{id}/log/live"}

// own reports whether a form is for everybody's own things.
func own(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	return beforeSignIn(pattern) || ownForm(path)
}

// ownForm reports whether a form changes only what is its visitor's: the session, the theme, keys and factors.
func ownForm(path string) bool {
	return path == "/signout" || path == "/theme" || path == "/settings" || strings.HasPrefix(path, "/settings/keys/") ||
		strings.HasPrefix(path, "/settings/git/") ||
		strings.HasPrefix(path, "/settings/signin") && !strings.HasPrefix(path, "/settings/signin/providers")
}

// openPages are what pages answer somebody with who may do nothing. All others refuse him.
var openPages = map[string]int{
	"POST /theme":   http.StatusSeeOther,
	signOut:         http.StatusSeeOther,
	"GET /{$}":      http.StatusSeeOther,
	"GET /board":    http.StatusOK, // each sees his part of these
	"GET /releases": http.StatusOK,
	"GET /live":     http.StatusOK, // sends parts of pages that answer for themselves
	"/":             http.StatusNotFound,
}

// readersPages are what pages answer a reader with, if they do not show what is there.
var readersPages = map[string]int{
	"GET /{$}":                                                http.StatusSeeOther,
	"GET /builds/{id}/log":                                    http.StatusNotFound, // no runner has begun it
	"GET /builds/{id}/find":                                   http.StatusNotFound,
	"GET /reports/{name}":                                     http.StatusNotFound, // only a runner makes one
	"GET /sandboxes/{id}":                                     http.StatusNotFound,
	"GET /settings/secrets":                                   http.StatusForbidden, // names tell much
	"GET /settings/images":                                    http.StatusForbidden,
	"GET /reports/{name}/file/{sum}":                          http.StatusNotFound,
	"GET /reports/{name}/trace/{sum}":                         http.StatusNotFound,
	"GET /reports/{name}/trace/{sum}/frame":                   http.StatusNotFound,
	"GET /releases/{id}":                                      http.StatusNotFound, // only a deployment behind a load balancer has one
	"GET /deployments/{id}/hosts/{host}/{event}/log":          http.StatusNotFound,
	"GET /pipelines/{name}/executions/{id}/actions/{run}/log": http.StatusNotFound,
	"/": http.StatusNotFound,
	// Readers do not see people and their rights, but what their own groups and policies say, whose names they must know.
	"GET /settings/jobs":                    http.StatusForbidden,
	"GET /settings/signin/providers":        http.StatusForbidden,
	"GET /settings/signin/providers/{name}": http.StatusForbidden,
	"GET /settings/users":                   http.StatusForbidden,
	"GET /settings/users/{name}":            http.StatusForbidden,
	"GET /settings/groups":                  http.StatusForbidden,
	"GET /settings/roles":                   http.StatusForbidden,
	"GET /settings/roles/{name}":            http.StatusForbidden,
	"GET /settings/policies":                http.StatusForbidden,
	"GET /settings/policy":                  http.StatusForbidden,
	"GET /settings/rights":                  http.StatusForbidden,
	"GET /settings/denials":                 http.StatusForbidden,
}

// administratorsPages are what pages answer an administrator with, if they do not show what is there.
var administratorsPages = map[string]int{
	"GET /{$}":                                                http.StatusSeeOther,
	"GET /builds/{id}/log":                                    http.StatusNotFound,
	"GET /builds/{id}/find":                                   http.StatusNotFound,
	"GET /reports/{name}":                                     http.StatusNotFound,
	"GET /sandboxes/{id}":                                     http.StatusNotFound,
	"GET /reports/{name}/file/{sum}":                          http.StatusNotFound,
	"GET /reports/{name}/trace/{sum}":                         http.StatusNotFound,
	"GET /reports/{name}/trace/{sum}/frame":                   http.StatusNotFound,
	"GET /releases/{id}":                                      http.StatusNotFound,
	"GET /deployments/{id}/hosts/{host}/{event}/log":          http.StatusNotFound,
	"GET /pipelines/{name}/executions/{id}/actions/{run}/log": http.StatusNotFound,
	"/": http.StatusNotFound,
}
