package pipeline

import (
	"net/http"
	"net/url"
	"strings"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// runView is a run of an action with the path of its log; "" for none.
type runView struct {
	view.Run
	LogPath string
}

// logOf is where the log of an action execution lies, if it has one of its own.
func logOf(a codepipeline.ActionExecutionDetail) (group, stream string, ok bool) {
	if a.Output == nil || a.Output.ExecutionResult == nil {
		return "", "", false
	}
	_, rest, _ := strings.Cut(kit.Text(a.Output.ExecutionResult.LogStreamARN), ":log-group:")
	return strings.Cut(rest, ":log-stream:")
}

func logPath(pipeline, execution string, a codepipeline.ActionExecutionDetail) string {
	if _, _, ok := logOf(a); !ok {
		return ""
	}
	return kit.ExecutionPath(pipeline, execution) + "/actions/" + url.PathEscape(kit.Text(a.ActionExecutionId)) + "/log"
}

// actionLog sends the log of an action execution as text.
func (s *pages) actionLog(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	runs, err := s.runs(r, r.PathValue("name"), r.PathValue("id"))
	if err != nil {
		return err
	}
	for i := range runs {
		if kit.Text(runs[i].ActionExecutionId) != r.PathValue("run") {
			continue
		}
		if group, stream, ok := logOf(runs[i]); ok {
			return s.StreamLog(w, r, &group, &stream)
		}
	}
	return kit.ErrNoPage
}

// jobsOf are the jobs of those actions that job workers do. Other executions cost no request.
func (s *pages) jobsOf(
	r *http.Request,
	pipeline string,
	runs []codepipeline.ActionExecutionDetail,
) (map[string][]slipway.ActionJob, error) {
	var ids []string
	for i := range runs {
		in := runs[i].Input
		if in != nil && in.ActionTypeId != nil && in.ActionTypeId.Owner != codepipeline.ActionOwnerAws {
			ids = append(ids, *runs[i].ActionExecutionId)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := s.Slipway.ListActionJobs(r.Context(),
		&slipway.ListActionJobsInput{PipelineName: &pipeline, ActionExecutionIds: ids})
	if err != nil {
		return nil, err
	}
	jobs := map[string][]slipway.ActionJob{}
	for _, j := range out.Jobs {
		jobs[*j.ActionExecutionId] = append(jobs[*j.ActionExecutionId], j)
	}
	return jobs, nil
}

// jobWords say what a job is at, who has it, and what does its work elsewhere.
func jobWords(j slipway.ActionJob) string {
	words := "Job " + kit.Text(j.Id)
	switch codepipeline.JobStatus(kit.Text(j.Status)) {
	case codepipeline.JobStatusQueued:
		words += ": waits for a job worker"
	case codepipeline.JobStatusDispatched:
		words += ": handed to a job worker, which has not acknowledged it"
	case codepipeline.JobStatusInProgress:
		words += ": in progress"
	case codepipeline.JobStatusTimedOut:
		words += ": timed out"
	default:
		words += ": " + strings.ToLower(kit.Text(j.Status))
	}
	if j.Worker != nil {
		words += ", worker " + view.LastPart(*j.Worker)
	}
	if j.ExternalExecutionId != nil {
		words += ", external execution " + *j.ExternalExecutionId
	}
	return words
}
