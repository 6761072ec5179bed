// Package web is the pages: rendered here, live without reload, and all that they do goes through the contract
// that an SDK calls. Package kit has what pages are made of, and each stage has a package of its pages.
package web

//go:generate sh -c "[ -x ../../bin/templ ] || (cd ../../tools/templ && go build -o ../../bin/templ github.com/a-h/templ/cmd/templ)"
//go:generate ../../bin/templ generate -path .

import (
	"slipway/internal/web/build"
	"slipway/internal/web/deploy"
	"slipway/internal/web/find"
	"slipway/internal/web/identity"
	"slipway/internal/web/kit"
	"slipway/internal/web/pipeline"
	"slipway/internal/web/release"
	"slipway/internal/web/report"
	"slipway/internal/web/settings"
	"slipway/internal/web/source"
)

// New returns the handler of all pages.
func New(c kit.Config) *kit.Pages {
	s := kit.New(c)
	return s.Handler(
		source.Routes(s),
		build.Routes(s),
		report.Routes(s),
		deploy.Routes(s),
		release.Routes(s),
		pipeline.Routes(s),
		settings.Routes(s),
		identity.Routes(s),
		find.Routes(s),
	)
}
