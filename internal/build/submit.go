package build

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/store"
)

const tokenLife = 5 * time.Minute // of an idempotency token

// work is what a runner gets of a build besides the build itself.
type work struct {
	Sources   []slipway.Source  `json:"sources"`
	Outputs   []slipway.Output  `json:"outputs,omitzero"`
	Variables map[string]string `json:"variables"`
	// Buildspec is the text of one that lies in an object; the build shows its ARN.
	Buildspec *string  `json:"buildspec,omitzero"`
	Notes     []string `json:"notes,omitzero"`
	Execution string   `json:"execution,omitzero"` // the pipeline execution that asked for the build
	// Through is the pipeline's role of a build of commands: the role that the build acts with, or what assumes it.
	Through string `json:"through,omitzero"`
	// Unlogged says that the project asks for no log in CloudWatch Logs. The build has one all the same, for which its
	// role needs no right.
	Unlogged bool `json:"unlogged,omitzero"`
	// Image is what the build's container is made of; "" is the runner's own machine.
	Image      string `json:"image,omitzero"`
	Privileged bool   `json:"privileged,omitzero"`
	// ReadBatch says that the build reads which builds follow in its batch, and runs nothing itself.
	ReadBatch bool `json:"readBatch,omitzero"`
	// Fork says that the build is of commits by somebody who may not write to the repository: it gets no secrets.
	Fork bool `json:"fork,omitzero"`
	// Job is the job of GitHub Actions that the build runs; nil for none.
	Job       *hostedJob         `json:"job,omitzero"`
	TestTimes []slipway.TestTime `json:"testTimes,omitzero"`
	// CachesSince and CacheApart are what the runner must know of the project's caches.
	CachesSince int64  `json:"cachesSince,omitzero"`
	CacheApart  string `json:"cacheApart,omitzero"`
}

// submission is a build that is about to be submitted.
type submission struct {
	build  *cb.Build
	work   work
	needs  string // of its runner
	limit  *int32
	origin string // the pipeline's key
	// sandbox says that it is a sandbox. It has no number, and does not count against the project's limit of builds.
	sandbox bool
	// The idempotency token, its scope, and the request that it stands for.
	token, scope string
	request      any
	// claim is part of the transaction that submits the build, which its error ends; nil for none.
	claim func(context.Context, store.Tx) error
}

// fleet is the ARN of the fleet whose runners the build is for, "" for none.
func (sub *submission) fleet() string { return fleetARN(sub.build.Environment) }

// StartBuild implements codebuild:StartBuild. The token is kept for five minutes.
func (s *Service) StartBuild(ctx context.Context, in *cb.StartBuildInput) (*cb.StartBuildOutput, error) {
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, in.ServiceRoleOverride); err != nil {
		return nil, err
	}
	merge(p, in)
	if p.Source.Type == cb.SourceTypeCodepipeline || p.Artifacts.Type == cb.ArtifactsTypeCodepipeline {
		return nil, invalid(
			"The project %s takes its source from a pipeline, and only one can start it. To start it by itself, "+
				"override source and artifacts (sourceTypeOverride, artifactsOverride).", *p.Name)
	}
	sub, err := s.prepare(ctx, p, awsproto.Value(in.DebugSessionEnabled))
	if err != nil {
		return nil, err
	}
	sub.build.Initiator = new(awsproto.CallerOf(ctx).Name)
	s.collect(sub, p)
	sub.token, sub.scope, sub.request = awsproto.Value(in.IdempotencyToken), "build.start", in
	b, err := s.submit(ctx, sub)
	if err != nil {
		return nil, err
	}
	return &cb.StartBuildOutput{Build: b}, nil
}

// collect says what a build of a project fetches, and where it puts its artifacts.
func (s *Service) collect(sub *submission, p *cb.Project) {
	sub.work.Sources = append(sub.work.Sources, s.fetch(*p.Source, awsproto.Value(p.SourceVersion)))
	for _, src := range p.SecondarySources {
		version := ""
		for _, v := range p.SecondarySourceVersions {
			if awsproto.Value(v.SourceIdentifier) == awsproto.Value(src.SourceIdentifier) {
				version = awsproto.Value(v.SourceVersion)
			}
		}
		sub.work.Sources = append(sub.work.Sources, s.fetch(src, version))
	}
	for _, a := range append([]cb.ProjectArtifacts{*p.Artifacts}, p.SecondaryArtifacts...) {
		if o, ok := output(a); ok {
			if o.Name == "" {
				o.Name = *p.Name
			}
			sub.work.Outputs = append(sub.work.Outputs, o)
		}
	}
}

