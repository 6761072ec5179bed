package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/codedeploycommand"
	"slipway/api/codepipeline"
	"slipway/api/elbv2"
	"slipway/api/iam"
	"slipway/api/logs"
	"slipway/api/slipway"
	"slipway/api/sts"
	"slipway/internal/build"
	"slipway/internal/deploy"
	deployserver "slipway/internal/deploy/server"
	"slipway/internal/fault"
	"slipway/internal/identity"
	"slipway/internal/jobs"
	"slipway/internal/journal"
	logsface "slipway/internal/logs"
	"slipway/internal/object"
	"slipway/internal/object/s3"
	"slipway/internal/pipeline"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/quarantine"
	"slipway/internal/release"
	"slipway/internal/release/metric"
	"slipway/internal/release/monitor"
	"slipway/internal/report"
	"slipway/internal/source"
	"slipway/internal/store/seal"
	"slipway/internal/view"
	"slipway/internal/web"
)

// stages are the services of one server, fitted together.
type stages struct {
	sealer      *seal.Sealer
	pager       awsproto.Pager
	reports     *report.Service
	builds      *build.Service
	servers     *deployserver.Platform
	hosts       *deployserver.Service
	deployments *deploy.Service
	releases    *release.Service
	pipelines   *pipeline.Service
	balancers   *loadbalancer.Service
}

// fit makes the services of a server whose database is open, connects them, and gives them to the API and the pages.
func (s *server) fit(ctx context.Context) error {
	sealer, err := seal.Open(s.Data.Keys() + "/seal")
	if err != nil {
		return err
	}
	if err := s.openData(ctx, sealer); err != nil {
		return err
	}
	f, err := s.newStages(sealer)
	if err != nil {
		return err
	}
	if err := s.fitTraffic(ctx, f); err != nil {
		return err
	}
	keeper := &keeper{
		s:           s,
		builds:      f.builds,
		reports:     f.reports,
		pipelines:   f.pipelines,
		deployments: f.deployments,
		releases:    f.releases,
	}
	if err := keeper.register(ctx); err != nil {
		return err
	}
	s.fitFaces(ctx, f)
	return nil
}

func (s *server) aside() quarantine.Place {
	return quarantine.Place{Dir: s.Data.Quarantine(), Now: time.Now, Log: s.Log}
}

// openData opens what lies in the data folder, once it is known to belong to the database.
func (s *server) openData(ctx context.Context, sealer *seal.Sealer) error {
	err := s.Data.Bind(ctx, s.Place, s.db, sealer)
	if err != nil {
		return err
	}
	if s.identity, err = identity.New(ctx, s.db, sealer, s.Place.Account, s.Place.Region, time.Now); err != nil {
		return err
	}
	if err := s.keys(ctx); err != nil {
		return err
	}
	if s.journal, err = journal.Open(s.Data.Journal()); err != nil {
		return err
	}
	s.objects, err = object.Open(ctx, s.db, s.Data.Objects(), s.aside())
	return err
}

