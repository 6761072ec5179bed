package build

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// AWS's defaults.
const (
	defaultTimeout = 60  // minutes
	defaultQueued  = 480 // minutes
)

func (s *Service) project(ctx context.Context, q store.Queryer, name string) (*cb.Project, error) {
	name = strings.TrimPrefix(name, s.arn("project", ""))
	p, err := store.Document[cb.Project](ctx, q, `SELECT doc FROM projects WHERE name = $1`, name)
	if err == nil && p == nil {
		err = &cb.ResourceNotFoundException{Message: "Project cannot be found: " + s.arn("project", name)}
	}
	return p, err
}

// CreateProject implements codebuild:CreateProject.
func (s *Service) CreateProject(ctx context.Context, in *cb.CreateProjectInput) (*cb.CreateProjectOutput, error) {
	now := awsproto.At(s.Now())
	p := &cb.Project{Name: in.Name, Arn: new(s.arn("project", *in.Name)), Description: in.Description,
		Source: in.Source, SecondarySources: in.SecondarySources,
		SourceVersion: in.SourceVersion, SecondarySourceVersions: in.SecondarySourceVersions, Artifacts: in.Artifacts,
		SecondaryArtifacts: in.SecondaryArtifacts,
		Cache:              in.Cache, Environment: in.Environment, ServiceRole: in.ServiceRole,
		TimeoutInMinutes: in.TimeoutInMinutes, QueuedTimeoutInMinutes: in.QueuedTimeoutInMinutes,
		EncryptionKey: in.EncryptionKey, Tags: in.Tags, Created: now, LastModified: now, VpcConfig: in.VpcConfig,
		LogsConfig:          in.LogsConfig,
		FileSystemLocations: in.FileSystemLocations, BuildBatchConfig: in.BuildBatchConfig,
		ConcurrentBuildLimit: in.ConcurrentBuildLimit,
		AutoRetryLimit:       in.AutoRetryLimit,
		ProjectVisibility:    cb.ProjectVisibilityTypePrivate}
	if err := s.complete(p, in.BadgeEnabled); err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, in.ServiceRole); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.project(ctx, tx, *in.Name); err == nil {
			return &cb.ResourceAlreadyExistsException{Message: "Project already exists: " + *p.Arn}
		}
		if err := s.saveBadge(ctx, tx, p); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO projects (name, doc, created, modified) VALUES ($1, $2, $3, $3)`, *p.Name,
			store.JSON(p), now.UnixMilli())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cb.CreateProjectOutput{Project: p}, nil
}

// complete puts AWS's defaults where nothing was given, and checks the whole.
func (s *Service) complete(p *cb.Project, badge *bool) error {
	s.defaults(p)
	if p.ConcurrentBuildLimit != nil {
		switch limit := *p.ConcurrentBuildLimit; {
		case limit == -1:
			p.ConcurrentBuildLimit = nil
		case limit < 1:
			return invalid("Invalid concurrentBuildLimit %d: it must be at least 1, or -1 for none.", limit)
		}
	}
	if awsproto.Value(p.AutoRetryLimit) < 0 {
		return invalid("Invalid autoRetryLimit %d: it must be at least 0.", *p.AutoRetryLimit)
	}
	if badge != nil || p.Badge == nil {
		p.Badge = &cb.ProjectBadge{BadgeEnabled: new(awsproto.Value(badge))}
	}
	if err := checkBatchConfig(p.BuildBatchConfig); err != nil {
		return err
	}
	if err := check(p); err != nil {
		return err
	}
	return checkBadge(p)
}

// defaults puts AWS's defaults where nothing was given.
func (s *Service) defaults(p *cb.Project) {
	if p.TimeoutInMinutes == nil {
		p.TimeoutInMinutes = new(int32(defaultTimeout))
	}
	if p.QueuedTimeoutInMinutes == nil {
		p.QueuedTimeoutInMinutes = new(int32(defaultQueued))
	}
	if p.EncryptionKey == nil || *p.EncryptionKey == "" {
		p.EncryptionKey = new("arn:aws:kms:" + s.Region + ":" + s.Account + ":alias/aws/s3")
	}
	if p.Cache == nil {
		p.Cache = &cb.ProjectCache{Type: cb.CacheTypeNoCache}
	}
	if p.Environment.EnvironmentVariables == nil {
		p.Environment.EnvironmentVariables = []cb.EnvironmentVariable{}
	}
	for i := range p.Environment.EnvironmentVariables {
		if v := &p.Environment.EnvironmentVariables[i]; v.Type == "" {
			v.Type = cb.EnvironmentVariableTypePlaintext
		}
	}
	if p.Environment.PrivilegedMode == nil {
		p.Environment.PrivilegedMode = new(false)
	}
	if p.Environment.ImagePullCredentialsType == "" {
		p.Environment.ImagePullCredentialsType = cb.ImagePullCredentialsTypeCodebuild
	}
}

// UpdateProject implements codebuild:UpdateProject: what is absent stays as it is.
func (s *Service) UpdateProject(ctx context.Context, in *cb.UpdateProjectInput) (*cb.UpdateProjectOutput, error) {
	if err := s.checkRole(ctx, in.ServiceRole); err != nil {
		return nil, err
	}
	var p *cb.Project
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if p, err = s.project(ctx, tx, *in.Name); err != nil {
			return err
		}
		change(p, in)
		p.LastModified = awsproto.At(s.Now())
		if err := s.complete(p, in.BadgeEnabled); err != nil {
			return err
		}
		if err := s.saveBadge(ctx, tx, p); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE projects SET doc = $2, modified = $3 WHERE name = $1`, *p.Name, store.JSON(p),
			p.LastModified.UnixMilli())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cb.UpdateProjectOutput{Project: p}, s.withWebhooks(ctx, p)
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