// prepare makes a build of a project over which the overrides were put.
func (s *Service) prepare(ctx context.Context, p *cb.Project, debug bool) (*submission, error) {
	if err := check(p); err != nil {
		return nil, err
	}
	if err := s.fleetThere(ctx, fleetARN(p.Environment), *p.Name); err != nil {
		return nil, err
	}
	on, err := s.grounds(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := s.compose(p, on, debug)
	if err != nil {
		return nil, err
	}
	return sub, s.loadBuildspec(ctx, sub)
}

// compose makes a build of a project that was checked.
func (s *Service) compose(p *cb.Project, on grounds, debug bool) (*submission, error) {
	machines := on.fleets[fleetARN(p.Environment)]
	takeMachines(p.Environment, machines)
	b := &cb.Build{ProjectName: p.Name, SourceVersion: p.SourceVersion, Source: p.Source,
		SecondarySources: p.SecondarySources, SecondarySourceVersions: p.SecondarySourceVersions,
		Cache: p.Cache, Environment: p.Environment, ServiceRole: p.ServiceRole, TimeoutInMinutes: p.TimeoutInMinutes,
		QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes,
		VpcConfig:              p.VpcConfig, EncryptionKey: p.EncryptionKey, FileSystemLocations: p.FileSystemLocations,
		BuildComplete: new(false), BuildStatus: cb.StatusTypeInProgress}
	if p.AutoRetryLimit != nil && *p.AutoRetryLimit > 0 && p.Source.Type != cb.SourceTypeCodepipeline {
		b.AutoRetryConfig = firstTry(&cb.AutoRetryConfig{AutoRetryLimit: p.AutoRetryLimit})
	}
	if debug {
		b.DebugSession = &cb.DebugSession{SessionEnabled: new(true)}
	}
	if err := refuse(b); err != nil {
		return nil, err
	}
	id := uuid.NewString()
	s.name(b, id, p.LogsConfig)
	b.Artifacts = new(expected(*p.Artifacts, *p.Name, id))
	for _, a := range p.SecondaryArtifacts {
		b.SecondaryArtifacts = append(b.SecondaryArtifacts, expected(a, *p.Name, id))
	}
	at := siteOf(b.Environment, on.images)
	sub := &submission{build: b, limit: p.ConcurrentBuildLimit, needs: at.needs,
		work: work{Notes: append(notes(b, p, p.LogsConfig, at), fleetNotes(machines)...), Image: at.image,
			Privileged: at.privileged, Unlogged: unlogged(p.LogsConfig)}}
	sub.work.Variables = s.variables(b)
	return sub, nil
}

// unlogged reports whether a project asks for no log in CloudWatch Logs.
func unlogged(logs *cb.LogsConfig) bool {
	return logs != nil && logs.CloudWatchLogs != nil && logs.CloudWatchLogs.Status == cb.LogsConfigStatusTypeDisabled
}

// name gives a build its ID and the place of its log.
func (s *Service) name(b *cb.Build, id string, logs *cb.LogsConfig) {
	b.Id = new(*b.ProjectName + ":" + id)
	b.Arn = new(s.arn("build", *b.Id))
	group, stream := "/aws/codebuild/"+*b.ProjectName, id
	b.Logs = &cb.LogsLocation{CloudWatchLogs: &cb.CloudWatchLogsConfig{Status: cb.LogsConfigStatusTypeEnabled},
		S3Logs: &cb.S3LogsConfig{Status: cb.LogsConfigStatusTypeDisabled}}
	if logs != nil && logs.CloudWatchLogs != nil {
		if c := logs.CloudWatchLogs; awsproto.Value(c.GroupName) != "" {
			group = *c.GroupName
			b.Logs.CloudWatchLogs.GroupName = c.GroupName
		}
		if c := logs.CloudWatchLogs; awsproto.Value(c.StreamName) != "" {
			stream = *c.StreamName + "/" + id
			b.Logs.CloudWatchLogs.StreamName = c.StreamName
		}
	}
	s.locate(b.Logs, group, stream)
}

func (s *Service) locate(l *cb.LogsLocation, group, stream string) {
	l.GroupName, l.StreamName = &group, &stream
	l.CloudWatchLogsArn = new("arn:aws:logs:" + s.Region + ":" + s.Account + ":log-group:" + group + ":log-stream:" +
		stream)
}

// variables are the built-in ones that only the server knows; what depends on the number comes when it has one.
func (s *Service) variables(b *cb.Build) map[string]string {
	v := map[string]string{
		"CODEBUILD_BUILD_ID": *b.Id, "CODEBUILD_BUILD_ARN": *b.Arn, "CODEBUILD_LOG_PATH": *b.Logs.StreamName,
		"CODEBUILD_KMS_KEY_ID":  awsproto.Value(b.EncryptionKey),
		"CODEBUILD_BUILD_IMAGE": awsproto.Value(b.Environment.Image),
		"CODEBUILD_PROJECT_ARN": s.arn("project", *b.ProjectName),
		"CODEBUILD_BUILD_URL":   s.URL + "/builds/" + *b.Id,
	}
	if v["CODEBUILD_SOURCE_REPO_URL"] = awsproto.Value(b.Source.Location); b.Source.Type == cb.SourceTypeCodecommit {
		v["CODEBUILD_SOURCE_REPO_URL"] = s.URL + "/v1/repos/" + repositoryName(awsproto.Value(b.Source.Location))
	}
	return v
}

// submit commits a build, in the hands of a runner that waits for one if there is one.
func (s *Service) submit(ctx context.Context, sub *submission) (*cb.Build, error) {
	fault.Point("build.before-submit")
	waiting := s.reserve(sub)
	var b *cb.Build
	var order *slipway.BuildOrder // for the runner that waits
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		b, order = new(cb.Build), nil
		if sub.claim != nil {
			if err := sub.claim(ctx, tx); err != nil {
				return err
			}
		}
		if sub.origin != "" {
			if r, err := one(ctx, tx, `WHERE origin = $1`, sub.origin); err != nil || r != nil {
				if r != nil {
					b = new(s.shown(r))
				}
				return err
			}
		}
		return s.db.Once(ctx, tx, sub.scope, sub.token, sub.request, b, s.Now().Add(tokenLife), func() error {
			*b = *sub.build
			r := &row{build: *b, work: sub.work, State: State{Stage: Queued, Sandbox: sub.sandbox},
				submitted: s.Now(), needs: sub.needs, fleet: sub.fleet()}
			if err := s.insert(ctx, tx, r, sub, waiting); err != nil {
				return err
			}
			s.Hints.Changed(tx, r.topics()...)
			*b = view(r, nil)
			if r.Stage != Assigned {
				return nil
			}
			order, err = s.order(r)
			return err
		})
	})
	if err == nil && order != nil {
		waiting.deliver(order)
	} else {
		s.runners.giveBack(waiting)
		if err == nil {
			w := waitingFor(sub.needs, sub.fleet())
			s.runners.wakeFor(w)
			s.db.Notify(queueNotice, w.text())
		}
	}
	if errors.Is(err, store.ErrTokenMismatch) {
		err = invalid("The idempotencyToken was used within the last five minutes with other parameters.")
	}
	if err != nil {
		return nil, err
	}
	fault.Point("build.after-submit")
	return b, nil
}

