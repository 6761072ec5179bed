package build

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// publicLines is how many of the last lines of a log everybody is shown.
const publicLines = 2000

// public lets everybody read something of a public project, without a session and without any other right.
func (s *pages) public(next func(http.ResponseWriter, *http.Request, string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := awsproto.WithMay(r.Context(), func(context.Context, string, string) bool { return false })
		r = r.WithContext(ctx)
		var err error = kit.Refusal(http.StatusNotFound, "There is no public project at this address.")
		if s.Public != nil {
			project, ok, failed := s.Public.PublicProject(ctx, r.PathValue("alias"))
			if failed != nil {
				err = failed
			} else if ok {
				err = next(w, r, project)
			}
		}
		if err != nil {
			s.Fail(w, r, err)
		}
	})
}

// publicProject lists the newest builds of a public project.
func (s *pages) publicProject(w http.ResponseWriter, r *http.Request, project string) error {
	all, err := s.Public.PublicBuilds(r.Context(), project, "")
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, PublicProject(s.Shell(r, kit.Visitor{}, project), r.PathValue("alias"), project, all,
		s.Now()))
	return nil
}

// publicBuild is a build of a public project, with the end of its log.
func (s *pages) publicBuild(w http.ResponseWriter, r *http.Request, project string) error {
	all, err := s.Public.PublicBuilds(r.Context(), project, project+":"+r.PathValue("id"))
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return kit.Refusal(http.StatusNotFound, "There is no such build of this project.")
	}
	b := all[0]
	log, err := s.Public.ReadLog(r.Context(), &slipway.ReadLogInput{LogGroupName: b.Logs.GroupName,
		LogStreamName: b.Logs.StreamName, Lines: new(int32(publicLines)), FromEnd: new(true)})
	if _, none := err.(awsproto.ServiceError); none {
		log, err = &slipway.ReadLogOutput{}, nil
	}
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, PublicBuild(s.Shell(r, kit.Visitor{}, *b.Id), r.PathValue("alias"), project, &b,
		log.Lines, s.Now()))
	return nil
}

// publicURL is the page of a public build.
func publicURL(alias string, b *codebuild.Build) string {
	return "/public/" + url.PathEscape(alias) + "/builds/" + url.PathEscape(unique(*b.Id))
}

// unique is a build's ID without its project.
func unique(id string) string {
	_, unique, _ := strings.Cut(id, ":")
	return unique
}