// newStages makes the services of the stages: source, build, deployment, release, and the pipelines above them.
func (s *server) newStages(sealer *seal.Sealer) (*stages, error) {
	now, region, account := time.Now, s.Place.Region, s.Place.Account
	pager := awsproto.Pager{Key: sealer.Key("page tokens")}
	f := &stages{sealer: sealer, pager: pager}
	s.sources = source.New(s.db, source.Config{
		Region:     region,
		Account:    account,
		Now:        now,
		Log:        s.Log,
		Pager:      pager,
		URL:        s.URL,
		Dir:        s.Data.Repositories(),
		Quarantine: s.aside(),
	})
	f.reports = report.New(s.db, report.Config{Region: region, Account: account, Now: now, Pager: pager})
	f.builds = build.New(s.db, build.Config{
		Region:     region,
		Account:    account,
		Now:        now,
		Log:        s.Log,
		Pager:      pager,
		URL:        s.URL,
		Reports:    f.reports,
		Logs:       s.journal,
		Hints:      s.hints,
		ReadObject: s.readObject,
	})
	f.servers = deployserver.NewPlatform(s.db, now)
	f.deployments = deploy.New(s.db, deploy.Config{
		Region:    region,
		Account:   account,
		Now:       now,
		Log:       s.Log,
		Pager:     pager,
		Journal:   s.journal,
		Hints:     s.hints,
		Platforms: map[codedeploy.ComputePlatform]deploy.Platform{codedeploy.ComputePlatformServer: f.servers},
	})
	f.hosts = deployserver.New(f.servers, f.deployments, deployserver.Config{
		Region:   region,
		Account:  account,
		Now:      now,
		Log:      s.Log,
		Pager:    pager,
		Hosts:    s.identity,
		KeyDir:   s.Data.Keys(),
		Bundles:  s.objects,
		Networks: s.HostNetworks,
	})
	f.releases = release.New(s.db,
		release.Config{Now: now, Log: s.Log, Pager: pager, Hints: s.hints, Groups: f.deployments})
	var err error
	f.pipelines, err = pipeline.New(s.db, pipeline.Config{
		Region:    region,
		Account:   account,
		Now:       now,
		Log:       s.Log,
		Pager:     pager,
		URL:       s.URL,
		Seal:      sealer,
		Hints:     s.hints,
		Objects:   s.objects,
		Providers: providers(s.sources, f.builds, f.deployments, s.objects),
	})
	if err != nil {
		return nil, err
	}
	s.tellPipelines(f.pipelines)
	s.objects.Room, s.sources.Room, f.builds.Room = s.reserve.room, s.reserve.room, s.reserve.room
	return f, nil
}

// fitTraffic connects load balancers, metrics and alarms with the deployments and releases that they serve.
func (s *server) fitTraffic(ctx context.Context, f *stages) error {
	now, region, account := time.Now, s.Place.Region, s.Place.Account
	prometheus, err := prometheusURL(s.Prometheus)
	if err != nil {
		return err
	}
	metrics, err := metric.Open(ctx, s.db, s.Log, now)
	if err != nil {
		return err
	}
	s.monitor = monitor.New(s.db, monitor.Config{
		Region:     region,
		Account:    account,
		Now:        now,
		Log:        s.Log,
		Pager:      f.pager,
		Hints:      s.hints,
		Metrics:    metrics,
		Prometheus: prometheus,
		Changed:    f.deployments.AlarmChanged,
	})
	f.balancers, err = loadbalancer.New(ctx, s.db, loadbalancer.Config{
		Region:        region,
		Account:       account,
		Now:           now,
		Log:           s.Log,
		Pager:         f.pager,
		Host:          s.host(),
		Seal:          f.sealer,
		Wanted:        s.wantRouter,
		Sink:          s.monitor,
		Applied:       func(int64) { s.moved.give() },
		HealthChanged: func(string) { s.moved.give() },
	})
	if err != nil {
		return err
	}
	f.servers.Balancer = f.balancers
	f.deployments.Balancer, f.deployments.Alarms, f.deployments.Releases = f.balancers, s.monitor, shifts{f.releases}
	f.releases.Alarms, f.releases.Metrics, f.releases.Traffic = s.monitor, metrics, f.balancers
	f.releases.Ended = released(f.deployments)
	s.heed = func(ctx context.Context) error {
		fault.Panic("loop.routers")
		return errors.Join(f.deployments.Look(ctx), f.releases.Applied(ctx))
	}
	return nil
}

