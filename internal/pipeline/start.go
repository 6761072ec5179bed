package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// begin is what starts an execution.
type begin struct {
	trigger   cp.ExecutionTrigger
	variables []cp.PipelineVariable
	sources   []cp.SourceRevisionOverride
}

// start adds an execution. A pipeline that this version cannot run gets one that has failed and says why.
func (s *Service) start(r *row, b begin) (*engine.Execution, []engine.Effect) {
	d, w := r.Declaration, s.world()
	r.sequence++
	e := &engine.Execution{Sequence: r.sequence, Sources: b.sources, PipelineExecution: cp.PipelineExecution{
		PipelineName: d.Name, PipelineVersion: d.Version, PipelineExecutionId: new(uuid.NewString()),
		Trigger:       &b.trigger,
		ExecutionMode: d.ExecutionMode, ExecutionType: cp.ExecutionTypeStandard,
	}}
	why := unsupported(d, s.Region)
	variables, err := resolveVariables(d, b.variables)
	if why == "" && err != nil {
		why = err.Error()
	}
	if why != "" {
		e.Status, e.StatusSummary = cp.PipelineExecutionStatusFailed, &why
		e.Started, e.Updated = awsproto.At(w.Now), awsproto.At(w.Now)
		r.Executions[*e.PipelineExecutionId] = e
		return e, nil
	}
	e.Variables = variables
	return e, engine.Start(&r.Pipeline, e, w)
}

// resolveVariables gives each variable of a definition its value for one execution.
func resolveVariables(d *cp.PipelineDeclaration, given []cp.PipelineVariable) ([]cp.ResolvedPipelineVariable, error) {
	values := map[string]string{}
	for _, v := range given {
		values[*v.Name] = *v.Value
	}
	var all []cp.ResolvedPipelineVariable
	for _, v := range d.Variables {
		value, ok := values[*v.Name]
		delete(values, *v.Name)
		switch {
		case ok:
			all = append(all, cp.ResolvedPipelineVariable{Name: v.Name, ResolvedValue: &value})
		case v.DefaultValue != nil:
			all = append(all, cp.ResolvedPipelineVariable{Name: v.Name, ResolvedValue: v.DefaultValue})
		default:
			return nil, fmt.Errorf("variable %s has no default value, and none was given at the start", *v.Name)
		}
	}
	for name := range values {
		return nil, fmt.Errorf("the pipeline has no variable %s", name)
	}
	return all, nil
}

// unsupported says what of a definition this version of Slipway keeps and returns but cannot run; "" if it can run all
// of it.
func unsupported(d *cp.PipelineDeclaration, region string) string {
	var what []string
	if m := d.ExecutionMode; m != "" && m != cp.ExecutionModeSuperseded {
		what = append(what, "the execution mode "+string(m))
	}
	if len(d.Triggers) > 0 {
		what = append(what, "triggers")
	}
	for i := range d.Stages {
		stage := &d.Stages[i]
		if stage.BeforeEntry != nil || stage.OnSuccess != nil || stage.OnFailure != nil {
			what = append(what, "the conditions of stage "+*stage.Name)
		}
		for j := range stage.Actions {
			if w := unsupportedAction(&stage.Actions[j], region); w != "" {
				what = append(what, w+" of action "+*stage.Actions[j].Name)
			}
		}
	}
	if len(what) == 0 {
		return ""
	}
	return "Slipway does not run this pipeline, since it does not implement " + strings.Join(what, ", ") +
		". docs/compatibility.md lists what it does."
}

func unsupportedAction(a *cp.ActionDeclaration, region string) string {
	id := a.ActionTypeId
	t := pipelinefile.Find(id)
	c := a.Configuration
	switch {
	case t == nil || !t.Runs:
		return fmt.Sprintf("the provider %s (%s, owner %s)", *id.Provider, id.Category, id.Owner)
	case a.Region != nil && *a.Region != region:
		return "the region " + *a.Region
	case c["OutputArtifactFormat"] != "" && c["OutputArtifactFormat"] != "CODE_ZIP":
		return "OutputArtifactFormat " + c["OutputArtifactFormat"]
	case strings.EqualFold(c["BatchEnabled"], "true"):
		return "BatchEnabled"
	case c["CannedACL"] != "" && c["CannedACL"] != "private":
		return "CannedACL " + c["CannedACL"]
	case t.Provider == "S3" && c["KMSEncryptionKeyARN"] != "":
		return "KMSEncryptionKeyARN"
	}
	return ""
}

