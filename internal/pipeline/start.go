package pipeline

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// cause is what starts an execution.
type cause struct {
	trigger   cp.ExecutionTrigger
	variables []cp.PipelineVariable
	sources   []cp.SourceRevisionOverride
}

// start adds an execution. A pipeline that this version cannot run gets one that has failed and says why.
func (s *Service) start(r *row, by cause) (*engine.Execution, []engine.Effect) {
	d, w := r.Declaration, s.world()
	r.Sequence++
	e := &engine.Execution{Sequence: r.Sequence, Sources: by.sources}
	e.PipelineExecution = cp.PipelineExecution{
		PipelineName:        d.Name,
		PipelineVersion:     d.Version,
		PipelineExecutionId: new(uuid.NewString()),
		Trigger:             &by.trigger,
		ExecutionMode:       d.ExecutionMode,
		ExecutionType:       cp.ExecutionTypeStandard,
	}
	why := s.unsupported(d)
	variables, err := resolveVariables(d, by.variables)
	if why == "" && err != nil {
		why = err.Error()
	}
	if why == "" && engine.Full(&r.Pipeline) {
		why = tooMany(d)
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

// unsupported says what of a definition this version of Slipway keeps and returns but cannot run; "" if it can run all
// of it.
func (s *Service) unsupported(d *cp.PipelineDeclaration) string {
	var what []string
	for i := range d.Stages {
		stage := &d.Stages[i]
		what = append(what, s.registry.unsupportedRules(stage, s.Region)...)
		for j := range stage.Actions {
			if w := s.registry.unsupported(&stage.Actions[j], s.Region); w != "" {
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

// tooMany says that a pipeline takes no further execution.
func tooMany(d *cp.PipelineDeclaration) string {
	what := "50 executions wait in it"
	if d.ExecutionMode == cp.ExecutionModeParallel {
		what = "50 executions run in it"
	}
	return "The pipeline '" + *d.Name + "' takes no further execution: " + what +
		", the most that its execution mode " + string(d.ExecutionMode) + " allows. Stop some, or wait for them to end"
}

// startTokenLife is how long a start's idempotency token is kept.
const startTokenLife = 24 * time.Hour

// StartPipelineExecution implements codepipeline:StartPipelineExecution.
func (s *Service) StartPipelineExecution(
	ctx context.Context,
	in *cp.StartPipelineExecutionInput,
) (*cp.StartPipelineExecutionOutput, error) {
	token := ""
	if in.ClientRequestToken != nil {
		token = *in.ClientRequestToken
	}
	out := &cp.StartPipelineExecutionOutput{}
	err := s.change(ctx, *in.Name, func(tx store.Tx, r *row) (effects []engine.Effect, err error) {
		if why := s.unsupported(r.Declaration); why != "" {
			return nil, &cp.ValidationException{Message: why}
		}
		if err := s.checkStart(r.Declaration, in); err != nil {
			return nil, err
		}
		until := s.Now().Add(startTokenLife)
		err = s.db.Once(ctx, tx, "StartPipelineExecution "+*in.Name, token, in, out, until, func() error {
			if engine.Full(&r.Pipeline) {
				return &cp.ConcurrentPipelineExecutionsLimitExceededException{Message: tooMany(r.Declaration)}
			}
			trigger := cp.ExecutionTrigger{
				TriggerType:   cp.TriggerTypeStartPipelineExecution,
				TriggerDetail: callerARN(ctx),
			}
			e, started := s.start(r, cause{trigger, in.Variables, in.SourceRevisions})
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

func (s *Service) checkStart(d *cp.PipelineDeclaration, in *cp.StartPipelineExecutionInput) error {
	if len(in.Variables) > 0 && d.PipelineType != cp.PipelineTypeV2 {
		return &cp.ValidationException{Message: "Pipeline variables need a pipeline of type V2"}
	}
	if _, err := resolveVariables(d, in.Variables); err != nil {
		return &cp.ValidationException{Message: "The pipeline '" + *d.Name + "' cannot start: " + err.Error()}
	}
	for _, o := range in.SourceRevisions {
		if err := s.checkOverride(d, o); err != nil {
			return &cp.ValidationException{Message: err.Error()}
		}
	}
	return nil
}

func (s *Service) checkOverride(d *cp.PipelineDeclaration, o cp.SourceRevisionOverride) error {
	for i := range d.Stages[0].Actions {
		if a := &d.Stages[0].Actions[i]; *a.Name == *o.ActionName {
			return s.registry.checkOverride(a, o)
		}
	}
	return Refuse("ValidationException", "The pipeline '%s' has no source action '%s'", *d.Name, *o.ActionName)
}
