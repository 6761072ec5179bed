// Package codecommit is the provider of source actions that take commits of a repository here. Source: "CodeCommit
// source action reference" in the CodePipeline user guide.
package codecommit

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"slipway/api/codecommit"
	cp "slipway/api/codepipeline"
	"slipway/internal/contain"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Repositories is what the provider needs of the Source stage.
type Repositories interface {
	// Tip returns the commit that a branch points at, or CodeCommit's errors for a repository or branch that is not
	// there.
	Tip(ctx context.Context, repository, branch string) (codecommit.Commit, error)
	GetCommit(ctx context.Context, in *codecommit.GetCommitInput) (*codecommit.GetCommitOutput, error)
	// Archive writes a commit's files as a zip.
	Archive(ctx context.Context, repository, commit string, w io.Writer) error
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

// Branch is the place that a push to a branch changes.
func Branch(repository, name string) pipeline.Place {
	return pipeline.Place{Kind: "branch", Name: repository + " refs/heads/" + name}
}

// Types implements pipeline.Provider.
func (*Provider) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of("CodeCommit", cp.ActionCategorySource)
}

// Unsupported implements pipeline.Provider: artifacts that are references to clone.
func (*Provider) Unsupported(a *cp.ActionDeclaration) string {
	if format := a.Configuration["OutputArtifactFormat"]; format != "" && format != "CODE_ZIP" {
		return "OutputArtifactFormat " + format
	}
	return ""
}

// Describe implements pipeline.Provider.
func (*Provider) Describe(a *cp.ActionDeclaration) pipeline.Description {
	repository := a.Configuration["RepositoryName"]
	return pipeline.Description{
		What:       repository + ", " + a.Configuration["BranchName"],
		URL:        "/repositories/" + repository,
		Repository: repository,
	}
}

// Watches implements pipeline.Source. At AWS PollForSourceChanges says who notices a change, the pipeline or an
// EventBridge rule beside it; here the pipeline notices either way.
func (*Provider) Watches(a *cp.ActionDeclaration) []pipeline.Place {
	return []pipeline.Place{Branch(a.Configuration["RepositoryName"], a.Configuration["BranchName"])}
}

// Override implements pipeline.Source: a start may ask for a commit.
func (*Provider) Override(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error {
	if o.RevisionType != cp.SourceRevisionTypeCommitId {
		return pipeline.RefuseOverride(a, o)
	}
	return nil
}

// Start implements pipeline.Provider: it makes a zip of the commit that the branch points at, or of the one that the
// start asked for.
func (p *Provider) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	repository := a.Configuration["RepositoryName"]
	c, err := p.commit(ctx, a)
	if err != nil {
		return pipeline.Outcome{}, err
	}
	if err := p.archive(ctx, repository, *c.CommitId, a.Outputs[0].S3location); err != nil {
		return pipeline.Outcome{}, err
	}
	message := strings.TrimSpace(*c.Message)
	return pipeline.Outcome{Result: &pipeline.Result{
		Variables: map[string]string{
			"CommitId":       *c.CommitId,
			"CommitMessage":  message,
			"RepositoryName": repository,
			"BranchName":     a.Configuration["BranchName"],
			"AuthorDate":     date(c.Author),
			"CommitterDate":  date(c.Committer),
		},
		Revision: &pipeline.Revision{
			ID:      *c.CommitId,
			Summary: message,
			URL:     "/repositories/" + repository + "/commits/" + *c.CommitId,
			Created: when(c.Committer),
		},
	}}, nil
}

// commit is the commit that an action takes.
func (p *Provider) commit(ctx context.Context, a *pipeline.Action) (*codecommit.Commit, error) {
	repository := a.Configuration["RepositoryName"]
	if id := a.Override(cp.SourceRevisionTypeCommitId); id != "" {
		in := &codecommit.GetCommitInput{RepositoryName: &repository, CommitId: &id}
		out, err := p.Repositories.GetCommit(ctx, in)
		if err != nil {
			return nil, err
		}
		return out.Commit, nil
	}
	c, err := p.Repositories.Tip(ctx, repository, a.Configuration["BranchName"])
	return &c, err
}

// archive writes a commit's files to an object, as a zip.
func (p *Provider) archive(ctx context.Context, repository, commit string, to *cp.S3Location) error {
	read, write := io.Pipe()
	go func() {
		write.CloseWithError(contain.Do(func() error {
			return p.Repositories.Archive(ctx, repository, commit, write)
		}))
	}()
	meta := &object.Meta{ContentType: "application/zip"}
	_, err := p.Artifacts.Put(ctx, *to.Bucket, *to.Key, read, meta, object.Condition{})
	_ = read.Close() // ends the archive if the object could not be written
	return pipeline.ObjectError(err, *to.Bucket)
}

// when reads the "EPOCH +ZZZZ" of a commit's user; the beginning of Unix time if it is none.
func when(u *codecommit.UserInfo) time.Time {
	if u == nil || u.Date == nil {
		return time.Unix(0, 0)
	}
	seconds, _, _ := strings.Cut(*u.Date, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Unix(0, 0)
	}
	return time.Unix(n, 0)
}

func date(u *codecommit.UserInfo) string { return when(u).UTC().Format(time.RFC3339) }
