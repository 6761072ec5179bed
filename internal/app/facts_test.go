package app

import (
	"errors"
	"testing"

	cc "slipway/api/codecommit"
	cp "slipway/api/codepipeline"
	"slipway/internal/event"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

func action(name string, category cp.ActionCategory, provider string) cp.ActionDeclaration {
	return cp.ActionDeclaration{
		Name: &name,
		ActionTypeId: &cp.ActionTypeId{Category: category, Owner: cp.ActionOwnerAws, Provider: &provider,
			Version: new("1")},
	}
}

// newPipeline makes a pipeline that takes the branch main of a repository and waits for an approval.
func newPipeline(t *testing.T, s *server, name, repository string) {
	t.Helper()
	take := action("Take", cp.ActionCategorySource, "CodeCommit")
	take.Configuration = map[string]string{"RepositoryName": repository, "BranchName": "main"}
	take.OutputArtifacts = []cp.OutputArtifact{{Name: new("source")}}
	_, err := s.pipelines.CreatePipeline(t.Context(), &cp.CreatePipelineInput{Pipeline: &cp.PipelineDeclaration{
		Name:          &name,
		RoleArn:       new("arn:aws:iam::111122223333:role/slipway"),
		ArtifactStore: &cp.ArtifactStore{Type: cp.ArtifactStoreTypeS3, Location: new("artifacts")},
		Stages: []cp.StageDeclaration{
			{Name: new("Source"), Actions: []cp.ActionDeclaration{take}},
			{Name: new("Ask"), Actions: []cp.ActionDeclaration{action("Ask", cp.ActionCategoryApproval, "Manual")}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func executions(t *testing.T, s *server, name string) []cp.PipelineExecutionSummary {
	t.Helper()
	out, err := s.pipelines.ListPipelineExecutions(t.Context(), &cp.ListPipelineExecutionsInput{PipelineName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out.PipelineExecutionSummaries
}

// await waits until a pipeline has a number of executions.
func await(t *testing.T, s *server, name string, number int) {
	t.Helper()
	changed, stop := s.hints.Listen("pipeline/" + name)
	defer stop()
	for {
		got := len(executions(t, s, name))
		if got == number {
			return
		}
		if got > number {
			t.Fatalf("pipeline %s has %d executions, want %d", name, got, number)
		}
		within(t, changed, "an execution of "+name)
	}
}

// A commit starts the pipelines that watch its branch, once each. Tags, deleted branches and ends of what no pipeline
// waits for start none.
func TestFactsReachPipelines(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	in := &cc.CreateRepositoryInput{RepositoryName: new("greeter")}
	if _, err := s.sources.CreateRepository(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	newPipeline(t, s, "watcher", "greeter") // it starts once when it is made, as at AWS
	newPipeline(t, s, "other", "another")
	storetest.Work(t, s.db)
	await(t, s, "watcher", 1)
	err := s.db.Write(t.Context(), func(tx store.Tx) error {
		ctx := t.Context()
		return errors.Join(
			event.Pushed.Publish(ctx, tx, "tag", event.Push{Repository: "greeter", Ref: "refs/tags/v1", New: "1"}),
			event.Pushed.Publish(ctx, tx, "gone", event.Push{Repository: "greeter", Ref: "refs/heads/main", Old: "1"}),
			event.BuildEnded.Publish(ctx, tx, "none:1", event.Ended{ID: "none:1"}),
			event.DeploymentEnded.Publish(ctx, tx, "d-NONE", event.Ended{ID: "d-NONE"}),
			event.AlarmChanged.Publish(ctx, tx, "none ALARM", event.Alarm{Name: "none", State: "ALARM"}),
			event.ObjectWritten.Publish(ctx, tx, "b k null", event.Object{Bucket: "b", Key: "k", Version: "null"}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	put := &cc.PutFileInput{RepositoryName: new("greeter"), BranchName: new("main"), FilePath: new("a.txt"),
		FileContent: []byte("one")}
	first, err := s.sources.PutFile(t.Context(), put)
	if err != nil {
		t.Fatal(err)
	}
	await(t, s, "watcher", 2)
	put.FileContent, put.ParentCommitId = []byte("two"), first.CommitId
	if _, err := s.sources.PutFile(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	await(t, s, "watcher", 3)
	await(t, s, "other", 1)
}