// startTokenLife is how long a start's idempotency token is kept.
const startTokenLife = 24 * time.Hour

// StartPipelineExecution implements codepipeline:StartPipelineExecution.
func (s *Service) StartPipelineExecution(ctx context.Context,
	in *cp.StartPipelineExecutionInput) (*cp.StartPipelineExecutionOutput, error) {
	token := ""
	if in.ClientRequestToken != nil {
		token = *in.ClientRequestToken
	}
	out := &cp.StartPipelineExecutionOutput{}
	err := s.change(ctx, *in.Name, func(tx store.Tx, r *row) (effects []engine.Effect, err error) {
		if why := unsupported(r.Declaration, s.Region); why != "" {
			return nil, &cp.ValidationException{Message: why}
		}
		if err := checkStart(r.Declaration, in); err != nil {
			return nil, err
		}
		err = s.db.Once(ctx, tx, "StartPipelineExecution "+*in.Name, token, in, out,
			s.Now().Add(startTokenLife), func() error {
				e, started := s.start(r,
					begin{cp.ExecutionTrigger{TriggerType: cp.TriggerTypeStartPipelineExecution,
						TriggerDetail: callerARN(ctx)}, in.Variables, in.SourceRevisions})
				effects, out.PipelineExecutionId = started, e.PipelineExecutionId
				return nil
			})
		if errors.Is(err, store.ErrTokenMismatch) {
			err = &cp.ConflictException{Message: "The client request token was used before, for another start"}
		}
		return effects, err
	})
	return out, err
}

func checkStart(d *cp.PipelineDeclaration, in *cp.StartPipelineExecutionInput) error {
	if len(in.Variables) > 0 && d.PipelineType != cp.PipelineTypeV2 {
		return &cp.ValidationException{Message: "Pipeline variables need a pipeline of type V2"}
	}
	if _, err := resolveVariables(d, in.Variables); err != nil {
		return &cp.ValidationException{Message: "The pipeline '" + *d.Name + "' cannot start: " + err.Error()}
	}
	for _, o := range in.SourceRevisions {
		var a *cp.ActionDeclaration
		for i := range d.Stages[0].Actions {
			if *d.Stages[0].Actions[i].Name == *o.ActionName {
				a = &d.Stages[0].Actions[i]
			}
		}
		if a == nil {
			return &cp.ValidationException{Message: fmt.Sprintf("The pipeline '%s' has no source action '%s'", *d.Name,
				*o.ActionName)}
		}
		if err := checkOverride(a, o); err != nil {
			return err
		}
	}
	return nil
}

func checkOverride(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error {
	fits := map[string][]cp.SourceRevisionType{
		"CodeCommit": {cp.SourceRevisionTypeCommitId},
		"S3":         {cp.SourceRevisionTypeS3ObjectVersionId, cp.SourceRevisionTypeS3ObjectKey},
	}
	for _, t := range fits[*a.ActionTypeId.Provider] {
		if t != o.RevisionType {
			continue
		}
		if t == cp.SourceRevisionTypeS3ObjectKey &&
			!strings.EqualFold(a.Configuration["AllowOverrideForS3ObjectKey"], "true") {
			return &cp.ValidationException{Message: "Action '" + *a.Name +
				"' does not allow another object key: AllowOverrideForS3ObjectKey is not true"}
		}
		return nil
	}
	return &cp.ValidationException{
		Message: fmt.Sprintf("Action '%s' is a source of %s, which has no revisions of type %s", *a.Name,
			*a.ActionTypeId.Provider, o.RevisionType),
	}
}
