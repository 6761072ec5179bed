package e2e

import (
	"errors"
	"strings"
	"testing"

	cp "github.com/aws/aws-sdk-go-v2/service/codepipeline"

	"github.com/aws/aws-sdk-go-v2/aws"
	cd "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// TestFaultIsShownAndMended looks at a deployment that failed on its host: every place says the same cause and which
// version the host runs now, and the page of the deployment rolls back to the last version that was good.
func TestFaultIsShownAndMended(t *testing.T) {
	w := newWay(t)
	good := strings.TrimSpace(w.git(w.checkout, "rev-parse", "--short=7", "HEAD"))
	w.commit(w.checkout, "Block the way",
		map[string]string{
			"hook.sh": "#!/bin/sh\nif [ $LIFECYCLE_EVENT = ValidateService ]; then echo 'the way is blocked' >&2; " +
				"exit 7; fi\n",
		})
	w.git(w.checkout, "push", "-q", "origin", "main")
	bad := strings.TrimSpace(w.git(w.checkout, "rev-parse", "--short=7", "HEAD"))
	eventually(t, "the execution fails", func() error {
		all, err := w.executions()
		if err == nil && (len(all) < 2 || all[0].Status != cptypes.PipelineExecutionStatusFailed) {
			err = errors.New("it has not")
		}
		return err
	})
	const cause = "host, hook.sh, exit 7: the way is blocked"
	deployment := must(w.deploys.ListDeployments(t.Context(), &cd.ListDeploymentsInput{}))(t).Deployments[0]
	execution := *must(w.pipeline.ListPipelineExecutions(t.Context(),
		&cp.ListPipelineExecutionsInput{PipelineName: aws.String(wayName)}))(
		t).PipelineExecutionSummaries[0].PipelineExecutionId
	b := newBrowser(t, w.instance)
	for _, page := range []struct{ name, path string }{
		{"board-failed", "/board"}, {"pipeline-failed", "/pipelines/way"},
		{"execution-failed", "/pipelines/way/executions/" + execution},
		{"deployments-failed", "/deployments"}, {"deployment-failed", "/deployments/" + deployment},
	} {
		b.visit(page.name, page.path, cause)
	}
	b.open("/board")
	b.shows("way runs " + bad)
	for _, command := range [][]string{{"why", "way"}, {"watch"}, {"deployments"}, {"why", deployment}} {
		if out, err := w.slipway(command...); err != nil || !strings.Contains(out, cause) {
			t.Errorf("slipway %v: %v\n%s", command, err, out)
		}
	}
	if out, err := w.slipway("hosts"); err != nil ||
		!strings.Contains(out, "way/way: "+bad+" “Block the way” (failed)") {
		t.Errorf("slipway hosts: %v\n%s", err, out)
	}
	b.open("/deployments/" + deployment)
	b.shows("Roll back to " + good)
	b.click("#roll-back > summary")
	b.shows("The last version that did well here")
	b.click("#roll-back-now")
	b.shows("Succeeded after")
	b.open("/board")
	b.shows("way runs " + good)
	b.visit("commit-failed", "/repositories/way/commits/"+strings.TrimSpace(w.git(w.checkout, "rev-parse", "HEAD")),
		"Failed in Deploy")
}
