package build

import (
	"net/http"
	"net/url"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// cachesPage lists the caches of a project.
func (s *pages) cachesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	name := r.PathValue("name")
	out, err := s.Slipway.ListProjectCaches(r.Context(), &slipway.ListProjectCachesInput{ProjectName: &name})
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Caches(s.Shell(r, v, "Caches of "+name, "builds"), name, out.Caches, s.Now()))
	return nil
}

// clearCaches invalidates the caches of a project.
func (s *pages) clearCaches(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name := r.PathValue("name")
	in := &codebuild.InvalidateProjectCacheInput{ProjectName: &name}
	if _, err := s.Builds.InvalidateProjectCache(r.Context(), in); err != nil {
		return err
	}
	http.Redirect(w, r, cachesURL(name), http.StatusSeeOther)
	return nil
}

func cachesURL(project string) string { return "/projects/" + url.PathEscape(project) + "/caches" }
