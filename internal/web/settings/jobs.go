package settings

import (
	"net/http"
	"net/url"

	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// jobsRoutes are the pages of what the server has to do.
func (s *pages) jobsRoutes(mux *kit.Mux) {
	mux.Handle("GET /settings/jobs", s.SignedIn(s.jobsPage))
	mux.Handle("POST /settings/jobs", s.SignedIn(s.changeJob))
}

// jobsPage shows the jobs that have failed for good, or with ?all all of them.
func (s *pages) jobsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	all := r.URL.Query().Has("all")
	in := &slipway.ListJobsInput{Dead: new(!all)}
	if token := r.URL.Query().Get("next"); token != "" {
		in.NextToken = &token
	}
	out, err := s.Slipway.ListJobs(r.Context(), in)
	if err != nil {
		return err
	}
	more := ""
	if out.NextToken != nil {
		more = jobsPath(all, *out.NextToken)
	}
	s.Render(w, r, http.StatusOK, Jobs(s.Shell(r, v, "Jobs"), out, all, more, s.Now()))
	return nil
}

func jobsPath(all bool, next string) string {
	q := url.Values{}
	if all {
		q.Set("all", "")
	}
	if next != "" {
		q.Set("next", next)
	}
	if len(q) == 0 {
		return "/settings/jobs"
	}
	return "/settings/jobs?" + q.Encode()
}

// changeJob retries or discards a job.
func (s *pages) changeJob(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	kind, key := r.PostForm.Get("kind"), r.PostForm.Get("key")
	var err error
	switch r.PostForm.Get("do") {
	case "retry":
		_, err = s.Slipway.RetryJob(r.Context(), &slipway.RetryJobInput{Kind: &kind, Key: &key})
	case "discard":
		_, err = s.Slipway.DiscardJob(r.Context(), &slipway.DiscardJobInput{Kind: &kind, Key: &key})
	default:
		err = kit.Refusal(http.StatusBadRequest, "Retry or discard a job.")
	}
	return kit.Next(w, r, "/settings/jobs", err)
}

// jobKind is the mark of a job's state.
func jobKind(s slipway.JobState) kit.Kind {
	switch s {
	case slipway.JobStateDead:
		return kit.Failed
	case slipway.JobStateRunning:
		return kit.Running
	case slipway.JobStateRetrying:
		return kit.Watch
	}
	return kit.Queued
}

func jobWord(s slipway.JobState) string {
	return map[slipway.JobState]string{slipway.JobStateDead: "Failed", slipway.JobStateRunning: "Running",
		slipway.JobStateRetrying: "Failed, to be retried", slipway.JobStateWaiting: "Waiting"}[s]
}
