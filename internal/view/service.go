package view

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

// Facts returns what a stage knows of its work, by ID, in a number of queries that does not grow with that of the IDs.
// Work that is not there is left out.
type Facts interface {
	Facts(ctx context.Context, ids []string) (map[string]slipway.Work, error)
}

// Executions is what is asked of pipelines.
type Executions interface {
	Facts
	// Approvals are those that wait, of one pipeline or of all (""), and how many pipelines have failed.
	Approvals(ctx context.Context, pipeline string) (waiting []slipway.Waiting, failed int64, err error)
	// Progress are the executions that carry a commit, the newest first.
	Progress(ctx context.Context, repository, commit string) ([]slipway.CommitExecution, error)
}

// Deployments is what is asked of the Deploy stage.
type Deployments interface {
	Facts
	Serving(ctx context.Context, of []slipway.GroupRef) ([]slipway.ServingGroup, error)
	Versions(ctx context.Context, application, group string) ([]slipway.Tried, error)
	// Ready are the deployments that wait for a person to let their traffic shift.
	Ready(ctx context.Context) ([]string, error)
}

// Releases is what is asked of the Release stage.
type Releases interface {
	ListReleases(ctx context.Context, in *slipway.ListReleasesInput) (*slipway.ListReleasesOutput, error)
}

// Commits reads what repositories hold.
type Commits interface {
	ListCommits(ctx context.Context, in *slipway.ListCommitsInput) (*slipway.ListCommitsOutput, error)
	GetDiff(ctx context.Context, in *slipway.GetDiffInput) (*slipway.GetDiffOutput, error)
	BatchGetCommits(ctx context.Context, in *codecommit.BatchGetCommitsInput) (*codecommit.BatchGetCommitsOutput, error)
}

// Service implements the operations of slipway that tell how changes fare. It asks the stages for the facts.
type Service struct {
	Executions  Executions
	Builds      Builds
	Deployments Deployments
	Releases    Releases
	Commits     Commits
	Coverage    Coverage
	authors     authors
}

var (
	buildForm      = regexp.MustCompile(`^[^:/]+:[0-9a-f-]{36}$`)
	deploymentForm = regexp.MustCompile(`^d-[A-Z0-9]{9}$`)
	executionForm  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// workKind tells by the form of an ID what it is the ID of; "" for nothing that DescribeChanges knows.
func workKind(id string) slipway.WorkKind {
	switch {
	case buildForm.MatchString(id):
		return slipway.WorkKindBuild
	case deploymentForm.MatchString(id):
		return slipway.WorkKindDeployment
	case executionForm.MatchString(id):
		return slipway.WorkKindExecution
	}
	return ""
}

// DescribeChanges implements slipway:DescribeChanges. Of each build, deployment or execution it returns the change that
// it carries, and why it failed in one sentence. IDs that are not there are left out.
func (s *Service) DescribeChanges(
	ctx context.Context,
	in *slipway.DescribeChangesInput,
) (*slipway.DescribeChangesOutput, error) {
	changes, err := s.changes(ctx, in.Ids)
	return &slipway.DescribeChangesOutput{Changes: changes}, err
}

func (s *Service) changes(ctx context.Context, ids []string) (map[string]slipway.Change, error) {
	var builds, deployments, executions []string
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		switch workKind(id) {
		case slipway.WorkKindBuild:
			builds = append(builds, id)
		case slipway.WorkKindDeployment:
			deployments = append(deployments, id)
		case slipway.WorkKindExecution:
			executions = append(executions, id)
		}
	}
	all := map[string]slipway.Work{}
	for _, part := range []struct {
		of  Facts
		ids []string
	}{{s.Builds, builds}, {s.Deployments, deployments}} {
		some, err := part.of.Facts(ctx, part.ids)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, some)
	}
	for _, w := range all {
		if w.Execution != "" {
			executions = append(executions, w.Execution)
		}
	}
	carriers, err := s.Executions.Facts(ctx, slices.Compact(slices.Sorted(slices.Values(executions))))
	if err != nil {
		return nil, err
	}
	for id, w := range all {
		all[id] = carried(w, carriers[w.Execution])
	}
	for _, id := range executions {
		if w, ok := carriers[id]; ok {
			all[id] = w
		}
	}
	maps.DeleteFunc(all, func(_ string, w slipway.Work) bool { return !shows(ctx, w) })
	return s.described(ctx, all)
}

