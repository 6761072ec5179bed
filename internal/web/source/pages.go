// Package source is the pages of repositories: branches, files, commits and their differences.
package source

import "slipway/internal/web/kit"

type pages struct{ *kit.Site }

// Routes returns what adds the pages to those of a site.
func Routes(s *kit.Site) func(*kit.Mux) { return (&pages{s}).routes }
