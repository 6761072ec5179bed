// Package pipeline is the pages of pipelines: the board, executions and approvals.
package pipeline

import "slipway/internal/web/kit"

type pages struct{ *kit.Site }

// Routes returns what adds the pages to those of a site.
func Routes(s *kit.Site) func(*kit.Mux) { return (&pages{s}).routes }
