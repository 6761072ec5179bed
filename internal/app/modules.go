package app

import (
	"context"

	cd "slipway/api/codedeploy"
	cp "slipway/api/codepipeline"
	"slipway/internal/build"
	"slipway/internal/deploy"
	deployserver "slipway/internal/deploy/server"
	"slipway/internal/forge"
	"slipway/internal/identity"
	"slipway/internal/journal"
	"slipway/internal/key"
	logsface "slipway/internal/logs"
	"slipway/internal/notify"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/custom"
	"slipway/internal/pipeline/jenkins"
	"slipway/internal/pipeline/webhook"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/platform/network"
	"slipway/internal/release"
	"slipway/internal/release/metric"
	"slipway/internal/release/monitor"
	"slipway/internal/report"
	"slipway/internal/secret/parameter"
	"slipway/internal/secret/vault"
	"slipway/internal/source"
	"slipway/internal/source/connection"
)

// The modules of a server, in the order in which they are made. Each gets what it needs when it is made, and is not
// changed afterwards. Modules tell each other of events by facts; see package event.

// storage has what is in the data folder, and the users.
type storage struct {
	identity   *identity.Service
	journal    *journal.Journal
	logs       *logsface.Service
	kms        *key.Service
	topics     *notify.Service
	parameters *parameter.Service
	vault      *vault.Service
	objects    *object.Store
	sources    *source.Service
}

func newStorage(ctx context.Context, g *ground, r *rights) (st *storage, err error) {
	st = &storage{}
	st.identity, err = identity.New(ctx, g.db, identity.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Seal:    g.sealer,
		URL:     g.URL,
		Regions: g.regions,
		Ended:   r.ended,
	})
	if err != nil {
		return nil, err
	}
	if err := g.keys(ctx, st.identity); err != nil {
		return nil, err
	}
	if st.journal, err = journal.Open(g.Data.Journal()); err != nil {
		return nil, err
	}
	st.neighbours(g)
	st.secrets(g, r)
	blobs, err := object.NewFolder(g.Data.Objects(), g.aside())
	if err != nil {
		return nil, err
	}
	st.objects, err = object.Open(ctx, g.db, object.Config{
		Blobs: blobs,
		Now:   g.now,
		Room:  g.reserve.room,
		Seal:  g.sealer,
		Keys:  actingKeys{key.Objects{Service: st.kms}, r},
	})
	if err != nil {
		return nil, err
	}
	home, err := source.NewFolder(g.Data.Repositories(), g.aside())
	if err != nil {
		return nil, err
	}
	st.sources = source.New(g.db, source.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Log:     g.Log,
		Pager:   g.pager,
		URL:     g.URL,
		Home:    home,
		Room:    g.reserve.room,
	})
	return st, nil
}

// neighbours makes the services around the stages: logs, keys and topics.
func (st *storage) neighbours(g *ground) {
	st.logs = logsface.New(g.db, st.journal, logsface.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Pager:   g.pager,
		Now:     g.now,
	})
	st.kms = key.New(g.db, key.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Pager:   g.pager,
		Seal:    g.sealer,
	})
	st.topics = notify.New(g.db, notify.Config{
		Region:   g.Place.Region,
		Account:  g.Place.Account,
		URL:      g.URL,
		Now:      g.now,
		Log:      g.Log,
		Pager:    g.pager,
		Seal:     g.sealer,
		Keys:     st.kms,
		Mail:     g.Mail,
		Networks: g.notifyNetworks(),
	})
}

// secrets makes the parameters and secrets. Their keys are used with the rights of who asks.
func (st *storage) secrets(g *ground, r *rights) {
	st.parameters = parameter.New(g.db, parameter.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Pager:   g.pager,
		Seal:    g.sealer,
		Keys:    secretKeys{st.kms, "ssm", "kms:Encrypt", r},
	})
	st.vault = vault.New(g.db, vault.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Pager:   g.pager,
		Keys:    secretKeys{st.kms, "secretsmanager", "kms:GenerateDataKey", r},
	})
}

