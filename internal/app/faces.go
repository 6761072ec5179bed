package app

import (
	"context"
	"io"
	"net/http"
	"time"

	"slipway/api/acm"
	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codeconnections"
	"slipway/api/codedeploy"
	"slipway/api/codedeploycommand"
	"slipway/api/codepipeline"
	"slipway/api/ec2"
	"slipway/api/elbv2"
	"slipway/api/iam"
	"slipway/api/kms"
	"slipway/api/logs"
	"slipway/api/secretsmanager"
	"slipway/api/slipway"
	"slipway/api/sns"
	"slipway/api/ssm"
	"slipway/api/sts"
	"slipway/internal/build"
	"slipway/internal/identity"
	"slipway/internal/jobs"
	logsface "slipway/internal/logs"
	"slipway/internal/notify"
	"slipway/internal/object/s3"
	"slipway/internal/pipeline/webhook"
	"slipway/internal/report"
	"slipway/internal/source"
	"slipway/internal/view"
	"slipway/internal/web"
	"slipway/internal/web/kit"
)

// newHandler makes the handler of all requests: the API, S3, Git and the pages.
func (s *server) newHandler(ctx context.Context) *mux {
	region, account, regions := s.Place.Region, s.Place.Account, s.regions
	services := s.newContract()
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
	api.Add(append(services.all(), s.secureCommands(), s.olderConnections())...)
	objects := &s3.Handler{
		Objects:   s.objects,
		Region:    region,
		Account:   account,
		Regions:   regions,
		Lookup:    s.identity.Lookup,
		Caller:    s.identity.Caller,
		Now:       time.Now,
		Log:       s.Log,
		Authorize: s.rights.askObject,
		May:       s.rights.mayObject,
		Notify:    (&telling{s.ground, s.storage, s.rights}).objectTopics,
	}
	return &mux{
		polls:    polls,
		endPolls: endPolls,
		hosts:    newHosts(s.URL, s.Listen, s.Hosts),
		log:      s.Log,
		api:      api,
		s3:       objects,
		git: &source.Handler{
			Source:       s.sources,
			Authenticate: s.identity.Git,
			Authorize:    s.rights.repositoryAccess,
		},
		issuer:   s.identity.Issuer(),
		webhooks: build.NewWebhooks(s.builds),
		triggers: webhook.NewHandler(s.triggers),
		forges:   s.connections,
		badges:   build.Badges{Service: s.builds},
		links:    notify.Links{Service: s.topics},
		logs:     s.logStream(api),
		files:    s.fileStream(api),

		terminals: s.terminals(api),
		pages:     s.pages(services, objects),
		ready:     func() error { return s.db.QueryRow(context.Background(), `SELECT 1`).Scan(new(int)) },
	}
}

// logStream serves the bytes of logs to callers that may read their lines.
func (s *server) logStream(api *awsproto.Server) http.Handler {
	return &logsface.Stream{
		Service: s.logs,
		Verify: func(r *http.Request, group, stream string) error {
			caller, err := api.Verify(r, slipway.Info())
			if err != nil {
				return err
			}
			return s.rights.mayRead(awsproto.WithCaller(r.Context(), caller), group, stream)
		},
		Fail: func(w http.ResponseWriter, err error) { api.Fail(w, slipway.Info(), err) },
	}
}

// terminals connect people with the terminals of builds: clients by their token, runners by their right to poll for
// terminals.
func (s *server) terminals(api *awsproto.Server) *build.Terminals {
	return &build.Terminals{
		Service: s.builds,
		VerifyRunner: func(r *http.Request, runner string) (context.Context, error) {
			caller, err := api.Verify(r, slipway.Info())
			if err != nil {
				return nil, err
			}
			ctx := awsproto.WithCaller(r.Context(), caller)
			return ctx, s.rights.mayHaveTerminals(ctx, runner)
		},
		Fail: func(w http.ResponseWriter, err error) { api.Fail(w, slipway.Info(), err) },
	}
}

// fileStream takes the files of reports from runners, and gives them to callers that may read the tests.
func (s *server) fileStream(api *awsproto.Server) http.Handler {
	return &report.FileStream{
		Service: s.reports,
		VerifyPut: func(r *http.Request, id, runner string) (string, error) {
			caller, sum, err := api.VerifyBody(r, slipway.Info())
			if err != nil {
				return "", err
			}
			ctx := awsproto.WithCaller(r.Context(), caller)
			if err := s.rights.mayPutFiles(ctx, runner); err != nil {
				return "", err
			}
			return sum, s.builds.Holds(ctx, runner, id)
		},
		VerifyGet: func(r *http.Request, arn string) error {
			caller, err := api.Verify(r, slipway.Info())
			if err != nil {
				return err
			}
			return s.rights.mayReadTests(awsproto.WithCaller(r.Context(), caller), arn)
		},
		Fail: func(w http.ResponseWriter, err error) { api.Fail(w, slipway.Info(), err) },
	}
}

