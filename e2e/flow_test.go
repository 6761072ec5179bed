package e2e

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f := must(w.Create(name))(t)
		must(f.Write([]byte(content)))(t)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (i *instance) bucket(name string, versioned bool) {
	i.t.Helper()
	must(i.s3().CreateBucket(i.t.Context(), &s3.CreateBucketInput{Bucket: &name}))(i.t)
	if versioned {
		must(i.s3().PutBucketVersioning(i.t.Context(),
			&s3.PutBucketVersioningInput{Bucket: &name,
				VersioningConfiguration: &s3types.VersioningConfiguration{
					Status: s3types.BucketVersioningStatusEnabled,
				}}))(i.t)
	}
}

func (i *instance) put(bucket, key string, content []byte) {
	i.t.Helper()
	must(i.s3().PutObject(i.t.Context(),
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)}))(i.t)
}

// act is an action of AWS's with its artifacts: "in" and "out" by name, "" for none.
func act(name string, category types.ActionCategory, provider, in, out string,
	configuration map[string]string) types.ActionDeclaration {
	a := types.ActionDeclaration{Name: &name, Configuration: configuration,
		ActionTypeId: &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: &provider,
			Version: new("1")}}
	if in != "" {
		a.InputArtifacts = []types.InputArtifact{{Name: &in}}
	}
	if out != "" {
		a.OutputArtifacts = []types.OutputArtifact{{Name: &out}}
	}
	return a
}

func stage(name string, actions ...types.ActionDeclaration) types.StageDeclaration {
	return types.StageDeclaration{Name: &name, Actions: actions}
}

// declare makes a pipeline whose artifacts lie in the bucket "artifacts".
func declare(name string, stages ...types.StageDeclaration) *types.PipelineDeclaration {
	return &types.PipelineDeclaration{Name: &name, RoleArn: new("arn:aws:iam::" + account + ":role/slipway"),
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: new("artifacts")},
		Stages:        stages}
}

func approval(name string) types.ActionDeclaration {
	return act(name, types.ActionCategoryApproval, "Manual", "", "", nil)
}

// flow is an instance with a bucket that is a source, one for artifacts, and a client.
type flow struct {
	*instance
	*codepipeline.Client
}

func newFlow(t testing.TB) *flow {
	f := &flow{instance: up(t)}
	f.Client = codepipeline.NewFromConfig(f.sdk())
	f.bucket("artifacts", false)
	f.bucket("source", true)
	f.put("source", "src.zip", zipped(t, map[string]string{"content.txt": "one", "sub/more.txt": "more"}))
	return f
}

func source() types.StageDeclaration {
	a := act("Get", types.ActionCategorySource, "S3", "", "src",
		map[string]string{"S3Bucket": "source", "S3ObjectKey": "src.zip"})
	a.Namespace = new("source")
	return stage("Source", a)
}

func (f *flow) create(d *types.PipelineDeclaration) {
	f.t.Helper()
	must(f.CreatePipeline(f.t.Context(), &codepipeline.CreatePipelineInput{Pipeline: d}))(f.t)
}

// newest is the newest execution, once it is in a status.
func (f *flow) newest(pipeline string, n int, status types.PipelineExecutionStatus) (id string) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("execution %d of %s is %s", n, pipeline, status), func() error {
		out, err := f.ListPipelineExecutions(f.t.Context(),
			&codepipeline.ListPipelineExecutionsInput{PipelineName: &pipeline})
		if err != nil {
			return err
		}
		all := out.PipelineExecutionSummaries
		slices.Reverse(all)
		if len(all) < n {
			return fmt.Errorf("there are %d", len(all))
		}
		if all[n-1].Status != status {
			return fmt.Errorf("it is %s; its actions: %s", all[n-1].Status,
				f.actions(pipeline, *all[n-1].PipelineExecutionId))
		}
		id = *all[n-1].PipelineExecutionId
		return nil
	})
	return id
}

// actions sums an execution's actions up: NAME=STATUS, from the first.
func (f *flow) actions(pipeline, execution string) string {
	out, err := f.ListActionExecutions(f.t.Context(),
		&codepipeline.ListActionExecutionsInput{PipelineName: &pipeline,
			Filter: &types.ActionExecutionFilter{PipelineExecutionId: &execution}})
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, a := range slices.Backward(out.ActionExecutionDetails) {
		s := *a.ActionName + "=" + string(a.Status)
		if a.Output != nil && a.Output.ExecutionResult != nil && a.Output.ExecutionResult.ErrorDetails != nil {
			s += " (" + *a.Output.ExecutionResult.ErrorDetails.Message + ")"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// token waits until an approval of an execution waits, and returns its token.
func (f *flow) token(pipeline, stage, action, execution string) (token string) {
	f.t.Helper()
	eventually(f.t, action+" waits", func() error {
		out, err := f.GetPipelineState(f.t.Context(), &codepipeline.GetPipelineStateInput{Name: &pipeline})
		if err != nil {
			return err
		}
		for _, s := range out.StageStates {
			if *s.StageName != stage || s.LatestExecution == nil ||
				*s.LatestExecution.PipelineExecutionId != execution {
				continue
			}
			for _, a := range s.ActionStates {
				if *a.ActionName == action && a.LatestExecution != nil && a.LatestExecution.Token != nil {
					token = *a.LatestExecution.Token
					return nil
				}
			}
		}
		return errors.New("no token yet")
	})
	return token
}

func (f *flow) decide(pipeline, stage, action, token string, status types.ApprovalStatus) error {
	_, err := f.PutApprovalResult(f.t.Context(),
		&codepipeline.PutApprovalResultInput{PipelineName: &pipeline, StageName: &stage, ActionName: &action,
			Token:  &token,
			Result: &types.ApprovalResult{Status: status, Summary: new("I have seen it")}})
	return err
}

func (f *flow) start(pipeline string) string {
	f.t.Helper()
	return *must(f.StartPipelineExecution(f.t.Context(),
		&codepipeline.StartPipelineExecutionInput{Name: &pipeline}))(f.t).PipelineExecutionId
}