// traffic is what carries the users' requests, and what is measured of them.
type traffic struct {
	metrics   *metric.Store
	monitor   *monitor.Service
	network   *network.Service
	balancers *loadbalancer.Service
	reported  nudge // routers applied a table, or found other targets healthy
}

func newTraffic(ctx context.Context, g *ground) (*traffic, error) {
	prometheus, err := prometheusURL(g.Prometheus)
	if err != nil {
		return nil, err
	}
	t := &traffic{reported: newNudge()}
	if t.metrics, err = metric.Open(ctx, g.db, g.Log, g.now); err != nil {
		return nil, err
	}
	t.monitor = monitor.New(g.db, monitor.Config{
		Region:     g.Place.Region,
		Account:    g.Place.Account,
		Now:        g.now,
		Log:        g.Log,
		Pager:      g.pager,
		Hints:      g.hints,
		Metrics:    t.metrics,
		Prometheus: prometheus,
	})
	t.network, err = network.New(ctx, g.db, network.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Pager:   g.pager,
	})
	if err != nil {
		return nil, err
	}
	t.balancers, err = loadbalancer.New(ctx, g.db, loadbalancer.Config{
		Network:       t.network,
		Region:        g.Place.Region,
		Account:       g.Place.Account,
		Now:           g.now,
		Log:           g.Log,
		Pager:         g.pager,
		Host:          g.host(),
		Seal:          g.sealer,
		Hints:         g.hints,
		Wanted:        g.wantRouter,
		Sink:          t.monitor,
		Applied:       func(int64) { t.reported.give() },
		HealthChanged: func(string) { t.reported.give() },
	})
	return t, err
}

// stages are the services that take a change from its build to its users.
type stages struct {
	reports     *report.Service
	builds      *build.Service
	releases    *release.Service
	servers     *deployserver.Platform
	deployments *deploy.Service
	hosts       *deployserver.Service
	connections *connection.Service
	jobWorkers  *custom.Service
	jenkins     *jenkins.Service
	pipelines   *pipeline.Service
	triggers    *webhook.Service
}

func newStages(ctx context.Context, g *ground, st *storage, t *traffic, r *rights) (x *stages, err error) {
	x = &stages{}
	left, err := object.NewFolder(g.Data.ReportFiles(), g.aside())
	if err != nil {
		return nil, err
	}
	x.reports = report.New(g.db, report.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Pager:   g.pager,
		Files:   left,
		Room:    g.reserve.room,
	})
	x.builds = build.New(g.db, build.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Log:     g.Log,
		Pager:   g.pager,
		URL:     g.URL,
		Seal:    g.sealer,
		Reports: x.reports,
		Logs:    st.journal,
		Roles:   serviceRoles{st.identity, build.RolePrincipal, r},
		RolesThrough: func(role string) build.Roles {
			return pipelineRoles{serviceRoles{st.identity, pipeline.RolePrincipal, r}, role}
		},
		Tokens:      st.identity.Issuer(),
		Hints:       g.hints,
		ReadObject:  r.readObject,
		WriteObject: r.writeObject,
		ReadSecret:  r.readSecret,
		Local:       loopback(g.Listen),
		Room:        g.reserve.room,
	})
	x.releases = release.New(g.db, release.Config{
		Now:         g.now,
		Log:         g.Log,
		Pager:       g.pager,
		Hints:       g.hints,
		Traffic:     actingBalancer{t.balancers, r},
		Act:         x.actFor,
		Alarms:      t.monitor,
		Metrics:     t.metrics,
		GroupExists: x.groupExists,
	})
	x.deploy(g, st, t, r)
	return x, x.orchestrate(ctx, g, st, t, r)
}

