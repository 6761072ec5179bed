package build

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build/batch"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// What buildBatchConfig may hold. Source: "Quotas for AWS CodeBuild".
const (
	leastBatchMinutes, mostBatchMinutes = 5, 2160
	mostBatchBuilds                     = 100
)

// checkBatchConfig refuses a configuration of batches that none could be started with.
func checkBatchConfig(c *cb.ProjectBuildBatchConfig) error {
	if c == nil {
		return nil
	}
	if role := awsproto.Value(c.ServiceRole); role != "" && !roleARN()(role) {
		return invalid("Invalid buildBatchConfig: serviceRole %q is not the ARN of a role "+
			"(arn:aws:iam::ACCOUNT:role/NAME).", role)
	}
	if t := c.TimeoutInMins; t != nil && (*t < leastBatchMinutes || *t > mostBatchMinutes) {
		return invalid("Invalid buildBatchConfig: timeoutInMins %d must be between %d and %d.", *t, leastBatchMinutes,
			mostBatchMinutes)
	}
	if r := c.Restrictions; r != nil && r.MaximumBuildsAllowed != nil &&
		(*r.MaximumBuildsAllowed < 1 || *r.MaximumBuildsAllowed > mostBatchBuilds) {
		return invalid("Invalid buildBatchConfig: maximumBuildsAllowed %d must be between 1 and %d.",
			*r.MaximumBuildsAllowed, mostBatchBuilds)
	}
	return nil
}

// StartBuildBatch implements codebuild:StartBuildBatch. The token is kept for five minutes.
func (s *Service) StartBuildBatch(ctx context.Context,
	in *cb.StartBuildBatchInput) (*cb.StartBuildBatchOutput, error) {
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	merge(p, single(in))
	set(&p.BuildBatchConfig, in.BuildBatchConfigOverride)
	if err := s.mayBatch(ctx, p, in); err != nil {
		return nil, err
	}
	b, err := s.startBatch(ctx, p, &batchStart{
		initiator: awsproto.CallerOf(ctx).Name,
		token:     awsproto.Value(in.IdempotencyToken),
		request:   in,
		debug:     awsproto.Value(in.DebugSessionEnabled),
	})
	if err != nil {
		return nil, err
	}
	return &cb.StartBuildBatchOutput{BuildBatch: b}, nil
}

// batchStart is what starts a batch of a project.
type batchStart struct {
	initiator string
	debug     bool   // its builds have debug sessions
	token     string // of idempotency, and the request that it stands for
	request   any
	occasion  occasion
	job       *slipway.PipelineJob // of the pipeline that starts it, nil for none
	// claim is part of the transaction that submits the batch with an ID, which its error ends; nil for none.
	claim func(ctx context.Context, tx store.Tx, id string) error
}

// startBatch starts a batch of a project over which the overrides were put.
func (s *Service) startBatch(ctx context.Context, p *cb.Project, by *batchStart) (*cb.BuildBatch, error) {
	x := s.newBatch(p, by.initiator)
	x.work.Occasion, x.work.Job = by.occasion, by.job
	x.doc.DebugSessionEnabled = &by.debug
	// Its first build is made twice, here only to see whether it can be made at all.
	x.state = batch.Begin(awsproto.Value(p.BuildBatchConfig.CombineArtifacts)).State
	if _, err := s.makeParts(ctx, x, []int{0}); err != nil {
		return nil, err
	}
	if err := s.fleetThere(ctx, fleetARN(p.Environment), *p.Name); err != nil {
		return nil, err
	}
	fault.Point("batch.before-submit")
	out := new(cb.BuildBatch)
	err := s.db.Write(ctx, func(tx store.Tx) error {
		*out = cb.BuildBatch{}
		if there, err := s.startedFor(ctx, tx, by.job, out); err != nil || there {
			return err
		}
		if by.claim != nil {
			if err := by.claim(ctx, tx, *x.doc.Id); err != nil {
				return err
			}
		}
		return s.db.Once(ctx, tx, "build.batch.start", by.token, by.request, out,
			s.Now().Add(tokenLife), func() error {
				return s.begin(ctx, tx, x, by.origin(), out)
			})
	})
	if errors.Is(err, store.ErrTokenMismatch) {
		err = invalid("The idempotencyToken was used within the last five minutes with other parameters.")
	}
	if err != nil {
		return nil, err
	}
	fault.Point("batch.submitted")
	return out, nil
}

