package view

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
)

// Build is a build as people see it.
type Build struct {
	codebuild.Build
	Name     string  `json:"name"` // what people call it: "web:7"
	Kind     Kind    `json:"kind"`
	State    string  `json:"state"`
	Say      string  `json:"say,omitzero"`       // why it failed
	By       string  `json:"startedBy,omitzero"` // a person, or an execution: "shop #12"
	Change   Change  `json:"change,omitzero"`
	Progress []Phase `json:"progress,omitzero"` // its phases, without the one that says that it is complete
}

// Phase is a phase of a build as people see it.
type Phase struct {
	Type      codebuild.BuildPhaseType `json:"phaseType"`
	Name      string                   `json:"name"` // "Pre-build"
	Kind      Kind                     `json:"kind"`
	State     string                   `json:"state"`
	Say       string                   `json:"say,omitzero"` // why it failed
	StartTime *awsproto.Time           `json:"startTime,omitzero"`
	EndTime   *awsproto.Time           `json:"endTime,omitzero"`
}

// BuildOf is a build, with what DescribeChanges tells of it.
func BuildOf(b codebuild.Build, known map[string]slipway.Change) Build {
	one := Build{
		Build:  b,
		Name:   BuildName(b.ProjectName, b.BuildNumber),
		Kind:   KindOf(b.BuildStatus),
		State:  StatusWord(b.BuildStatus),
		Change: Described(known[text(b.Id)]),
	}
	if Paused(&b) {
		one.State = "Paused"
	}
	if one.Kind != Succeeded {
		one.Say = one.Change.Cause
	}
	one.By = text(b.Initiator)
	if pipeline := one.Pipeline(); pipeline != "" {
		one.By = strings.TrimSpace(pipeline + " " + one.Change.Name())
	}
	for _, p := range b.Phases {
		if p.PhaseType != codebuild.BuildPhaseTypeCompleted {
			one.Progress = append(one.Progress, phaseOf(p, one.Kind))
		}
	}
	return one
}

// ReadBuilds computes builds that CodeBuild has told of. It takes one operation for each 500 of them.
func ReadBuilds(ctx context.Context, api slipway.API, builds []codebuild.Build) ([]Build, error) {
	var ids []string
	for i := range builds {
		ids = append(ids, *builds[i].Id)
	}
	known, err := Describe(ctx, api, ids)
	if err != nil {
		return nil, err
	}
	all := make([]Build, len(builds))
	for i := range builds {
		all[i] = BuildOf(builds[i], known)
	}
	return all, nil
}

// BuildName is what people call a build: its project and its number there.
func BuildName(project *string, number *int64) string {
	if pipeline, ok := strings.CutPrefix(text(project), slipway.CommandsProject); ok {
		return pipeline + " commands"
	}
	n := int64(0)
	if number != nil {
		n = *number
	}
	return text(project) + ":" + strconv.FormatInt(n, 10)
}

// Pipeline is the pipeline that started the build; "" for none.
func (b *Build) Pipeline() string {
	pipeline, ok := strings.CutPrefix(text(b.Initiator), "codepipeline/")
	if !ok {
		return ""
	}
	return pipeline
}

// Paused reports whether codebuild-breakpoint has paused a build.
func Paused(b *codebuild.Build) bool {
	return b.BuildStatus == codebuild.StatusTypeInProgress && len(b.Phases) > 0 &&
		slices.ContainsFunc(b.Phases[len(b.Phases)-1].Contexts, func(c codebuild.PhaseContext) bool {
			return text(c.StatusCode) == slipway.Paused
		})
}

// Words say how the build stands: one that runs says in which phase.
func (b *Build) Words() string {
	if b.Kind == Running {
		return b.State + ", in " + strings.ToLower(strings.ReplaceAll(text(b.CurrentPhase), "_", " "))
	}
	return b.State
}

// Line says the most important thing of the build: why it failed, or what it builds.
func (b *Build) Line() string { return first(b.Say, b.Change.Title()) }

// phaseNames are the phases as people read them.
var phaseNames = map[codebuild.BuildPhaseType]string{
	codebuild.BuildPhaseTypeSubmitted:       "Submitted",
	codebuild.BuildPhaseTypeQueued:          "Queued",
	codebuild.BuildPhaseTypeProvisioning:    "Provisioning",
	codebuild.BuildPhaseTypeDownloadSource:  "Source",
	codebuild.BuildPhaseTypeInstall:         "Install",
	codebuild.BuildPhaseTypePreBuild:        "Pre-build",
	codebuild.BuildPhaseTypeBuild:           "Build",
	codebuild.BuildPhaseTypePostBuild:       "Post-build",
	codebuild.BuildPhaseTypeUploadArtifacts: "Upload",
	codebuild.BuildPhaseTypeFinalizing:      "Finish",
}

// phaseOf is a phase of a build that is in a state. A phase that has not ended runs as long as the build does.
func phaseOf(p codebuild.BuildPhase, build Kind) Phase {
	one := Phase{
		Type:      p.PhaseType,
		Name:      phaseNames[p.PhaseType],
		Kind:      KindOf(p.PhaseStatus),
		State:     StatusWord(p.PhaseStatus),
		StartTime: p.StartTime,
		EndTime:   p.EndTime,
	}
	if p.PhaseStatus == "" || one.Kind == Running {
		one.Kind = NotReached
		if build == Running {
			one.Kind = Running
		}
		one.State = one.Kind.Title()
	}
	for _, c := range p.Contexts {
		one.Say = first(one.Say, text(c.Message))
	}
	return one
}

// Explanation is why a build failed, with the change that it built and what changed since its project was green.
type Explanation struct {
	*slipway.ExplainBuildOutput
	Kind       Kind                            `json:"kind"`
	State      string                          `json:"state"`
	Say        string                          `json:"say,omitzero"` // the cause, or the summary if it did not fail
	Change     Change                          `json:"change"`
	SinceGreen *slipway.CompareWithGreenOutput `json:"sinceGreen"`
}

// ReadExplanation asks why a build failed that carries a change. It takes two operations.
func ReadExplanation(ctx context.Context, api slipway.API, id string, c Change) (*Explanation, error) {
	out, err := api.ExplainBuild(ctx, &slipway.ExplainBuildInput{Id: &id})
	if err != nil {
		return nil, err
	}
	since, err := api.CompareWithGreen(ctx, &slipway.CompareWithGreenInput{Id: &id})
	if err != nil {
		return nil, err
	}
	return explanationOf(out, since, c), nil
}

func explanationOf(
	out *slipway.ExplainBuildOutput,
	since *slipway.CompareWithGreenOutput,
	c Change,
) *Explanation {
	x := &Explanation{
		ExplainBuildOutput: out,
		Kind:               KindOf(text(out.Status)),
		State:              StatusWord(text(out.Status)),
		Say:                text(out.Summary),
		Change:             c,
		SinceGreen:         since,
	}
	if x.Kind == Failed {
		x.Say = explainedCause(out)
	}
	return x
}

// Green is the last build of the project that succeeded before, as people call it; "" if there is none.
func (x *Explanation) Green() string {
	if x.SinceGreen.GreenBuildId == nil {
		return ""
	}
	project, _, _ := strings.Cut(*x.SinceGreen.GreenBuildId, ":")
	return BuildName(&project, x.SinceGreen.GreenBuildNumber)
}

// Unchanged reports whether nothing changed since then that is known of.
func (x *Explanation) Unchanged() bool {
	g := x.SinceGreen
	return len(g.Commits)+len(g.Files)+len(g.Settings) == 0
}
