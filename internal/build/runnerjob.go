package build

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// hostedJob is a job of GitHub Actions that a build runs, as a self-hosted runner that takes this one job.
type hostedJob struct {
	Repository string   `json:"repository"` // OWNER/NAME
	Labels     []string `json:"labels"`
}

// jobSpec is the buildspec of a build that runs a job without the project's own.
const jobSpec = "version: 0.2\nphases: {build: {commands: [':']}}\n"

// startJob starts the build that runs a queued job of GitHub Actions. It fetches no source: the job does that itself.
func (s *Service) startJob(ctx context.Context, a *arrival, wants runnerWants) (string, error) {
	p, err := s.projectOfJob(ctx, a.project, wants)
	if err != nil {
		return "", err
	}
	fault.Point("webhook.before-start")
	sub, err := s.prepare(ctx, p, false)
	if err != nil {
		return "", err
	}
	o, version := occasionOf(p, a.event)
	sub.build.SourceVersion = &version // which the job fetches itself
	for name, value := range o.Variables {
		sub.work.Variables[name] = value
	}
	sub.build.Initiator = &a.agent
	sub.work.Job = &hostedJob{a.event.Repository.Name, a.event.Labels}
	sub.claim = func(ctx context.Context, tx store.Tx) error { return s.claim(ctx, tx, a, *sub.build.Id) }
	b, err := s.submit(ctx, sub)
	if err != nil {
		return "", err
	}
	return *b.Id, nil
}

// projectOfJob is a project with what a job's labels put over it.
func (s *Service) projectOfJob(ctx context.Context, of *cb.Project, wants runnerWants) (*cb.Project, error) {
	p := *of
	src, env := *p.Source, *p.Environment
	p.Source, p.Environment = &src, &env
	p.SecondarySources, p.SecondarySourceVersions, p.SecondaryArtifacts = nil, nil, nil
	p.Artifacts = &cb.ProjectArtifacts{Type: cb.ArtifactsTypeNoArtifacts}
	p.AutoRetryLimit = nil // the registration is good for one try
	in := &cb.StartBuildInput{ProjectName: p.Name, EnvironmentTypeOverride: wants.kind,
		ComputeTypeOverride: wants.compute}
	if wants.image != "" {
		in.ImageOverride = &wants.image
	}
	if wants.fleet != "" {
		arn, err := s.fleetNamed(ctx, wants.fleet)
		if err != nil {
			return nil, err
		}
		in.FleetOverride = &cb.ProjectFleet{FleetArn: &arn}
	}
	switch own := awsproto.Value(src.Buildspec); {
	case !wants.buildspec:
		in.BuildspecOverride = new(jobSpec)
	case !strings.Contains(own, "\n"):
		return nil, invalid("The label buildspec-override:true needs a buildspec in the project itself, and %s has "+
			"none there.", *p.Name)
	}
	merge(&p, in)
	return &p, nil
}

// fleetNamed is the ARN of the fleet of a name.
func (s *Service) fleetNamed(ctx context.Context, name string) (string, error) {
	f, err := store.Document[cb.Fleet](ctx, s.db, `SELECT doc FROM fleets WHERE name = $1`, name)
	if err != nil {
		return "", err
	}
	if f == nil {
		return "", invalid("The label fleet:%s names no fleet: slipway fleets lists them.", name)
	}
	return *f.Arn, nil
}

// defaultGroup is the group of runners that every repository and organisation has.
const defaultGroup = 1

// GetActionsRunner implements slipway:GetActionsRunner: the configuration of a runner of GitHub Actions for one job, of
// a build in the hands of the runner that asks. It is asked of GitHub with the project's source credential when the
// build comes to its job. Source: "Create configuration for a just-in-time runner for a repository" in GitHub's REST
// API.
func (s *Service) GetActionsRunner(ctx context.Context,
	in *slipway.GetActionsRunnerInput) (*slipway.GetActionsRunnerOutput, error) {
	r, err := s.inHands(ctx, *in.Runner, *in.Id)
	if err != nil {
		return nil, err
	}
	refuse := func(why string) (*slipway.GetActionsRunnerOutput, error) {
		return &slipway.GetActionsRunnerOutput{Refusal: &why}, nil
	}
	job := r.work.Job
	if job == nil {
		return refuse("The build is of no job of GitHub Actions.")
	}
	api, err := s.forgeOf(ctx, &cb.Project{Name: r.build.ProjectName, ServiceRole: r.build.ServiceRole,
		Source: r.build.Source})
	if _, is := err.(awsproto.ServiceError); is {
		return refuse(awsproto.Message(err))
	}
	if err != nil {
		return nil, err
	}
	if api == nil {
		return refuse("There is no source credential for " + job.Repository + ", with which a runner is registered. " +
			"Import one with ImportSourceCredentials.")
	}
	_, id, _ := strings.Cut(*r.build.Id, ":")
	config, err := api.NewRunner(ctx, job.Repository, forge.Runner{Name: "slipway-" + id + "-" +
		strings.ToLower(rand.Text()[:6]), Group: defaultGroup, Labels: job.Labels, Folder: "_work"})
	e, is := errors.AsType[*forge.CallError](err)
	if is && e.Status/100 == 4 && e.Status != http.StatusTooManyRequests {
		return refuse("GitHub registers no runner for " + job.Repository + ": " + e.Why + ". The token needs the " +
			"right to administer the repository (scope repo, or Administration: write).")
	}
	if err != nil {
		return nil, err
	}
	return &slipway.GetActionsRunnerOutput{JitConfig: &config}, nil
}
