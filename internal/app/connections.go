package app

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codeconnections"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/forge"
	"slipway/internal/pipeline"
	forgeprovider "slipway/internal/pipeline/provider/connection"
	"slipway/internal/source/connection"
	"slipway/internal/store"
)

// toForges is the name of the subscriber that sends the statuses of commits.
const toForges = "forges"

// connectionOperations are Slipway's own operations on connections.
type connectionOperations interface {
	CompleteConnection(context.Context, *slipway.CompleteConnectionInput) (*slipway.CompleteConnectionOutput, error)
	GetConnectionDetails(context.Context, *slipway.ConnectionInput) (*slipway.GetConnectionDetailsOutput, error)
	ListConnectionDeliveries(context.Context, *slipway.ConnectionInput) (*slipway.ListConnectionDeliveriesOutput, error)
	RotateConnectionWebhook(context.Context, *slipway.ConnectionInput) (*slipway.RotateConnectionWebhookOutput, error)
	RegisterConnectionWebhook(context.Context,
		*slipway.RegisterConnectionWebhookInput) (*slipway.RegisterConnectionWebhookOutput, error)
}

// newConnections makes the connections to forges.
func (x *stages) newConnections(ctx context.Context, g *ground) (*connection.Service, error) {
	return connection.New(ctx, g.db, connection.Config{
		Region:  g.Place.Region,
		Account: g.Place.Account,
		URL:     g.URL,
		Now:     g.now,
		Log:     g.Log,
		Pager:   g.pager,
		Seal:    g.sealer,
		Hints:   g.hints,
		Local:   loopback(g.Listen),
		Watched: x.watchedRepositories,
	})
}

// watchedRepositories answers for connections, which are made before the pipelines that use them.
func (x *stages) watchedRepositories(ctx context.Context) ([]connection.Watch, error) {
	all, err := x.pipelines.ConnectedRepositories(ctx)
	watched := make([]connection.Watch, 0, len(all))
	for _, c := range all {
		watched = append(watched, connection.Watch(c))
	}
	return watched, err
}

// olderConnections are the connections under the service's older name, by which older clients know it.
type olderConnections struct{ *codeconnections.Service }

func (s olderConnections) Info() *awsproto.Info {
	i := *s.Service.Info()
	i.Target = "com.amazonaws.codestar.connections.CodeStar_connections_20191201"
	i.SigningName = "codestar-connections"
	return &i
}

// olderNamed gives new resources ARNs with the older name.
type olderNamed struct{ *connection.Service }

func (s olderNamed) CreateConnection(ctx context.Context,
	in *codeconnections.CreateConnectionInput) (*codeconnections.CreateConnectionOutput, error) {
	return s.Service.CreateConnection(connection.WithOlderName(ctx), in)
}

func (s olderNamed) CreateHost(ctx context.Context,
	in *codeconnections.CreateHostInput) (*codeconnections.CreateHostOutput, error) {
	return s.Service.CreateHost(connection.WithOlderName(ctx), in)
}

func (s *server) olderConnections() awsproto.Service {
	return olderConnections{codeconnections.New(s.rights.hooks(), olderNamed{s.connections})}
}

// actingConnections asks for the right to use a connection.
type actingConnections struct {
	*connection.Service
	rights *rights
}

// Take implements forgeprovider.Repositories.
func (c actingConnections) Take(ctx context.Context, want forge.Wanted, w io.Writer) (forge.Commit, error) {
	if err := c.rights.mayUse(ctx, want.Connection, want.Repository, want.Ref); err != nil {
		return forge.Commit{}, err
	}
	return c.Service.Take(ctx, want, w)
}

// mayUse asks for the right to read a repository over a connection.
func (s *rights) mayUse(ctx context.Context, arn, repository, ref string) error {
	owner, name := repository, ""
	if at := strings.LastIndexByte(repository, '/'); at >= 0 {
		owner, name = repository[:at], repository[at+1:]
	}
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	ask := q.Ask("codeconnections:UseConnection", []string{arn})
	for _, service := range []string{"codeconnections:", "codestar-connections:"} {
		ask.Key(service+"fullrepositoryid", []string{repository})
		ask.Key(service+"ownerid", []string{owner})
		ask.Key(service+"repositoryname", []string{name})
		ask.Key(service+"providerpermissionsrequired", []string{"read_only"})
		if branch, ok := strings.CutPrefix(ref, forge.BranchPrefix); ok {
			ask.Key(service+"branchname", []string{branch})
		}
	}
	return mended(s.authority.Ask(ctx, q, nil))
}

