package pipelinefile

import (
	"slices"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// conditional reports whether a stage does something of its own when it is entered, succeeds or fails.
func conditional(s *cp.StageDeclaration) bool {
	return s.BeforeEntry != nil || s.OnSuccess != nil || s.OnFailure != nil
}

// Results that each kind of condition may have. Source: "Configure conditions for a stage" in the CodePipeline user
// guide, and FailureConditions in the API reference.
var (
	entryResults   = []cp.Result{cp.ResultFail, cp.ResultSkip}
	successResults = []cp.Result{cp.ResultFail, cp.ResultRollback}
	failureResults = []cp.Result{cp.ResultFail, cp.ResultRollback, cp.ResultRetry}
)

// onFailure checks what happens when a stage fails, conditions aside.
func (c *checker) onFailure(i int, path string) {
	s := &c.d.Stages[i]
	if s.OnFailure == nil {
		return
	}
	path += ".onFailure"
	if result := s.OnFailure.Result; result != "" {
		c.result(i, path, result, failureResults)
	}
	if s.OnFailure.RetryConfiguration != nil && s.OnFailure.Result != cp.ResultRetry {
		c.say(Stage, path+".retryConfiguration", "Stage %s has a retryConfiguration; its onFailure needs the result RETRY",
			awsproto.Value(s.Name))
	}
}

// result checks a result of stage i.
func (c *checker) result(i int, path string, result cp.Result, allowed []cp.Result) {
	name := awsproto.Value(c.d.Stages[i].Name)
	switch {
	case !slices.Contains(allowed, result):
		c.say(Stage, path+".result", "Stage %s has the result %s, which is not one of %v", name, result, allowed)
	case result != cp.ResultRollback:
	case i == 0:
		c.say(Stage, path+".result", "Stage %s has the result ROLLBACK: the first stage cannot be rolled back", name)
	case c.d.ExecutionMode == cp.ExecutionModeParallel:
		c.say(Stage, path+".result",
			"Stage %s has the result ROLLBACK, which a pipeline in the execution mode PARALLEL cannot have", name)
	}
}