// reserve takes a poll that waits for a build like this one; nil if there is none. Which runner takes a build of a
// fleet is decided when one looks into the queue.
func (s *Service) reserve(sub *submission) *poll {
	if s.noRoom() != nil || sub.fleet() != "" {
		return nil
	}
	return s.runners.take(sub.needs)
}

// insert numbers a build and writes it, assigned to the poll that was reserved unless others wait in the queue.
func (s *Service) insert(ctx context.Context, tx store.Tx, r *row, sub *submission, waiting *poll) error {
	name := *r.build.ProjectName
	if err := s.number(ctx, tx, r, sub.limit); err != nil {
		return err
	}
	r.build.StartTime = awsproto.At(r.submitted)
	r.work.Variables["CODEBUILD_INITIATOR"] = awsproto.Value(r.build.Initiator)
	r.work.Variables["CODEBUILD_START_TIME"] = strconv.FormatInt(r.submitted.UnixMilli(), 10)
	if v := awsproto.Value(r.build.SourceVersion); v != "" {
		r.work.Variables["CODEBUILD_SOURCE_VERSION"] = v
	}
	if err := s.prepareCache(ctx, tx, r); err != nil {
		return err
	}
	if waiting != nil {
		other, _, err := s.next(ctx, tx, waiting.taker())
		if err != nil {
			return err
		}
		if other == nil {
			r.State, r.assigned = Decide(r.State, Assign{Runner: waiting.runner}).State, r.submitted
			if err := s.watch(ctx, tx, waiting.runner); err != nil {
				return err
			}
		}
	}
	if r.Stage == Queued {
		deadline := r.submitted.Add(time.Duration(*r.build.QueuedTimeoutInMinutes) * time.Minute)
		if err := tx.Enqueue(ctx, store.Job{Kind: jobQueued, Key: *r.build.Id, RunAt: deadline}); err != nil {
			return err
		}
	}
	if r.fleet != "" {
		if err := watchFleet(ctx, tx, r.fleet); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, insertBuild,
		*r.build.Id, name, sub.origin, string(r.Stage), r.Runner, r.submitted.UnixMilli(), milliseconds(r.assigned),
		store.JSON(&r.build), store.JSON(&r.work), r.needs, r.fleet, r.kind())
	return err
}
