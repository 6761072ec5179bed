// Package find is the page and the palette that find things by their names.
package find

import "slipway/internal/web/kit"

type pages struct{ *kit.Site }

// Routes returns what adds the pages to those of a site.
func Routes(s *kit.Site) func(*kit.Mux) { return (&pages{s}).routes }
