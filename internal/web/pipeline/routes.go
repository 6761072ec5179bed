package pipeline

import "slipway/internal/web/kit"

// routes are the pages of pipelines.
func (s *pages) routes(mux *kit.Mux) {
	for pattern, p := range map[string]kit.Handler{
		"GET /board":                                              s.boardPage,
		"GET /pipelines/{name}":                                   s.pipelinePage,
		"POST /pipelines/{name}/start":                            s.startPipeline,
		"POST /pipelines/{name}/retry":                            s.retryStage,
		"POST /pipelines/{name}/rollback":                         s.rollBackStage,
		"POST /pipelines/{name}/override":                         s.overrideCondition,
		"POST /pipelines/{name}/transition":                       s.setTransition,
		"GET /pipelines/{name}/approve/{stage}/{action}":          s.approvalPage,
		"POST /pipelines/{name}/approve/{stage}/{action}":         s.approve,
		"GET /pipelines/{name}/executions/{id}":                   s.executionPage,
		"GET /pipelines/{name}/executions/{id}/actions/{run}/log": s.actionLog,
		"POST /pipelines/{name}/executions/{id}/stop":             s.stopExecution,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
}
