package web

import "net/http"

// routes are the pages.
func (s *site) routes(mux *http.ServeMux) {
	for pattern, p := range map[string]page{
		"GET /board":                                      s.boardPage,
		"GET /pipelines/{name}":                           s.pipelinePage,
		"POST /pipelines/{name}/start":                    s.startPipeline,
		"POST /pipelines/{name}/retry":                    s.retryStage,
		"POST /pipelines/{name}/transition":               s.setTransition,
		"GET /pipelines/{name}/approve/{stage}/{action}":  s.approvalPage,
		"POST /pipelines/{name}/approve/{stage}/{action}": s.approve,
		"GET /pipelines/{name}/executions/{id}":           s.executionPage,
		"POST /pipelines/{name}/executions/{id}/stop":     s.stopExecution,
	} {
		mux.Handle(pattern, s.signedIn(p))
	}
	s.deploymentRoutes(mux)
	s.buildRoutes(mux)
	s.releaseRoutes(mux)
	s.reportRoutes(mux)
	s.settingsRoutes(mux)
	s.sourceRoutes(mux)
}
