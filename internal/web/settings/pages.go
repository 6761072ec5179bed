// Package settings is the pages of settings: access, hosts, runners and routers, and jobs.
package settings

import "slipway/internal/web/kit"

type pages struct{ *kit.Site }

// Routes returns what adds the pages to those of a site.
func Routes(s *kit.Site) func(*kit.Mux) { return (&pages{s}).routes }
