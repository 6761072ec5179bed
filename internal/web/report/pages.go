// Package report is the pages of tests: reports, groups and the history of a case.
package report

import "slipway/internal/web/kit"

type pages struct{ *kit.Site }

// Routes returns what adds the pages to those of a site.
func Routes(s *kit.Site) func(*kit.Mux) { return (&pages{s}).routes }
