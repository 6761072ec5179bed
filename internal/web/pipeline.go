package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"slipway/api/codepipeline"
)

const executionsShown = 25

// pipelineView is one pipeline as its page shows it.
type pipelineView struct {
	Name       string
	Kind       Kind
	Stages     []berth
	Approvals  []approval
	Executions []executionRow
	More       string // where older executions are
	Running    []executionRow
	Failed     int
}

// berth is a stage with the change that lies in it.
type berth struct {
	Name      string
	Kind      Kind
	Change    change
	Cont      bool // the same change as in the stage before
	Inbound   *change
	Groups    [][]act
	Closed    bool
	Door      *codepipeline.TransitionState
	Next      string // the stage behind
	NextDoor  *codepipeline.TransitionState
	Retryable bool
}

// act is an action with its latest run.
type act struct {
	Stage, Name string
	What        string // its provider, with what it works on
	Kind        Kind
	Say         string
	Error       string
	Href        string
	run         *codepipeline.ActionExecution
}

// approval is somebody's decision that an action waits for.
type approval struct {
	Stage, Action, Token string
	Change               change
	CommitHref           string
	Custom, Link         string
	Evidence             []act // what ran before it
}

// executionRow is an execution in the table.
type executionRow struct {
	ID           string
	Change       change
	CommitHref   string
	Kind         Kind
	Word         string
	Note         string
	SupersededBy string
	Stages       []mark
	Trigger      string
}

func pipelinePath(name string) string { return "/pipelines/" + url.PathEscape(name) }

func executionPath(pipeline, id string) string {
	return pipelinePath(pipeline) + "/executions/" + url.PathEscape(id)
}

func (s *site) pipelinePage(w http.ResponseWriter, r *http.Request, v visitor) error {
	p, err := s.pipelineView(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, PipelinePage(s.shell(r, v, p.Name, "pipeline/"+p.Name), p, s.Now()))
	return nil
}

// approvalPage is one decision on a page of its own.
func (s *site) approvalPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	p, err := s.pipelineView(r)
	if err != nil {
		return err
	}
	stage, action := r.PathValue("stage"), r.PathValue("action")
	i := slices.IndexFunc(p.Approvals, func(a approval) bool { return a.Stage == stage && a.Action == action })
	var a *approval
	if i >= 0 {
		a = &p.Approvals[i]
	}
	s.render(w, r, http.StatusOK, ApprovalPage(s.shell(r, v, "Approve "+p.Name, "pipeline/"+p.Name), p.Name, stage, action, a, s.Now()))
	return nil
}

func (s *site) pipelineView(r *http.Request) (*pipelineView, error) {
	ctx, name := r.Context(), r.PathValue("name")
	d, err := s.Pipelines.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &name})
	if err != nil {
		return nil, err
	}
	state, err := s.Pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &name})
	if err != nil {
		return nil, err
	}
	in := &codepipeline.ListPipelineExecutionsInput{PipelineName: &name, MaxResults: new(int32(executionsShown))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Pipelines.ListPipelineExecutions(ctx, in)
	if err != nil {
		return nil, err
	}
	runs, err := s.Pipelines.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{PipelineName: &name, MaxResults: new(int32(100))})
	if err != nil {
		return nil, err
	}
	p := makePipeline(d.Pipeline, state, list.PipelineExecutionSummaries, runs.ActionExecutionDetails)
	if list.NextToken != nil {
		p.More = pipelinePath(name) + "?after=" + url.QueryEscape(*list.NextToken) + "#executions"
	}
	return p, nil
}

