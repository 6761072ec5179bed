package build

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// batchLine is a build of a batch, below what it depends on.
type batchLine struct {
	view.BatchBuild
	Prior []codebuild.BuildSummary // of its earlier tries
	Say   string                   // why it failed
}

// batchLines are the builds of a batch; each stands behind those that it depends on, as deep as its longest way is.
// Why they failed is asked at once for all.
func (s *pages) batchLines(ctx context.Context, b *codebuild.BuildBatch) (all []batchLine, err error) {
	var failed []string
	for i, x := range view.BatchBuilds(b) {
		all = append(all, batchLine{BatchBuild: x, Prior: b.BuildGroups[i].PriorBuildSummaryList})
		if x.Failed() {
			failed = append(failed, x.Build)
		}
	}
	known, err := view.Describe(ctx, s.Slipway, failed)
	for i := range all {
		if all[i].Failed() {
			all[i].Say = view.Described(known[all[i].Build]).Cause
		}
	}
	return all, err
}

// earlierTries names the column on a narrow page, where it is left out of builds that have none.
func earlierTries(l batchLine) string {
	if len(l.Prior) == 0 {
		return ""
	}
	return "Earlier tries"
}

// buildOf is the ID in the ARN of a build.
func buildOf(arn string) string {
	_, id, _ := strings.Cut(arn, ":build/")
	return id
}

// ofPipeline tells whether a pipeline started a batch: its stage retries it.
func ofPipeline(b *codebuild.BuildBatch) bool {
	return b.Source != nil && b.Source.Type == codebuild.SourceTypeCodepipeline
}

// batchURL is the page of a batch, of which the ID or the ARN is given.
func batchURL(id string) string {
	if _, after, ok := strings.Cut(id, ":build-batch/"); ok {
		id = after
	}
	return "/batches/" + url.PathEscape(id)
}

func (s *pages) batchPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	id := r.PathValue("id")
	out, err := s.Builds.BatchGetBuildBatches(r.Context(), &codebuild.BatchGetBuildBatchesInput{Ids: []string{id}})
	if err != nil {
		return err
	}
	if len(out.BuildBatches) == 0 {
		return kit.Refusal(http.StatusNotFound, "There is no batch "+id+". It may have been deleted.")
	}
	b := &out.BuildBatches[0]
	lines, err := s.batchLines(r.Context(), b)
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, BatchPage(s.Shell(r, v, *b.Id, "batch/"+*b.Id, "builds"), b, lines, s.Now()))
	return nil
}

func (s *pages) stopBatch(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	if _, err := s.Builds.StopBuildBatch(r.Context(), &codebuild.StopBuildBatchInput{Id: &id}); err != nil {
		return err
	}
	http.Redirect(w, r, batchURL(id), http.StatusSeeOther)
	return nil
}

func (s *pages) retryBatch(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	if _, err := s.Builds.RetryBuildBatch(r.Context(), &codebuild.RetryBuildBatchInput{Id: &id,
		RetryType: codebuild.RetryBuildBatchTypeRetryFailedBuilds}); err != nil {
		return err
	}
	http.Redirect(w, r, batchURL(id), http.StatusSeeOther)
	return nil
}