// fitFaces makes what clients meet: the API, S3, Git and the pages.
func (s *server) fitFaces(ctx context.Context, f *stages) {
	region, account, regions := s.Place.Region, s.Place.Account, s.regions()
	s.identity.Regions = regions
	services := s.newContract(f)
	polls, endPolls := context.WithCancelCause(context.WithoutCancel(ctx))
	api := &awsproto.Server{
		Region:   region,
		Account:  account,
		Regions:  regions,
		Lookup:   s.identity.Lookup,
		Caller:   s.identity.Caller,
		Now:      time.Now,
		Log:      s.Log,
		Detached: &awsproto.Detached{Context: polls, Names: detached},
	}
	api.Add(append(services.all(), codedeploycommand.Secure(services.command))...)
	objects := &s3.Handler{
		Objects:   s.objects,
		Region:    region,
		Account:   account,
		Regions:   regions,
		Lookup:    s.identity.Lookup,
		Caller:    s.identity.Caller,
		Now:       time.Now,
		Log:       s.Log,
		Authorize: objectAccess(f.builds, f.hosts),
	}
	s.handler = &mux{
		polls:    polls,
		endPolls: endPolls,
		hosts:    newHosts(s.URL, s.Listen, s.Hosts),
		log:      s.Log,
		api:      api,
		s3:       objects,
		git: &source.Handler{
			Source:       s.sources,
			Authenticate: s.identity.Git,
			Authorize:    repositoryAccess(f.builds),
		},
		pages: s.pages(services, objects),
		ready: func() error { return s.db.QueryRow(context.Background(), `SELECT 1`).Scan(new(int)) },
	}
}

func (s *server) pages(services contract, other http.Handler) http.Handler {
	return web.New(web.Config{
		Sessions:    sessions{s.identity},
		SessionLife: identity.SessionLife,
		Source:      services.codecommit,
		Builds:      services.codebuild,
		Deployments: services.codedeploy,
		Pipelines:   services.codepipeline,
		Slipway:     services.slipway,
		IAM:         services.iam,
		Hints:       s.hints,
		Other:       other,
		URL:         s.URL,
		Region:      s.Place.Region,
		Account:     s.Place.Account,
		Version:     s.Version,
		Log:         s.Log,
		Now:         time.Now,
	})
}

// newContract makes every service as clients meet it. Each operation asks first whether its caller may call it.
func (s *server) newContract(f *stages) contract {
	hooks := awsproto.Hooks{Authorize: func(ctx context.Context, op *awsproto.Operation, _ any) error {
		fault.Panic("operation." + op.Name)
		return identity.Authorize(awsproto.CallerOf(ctx), op.Service.Name, op.Name)
	}}
	face := logsface.New(s.journal, logsface.Config{Region: s.Place.Region, Account: s.Place.Account, Pager: f.pager})
	overview := &view.Service{
		Executions:  f.pipelines,
		Builds:      f.builds,
		Deployments: f.deployments,
		Releases:    f.releases,
		Commits:     s.sources,
	}
	return newContract(hooks, implementations{
		codecommit:   codecommitAPI{s.sources, codecommit.Unimplemented{}},
		codebuild:    codebuildAPI{f.builds, f.reports, codebuild.Unimplemented{}},
		codepipeline: codepipelineAPI{f.pipelines, codepipeline.Unimplemented{}},
		codedeploy:   codedeployAPI{f.deployments, f.hosts, codedeploy.Unimplemented{}},
		command:      commandAPI{f.hosts, codedeploycommand.Unimplemented{}},
		logs:         logsAPI{face, logs.Unimplemented{}},
		sts:          stsAPI{s.identity, sts.Unimplemented{}},
		iam:          iamAPI{s.identity, f.balancers, iam.Unimplemented{}},
		elbv2:        elbv2API{f.balancers, elbv2.Unimplemented{}},
		cloudwatch:   cloudwatchAPI{s.monitor, cloudwatch.Unimplemented{}},
		slipway: slipwayAPI{overview, f.builds, f.deployments, f.hosts, f.pipelines, f.releases, face, f.balancers,
			s.sources, f.reports, s.hints, jobs.New(s.db, f.pager), slipway.Unimplemented{}},
	})
}