// mayBatch refuses a batch that a project does not allow, or that asks for what is not there.
func (s *Service) mayBatch(ctx context.Context, p *cb.Project, in *cb.StartBuildBatchInput) error {
	switch {
	case p.Source.Type == cb.SourceTypeCodepipeline || p.Artifacts.Type == cb.ArtifactsTypeCodepipeline:
		return invalid("The project %s takes its source from a pipeline, and only one can start it. To start it by "+
			"itself, override source and artifacts (sourceTypeOverride, artifactsOverride).", *p.Name)
	}
	if err := s.checkRole(ctx, in.ServiceRoleOverride); err != nil {
		return err
	}
	if err := s.batchRole(ctx, p); err != nil {
		return err
	}
	return check(p)
}

// batchRole refuses a project whose batches cannot be started for want of a role, or of its right to start builds.
// Source: "Batch builds in AWS CodeBuild", security role, in the CodeBuild user guide.
func (s *Service) batchRole(ctx context.Context, p *cb.Project) error {
	c := p.BuildBatchConfig
	if c == nil || awsproto.Value(c.ServiceRole) == "" {
		return invalid("The project %s has no role for batches. Give it one: aws codebuild update-project --name %s "+
			"--build-batch-config serviceRole=ARN", *p.Name, *p.Name)
	}
	if err := checkBatchConfig(c); err != nil {
		return err
	}
	if err := s.checkRole(ctx, c.ServiceRole); err != nil || s.Roles == nil {
		return err
	}
	err := s.Roles.MayStart(ctx, *c.ServiceRole, *p.Name)
	if _, refused := err.(awsproto.ServiceError); refused {
		err = invalid("The service role %s of the batches of the project %s may not start its builds "+
			"(codebuild:StartBuild). %s", *c.ServiceRole, *p.Name, awsproto.Message(err))
	}
	return err
}

// origin is the key of the pipeline's action that starts a batch, "" for none.
func (by *batchStart) origin() string {
	if by.job == nil {
		return ""
	}
	return by.job.Key
}

// startedFor reads the batch that was started for a pipeline's action before, if there is one.
func (s *Service) startedFor(ctx context.Context, tx store.Tx, job *slipway.PipelineJob,
	out *cb.BuildBatch) (there bool, _ error) {
	if job == nil {
		return false, nil
	}
	x, err := oneBatch(ctx, tx, `WHERE origin = $1`, job.Key)
	if err != nil || x == nil {
		return false, err
	}
	shown, err := s.shownBatches(ctx, tx, []*batchRow{x})
	if err == nil {
		*out = shown[0]
	}
	return true, err
}

