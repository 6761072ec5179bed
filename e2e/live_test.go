package e2e

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// TestALiveUpdateSendsWhatChanged closes a transition that a page shows: the part with the stages is sent, and no
// other, and what was not sent is not touched.
func TestALiveUpdateSendsWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWay(t)
	b := newBrowser(t, w.instance)
	b.open("/pipelines/way")
	b.shows("Live")
	_ = eval[any](b, `for (const part of document.querySelectorAll("[data-part]")) part.untouched = true`)
	b.mu.Lock()
	b.sent = nil
	b.mu.Unlock()
	_, err := w.pipeline.DisableStageTransition(t.Context(), &codepipeline.DisableStageTransitionInput{
		PipelineName:   aws.String(wayName),
		StageName:      aws.String("Deploy"),
		TransitionType: cptypes.StageTransitionTypeInbound,
		Reason:         aws.String("until Monday"),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.shows("until Monday")
	eventually(t, "the part is replaced", func() error {
		if eval[bool](b, `document.getElementById("stages").untouched === true`) {
			return errors.New("the stages are as they were")
		}
		return nil
	})
	for _, id := range []string{"pipe-head", "approvals", "executions", "attention"} {
		if !eval[bool](b, `document.getElementById("`+id+`").untouched === true`) {
			t.Errorf("%s was replaced; it did not change", id)
		}
	}
	whole := eval[int](b, `document.documentElement.outerHTML.length`)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, data := range b.sent {
		t.Logf("%d bytes were sent of a page of %d", len(data), whole)
		var part struct{ ID, HTML string }
		if err := json.Unmarshal([]byte(data), &part); err != nil {
			continue // the version, at the beginning
		}
		if part.ID != "stages" {
			t.Errorf("%s was sent (%d bytes); it did not change", part.ID, len(part.HTML))
		}
	}
	if len(b.sent) == 0 {
		t.Error("nothing was sent")
	}
}