func (s *server) pages(services contract, other http.Handler) http.Handler {
	return web.New(kit.Config{
		Sessions:    sessions{s.identity},
		Factors:     sessions{s.identity},
		Providers:   sessions{s.identity},
		SessionLife: identity.SessionLife,
		Source:      services.codecommit,
		Builds:      services.codebuild,
		Deployments: services.codedeploy,
		Pipelines:   services.codepipeline,
		Slipway:     services.slipway,
		IAM:         services.iam,
		Parameters:  services.ssm,
		Secrets:     services.secretsmanager,
		Connections: services.connections,
		Public:      publicBuilds{s.builds, s.logs},
		ReportFile: func(ctx context.Context, arn, sum string) (slipway.ReportFile, io.ReadSeekCloser, error) {
			if err := s.rights.mayReadTests(ctx, arn); err != nil {
				return slipway.ReportFile{}, nil, err
			}
			return s.reports.OpenFile(ctx, arn, sum)
		},
		ReportFrame: func(ctx context.Context, arn, sum, name string) (io.ReadSeeker, error) {
			if err := s.rights.mayReadTests(ctx, arn); err != nil {
				return nil, err
			}
			return s.reports.OpenFrame(ctx, arn, sum, name)
		},
		May:     s.rights.authority.May,
		Hints:   s.hints,
		Other:   other,
		URL:     s.URL,
		Region:  s.Place.Region,
		Account: s.Place.Account,
		Version: s.Version,
		Log:     s.Log,
		Now:     time.Now,
	})
}

// newContract makes every service as clients meet it. Each operation asks first whether its caller may call it.
func (s *server) newContract() contract {
	overview := &view.Service{
		Executions:  s.pipelines,
		Builds:      s.builds,
		Deployments: s.deployments,
		Releases:    s.releases,
		Commits:     s.sources,
		Coverage:    s.reports,
	}
	c := newContract(s.rights.hooks(), implementations{
		codecommit:     codecommitAPI{s.sources, codecommit.Unimplemented{}},
		codebuild:      codebuildAPI{s.builds, s.reports, codebuild.Unimplemented{}},
		codepipeline:   codepipelineAPI{s.pipelines, s.jobWorkers, s.triggers, codepipeline.Unimplemented{}},
		codedeploy:     codedeployAPI{s.deployments, s.hosts, codedeploy.Unimplemented{}},
		command:        commandAPI{s.hosts, codedeploycommand.Unimplemented{}},
		logs:           logsAPI{s.logs, logs.Unimplemented{}},
		sts:            stsAPI{s.identity, sts.Unimplemented{}},
		iam:            iamAPI{s.identity, s.balancers, iam.Unimplemented{}},
		elbv2:          elbv2API{s.balancers, elbv2.Unimplemented{}},
		cloudwatch:     cloudwatchAPI{s.monitor, cloudwatch.Unimplemented{}},
		kms:            kmsAPI{s.kms, kms.Unimplemented{}},
		sns:            snsAPI{s.topics, sns.Unimplemented{}},
		ssm:            ssmAPI{s.parameters, s.builds, ssm.Unimplemented{}},
		secretsmanager: secretsmanagerAPI{s.vault, secretsmanager.Unimplemented{}},
		ec2:            ec2API{s.network, ec2.Unimplemented{}},
		acm:            acmAPI{s.balancers, acm.Unimplemented{}},
		slipway: slipwayAPI{overview, s.builds, s.deployments, s.hosts, s.pipelines, s.jobWorkers, s.jenkins,
			s.releases, s.logs, s.balancers, s.sources, s.reports, s.hints, jobs.New(s.db, s.pager), s.identity,
			s.connections, slipway.Unimplemented{}},
		connections: codeconnectionsAPI{s.connections, codeconnections.Unimplemented{}},
	})
	c.command = codedeploycommand.New(s.rights.plainly(), commandAPI{s.hosts, codedeploycommand.Unimplemented{}})
	return c
}

// secureCommands are the commands of hosts under the name for which policies are asked.
func (s *server) secureCommands() awsproto.Service {
	return codedeploycommand.Secure(
		codedeploycommand.New(s.rights.hooks(), commandAPI{s.hosts, codedeploycommand.Unimplemented{}}))
}
