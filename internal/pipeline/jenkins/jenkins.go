// Package jenkins is the provider of build and test actions whose work is a build of Jenkins. A server of Jenkins that
// an operator has added gives the account an action type of its name, with the configuration of AWS's plugin for
// Jenkins: the provider is the name, and ProjectName the job. Source: "Remote Access API" in the Jenkins handbook, and
// the pages /api/ of Jenkins itself.
package jenkins

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/journal"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/spec/pipelinefile"
)

// Objects is what the provider needs of the object store.
type Objects interface {
	Get(ctx context.Context, bucket, key, version string) (object.Object, object.File, error)
	Put(
		ctx context.Context,
		bucket, key string,
		body io.Reader,
		meta *object.Meta,
		cond object.Condition,
	) (object.Object, error)
}

// Config is what the service needs to know of where it runs, and what it works with.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Log             *slog.Logger
	Seal            *seal.Sealer
	Logs            *journal.Journal
	Objects         Objects
	// Act returns a context with the rights of a pipeline's role, or of the action's own.
	Act func(ctx context.Context, role, own, session string) (context.Context, error)
}

// Service keeps servers of Jenkins, and is the provider of their action types.
type Service struct {
	Config
	db        *store.Store
	servers   store.Kept[map[string]*server]
	transport http.RoundTripper
}

const (
	// followJob follows a build; its key is the action execution.
	followJob = "jenkins.follow"
	// followTime is how long one step may take: to upload an artifact, or to download what was archived.
	followTime = 30 * time.Minute
)

// New returns the service. Its jobs run once db works.
func New(ctx context.Context, db *store.Store, c Config) (*Service, error) {
	s := &Service{Config: c, db: db, transport: newTransport()}
	db.Handle(followJob, store.Limits{Parallel: 8, Time: followTime, Attempts: store.Tireless}, s.follow)
	db.OnNotice(serversNotice, func(string) { s.servers.Forget() })
	db.OnGap(s.servers.Forget)
	_, err := s.all(ctx)
	return s, err
}

func sorted(known map[string]*server) []*server {
	var all []*server
	for _, x := range known {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b *server) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Keys of the configuration of an action.
const (
	projectKey    = "ProjectName"
	parametersKey = "Parameters"
	fileKey       = "FileParameter"
)

// typesOf are the action types of a server.
func typesOf(x *server) []pipelinefile.ActionType {
	t := pipelinefile.ActionType{
		Category: cp.ActionCategoryBuild,
		Owner:    cp.ActionOwnerCustom,
		Provider: x.Name,
		Version:  x.Version,
		Inputs:   pipelinefile.Range{Max: 5},
		Outputs:  pipelinefile.Range{Max: 1},
		Keys: []pipelinefile.Key{
			{Name: projectKey, Required: true, Doc: "The job of Jenkins: NAME, or FOLDER/NAME."},
			{Name: parametersKey, Doc: "Parameters of the build: a JSON object of strings."},
			{Name: fileKey, Doc: "The file parameter of the job that gets the input artifact."},
		},
		Check: check,
	}
	test := t
	test.Category = cp.ActionCategoryTest
	return []pipelinefile.ActionType{t, test}
}

// check checks what the keys do not tell of a configuration.
func check(a *cp.ActionDeclaration, report pipelinefile.Report) {
	c := a.Configuration
	if _, ok := jobPath(c[projectKey]); !ok && c[projectKey] != "" && len(pipelinefile.Variables(c[projectKey])) == 0 {
		report(projectKey, "%q is no name of a job of Jenkins: it must be NAME or FOLDER/NAME", c[projectKey])
	}
	if _, err := parameters(c); err != nil {
		report(parametersKey, "%v", err)
	}
	if c[fileKey] != "" && len(a.InputArtifacts) != 1 {
		report(fileKey, "%s needs one input artifact, and action '%s' has %d", fileKey, *a.Name,
			len(a.InputArtifacts))
	}
}

// parameters are those of the builds of a configuration.
func parameters(configuration map[string]string) (map[string]string, error) {
	text := configuration[parametersKey]
	if text == "" {
		return map[string]string{}, nil
	}
	all := map[string]string{}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, pipeline.Refuse("InvalidActionConfiguration",
			"%s must be a JSON object of strings, such as {\"NAME\": \"value\"}: %v", parametersKey, err)
	}
	return all, nil
}

// Types implements pipeline.Custom.
func (s *Service) Types() []pipelinefile.ActionType {
	var all []pipelinefile.ActionType
	for _, x := range sorted(s.now()) {
		all = append(all, typesOf(x)...)
	}
	return all
}

// Type implements pipeline.Custom.
func (s *Service) Type(id *cp.ActionTypeId) *pipelinefile.ActionType {
	if id == nil || id.Provider == nil || id.Version == nil || id.Owner != cp.ActionOwnerCustom {
		return nil
	}
	x := s.now()[*id.Provider]
	if x == nil || x.Version != *id.Version {
		return nil
	}
	for _, t := range typesOf(x) {
		if t.Category == id.Category {
			return &t
		}
	}
	return nil
}