// orchestrate makes the pipelines, and what does the work of their actions.
func (x *stages) orchestrate(ctx context.Context, g *ground, st *storage, t *traffic, r *rights) (err error) {
	if x.connections, err = x.newConnections(ctx, g); err != nil {
		return err
	}
	x.jobWorkers, err = custom.New(ctx, g.db, custom.Config{
		Region:      g.Place.Region,
		Account:     g.Place.Account,
		Now:         g.now,
		Log:         g.Log,
		Seal:        g.sealer,
		Hints:       g.hints,
		Credentials: r.jobCredentials,
		Key:         x.artifactKey,
	})
	if err != nil {
		return err
	}
	x.jenkins, err = jenkins.New(ctx, g.db, jenkins.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		Now:     g.now,
		Log:     g.Log,
		Seal:    g.sealer,
		Logs:    st.journal,
		Objects: actingObjects{st.objects, r},
		Act:     serviceRoles{st.identity, pipeline.RolePrincipal, r}.Act,
	})
	if err != nil {
		return err
	}
	x.pipelines, err = pipeline.New(g.db, pipeline.Config{
		Region:    g.Place.Region,
		Account:   g.Place.Account,
		Now:       g.now,
		Log:       g.Log,
		Pager:     g.pager,
		URL:       g.URL,
		Seal:      g.sealer,
		Hints:     g.hints,
		Objects:   st.objects,
		Providers: providers(st.sources, x, st.objects, r),
		Rules:     rules(x.builds, t.monitor, g.now, r),
		Custom:    []pipeline.Custom{x.jenkins, x.jobWorkers},
		Roles:     serviceRoles{st.identity, pipeline.RolePrincipal, r},
		RemoveLog: st.journal.Remove,
		MayTell:   r.mayTell,
	})
	if err != nil {
		return err
	}
	x.triggers = x.newTriggers(g)
	return nil
}

// newTriggers makes the webhooks of pipelines.
func (x *stages) newTriggers(g *ground) *webhook.Service {
	return webhook.New(g.db, webhook.Config{
		Region:    g.Place.Region,
		Account:   g.Place.Account,
		URL:       g.URL,
		Now:       g.now,
		Log:       g.Log,
		Pager:     g.pager,
		Seal:      g.sealer,
		Hints:     g.hints,
		Pipelines: x.pipelines,
		Forges:    forge.NewClient(loopback(g.Listen)),
		GitHub:    forge.GitHubAPI,
	})
}

// artifactKey answers for job workers, which are made before the pipelines whose actions they do.
func (x *stages) artifactKey(ctx context.Context, name string) (*cp.EncryptionKey, error) {
	return x.pipelines.ArtifactKey(ctx, name)
}

// deploy makes the platforms, and the deployments to them.
func (x *stages) deploy(g *ground, st *storage, t *traffic, r *rights) {
	x.servers = deployserver.NewPlatform(g.db, g.now, actingBalancer{t.balancers, r})
	x.deployments = deploy.New(g.db, deploy.Config{
		Region:    g.Place.Region,
		Account:   g.Place.Account,
		Now:       g.now,
		Log:       g.Log,
		Pager:     g.pager,
		Logs:      st.journal,
		Hints:     g.hints,
		Balancer:  t.balancers,
		Alarms:    actingAlarms{t.monitor, r},
		Roles:     serviceRoles{st.identity, deploy.RolePrincipal, r},
		Releases:  shifts{x.releases},
		Platforms: map[cd.ComputePlatform]deploy.Platform{cd.ComputePlatformServer: x.servers},
	})
	x.hosts = deployserver.New(x.servers, x.deployments, deployserver.Config{
		Region:   g.Place.Region,
		Account:  g.Place.Account,
		Now:      g.now,
		Log:      g.Log,
		Pager:    g.pager,
		Hosts:    st.identity,
		KeyDir:   g.Data.Keys(),
		Bundles:  st.objects,
		Networks: g.HostNetworks,
	})
}

// actFor answers for releases, which are made before the deployments whose traffic they move.
func (x *stages) actFor(ctx context.Context, deployment string) (context.Context, error) {
	return x.deployments.Act(ctx, deployment)
}

// groupExists answers for release policies. Releases are made before the deployments that begin them.
func (x *stages) groupExists(ctx context.Context, application, group string) error {
	_, err := x.deployments.GetDeploymentGroup(ctx, &cd.GetDeploymentGroupInput{
		ApplicationName:     &application,
		DeploymentGroupName: &group,
	})
	return err
}
