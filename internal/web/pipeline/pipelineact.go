package pipeline

import (
	"net/http"

	"slipway/api/codepipeline"
	"slipway/internal/web/kit"
)

func (s *pages) startPipeline(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name := r.PathValue("name")
	_, err := s.Pipelines.StartPipelineExecution(r.Context(), &codepipeline.StartPipelineExecutionInput{Name: &name})
	return kit.Next(w, r, kit.PipelinePath(name), err)
}

func (s *pages) approve(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, stage, action := r.PathValue("name"), r.PathValue("stage"), r.PathValue("action")
	token, comment := r.PostForm.Get("token"), r.PostForm.Get("comment")
	_, err := s.Pipelines.PutApprovalResult(
		r.Context(),
		&codepipeline.PutApprovalResultInput{
			PipelineName: &name,
			StageName:    &stage,
			ActionName:   &action,
			Token:        &token,
			Result: &codepipeline.ApprovalResult{
				Summary: &comment,
				Status:  codepipeline.ApprovalStatus(r.PostForm.Get("status")),
			},
		},
	)
	return kit.Next(w, r, kit.PipelinePath(name), err)
}

func (s *pages) retryStage(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, stage, execution := r.PathValue("name"), r.PostForm.Get("stage"), r.PostForm.Get("execution")
	_, err := s.Pipelines.RetryStageExecution(
		r.Context(),
		&codepipeline.RetryStageExecutionInput{PipelineName: &name, StageName: &stage, PipelineExecutionId: &execution,
			RetryMode: codepipeline.StageRetryMode(r.PostForm.Get("mode"))},
	)
	return kit.Next(w, r, kit.PipelinePath(name), err)
}

// rollBackStage goes on to the page of the execution that rolls the stage back.
func (s *pages) rollBackStage(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, stage, target := r.PathValue("name"), r.PostForm.Get("stage"), r.PostForm.Get("execution")
	out, err := s.Pipelines.RollbackStage(r.Context(), &codepipeline.RollbackStageInput{
		PipelineName:              &name,
		StageName:                 &stage,
		TargetPipelineExecutionId: &target,
	})
	to := kit.PipelinePath(name)
	if err == nil {
		to = kit.ExecutionPath(name, *out.PipelineExecutionId)
	}
	return kit.Next(w, r, to, err)
}

func (s *pages) overrideCondition(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, stage, execution := r.PathValue("name"), r.PostForm.Get("stage"), r.PostForm.Get("execution")
	_, err := s.Pipelines.OverrideStageCondition(r.Context(), &codepipeline.OverrideStageConditionInput{
		PipelineName:        &name,
		StageName:           &stage,
		PipelineExecutionId: &execution,
		ConditionType:       codepipeline.ConditionType(r.PostForm.Get("type")),
	})
	return kit.Next(w, r, kit.PipelinePath(name), err)
}

func (s *pages) stopExecution(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, id := r.PathValue("name"), r.PathValue("id")
	in := &codepipeline.StopPipelineExecutionInput{
		PipelineName:        &name,
		PipelineExecutionId: &id,
		Abandon:             new(r.PostForm.Get("how") == "abandon"),
	}
	if reason := r.PostForm.Get("reason"); reason != "" {
		in.Reason = &reason
	}
	_, err := s.Pipelines.StopPipelineExecution(r.Context(), in)
	return kit.Next(w, r, kit.PipelinePath(name), err)
}

func (s *pages) setTransition(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, stage, reason := r.PathValue("name"), r.PostForm.Get("stage"), r.PostForm.Get("reason")
	var err error
	if r.PostForm.Get("to") == "open" {
		_, err = s.Pipelines.EnableStageTransition(
			r.Context(),
			&codepipeline.EnableStageTransitionInput{
				PipelineName:   &name,
				StageName:      &stage,
				TransitionType: codepipeline.StageTransitionTypeInbound,
			},
		)
	} else {
		_, err = s.Pipelines.DisableStageTransition(
			r.Context(),
			&codepipeline.DisableStageTransitionInput{
				PipelineName:   &name,
				StageName:      &stage,
				TransitionType: codepipeline.StageTransitionTypeInbound,
				Reason:         &reason,
			},
		)
	}
	return kit.Next(w, r, kit.PipelinePath(name), err)
}
