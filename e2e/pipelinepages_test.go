package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/chromedp/chromedp"
)

// gated is a pipeline whose stage may be entered if the word is "open", and in which executions wait in order.
func gated() *types.PipelineDeclaration {
	d := declare("gate", source(), stage("Approve", approval("Ask")))
	d.PipelineType, d.ExecutionMode = types.PipelineTypeV2, types.ExecutionModeQueued
	d.Variables = []types.PipelineVariableDeclaration{{Name: new("word"), DefaultValue: new("closed")}}
	d.Stages[1].BeforeEntry = &types.BeforeEntryConditions{Conditions: []types.Condition{{
		Result: types.ResultFail,
		Rules: []types.RuleDeclaration{rule("VariableCheck", map[string]string{
			"Variable": "#{variables.word}", "Operator": "EQ", "Value": "open"})},
	}}}
	return d
}

// A person sees why a condition kept an execution out, lets it in, sees who waits behind it, and rolls back.
func TestConditionsOnThePages(t *testing.T) {
	t.Parallel()
	f := newFlow(t)
	f.create(gated())
	first := f.newest("gate", 1, types.PipelineExecutionStatusFailed)
	b := newBrowser(t, f.instance)
	b.visit("condition-failed", "/pipelines/gate", "closed")
	b.do(chromedp.Click(`//button[contains(., "Override")]`))
	b.shows("Approve")
	token := f.token("gate", "Approve", "Ask", first)
	open := []types.PipelineVariable{{Name: new("word"), Value: new("open")}}
	for range 2 {
		must(f.StartPipelineExecution(t.Context(), &codepipeline.StartPipelineExecutionInput{Name: new("gate"),
			Variables: open}))(t)
	}
	f.newest("gate", 3, types.PipelineExecutionStatusInProgress)
	b.visit("queued", "/pipelines/gate", "wait")
	if err := f.decide("gate", "Approve", "Ask", token, types.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	f.newest("gate", 1, types.PipelineExecutionStatusSucceeded)
	b.visit("execution-overridden", "/pipelines/gate/executions/"+first, "Overridden")
}

// A person looks at the connections, at the deliveries of one, and at a pipeline that it started.
func TestConnectionsOnThePages(t *testing.T) {
	t.Parallel()
	c := newConnected(t)
	c.create(c.from("plain", nil))
	c.newest("plain", 1, types.PipelineExecutionStatusSucceeded)
	body, _ := c.commit("main", "src/a.go")
	has(t, c.forge.deliver(c.payload, c.proof, "1", "push", body), "Taken")
	id := c.newest("plain", 2, types.PipelineExecutionStatusSucceeded)
	b := newBrowser(t, c.instance)
	b.visit("connections", "/settings/connections", "hub")
	_, name, _ := strings.Cut(c.arn, ":connection/")
	b.visit("connection", "/settings/connections/"+name, "plain")
	b.visit("execution-connection", "/pipelines/plain/executions/"+id, "src/a.go")
}
