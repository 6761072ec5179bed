package main

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// failedBuilds is how many failed builds of a batch are explained.
const failedBuilds = 5

// batchExplanation is why a batch failed.
type batchExplanation struct {
	ID     string              `json:"id"`
	State  string              `json:"state"`
	Say    string              `json:"say,omitzero"`
	Builds []view.BatchBuild   `json:"builds"`
	Causes []*view.Explanation `json:"causes,omitzero"` // of the builds that failed, at most five
	More   int                 `json:"more,omitzero"`   // that failed besides
}

// batch finds a batch.
func (c *contract) batch(ctx context.Context, id string) (*codebuild.BuildBatch, error) {
	out, err := c.builds.BatchGetBuildBatches(ctx, &codebuild.BatchGetBuildBatchesInput{Ids: []string{id}})
	if err != nil {
		return nil, err
	}
	if len(out.BuildBatches) == 0 {
		return nil, missing("there is no build and no batch %s; slipway builds lists builds", id)
	}
	return &out.BuildBatches[0], nil
}

// batch says which builds of a batch failed and why, and which never started because of them.
func (c *whyCommand) batch(ctx context.Context, api *contract, id string) error {
	b, err := api.batch(ctx, id)
	if err != nil {
		return err
	}
	x := &batchExplanation{ID: *b.Id, State: view.StatusWord(b.BuildBatchStatus), Say: view.BatchCause(b),
		Builds: view.BatchBuilds(b)}
	for i := range x.Builds {
		if !x.Builds[i].Failed() {
			continue
		}
		if len(x.Causes) == failedBuilds {
			x.More++
			continue
		}
		cause, err := view.ReadExplanation(ctx, api.slipway, x.Builds[i].Build, view.Change{})
		if err != nil {
			return err
		}
		fromOne(cause)
		x.Causes = append(x.Causes, cause)
	}
	return c.print(x, func(t *terminal.Table) {
		for line := range strings.Lines(x.words()) {
			t.Note(strings.TrimSuffix(line, "\n"))
		}
	})
}

// words is the explanation as it is printed.
func (x *batchExplanation) words() string {
	var b strings.Builder
	fmt.Fprintln(&b, terminal.Clean(x.ID+": "+x.State))
	if x.Say != "" {
		fmt.Fprintln(&b, terminal.Clean(x.Say))
	}
	for _, part := range x.Builds {
		if part.Because != "" {
			fmt.Fprintln(&b, terminal.Clean(part.Identifier+" "+part.Because))
		}
	}
	for _, cause := range x.Causes {
		fmt.Fprint(&b, "\n"+terminal.Clean(x.identifier(*cause.Id))+", "+explained(cause))
	}
	if x.More > 0 {
		fmt.Fprintf(&b, "\n%d more builds failed; slipway builds %s lists them\n", x.More, x.ID)
	}
	return b.String()
}

// identifier is that of a build in the batch.
func (x *batchExplanation) identifier(build string) string {
	for _, part := range x.Builds {
		if part.Build == build {
			return part.Identifier
		}
	}
	return build
}