// makePipeline puts the page together from what the services told.
func makePipeline(d *codepipeline.PipelineDeclaration, state *codepipeline.GetPipelineStateOutput, list []codepipeline.PipelineExecutionSummary, runs []codepipeline.ActionExecutionDetail) *pipelineView {
	p := &pipelineView{Name: *d.Name, Kind: NotReached}
	byID := map[string]codepipeline.PipelineExecutionSummary{}
	for _, x := range list {
		byID[*x.PipelineExecutionId] = x
	}
	resolved := map[string]map[string]string{} // configurations with their variables filled in, by action execution
	for _, x := range runs {
		if x.Input != nil && x.ActionExecutionId != nil {
			resolved[*x.ActionExecutionId] = x.Input.ResolvedConfiguration
		}
	}
	declared := map[string]*codepipeline.StageDeclaration{}
	for i := range d.Stages {
		declared[*d.Stages[i].Name] = &d.Stages[i]
	}
	before := ""
	var evidence []act
	for i := range state.StageStates {
		st := &state.StageStates[i]
		k, _ := stageKind(st)
		b := berth{Name: *st.StageName, Kind: k, Door: st.InboundTransitionState, Closed: closed(st.InboundTransitionState), Retryable: k == Failed || k == Stopped}
		if i+1 < len(state.StageStates) {
			b.Next, b.NextDoor = *state.StageStates[i+1].StageName, state.StageStates[i+1].InboundTransitionState
		}
		if st.LatestExecution != nil {
			id := *st.LatestExecution.PipelineExecutionId
			b.Change, b.Cont = changeOf(byID[id], id), id == before
			before = id
		}
		if in := st.InboundExecution; in != nil {
			b.Inbound = new(changeOf(byID[*in.PipelineExecutionId], *in.PipelineExecutionId))
		}
		b.Groups = groups(declared[b.Name], st, k)
		for _, g := range b.Groups {
			for _, a := range g {
				if a.Kind == Waiting && a.run != nil && a.run.Token != nil {
					p.Approvals = append(p.Approvals, makeApproval(a, b.Change, byID[b.Change.Execution], actionOf(declared[b.Name], a.Name), resolved[text(a.run.ActionExecutionId)], evidence))
				}
			}
			evidence = append(evidence, g...)
		}
		if k == Failed {
			p.Failed++
		}
		if rank(k) < rank(p.Kind) {
			p.Kind = k
		}
		p.Stages = append(p.Stages, b)
	}
	for _, x := range list {
		row := executionRowOf(x, d, runs)
		if row.Kind == Running || row.Kind == Waiting {
			p.Running = append(p.Running, row)
		}
		p.Executions = append(p.Executions, row)
	}
	return p
}

func closed(t *codepipeline.TransitionState) bool { return t != nil && t.Enabled != nil && !*t.Enabled }

func actionOf(stage *codepipeline.StageDeclaration, name string) *codepipeline.ActionDeclaration {
	if stage != nil {
		for i := range stage.Actions {
			if *stage.Actions[i].Name == name {
				return &stage.Actions[i]
			}
		}
	}
	return nil
}

// groups are a stage's actions by their runOrder: those of a group run side by side.
func groups(d *codepipeline.StageDeclaration, st *codepipeline.StageState, stage Kind) [][]act {
	byOrder := map[int32][]act{}
	var orders []int32
	for i := range st.ActionStates {
		state := &st.ActionStates[i]
		a := act{Stage: *st.StageName, Name: *state.ActionName, Kind: NotReached, run: state.LatestExecution, Href: local(pathOf(text(state.EntityUrl)))}
		if state.EntityUrl == nil {
			a.Href = ""
		}
		order := int32(1)
		if decl := actionOf(d, a.Name); decl != nil {
			a.What = what(decl)
			if decl.RunOrder != nil {
				order = *decl.RunOrder
			}
		}
		if x := state.LatestExecution; x != nil {
			a.Kind = kindOf(string(x.Status))
			if x.Token != nil && a.Kind == Running && stage != Stopped {
				a.Kind = Waiting
			}
			if x.ExternalExecutionUrl != nil {
				a.Href = pathOf(*x.ExternalExecutionUrl)
			}
			switch {
			case a.Kind == Failed:
				a.Error = failure(x)
			case x.Summary != nil:
				a.Say = firstLine(*x.Summary)
			}
		}
		if _, ok := byOrder[order]; !ok {
			orders = append(orders, order)
		}
		byOrder[order] = append(byOrder[order], a)
	}
	slices.Sort(orders)
	var all [][]act
	for _, o := range orders {
		all = append(all, byOrder[o])
	}
	return all
}

