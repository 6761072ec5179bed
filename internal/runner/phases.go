package runner

import (
	"context"

	"slipway/api/codebuild"
	"slipway/spec/buildspec"
)

// phases runs the phases that have commands, and tells whether the build goes on to its artifacts.
func (b *build) phases(ctx context.Context) bool {
	for _, step := range phasesOf(b.spec) {
		if why := b.leftOut(step.kind); why != "" {
			b.log.say("Phase %s is left out: %s", step.kind, why)
			if step.kind != codebuild.BuildPhaseTypePostBuild {
				continue
			}
			step.phase = buildspec.Phase{} // exported variables are read in it
		}
		ok := b.phase(ctx, step.kind, func(ctx context.Context) error { return b.commands(ctx, step.kind, step.phase) })
		if ctx.Err() != nil || !ok && !goesOn(step.kind, step.phase.OnFailure.Action) {
			return false
		}
	}
	return true
}

// namedPhase is a phase of a buildspec with its name.
type namedPhase struct {
	kind  codebuild.BuildPhaseType
	phase buildspec.Phase
}

// phasesOf are the phases that have commands, in their order.
func phasesOf(s *buildspec.Spec) []namedPhase {
	p := s.Phases
	return []namedPhase{
		{codebuild.BuildPhaseTypeInstall, p.Install}, {codebuild.BuildPhaseTypePreBuild, p.PreBuild},
		{codebuild.BuildPhaseTypeBuild, p.Build}, {codebuild.BuildPhaseTypePostBuild, p.PostBuild},
	}
}

// goesOn says whether the next phase runs after one that failed. CodeBuild goes on after BUILD, to POST_BUILD, and
// after POST_BUILD, to UPLOAD_ARTIFACTS; a failed INSTALL or PRE_BUILD ends the build. on-failure changes that.
func goesOn(kind codebuild.BuildPhaseType, action buildspec.Action) bool {
	switch action {
	case buildspec.Abort:
		return false
	case buildspec.Continue:
		return true
	}
	return kind == codebuild.BuildPhaseTypeBuild || kind == codebuild.BuildPhaseTypePostBuild
}

// hasCommands tells the phases in which a buildspec's commands run.
func hasCommands(kind codebuild.BuildPhaseType) bool {
	switch kind {
	case codebuild.BuildPhaseTypeInstall, codebuild.BuildPhaseTypePreBuild,
		codebuild.BuildPhaseTypeBuild, codebuild.BuildPhaseTypePostBuild:
		return true
	}
	return false
}
