package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/codepipeline"
)

// bucket creates a bucket through the S3 face.
func (d *demo) bucket(ctx context.Context, bucket string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, d.url+"/"+bucket, http.NoBody)
	if err != nil {
		return err
	}
	d.key.Sign(r, sigv4.HexSHA256(nil), region, "s3", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := io.ReadAll(resp.Body)
		return errors.Join(fmt.Errorf("create bucket %s: %s: %s", bucket, resp.Status, bytes.TrimSpace(body)), err)
	}
	return nil
}

// approval waits until a new execution waits for approval; it returns that execution and its commit.
func (d *demo) approval(ctx context.Context) (id, commit string, err error) {
	seen, before := map[string]bool{}, d.executed
	err = d.wait(ctx, "the approval", func() (bool, error) {
		list, err := d.pipeline.ListPipelineExecutions(ctx,
			&codepipeline.ListPipelineExecutionsInput{PipelineName: new(name), MaxResults: new(int32(1))})
		if err != nil || len(list.PipelineExecutionSummaries) == 0 ||
			*list.PipelineExecutionSummaries[0].PipelineExecutionId == before {
			return false, err
		}
		newest := list.PipelineExecutionSummaries[0]
		if id = *newest.PipelineExecutionId; len(newest.SourceRevisions) > 0 {
			commit = *newest.SourceRevisions[0].RevisionId
		}
		state, err := d.pipeline.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new(name)})
		if err != nil {
			return false, err
		}
		waits := false
		for _, stage := range state.StageStates {
			x := stage.LatestExecution
			if x == nil || *x.PipelineExecutionId != id {
				continue
			}
			if word := *stage.StageName + " " + string(x.Status); !seen[word] {
				seen[word] = true
				detail("%-8s %s", *stage.StageName, stateWord(*stage.StageName, x.Status))
			}
			if *stage.StageName == approveStage {
				waits = stage.ActionStates[0].LatestExecution != nil &&
					stage.ActionStates[0].LatestExecution.Token != nil
			}
		}
		if newest.Status != codepipeline.PipelineExecutionStatusInProgress {
			return false, d.why(ctx, state, newest)
		}
		return waits, nil
	})
	d.executed = id
	return id, commit, err
}

// approveStage is the stage of examples/pipeline.json that waits for a person.
const approveStage = "Approve"

// why says why an execution did not go on.
func (d *demo) why(ctx context.Context, state *codepipeline.GetPipelineStateOutput,
	x codepipeline.PipelineExecutionSummary) error {
	err := fmt.Errorf("the execution %s is %s", *x.PipelineExecutionId, x.Status)
	if x.StatusSummary != nil {
		err = fmt.Errorf("%w: %s", err, *x.StatusSummary)
	}
	for _, stage := range state.StageStates {
		for _, a := range stage.ActionStates {
			if l := a.LatestExecution; l != nil && l.ErrorDetails != nil {
				err = fmt.Errorf("%w\n%s: %s", err, *a.ActionName, *l.ErrorDetails.Message)
				if l.ExternalExecutionId != nil {
					err = fmt.Errorf("%w\n%s", err, d.log(ctx, *l.ExternalExecutionId))
				}
			}
		}
	}
	return err
}

// log is where to look at a build.
func (d *demo) log(ctx context.Context, build string) string {
	out, err := d.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{build}})
	if err != nil || len(out.Builds) == 0 {
		return ""
	}
	return fmt.Sprintf("see: AWS_ENDPOINT_URL=%s bin/slipway logs %s", d.url, build)
}

func (d *demo) approve(ctx context.Context) error {
	say("Approving")
	state, err := d.pipeline.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new(name)})
	if err != nil {
		return err
	}
	for _, stage := range state.StageStates {
		if *stage.StageName == approveStage {
			_, err := d.pipeline.PutApprovalResult(ctx,
				&codepipeline.PutApprovalResultInput{PipelineName: new(name), StageName: stage.StageName,
					ActionName: stage.ActionStates[0].ActionName,
					Token:      stage.ActionStates[0].LatestExecution.Token,
					Result: &codepipeline.ApprovalResult{Status: codepipeline.ApprovalStatusApproved,
						Summary: new("The tests passed")}})
			return err
		}
	}
	return errors.New("the pipeline has no stage Approve")
}

// succeeds waits for an execution's end.
func (d *demo) succeeds(ctx context.Context, id string) error {
	return d.wait(ctx, "the deployment", func() (bool, error) {
		out, err := d.pipeline.GetPipelineExecution(ctx,
			&codepipeline.GetPipelineExecutionInput{PipelineName: new(name), PipelineExecutionId: &id})
		if err != nil {
			return false, err
		}
		switch out.PipelineExecution.Status {
		case codepipeline.PipelineExecutionStatusInProgress:
			return false, nil
		case codepipeline.PipelineExecutionStatusSucceeded:
			return true, nil
		}
		state, err := d.pipeline.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new(name)})
		if err != nil {
			return false, err
		}
		return false, d.why(ctx, state,
			codepipeline.PipelineExecutionSummary{PipelineExecutionId: &id, Status: out.PipelineExecution.Status})
	})
}
