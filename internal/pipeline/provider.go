package pipeline

import (
	"context"
	"fmt"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/spec/pipelinefile"
)

// Provider does the work of one or more types of actions. A provider may also be a Source, a Waiter or a Stopper.
type Provider interface {
	// Types declares the types of actions that the provider runs. It is called once.
	Types() []pipelinefile.ActionType
	// Unsupported names what a valid declaration asks for and this provider cannot do; "" if it can do all of it. A
	// pipeline with such an action is kept, and its start is refused.
	Unsupported(a *cp.ActionDeclaration) string
	// Describe says what people are told of an action. The values of its configuration may hold variables.
	Describe(a *cp.ActionDeclaration) Description
	// Start begins an action. After a crash it is called again with the same Action.ID, by which the provider
	// recognises what it has done before. A *Refusal, or an error of a service that is no 500 or 503, ends the action
	// as failed; after any other error Start is called again.
	Start(ctx context.Context, a *Action) (Outcome, error)
}

// Source is a provider whose actions start pipelines when something changes. Its actions are of the category Source.
type Source interface {
	Provider
	// Watches are the places whose changes start the pipeline of an action.
	Watches(a *cp.ActionDeclaration) []Place
	// Override refuses a revision that a start asks for and the action cannot take. The error is for the caller.
	Override(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error
}

// Waiter is a provider whose actions wait for something that runs elsewhere, such as a build.
type Waiter interface {
	Provider
	// Result is how what an action waits for has ended; nil while it has not. It is asked after Service.Ended was
	// called, and once right after the start. An error that Start would end the action with ends it here, too.
	Result(ctx context.Context, a *Action, id string) (*Result, error)
}

// Stopper is a provider that stops what an action has started when the action is abandoned. Without it, what was
// started goes on by itself, as at AWS.
type Stopper interface {
	Provider
	// Stop stops what the action waits for. It is called again after an error or a crash, and may come after the end.
	Stop(ctx context.Context, a *Action, id string) error
}

// Reporter is a Waiter whose actions say how far they are, and what does their work elsewhere.
type Reporter interface {
	Waiter
	// Progress is how far an action is; nil for nothing to tell. It is asked whenever Result is.
	Progress(ctx context.Context, a *Action, id string) (*Progress, error)
}

// Targeted is a Waiter whose actions deploy to targets that can be told apart, such as hosts.
type Targeted interface {
	Waiter
	// Targets are those of what an action waits for, or waited for.
	Targets(ctx context.Context, id string, q TargetQuery) (TargetPage, error)
}

// TargetQuery says which targets are asked for: of these statuses, or of all, after a place of TargetPage.Next.
type TargetQuery struct {
	Statuses []string
	After    string
}

// TargetPage is a part of the targets. Next is where the next part begins; "" for the last.
type TargetPage struct {
	All  []cp.DeployActionExecutionTarget
	Next string
}

// Progress is how far an action is. Members that are not known are empty.
type Progress struct {
	ExternalID string // of what does the work elsewhere
	URL        string // as Outcome.URL
	Summary    string
	Percent    *int32
	Log        string // the ARN of the log stream with its log
}

// Custom has the action types that requests make, of any version, and is the provider of their actions. Its Types are
// those that definitions may name.
type Custom interface {
	Provider
	// Type is the type of an identifier, also a deleted one; nil if there never was one.
	Type(id *cp.ActionTypeId) *pipelinefile.ActionType
	// Declared is a type as GetActionType shows it; nil for one that was not made by UpdateActionType.
	Declared(id *cp.ActionTypeId) *cp.ActionTypeDeclaration
	// Shown are the types as ListActionTypes shows them. Deleted ones are left out.
	Shown() []cp.ActionType
}

// Action is an action execution in the hands of its provider.
type Action struct {
	ID                  string // of the action execution
	Pipeline, Execution string // the pipeline's name, the execution's ID
	Stage, Name         string
	Type                *cp.ActionTypeId
	// Role is the pipeline's service role, and OwnRole the action's own, which Role assumes; "" for none.
	Role, OwnRole string
	Configuration map[string]string // with the variables resolved
	Inputs        []cp.ArtifactDetail
	Outputs       []cp.ArtifactDetail // where the output artifacts go
	// Commands are what an action of category Compute runs; nil for another one.
	Commands *Commands
	// Overrides are the revisions that the start of the execution asked for, of a source action.
	Overrides []cp.SourceRevisionOverride
	// Trigger is what started the execution.
	Trigger cp.ExecutionTrigger
	// Revisions are those of the execution's source artifacts that are known by now.
	Revisions []cp.ArtifactRevision
}

// Commands are what an action runs in a shell, with the variables of the pipeline resolved.
type Commands struct {
	Lines     []string
	Variables []cp.EnvironmentVariable
	Exported  []string // the names of the environment's variables that the action's are
	Files     []string // of the output artifact; nil for all
}

// Override is the revision of a type that the start of the execution asked for; "" if it asked for none.
func (a *Action) Override(kind cp.SourceRevisionType) string {
	for _, o := range a.Overrides {
		if o.RevisionType == kind {
			return *o.RevisionValue
		}
	}
	return ""
}

// RefuseOverride is the error of an action that has no revisions of the type that a start asks for.
func RefuseOverride(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error {
	return Refuse("ValidationException", "Action '%s' is a source of %s, which has no revisions of type %s",
		*a.Name, *a.ActionTypeId.Provider, o.RevisionType)
}

// Outcome is what came of a start: the action's end, or something that it waits for. With neither it waits for a
// person's approval.
type Outcome struct {
	Result *Result
	Wait   *Wait
	// URL is the page of what the action waits for: absolute, or a path below the server's own address.
	URL string
}

// Wait is something that an action waits for: of a kind that the provider chooses, and with an ID of that kind.
type Wait struct{ Kind, ID string }

// Place is something that pipelines watch: of a kind that the provider chooses. Where it is part of a repository here,
// its name begins with the repository's name and a space.
type Place struct{ Kind, Name string }

// Result is how an action ended.
type Result struct {
	Failure   *Refusal // nil if it succeeded
	Variables map[string]string
	// Revision is the revision that a source action took, or that another says it has worked on.
	Revision *Revision
}

// Revision is what a source action took. Change identifies the change that brought it; "" for ID.
type Revision struct {
	ID, Summary string
	Change      string
	URL         string // as Outcome.URL
	Created     time.Time
}

// Failed is the result of an action that failed; code is one of AWS's, such as JobFailed.
func Failed(code, format string, args ...any) *Result {
	return &Result{Failure: &Refusal{code, fmt.Sprintf(format, args...)}}
}

// Refusal is why an action cannot be done, however often it is tried.
type Refusal struct{ Code, Message string }

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// Refuse returns a *Refusal; code is one of AWS's, such as InvalidActionConfiguration.
func Refuse(code, format string, args ...any) error {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// Description is what people are told of an action. Members that do not apply are empty.
type Description struct {
	What string // what it works on, in a few words: "greeter, main"
	URL  string // the page of that: absolute, or a path below the server's own address
	// Repository is the repository here whose commits a source action takes.
	Repository string
	// Application and Group are the deployment group that a deploy action deploys to.
	Application, Group string
	// Note and Link are what an approver is told and may look at.
	Note, Link string
}
