// Package connection is the provider of source actions that take commits of a repository elsewhere, over a connection
// to its forge. Source: "CodeStarSourceConnection for Bitbucket Cloud, GitHub, ..." in the CodePipeline user guide.
package connection

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/contain"
	"slipway/internal/forge"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Name is the provider's name in definitions.
const Name = "CodeStarSourceConnection"

// Repositories is what the provider needs of connections.
type Repositories interface {
	// Take writes a commit as a zip. The errors of a service, and a *forge.RemoteError that is Refused, are final.
	Take(ctx context.Context, want forge.Wanted, w io.Writer) (forge.Commit, error)
}

// Artifacts is where the provider puts what it takes.
type Artifacts interface {
	Put(
		ctx context.Context,
		bucket, key string,
		body io.Reader,
		meta *object.Meta,
		cond object.Condition,
	) (object.Object, error)
}

// Provider implements pipeline.Provider and pipeline.Source.
type Provider struct {
	Repositories Repositories
	Artifacts    Artifacts
}

// Types implements pipeline.Provider.
func (*Provider) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of(Name, cp.ActionCategorySource)
}

// Unsupported implements pipeline.Provider.
func (*Provider) Unsupported(*cp.ActionDeclaration) string { return "" }

// Describe implements pipeline.Provider.
func (*Provider) Describe(a *cp.ActionDeclaration) pipeline.Description {
	of := pipeline.Description{What: a.Configuration["FullRepositoryId"] + ", " + a.Configuration["BranchName"]}
	if _, id, ok := strings.Cut(a.Configuration["ConnectionArn"], ":connection/"); ok {
		of.URL = "/settings/connections/" + id
	}
	return of
}

// Watches implements pipeline.Source: all that happens to the repository. Which of it starts the pipeline is decided
// for each event; see pipeline.Service.RepositoryChanged.
func (*Provider) Watches(a *cp.ActionDeclaration) []pipeline.Place {
	return []pipeline.Place{pipeline.ConnectedRepository(a.Configuration["ConnectionArn"],
		a.Configuration["FullRepositoryId"])}
}

// Override implements pipeline.Source: a start may ask for a commit.
func (*Provider) Override(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error {
	if o.RevisionType != cp.SourceRevisionTypeCommitId {
		return pipeline.RefuseOverride(a, o)
	}
	if !forge.IsCommit(*o.RevisionValue) {
		return pipeline.Refuse("ValidationException", "%s is no commit ID: give all of its hexadecimal digits",
			*o.RevisionValue)
	}
	return nil
}

// Start implements pipeline.Provider: it makes a zip of the newest commit of the branch, or of the one that the start
// asked for, with the whole repository for CODEBUILD_CLONE_REF.
func (p *Provider) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	ref := refOf(a)
	commit, err := p.take(ctx, forge.Wanted{
		Connection: a.Configuration["ConnectionArn"],
		Repository: a.Configuration["FullRepositoryId"],
		Ref:        ref,
		ID:         a.Override(cp.SourceRevisionTypeCommitId),
		Clone:      a.Configuration["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF",
	}, a.Outputs[0].S3location)
	if failed, ok := errors.AsType[*forge.RemoteError](err); ok && failed.Refused {
		return pipeline.Outcome{}, pipeline.Refuse("RevisionUnavailable", "%s", failed.Message)
	}
	if awsproto.Code(err) == "InvalidConnectionException" {
		return pipeline.Outcome{}, pipeline.Refuse("ConnectionUnavailable", "%s", awsproto.Message(err))
	}
	if err != nil {
		return pipeline.Outcome{}, err
	}
	return pipeline.Outcome{Result: &pipeline.Result{
		Variables: map[string]string{
			"AuthorDate":         commit.AuthorDate.UTC().Format(time.RFC3339),
			"AuthorDisplayName":  commit.AuthorName,
			"AuthorEmail":        commit.AuthorEmail,
			"BranchName":         strings.TrimPrefix(strings.TrimPrefix(ref, forge.BranchPrefix), forge.TagPrefix),
			"CommitId":           commit.ID,
			"CommitMessage":      commit.Message,
			"ConnectionArn":      a.Configuration["ConnectionArn"],
			"FullRepositoryName": a.Configuration["FullRepositoryId"],
		},
		Revision: &pipeline.Revision{
			ID:      commit.ID,
			Summary: summary(commit.Message),
			URL:     commit.URL,
			Created: commit.CommitterDate,
		},
	}}, nil
}

// refOf is the reference that an action takes: that of the event which started the execution, or the action's branch.
func refOf(a *pipeline.Action) string {
	var of pipeline.TriggerDetail
	if a.Trigger.TriggerType == cp.TriggerTypeWebhookV2 &&
		json.Unmarshal([]byte(awsproto.Value(a.Trigger.TriggerDetail)), &of) == nil && of.Ref != "" &&
		of.CommitID == a.Override(cp.SourceRevisionTypeCommitId) {
		return of.Ref
	}
	return forge.BranchPrefix + a.Configuration["BranchName"]
}

// longestSummary is how long a revision's summary may be ("ArtifactRevision" in the API reference).
const longestSummary = 2048

func summary(message string) string {
	if len(message) > longestSummary {
		return strings.ToValidUTF8(message[:longestSummary], "")
	}
	return message
}

// take writes a commit to an object, as a zip.
func (p *Provider) take(ctx context.Context, want forge.Wanted, to *cp.S3Location) (commit forge.Commit, err error) {
	read, write := io.Pipe()
	taken := make(chan error, 1)
	go func() {
		err := contain.Do(func() (err error) {
			commit, err = p.Repositories.Take(ctx, want, write)
			return err
		})
		write.CloseWithError(err)
		taken <- err
	}()
	_, err = p.Artifacts.Put(ctx, *to.Bucket, *to.Key, read, &object.Meta{ContentType: "application/zip"},
		object.Condition{})
	_ = read.CloseWithError(io.ErrClosedPipe) // ends the zip if the object could not be written
	if wrong := <-taken; wrong != nil && !errors.Is(wrong, io.ErrClosedPipe) {
		return commit, wrong
	}
	return commit, pipeline.ObjectError(err, *to.Bucket)
}
