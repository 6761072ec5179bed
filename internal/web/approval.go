package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// approval is somebody's decision that an action waits for, with what there is to weigh.
type approval struct {
	Stage, Action, Token string
	Change               change
	CommitHref           string
	Custom, Link         string
	Evidence             []act // what ran before it
	Reports              []reportLine
	Diff                 *approvalDiff
}

// approvalDiff is what approving changes: against what lies behind the approval now, or by the commit alone if
// nothing does.
type approvalDiff struct {
	*slipway.GetDiffOutput
	Repository string
	Since      change // what lies behind it now
	Stage      string // where that lies
	Folders    []folderDiff
	Href       string // the whole diff
}

// approvalPage is one decision on a page of its own, with the diff of what it lets through.
func (s *site) approvalPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	stage, action := r.PathValue("stage"), r.PathValue("action")
	p, err := s.pipelineView(r, linesOfApproval)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.Approvals, func(a approval) bool { return a.Stage == stage && a.Action == action })
	var a *approval
	if i >= 0 {
		a = &p.Approvals[i]
	}
	s.render(
		w,
		r,
		http.StatusOK,
		ApprovalPage(s.shell(r, v, "Approve "+p.Name, "pipeline/"+p.Name), p.Name, stage, action, a, s.Now()),
	)
	return nil
}

// linesOfApproval is how many lines of a diff the page of an approval shows.
const linesOfApproval = 200

func makeApproval(
	a act,
	c change,
	x codepipeline.PipelineExecutionSummary,
	d *codepipeline.ActionDeclaration,
) approval {
	q := approval{Stage: a.Stage, Action: a.Name, Token: *a.run.Token, Change: c, CommitHref: commitHref(x)}
	if d != nil {
		q.say(d.Configuration)
	}
	return q
}

// say takes what the action wants to be said, from its configuration.
func (q *approval) say(configuration map[string]string) {
	q.Custom, q.Link = configuration["CustomData"], ""
	if link := configuration["ExternalEntityLink"]; strings.HasPrefix(link, "https://") ||
		strings.HasPrefix(link, "http://") {
		q.Link = link
	}
}

// weigh reads what there is to weigh: the configuration with its variables filled in, the tests, and the diff,
// of which so many lines.
func (s *site) weigh(
	r *http.Request,
	d *codepipeline.PipelineDeclaration,
	p *pipelineView,
	q *approval,
	lines int32,
) error {
	ctx := r.Context()
	runs, err := s.Pipelines.ListActionExecutions(
		ctx,
		&codepipeline.ListActionExecutionsInput{
			PipelineName: &p.Name,
			Filter:       &codepipeline.ActionExecutionFilter{PipelineExecutionId: &q.Change.Execution},
			MaxResults:   new(int32(100)),
		},
	)
	if err != nil {
		return err
	}
	for _, x := range runs.ActionExecutionDetails {
		if text(x.StageName) == q.Stage && text(x.ActionName) == q.Action && x.Input != nil &&
			x.Input.ResolvedConfiguration != nil {
			q.say(x.Input.ResolvedConfiguration)
			break // the newest run
		}
	}
	known, err := s.describe(ctx, externals(runs.ActionExecutionDetails))
	if err != nil {
		return err
	}
	q.Evidence = evidence(runs.ActionExecutionDetails, q, known)
	if q.Reports, err = s.reportsOf(r, runs.ActionExecutionDetails); err != nil {
		return err
	}
	q.Diff, err = s.approvalDiff(r, d, p, q, lines)
	return err
}

// evidence is what ran on a change before its approval, in the order in which it began; of an action that was
// retried the last run.
func evidence(runs []codepipeline.ActionExecutionDetail, q *approval, known map[string]slipway.Change) []act {
	var all []act
	seen := map[string]bool{}
	for _, x := range runs { // the newest first
		one := runOf(x, known)
		key := one.Stage + "/" + one.Action
		if seen[key] || one.Stage == q.Stage && one.Action == q.Action {
			continue
		}
		seen[key] = true
		say := one.Error
		if say == "" {
			say = one.Say
		}
		all = append(all, act{Stage: one.Stage, Name: one.Action, Kind: one.Kind, Say: firstLine(say), Href: one.Href})
	}
	slices.Reverse(all)
	return all
}

// approvalDiff compares the change with what the stages behind the approval hold.
func (s *site) approvalDiff(
	r *http.Request,
	d *codepipeline.PipelineDeclaration,
	p *pipelineView,
	q *approval,
	lines int32,
) (*approvalDiff, error) {
	repository := repositoryOf(d)
	if repository == "" || !isCommit(q.Change.Commit) {
		return nil, nil
	}
	diff := &approvalDiff{Repository: repository, Href: commitPath(repository, q.Change.Commit)}
	in := &slipway.GetDiffInput{RepositoryName: &repository, AfterCommitSpecifier: &q.Change.Commit, MaxLines: &lines}
	at := slices.IndexFunc(p.Stages, func(b berth) bool { return b.Name == q.Stage })
	for _, b := range p.Stages[at+1:] {
		if isCommit(b.Change.Commit) && b.Kind == Succeeded {
			diff.Since, diff.Stage = b.Change, b.Name
			in.BeforeCommitSpecifier = &b.Change.Commit
			diff.Href = "/repositories/" + url.PathEscape(
				repository,
			) + "/diff?" + url.Values{
				"from": {b.Change.Commit},
				"to":   {q.Change.Commit},
			}.Encode()
			break
		}
	}
	out, err := s.Slipway.GetDiff(r.Context(), in)
	switch awsproto.Code(err) {
	case "RepositoryDoesNotExistException", "CommitDoesNotExistException", "CommitIdDoesNotExistException":
		return nil, nil // it was deleted, or a push took it away
	}
	if err != nil {
		return nil, err
	}
	diff.GetDiffOutput, diff.Folders = out, folders(out.Files)
	return diff, nil
}

// repositoryOf is the repository that the first source action of a pipeline takes its changes from; "" if it is
// none here.
func repositoryOf(d *codepipeline.PipelineDeclaration) string {
	for i := range d.Stages[0].Actions {
		if name := d.Stages[0].Actions[i].Configuration["RepositoryName"]; name != "" {
			return name
		}
	}
	return ""
}

func isCommit(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }

// reportsOf finds what the builds of an execution reported.
func (s *site) reportsOf(r *http.Request, runs []codepipeline.ActionExecutionDetail) ([]reportLine, error) {
	var builds []string
	for _, x := range runs {
		if x.Input == nil || x.Input.ActionTypeId == nil || text(x.Input.ActionTypeId.Provider) != "CodeBuild" ||
			x.Output == nil ||
			x.Output.ExecutionResult == nil {
			continue
		}
		if id := text(x.Output.ExecutionResult.ExternalExecutionId); id != "" && !slices.Contains(builds, id) {
			builds = append(builds, id)
		}
	}
	if len(builds) == 0 {
		return nil, nil
	}
	out, err := s.Builds.BatchGetBuilds(r.Context(),
		&codebuild.BatchGetBuildsInput{Ids: builds[:min(100, len(builds))]})
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, b := range out.Builds {
		arns = append(arns, b.ReportArns...)
	}
	return s.reportLines(r, arns)
}