// mayPass asks whoever defines a pipeline for the right to pass it the connections of its actions.
func (s *rights) mayPass(ctx context.Context, in any) error {
	var d *codepipeline.PipelineDeclaration
	switch in := in.(type) {
	case *codepipeline.CreatePipelineInput:
		d = in.Pipeline
	case *codepipeline.UpdatePipelineInput:
		d = in.Pipeline
	}
	if d == nil {
		return nil
	}
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			a := &d.Stages[i].Actions[j]
			arn := a.Configuration["ConnectionArn"]
			if id := a.ActionTypeId; arn == "" || id == nil || awsproto.Value(id.Provider) != forgeprovider.Name {
				continue
			}
			ask := q.Ask("codeconnections:PassConnection", []string{arn})
			for _, service := range []string{"codeconnections:", "codestar-connections:"} {
				ask.Key(service+"passedtoservice", []string{pipeline.RolePrincipal})
			}
		}
	}
	if len(q.Asks) == 0 {
		return nil
	}
	return s.authority.Ask(ctx, q, in)
}

// tellConnections tells pipelines of what happens to repositories elsewhere, and forges of what executions came to.
func tellConnections(g *ground, x *stages) {
	event.RepositoryChanged.Subscribe(g.db, toPipelines,
		func(ctx context.Context, _ string, c event.RepositoryChange) error {
			return x.pipelines.RepositoryChanged(ctx, pipeline.Happening{
				Connection: c.Connection,
				Event:      &c.Event,
				Files: func(ctx context.Context) ([]string, error) {
					return x.connections.ChangedFiles(ctx, c.Connection, &c.Event)
				},
				Note: func(ctx context.Context, tx store.Tx, all []slipway.DeliveredPipeline) error {
					return x.connections.Decided(ctx, tx, c.Connection, c.Delivery, all)
				},
			})
		})
	event.ExecutionMoved.Subscribe(g.db, toForges, func(ctx context.Context, _ string, e event.Execution) error {
		all, err := x.pipelines.SourceStates(ctx, e.Pipeline, e.ID)
		if err != nil {
			return err
		}
		err = once(ctx, g.db, func(tx store.Tx) error {
			for i, of := range all {
				if err := x.connections.PutStatus(ctx, tx, e.ID+"/"+strconv.Itoa(i), g.statusOf(e, of)); err != nil {
					return err
				}
			}
			return nil
		})
		if errors.Is(err, store.ErrJobGone) {
			return nil // another server told it
		}
		return err
	})
}

// states are those of commits for the states of executions. An execution that was stopped or replaced says nothing of
// the commit.
var states = map[codepipeline.PipelineExecutionStatus]forge.State{
	codepipeline.PipelineExecutionStatusInProgress: forge.Pending,
	codepipeline.PipelineExecutionStatusStopping:   forge.Pending,
	codepipeline.PipelineExecutionStatusSucceeded:  forge.Success,
	codepipeline.PipelineExecutionStatusFailed:     forge.Failure,
	codepipeline.PipelineExecutionStatusStopped:    forge.Errored,
	codepipeline.PipelineExecutionStatusCancelled:  forge.Errored,
	codepipeline.PipelineExecutionStatusSuperseded: forge.Errored,
}

// statusOf is the status that a commit gets of an execution.
func (g *ground) statusOf(e event.Execution, of pipeline.SourceState) connection.CommitStatus {
	return connection.CommitStatus{
		Connection: of.ARN,
		Repository: of.Repository,
		Commit:     of.Commit,
		Status: forge.Status{
			State:       states[of.Status],
			Context:     "slipway/" + e.Pipeline,
			Description: "Pipeline " + e.Pipeline + ": " + string(of.Status),
			URL:         g.URL + "/pipelines/" + url.PathEscape(e.Pipeline) + "/executions/" + e.ID,
		},
	}
}