// carried adds to a build or a deployment what its execution carries.
func carried(w, by slipway.Work) slipway.Work {
	if by.ID == "" {
		w.Execution = "" // it was deleted since
		return w
	}
	w.Pipeline, w.Number, w.Repository, w.Subject = by.Pipeline, by.Number, by.Repository, by.Subject
	if w.Commit == "" || by.Commit != "" {
		w.Commit = by.Commit
	}
	return w
}

func (s *Service) described(ctx context.Context, all map[string]slipway.Work) (map[string]slipway.Change, error) {
	if err := s.authors.read(ctx, s.Commits, all); err != nil {
		return nil, err
	}
	out := map[string]slipway.Change{}
	for id, w := range all {
		c := slipway.Change{
			Id:             &id,
			Kind:           workKind(id),
			Cause:          given(Cause(w)),
			PipelineName:   given(w.Pipeline),
			ExecutionId:    given(w.Execution),
			RepositoryName: given(w.Repository),
			CommitId:       given(w.Commit),
			Subject:        given(FirstLine(w.Subject)),
			RollsBack:      given(w.RollsBack),
			Revision:       given(Revision(w.Revision)),
		}
		if w.Number > 0 {
			c.ExecutionNumber = &w.Number
		}
		if made, ok := s.authors.of(w.Commit); ok {
			c.Author = given(made.author)
			if c.Subject == nil {
				c.Subject = given(made.subject)
			}
		}
		out[id] = c
	}
	return out, nil
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Revision is what is deployed, in words.
func Revision(l *codedeploy.RevisionLocation) string {
	switch {
	case l == nil:
		return ""
	case l.S3Location != nil:
		return "s3://" + text(l.S3Location.Bucket) + "/" + text(l.S3Location.Key)
	case l.GitHubLocation != nil:
		return text(l.GitHubLocation.Repository) + " at " + text(l.GitHubLocation.CommitId)
	}
	return string(l.RevisionType)
}

// ListServing implements slipway:ListServing: which versions the hosts of groups run now.
func (s *Service) ListServing(ctx context.Context, in *slipway.ListServingInput) (*slipway.ListServingOutput, error) {
	groups, err := s.Deployments.Serving(ctx, in.Groups)
	if err != nil {
		return nil, err
	}
	groups = slices.DeleteFunc(groups, func(g slipway.ServingGroup) bool {
		return !awsproto.May(ctx, "codedeploy:GetDeploymentGroup",
			"deploymentgroup:"+*g.ApplicationName+"/"+*g.DeploymentGroupName)
	})
	var ids []string
	for _, g := range groups {
		for _, v := range g.Versions {
			ids = append(ids, *v.DeploymentId)
		}
	}
	changes, err := s.changes(ctx, ids)
	for _, g := range groups {
		for i := range g.Versions {
			if c, ok := changes[*g.Versions[i].DeploymentId]; ok {
				g.Versions[i].Change = &c
			}
		}
	}
	return &slipway.ListServingOutput{Groups: append([]slipway.ServingGroup{}, groups...)}, err
}

// ListVersions implements slipway:ListVersions: which versions were deployed to a group, the newest first, how
// each fared, on which hosts it runs, and which is the last good one: it did well here, was not found bad
// elsewhere, and is not what runs on all hosts.
func (s *Service) ListVersions(
	ctx context.Context,
	in *slipway.ListVersionsInput,
) (*slipway.ListVersionsOutput, error) {
	tried, err := s.Deployments.Versions(ctx, *in.ApplicationName, *in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	released, err := s.outcomes(ctx, *in.ApplicationName)
	if err != nil {
		return nil, err
	}
	serving, err := s.Deployments.Serving(
		ctx,
		[]slipway.GroupRef{{ApplicationName: in.ApplicationName, DeploymentGroupName: in.DeploymentGroupName}},
	)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range tried {
		ids = append(ids, t.Deployment)
	}
	for _, g := range serving {
		for _, v := range g.Versions {
			ids = append(ids, *v.DeploymentId)
		}
	}
	changes, err := s.changes(ctx, ids)
	if err != nil {
		return nil, err
	}
	return &slipway.ListVersionsOutput{Versions: versions(tried, released, serving, changes)}, nil
}

// outcomes are how the releases of an application ended, by their deployments, and why.
func (s *Service) outcomes(ctx context.Context, application string) (map[string]slipway.ReleaseSummary, error) {
	out, err := s.Releases.ListReleases(
		ctx,
		&slipway.ListReleasesInput{ApplicationName: &application, MaxResults: new(int32(100))},
	)
	if err != nil {
		return nil, err
	}
	all := map[string]slipway.ReleaseSummary{}
	for _, r := range out.Releases {
		all[*r.DeploymentId] = r
	}
	return all, nil
}

func versions(
	tried []slipway.Tried,
	released map[string]slipway.ReleaseSummary,
	serving []slipway.ServingGroup,
	changes map[string]slipway.Change,
) []slipway.DeployedVersion {
	all := make([]slipway.DeployedVersion, 0, len(tried))
	for i, t := range tried {
		c := changes[t.Deployment]
		v := slipway.DeployedVersion{
			DeploymentId: &t.Deployment,
			Outcome:      t.Outcome,
			Time:         t.At,
			Change:       &c,
			Newest:       new(i == 0),
			LastGood:     new(false),
		}
		if v.Outcome = ended(t.Deployment, t.Outcome, released); v.Outcome != slipway.VersionOutcomeGood {
			v.Reason = given(first(text(c.Cause), reason(released[t.Deployment]), Plain(t.Message)))
		}
		for _, e := range t.Elsewhere {
			at := slipway.VersionElsewhere{
				DeploymentGroupName: &e.Group,
				DeploymentId:        &e.Deployment,
				Outcome:             ended(e.Deployment, e.Outcome, released),
			}
			if at.Outcome != slipway.VersionOutcomeGood {
				at.Reason = given(first(reason(released[e.Deployment]), Plain(e.Message)))
			}
			v.Elsewhere = append(v.Elsewhere, at)
		}
		v.Hosts = hostsOf(serving, changes, t.Deployment, c)
		all = append(all, v)
	}
	markGood(all)
	return all
}

// hostsOf are the hosts that run a version: by the deployment, or by another one of the same bundle.
func hostsOf(
	serving []slipway.ServingGroup,
	changes map[string]slipway.Change,
	deployment string,
	c slipway.Change,
) []string {
	var hosts []string
	for _, g := range serving {
		for _, v := range g.Versions {
			if *v.DeploymentId == deployment ||
				c.Revision != nil && text(changes[*v.DeploymentId].Revision) == *c.Revision {
				hosts = append(hosts, v.Hosts...)
			}
		}
	}
	return hosts
}

// markGood marks the version that a rollback goes to.
func markGood(all []slipway.DeployedVersion) {
	running := 0
	for _, v := range all {
		running += len(v.Hosts)
	}
	for i := range all {
		v := &all[i]
		everywhere := running > 0 && len(v.Hosts) == running
		if *v.Newest || everywhere || v.Outcome != slipway.VersionOutcomeGood || BadElsewhere(v) != nil {
			continue
		}
		*v.LastGood = true
		return
	}
}

// BadElsewhere is where a version failed last, or was rolled back, in another group; nil for nowhere.
func BadElsewhere(v *slipway.DeployedVersion) *slipway.VersionElsewhere {
	for i := range v.Elsewhere {
		if o := v.Elsewhere[i].Outcome; o == slipway.VersionOutcomeFailed || o == slipway.VersionOutcomeRolledBack {
			return &v.Elsewhere[i]
		}
	}
	return nil
}

// ended is how a version fared: a release that was rolled back says more than its deployment, which failed.
func ended(
	deployment string,
	o slipway.VersionOutcome,
	released map[string]slipway.ReleaseSummary,
) slipway.VersionOutcome {
	if released[deployment].Status == slipway.ReleaseStatusRolledBack {
		return slipway.VersionOutcomeRolledBack
	}
	return o
}

// reason is why a release was rolled back.
func reason(r slipway.ReleaseSummary) string {
	if r.Status != slipway.ReleaseStatusRolledBack {
		return ""
	}
	_, because := sentence(text(r.Message))
	return Plain(because)
}

func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
