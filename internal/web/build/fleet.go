package build

import (
	"net/http"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/web/kit"
)

// fleetWords say on whose runners the builds of a project run, "" without a fleet.
func (s *pages) fleetWords(r *http.Request, p *codebuild.Project) string {
	if p == nil || p.Environment == nil || p.Environment.Fleet == nil || kit.Text(p.Environment.Fleet.FleetArn) == "" {
		return ""
	}
	arn := *p.Environment.Fleet.FleetArn
	name, _, _ := strings.Cut(kit.LastPath(arn), ":")
	out, err := s.Builds.BatchGetFleets(r.Context(), &codebuild.BatchGetFleetsInput{Names: []string{arn}})
	if err == nil && len(out.Fleets) == 0 {
		return "The fleet " + name + " is gone: no build starts until the project names another."
	}
	return "Its builds run on the fleet " + name + "."
}