func setList[T any](to *[]T, from []T) {
	if from != nil {
		*to = from
	}
}

// change copies what an update gives; an empty text, list or VPC takes away what was there.
func change(p *cb.Project, in *cb.UpdateProjectInput) {
	set(&p.Source, in.Source)
	setList(&p.SecondarySources, in.SecondarySources)
	setList(&p.SecondarySourceVersions, in.SecondarySourceVersions)
	set(&p.Artifacts, in.Artifacts)
	setList(&p.SecondaryArtifacts, in.SecondaryArtifacts)
	set(&p.Cache, in.Cache)
	set(&p.Environment, in.Environment)
	set(&p.ServiceRole, in.ServiceRole)
	set(&p.TimeoutInMinutes, in.TimeoutInMinutes)
	set(&p.QueuedTimeoutInMinutes, in.QueuedTimeoutInMinutes)
	set(&p.EncryptionKey, in.EncryptionKey)
	setList(&p.Tags, in.Tags)
	set(&p.LogsConfig, in.LogsConfig)
	setList(&p.FileSystemLocations, in.FileSystemLocations)
	set(&p.BuildBatchConfig, in.BuildBatchConfig)
	set(&p.ConcurrentBuildLimit, in.ConcurrentBuildLimit)
	set(&p.AutoRetryLimit, in.AutoRetryLimit)
	for to, from := range map[**string]*string{&p.Description: in.Description, &p.SourceVersion: in.SourceVersion} {
		if set(to, from); from != nil && *from == "" {
			*to = nil
		}
	}
	if set(&p.VpcConfig, in.VpcConfig); p.VpcConfig != nil && p.VpcConfig.VpcId == nil {
		p.VpcConfig = nil
	}
}

// DeleteProject implements codebuild:DeleteProject; an unknown name is no error. The project's builds stay, as AWS's
// do.
func (s *Service) DeleteProject(ctx context.Context, in *cb.DeleteProjectInput) (*cb.DeleteProjectOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name := strings.TrimPrefix(*in.Name, s.arn("project", ""))
		if err := s.forget(ctx, tx, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM projects WHERE name = $1`, name)
		return err
	})
}

// BatchGetProjects implements codebuild:BatchGetProjects, by names and ARNs.
func (s *Service) BatchGetProjects(ctx context.Context,
	in *cb.BatchGetProjectsInput) (*cb.BatchGetProjectsOutput, error) {
	names := make([]any, len(in.Names))
	for i, n := range in.Names {
		names[i] = strings.TrimPrefix(n, s.arn("project", ""))
	}
	found, err := store.Documents[cb.Project](ctx, s.db,
		`SELECT doc FROM projects WHERE name IN `+store.In(1, len(names)), names...)
	if err != nil {
		return nil, err
	}
	if err := s.withWebhooks(ctx, found...); err != nil {
		return nil, err
	}
	byName := map[string]*cb.Project{}
	for _, p := range found {
		byName[*p.Name] = p
	}
	out := &cb.BatchGetProjectsOutput{Projects: []cb.Project{}, ProjectsNotFound: []string{}}
	for i, n := range in.Names {
		if p := byName[names[i].(string)]; p != nil {
			out.Projects = append(out.Projects, *p)
		} else {
			out.ProjectsNotFound = append(out.ProjectsNotFound, n)
		}
	}
	return out, nil
}