// what an action works with, in a few words.
func what(a *codepipeline.ActionDeclaration) string {
	c := a.Configuration
	switch text(a.ActionTypeId.Provider) {
	case "CodeCommit":
		return c["RepositoryName"] + ", " + c["BranchName"]
	case "CodeBuild":
		return c["ProjectName"]
	case "CodeDeploy":
		return c["ApplicationName"] + "/" + c["DeploymentGroupName"]
	case "S3":
		return "s3://" + c["S3Bucket"] + c["BucketName"] + "/" + c["S3ObjectKey"] + c["ObjectKey"]
	case "Manual":
		return "somebody decides"
	}
	return text(a.ActionTypeId.Provider)
}

// pathOf is the path of an address of this server; of another's it is the address itself.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for _, known := range []string{"/pipelines/", "/builds/", "/deployments/", "/repositories/", "/projects/", "/applications/"} {
		if strings.HasPrefix(u.Path, known) {
			return u.EscapedPath()
		}
	}
	if u.Scheme == "https" || u.Scheme == "http" {
		return address
	}
	return ""
}

func makeApproval(a act, c change, x codepipeline.PipelineExecutionSummary, d *codepipeline.ActionDeclaration, resolved map[string]string, before []act) approval {
	q := approval{Stage: a.Stage, Action: a.Name, Token: *a.run.Token, Change: c, Evidence: before, CommitHref: commitHref(x)}
	if resolved == nil && d != nil {
		resolved = d.Configuration
	}
	q.Custom = resolved["CustomData"]
	if link := resolved["ExternalEntityLink"]; strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		q.Link = link
	}
	return q
}

func commitHref(x codepipeline.PipelineExecutionSummary) string {
	if len(x.SourceRevisions) == 0 || x.SourceRevisions[0].RevisionUrl == nil {
		return ""
	}
	return pathOf(*x.SourceRevisions[0].RevisionUrl)
}

// executionRowOf shows an execution; runs are those known of any execution, the newest first.
func executionRowOf(x codepipeline.PipelineExecutionSummary, d *codepipeline.PipelineDeclaration, runs []codepipeline.ActionExecutionDetail) executionRow {
	id := *x.PipelineExecutionId
	row := executionRow{ID: id, Change: changeOf(x, id), CommitHref: commitHref(x), Kind: kindOf(string(x.Status)), Note: text(x.StatusSummary)}
	if by, ok := strings.CutPrefix(row.Note, "Superseded by execution "); ok {
		row.SupersededBy, row.Note = by, ""
	}
	if x.StopTrigger != nil && text(x.StopTrigger.Reason) != "" {
		row.Note = "“" + *x.StopTrigger.Reason + "”"
	}
	if x.Trigger != nil {
		row.Trigger = triggerWords(x.Trigger)
	}
	kinds := map[string]Kind{}
	seen := map[string]bool{}
	for _, run := range runs {
		key := text(run.StageName) + "/" + text(run.ActionName)
		if text(run.PipelineExecutionId) != id || seen[key] {
			continue
		}
		seen[key] = true
		k := kindOf(string(run.Status))
		if k == Running && run.Input != nil && run.Input.ActionTypeId != nil && run.Input.ActionTypeId.Category == codepipeline.ActionCategoryApproval {
			k = Waiting
			if row.Kind == Running {
				row.Kind = Waiting
			}
		}
		if old, ok := kinds[text(run.StageName)]; !ok || rank(k) < rank(old) {
			kinds[text(run.StageName)] = k
		}
	}
	for i := range d.Stages {
		k, ok := kinds[*d.Stages[i].Name]
		if !ok {
			k = NotReached
		}
		row.Stages = append(row.Stages, mark{Name: *d.Stages[i].Name, Kind: k})
	}
	row.Word = strings.ToUpper(string(row.Kind)[:1]) + string(row.Kind)[1:]
	switch row.Kind {
	case Waiting:
		row.Word = "Waits for approval"
	case NotReached:
		row.Word = string(x.Status)
	}
	return row
}

func triggerWords(t *codepipeline.ExecutionTrigger) string {
	switch t.TriggerType {
	case codepipeline.TriggerTypeCreatePipeline:
		return "the pipeline was created"
	case codepipeline.TriggerTypeStartPipelineExecution:
		return "released by hand"
	case codepipeline.TriggerTypePutActionRevision, codepipeline.TriggerTypePollForSourceChanges, codepipeline.TriggerTypeCloudWatchEvent:
		return "a push"
	}
	return string(t.TriggerType)
}