// Declared implements pipeline.Custom: the types were not made by UpdateActionType.
func (s *Service) Declared(*cp.ActionTypeId) *cp.ActionTypeDeclaration { return nil }

// Shown implements pipeline.Custom.
func (s *Service) Shown() []cp.ActionType {
	var all []cp.ActionType
	for _, x := range sorted(s.now()) {
		for _, t := range typesOf(x) {
			shown := cp.ActionType{
				Id: t.ID(),
				Settings: &cp.ActionTypeSettings{
					ThirdPartyConfigurationUrl: &x.URL,
				},
				InputArtifactDetails:  &cp.ArtifactDetails{MinimumCount: &t.Inputs.Min, MaximumCount: &t.Inputs.Max},
				OutputArtifactDetails: &cp.ArtifactDetails{MinimumCount: &t.Outputs.Min, MaximumCount: &t.Outputs.Max},
			}
			for _, k := range t.Keys {
				shown.ActionConfigurationProperties = append(shown.ActionConfigurationProperties,
					cp.ActionConfigurationProperty{
						Name:        &k.Name,
						Required:    &k.Required,
						Key:         &k.Required,
						Secret:      new(false),
						Queryable:   new(false),
						Description: &k.Doc,
					})
			}
			all = append(all, shown)
		}
	}
	return all
}

// Unsupported implements pipeline.Provider.
func (s *Service) Unsupported(*cp.ActionDeclaration) string { return "" }

// Describe implements pipeline.Provider.
func (s *Service) Describe(a *cp.ActionDeclaration) pipeline.Description {
	name := a.Configuration[projectKey]
	d := pipeline.Description{What: *a.ActionTypeId.Provider + ": " + name}
	if x := s.now()[*a.ActionTypeId.Provider]; x != nil {
		if path, ok := jobPath(name); ok {
			d.URL = strings.TrimSuffix(x.URL, "/") + path + "/"
		}
	}
	return d
}

// Start implements pipeline.Provider: a job submits the build and follows it.
func (s *Service) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	if _, ok := jobPath(a.Configuration[projectKey]); !ok {
		return pipeline.Outcome{}, pipeline.Refuse("InvalidActionConfiguration",
			"%q is no name of a job of Jenkins: it must be NAME or FOLDER/NAME", a.Configuration[projectKey])
	}
	given, err := parameters(a.Configuration)
	if err != nil {
		return pipeline.Outcome{}, err
	}
	b := &Build{
		Run:        a.ID,
		Pipeline:   a.Pipeline,
		Execution:  a.Execution,
		Server:     *a.Type.Provider,
		Project:    a.Configuration[projectKey],
		Parameters: given,
		File:       a.Configuration[fileKey],
		Inputs:     a.Inputs,
		Outputs:    a.Outputs,
		Role:       a.Role,
		OwnRole:    a.OwnRole,
		Phase:      Submit,
		Reached:    s.Now().UnixMilli(),
	}
	for _, r := range a.Revisions {
		if r.RevisionId != nil {
			b.Commit = *r.RevisionId
			break
		}
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO pipeline_jenkins_builds (run, pipeline, doc) VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`, b.Run, b.Pipeline, store.JSON(b))
		if err != nil {
			return err
		}
		return tx.Enqueue(ctx, store.Job{Kind: followJob, Key: b.Run})
	})
	return pipeline.Outcome{Wait: new(Work(a.ID))}, err
}

// Work is what an action waits for.
func Work(run string) pipeline.Wait { return pipeline.Wait{Kind: "jenkins", ID: run} }

// build reads the build of an action execution; nil if there is none.
func (s *Service) build(ctx context.Context, run string) (*Build, error) {
	return store.Document[Build](ctx, s.db, `SELECT doc FROM pipeline_jenkins_builds WHERE run = $1`, run)
}

// Progress implements pipeline.Reporter.
func (s *Service) Progress(ctx context.Context, _ *pipeline.Action, run string) (*pipeline.Progress, error) {
	b, err := s.build(ctx, run)
	if err != nil || b == nil {
		return nil, err
	}
	told := &pipeline.Progress{Summary: b.Say}
	if b.Number > 0 {
		told.ExternalID, told.URL = strconv.FormatInt(b.Number, 10), b.URL
		group, stream := b.log()
		told.Log = "arn:aws:logs:" + s.Region + ":" + s.Account + ":log-group:" + group + ":log-stream:" + stream
	}
	return told, nil
}

// Result implements pipeline.Waiter.
func (s *Service) Result(ctx context.Context, _ *pipeline.Action, run string) (*pipeline.Result, error) {
	b, err := s.build(ctx, run)
	switch {
	case err != nil:
		return nil, err
	case b == nil:
		return pipeline.Failed("JobFailed", "The build of Jenkins is gone"), nil
	case b.Phase != Over:
		return nil, nil
	case b.Failure != nil:
		return &pipeline.Result{Failure: b.Failure}, nil
	}
	return &pipeline.Result{Variables: map[string]string{
		"BuildNumber": strconv.FormatInt(b.Number, 10),
		"BuildUrl":    b.URL,
	}}, nil
}
