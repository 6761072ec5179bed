// Package identity is the pages of people and rights: users, groups, roles and policies, and who may do what.
package identity

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"slipway/internal/web/kit"
)

type pages struct{ *kit.Site }

// Routes returns what adds the pages to those of a site.
func Routes(s *kit.Site) func(*kit.Mux) { return (&pages{s}).routes }

func (s *pages) routes(mux *kit.Mux) {
	for pattern, p := range map[string]kit.Handler{
		"GET /settings/users":          s.usersPage,
		"POST /settings/users":         s.createUser,
		"GET /settings/users/{name}":   s.subjectPage("user"),
		"POST /settings/users/{name}":  s.changeSubject("user"),
		"GET /settings/groups":         s.groupsPage,
		"POST /settings/groups":        s.createGroup,
		"GET /settings/groups/{name}":  s.subjectPage("group"),
		"POST /settings/groups/{name}": s.changeSubject("group"),
		"GET /settings/roles":          s.rolesPage,
		"POST /settings/roles":         s.createRole,
		"GET /settings/roles/{name}":   s.subjectPage("role"),
		"POST /settings/roles/{name}":  s.changeSubject("role"),
		"GET /settings/policies":       s.policiesPage,
		"GET /settings/policy":         s.policyPage,
		"POST /settings/policy":        s.changePolicy,
		"GET /settings/editor":         s.editorPage,
		"POST /settings/editor":        s.saveEditor,
		"GET /settings/rights":         s.rightsPage,
		"GET /settings/denials":        s.denialsPage,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
}

// arn is that of a user, a group, a role or a policy of the account: user/anna.
func (s *pages) arn(resource string) string { return "arn:aws:iam::" + s.Account + ":" + resource }

// offers reports whether the visitor may do all of some actions of IAM on a resource.
func (s *pages) offers(ctx context.Context, resource string, actions ...string) bool {
	for _, a := range actions {
		if !s.Offers(ctx, "iam:"+a, resource) {
			return false
		}
	}
	return true
}

// subjectPath is the page of a user, a group or a role.
func subjectPath(kind, name string) string { return "/settings/" + kind + "s/" + url.PathEscape(name) }

func policyPath(arn string) string { return "/settings/policy?arn=" + url.QueryEscape(arn) }

// editorPath is the editor of a policy: of a managed one by its ARN, of an inline one, or of a role's trust policy.
func editorPath(what url.Values) string { return "/settings/editor?" + what.Encode() }

func field(r *http.Request, name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