// single is what a batch overrides, in the words of a single build.
func single(in *cb.StartBuildBatchInput) *cb.StartBuildInput {
	return &cb.StartBuildInput{
		SecondarySourcesOverride:         in.SecondarySourcesOverride,
		SecondarySourcesVersionOverride:  in.SecondarySourcesVersionOverride,
		SourceVersion:                    in.SourceVersion,
		ArtifactsOverride:                in.ArtifactsOverride,
		SecondaryArtifactsOverride:       in.SecondaryArtifactsOverride,
		EnvironmentVariablesOverride:     in.EnvironmentVariablesOverride,
		SourceTypeOverride:               in.SourceTypeOverride,
		SourceLocationOverride:           in.SourceLocationOverride,
		SourceAuthOverride:               in.SourceAuthOverride,
		GitCloneDepthOverride:            in.GitCloneDepthOverride,
		GitSubmodulesConfigOverride:      in.GitSubmodulesConfigOverride,
		BuildspecOverride:                in.BuildspecOverride,
		InsecureSslOverride:              in.InsecureSslOverride,
		ReportBuildStatusOverride:        in.ReportBuildBatchStatusOverride,
		EnvironmentTypeOverride:          in.EnvironmentTypeOverride,
		ImageOverride:                    in.ImageOverride,
		ComputeTypeOverride:              in.ComputeTypeOverride,
		CertificateOverride:              in.CertificateOverride,
		CacheOverride:                    in.CacheOverride,
		ServiceRoleOverride:              in.ServiceRoleOverride,
		PrivilegedModeOverride:           in.PrivilegedModeOverride,
		TimeoutInMinutesOverride:         in.BuildTimeoutInMinutesOverride,
		QueuedTimeoutInMinutesOverride:   in.QueuedTimeoutInMinutesOverride,
		EncryptionKeyOverride:            in.EncryptionKeyOverride,
		LogsConfigOverride:               in.LogsConfigOverride,
		RegistryCredentialOverride:       in.RegistryCredentialOverride,
		ImagePullCredentialsTypeOverride: in.ImagePullCredentialsTypeOverride,
	}
}

// newBatch is a batch of a project over which the overrides were put.
func (s *Service) newBatch(p *cb.Project, initiator string) *batchRow {
	id := *p.Name + ":" + uuid.NewString()
	x := &batchRow{work: batchWork{Project: *p}, doc: cb.BuildBatch{Id: &id, Arn: new(s.arn("build-batch", id)),
		BuildBatchStatus: cb.StatusTypeInProgress, Complete: new(false), Initiator: &initiator,
		ProjectName: p.Name, SourceVersion: p.SourceVersion, Source: p.Source, SecondarySources: p.SecondarySources,
		SecondarySourceVersions: p.SecondarySourceVersions, Cache: p.Cache, Environment: p.Environment,
		ServiceRole: p.ServiceRole, LogConfig: p.LogsConfig, BuildTimeoutInMinutes: p.TimeoutInMinutes,
		QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes, VpcConfig: p.VpcConfig, EncryptionKey: p.EncryptionKey,
		FileSystemLocations: p.FileSystemLocations, BuildBatchConfig: p.BuildBatchConfig}}
	_, unique, _ := cut(id)
	x.doc.Artifacts = new(expected(*p.Artifacts, *p.Name, unique))
	for _, a := range p.SecondaryArtifacts {
		x.doc.SecondaryArtifacts = append(x.doc.SecondaryArtifacts, expected(a, *p.Name, unique))
	}
	return x
}

// begin writes a batch and starts its first build. It may run more than once, and changes no more of fresh than what it
// sets anew.
func (s *Service) begin(ctx context.Context, tx store.Tx, fresh *batchRow, origin string, out *cb.BuildBatch) error {
	x := *fresh
	x.submitted = s.Now()
	x.doc.StartTime, x.doc.Phases = awsproto.At(x.submitted), nil
	x.enter(cb.BuildBatchPhaseTypeSubmitted, "", nil, x.submitted)
	x.enter(cb.BuildBatchPhaseTypeDownloadBatchspec, cb.StatusTypeSucceeded, nil, x.submitted)
	if err := s.insertBatch(ctx, tx, &x, origin); err != nil {
		return err
	}
	d := batch.Begin(fresh.state.Combine)
	x.state = d.State
	if err := s.follow(ctx, tx, &x, d); err != nil {
		return err
	}
	if err := s.boundBatch(ctx, tx, &x); err != nil {
		return err
	}
	shown, err := s.shownBatches(ctx, tx, []*batchRow{&x})
	if err == nil {
		*out = shown[0]
	}
	return err
}

// boundBatch lets a batch end when its time is over.
func (s *Service) boundBatch(ctx context.Context, tx store.Tx, x *batchRow) error {
	minutes := batchMinutes(x)
	if minutes == 0 {
		return nil
	}
	return tx.Enqueue(ctx, store.Job{Kind: jobBatch, Key: *x.doc.Id,
		RunAt: s.Now().Add(time.Duration(minutes) * time.Minute)})
}
