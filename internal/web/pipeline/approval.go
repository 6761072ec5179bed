package pipeline

import (
	"net/http"
	"net/url"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/diff"
	"slipway/internal/web/kit"
)

// approval is a decision that an action waits for, with what there is to weigh.
type approval struct {
	Stage, Action, Token string
	Change               change.Change
	CommitHref           string
	Note, Link           string
	Evidence             []view.Run // what ran before it
	Reports              []change.ReportLine
	Diff                 *approvalDiff
}

// approvalDiff is what approving changes: against what the stages behind the approval hold now, or by the commit alone
// if they hold nothing.
type approvalDiff struct {
	*slipway.GetDiffOutput
	Repository string
	Since      change.Change // what is behind the approval now
	Stage      string        // in which stage
	Folders    []diff.FolderDiff
	Href       string // the whole diff
}

// approvalPage is one decision on a page of its own, with the diff of what it lets through.
func (s *pages) approvalPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	stage, action := r.PathValue("stage"), r.PathValue("action")
	p, err := s.pipelineView(r, linesOfApproval)
	if err != nil {
		return err
	}
	var a *approval
	for i := range p.Approvals {
		if one := &p.Approvals[i]; one.Stage == stage && one.Action == action {
			a = one
		}
	}
	shell := s.Shell(r, v, "Approve "+p.Name, "pipeline/"+p.Name)
	s.Render(w, r, http.StatusOK, ApprovalPage(shell, p.Name, stage, action, a, s.Now()))
	return nil
}

// linesOfApproval is how many lines of a diff the page of an approval shows.
const linesOfApproval = 200

func makeApproval(a view.Action, c change.Change, x codepipeline.PipelineExecutionSummary) approval {
	q := approval{
		Stage:  a.Stage,
		Action: a.Name,
		Token:  a.Token,
		Change: c,
		Note:   kit.Text(a.Waiting.Note),
		Link:   kit.Text(a.Waiting.Link),
	}
	if len(x.SourceRevisions) > 0 {
		q.CommitHref = kit.PathOf(kit.Text(x.SourceRevisions[0].RevisionUrl))
	}
	return q
}

// weigh reads what there is to weigh: what ran before, the tests, and the diff, of which so many lines.
func (s *pages) weigh(r *http.Request, p *pipelineView, q *approval, lines int32) error {
	runs, err := s.runs(r, p.Name, q.Change.Execution)
	if err != nil {
		return err
	}
	known, err := view.Describe(r.Context(), s.Slipway, view.Externals(runs))
	if err != nil {
		return err
	}
	q.Evidence = evidence(runs, q, known)
	if q.Reports, err = s.reportsOf(r, view.Externals(runs), known); err != nil {
		return err
	}
	q.Diff, err = s.approvalDiff(r, p, q, lines)
	return err
}

// evidence is what ran on a change before its approval, in the order in which it began. Of an action that was retried
// it is the last run.
func evidence(runs []codepipeline.ActionExecutionDetail, q *approval, known map[string]slipway.Change) []view.Run {
	var all []view.Run
	seen := map[string]bool{}
	for _, x := range runs { // the newest first
		one := view.RunOf(x, known)
		key := one.Stage + "/" + one.Action
		if seen[key] || one.Stage == q.Stage && one.Action == q.Action {
			continue
		}
		seen[key] = true
		all = append(all, one)
	}
	slices.Reverse(all)
	return all
}

// approvalDiff compares the change with what the stages behind the approval hold. It is nil where the source is not
// here, or its commits are gone.
func (s *pages) approvalDiff(r *http.Request, p *pipelineView, q *approval, lines int32) (*approvalDiff, error) {
	repository := p.Repository
	if repository == "" || !kit.IsCommit(q.Change.Commit) {
		return nil, nil
	}
	made := &approvalDiff{Repository: repository, Href: kit.CommitPath(repository, q.Change.Commit)}
	in := &slipway.GetDiffInput{RepositoryName: &repository, AfterCommitSpecifier: &q.Change.Commit, MaxLines: &lines}
	if st := behind(p.Stages, q.Stage); st != nil {
		made.Since, made.Stage = st.Change, st.Name
		in.BeforeCommitSpecifier = &st.Change.Commit
		between := url.Values{"from": {st.Change.Commit}, "to": {q.Change.Commit}}
		made.Href = "/repositories/" + url.PathEscape(repository) + "/diff?" + between.Encode()
	}
	out, err := s.Slipway.GetDiff(r.Context(), in)
	switch awsproto.Code(err) {
	case "RepositoryDoesNotExistException", "CommitDoesNotExistException", "CommitIdDoesNotExistException":
		return nil, nil // it was deleted, or a push took it away
	}
	if err != nil {
		return nil, err
	}
	made.GetDiffOutput, made.Folders = out, diff.Folders(out.Files)
	return made, nil
}

// behind is the first stage behind another that holds a commit that succeeded there; nil for none.
func behind(stages []view.Stage, name string) *view.Stage {
	at := slices.IndexFunc(stages, func(st view.Stage) bool { return st.Name == name })
	for i := at + 1; i < len(stages); i++ {
		if st := &stages[i]; kit.IsCommit(st.Change.Commit) && st.Kind == kit.Succeeded {
			return st
		}
	}
	return nil
}

// reportsOf finds what the builds among some work reported.
func (s *pages) reportsOf(r *http.Request, ids []string, known map[string]slipway.Change) ([]change.ReportLine, error) {
	var builds []string
	for _, id := range ids {
		if known[id].Kind == slipway.WorkKindBuild && !slices.Contains(builds, id) {
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
	return change.ReportLines(r.Context(), s.Builds, arns)
}
