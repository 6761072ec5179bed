package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codecommit"
	cp "slipway/api/codepipeline"
	"slipway/internal/contain"
	"slipway/internal/object"
	"slipway/internal/pipeline/engine"
)

// override is the revision that the start asked for, for a source action.
func override(a *action, kind cp.SourceRevisionType) string {
	for _, o := range a.execution.Sources {
		if *o.ActionName == a.name() && o.RevisionType == kind {
			return *o.RevisionValue
		}
	}
	return ""
}

// sourceCodeCommit makes a zip of the commit that the branch points at, or of the one that the start asked for.
func (s *Service) sourceCodeCommit(ctx context.Context, a *action) (outcome, error) {
	repository, branch := a.config["RepositoryName"], a.config["BranchName"]
	var c codecommit.Commit
	if id := override(a, cp.SourceRevisionTypeCommitId); id != "" {
		out, err := s.Sources.GetCommit(ctx, &codecommit.GetCommitInput{RepositoryName: &repository, CommitId: &id})
		if err != nil {
			return outcome{}, err
		}
		c = *out.Commit
	} else {
		var err error
		if c, err = s.Sources.Tip(ctx, repository, branch); err != nil {
			return outcome{}, err
		}
	}
	read, write := io.Pipe()
	go func() {
		write.CloseWithError(contain.Do(func() error { return s.Sources.Archive(ctx, repository, *c.CommitId, write) }))
	}()
	at := a.outputs[0].S3location
	_, err := s.Objects.Put(ctx, *at.Bucket, *at.Key, read, &object.Meta{ContentType: "application/zip"},
		object.Condition{})
	_ = read.Close() // ends the archive if the object could not be written
	if err != nil {
		return outcome{}, bucketRefusal(err, *at.Bucket)
	}
	message := strings.TrimSpace(*c.Message)
	url := s.URL + "/repositories/" + repository + "/commits/" + *c.CommitId
	variables := map[string]string{"CommitId": *c.CommitId, "CommitMessage": message, "RepositoryName": repository,
		"BranchName": branch,
		"AuthorDate": date(c.Author), "CommitterDate": date(c.Committer)}
	return outcome{result: succeeded(a, variables), revised: func(e *engine.Execution, run *engine.Run) {
		run.Output = &cp.ActionExecutionOutput{ExecutionResult: &cp.ActionExecutionResult{
			ExternalExecutionId:      c.CommitId,
			ExternalExecutionUrl:     &url,
			ExternalExecutionSummary: &message,
		}}
		revised(e, run,
			cp.SourceRevision{
				ActionName:      run.ActionName,
				RevisionId:      c.CommitId,
				RevisionSummary: &message,
				RevisionUrl:     &url,
			},
			cp.ArtifactRevision{
				Name:            a.outputs[0].Name,
				RevisionId:      c.CommitId,
				RevisionSummary: &message,
				RevisionUrl:     &url,
				Created:         awsproto.At(when(c.Committer)),
			})
	}}, nil
}

// when reads the "EPOCH +ZZZZ" of a commit's user; the beginning of time if it is none.
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

// bucketRefusal words a bucket or object that is not there; any other error stays.
func bucketRefusal(err error, bucket string) error {
	switch {
	case errors.Is(err, object.ErrNoBucket):
		return refuse("InvalidActionConfiguration", "The bucket %s does not exist. Create it with: aws s3 mb s3://%s",
			bucket, bucket)
	case errors.Is(err, object.ErrNoKey):
		return refuse("RevisionUnavailable", "The object does not exist in bucket %s", bucket)
	}
	return err
}

// sourceS3 copies the newest version of an object, or the one that the start asked for, to the artifacts.
func (s *Service) sourceS3(ctx context.Context, a *action) (outcome, error) {
	bucket, key := a.config["S3Bucket"], a.config["S3ObjectKey"]
	if other := override(a, cp.SourceRevisionTypeS3ObjectKey); other != "" {
		key = other
	}
	b, err := s.Objects.Bucket(ctx, bucket)
	if err != nil {
		return outcome{}, bucketRefusal(err, bucket)
	}
	if b.Versioning != "Enabled" {
		return outcome{}, refuse("InvalidActionConfiguration",
			"The bucket %s must keep versions to be a source. Turn them on with: aws s3api put-bucket-versioning "+
				"--bucket %s --versioning-configuration Status=Enabled", bucket, bucket)
	}
	o, f, err := s.Objects.Get(ctx, bucket, key, override(a, cp.SourceRevisionTypeS3ObjectVersionId))
	if errors.Is(err, object.ErrNoKey) {
		return outcome{}, refuse("RevisionUnavailable", "The object s3://%s/%s does not exist", bucket, key)
	}
	if err != nil {
		return outcome{}, err
	}
	defer f.Close()
	at := a.outputs[0].S3location
	if _, err := s.Objects.Put(ctx, *at.Bucket, *at.Key, f, &object.Meta{ContentType: o.Meta.ContentType},
		object.Condition{}); err != nil {
		return outcome{}, bucketRefusal(err, *at.Bucket)
	}
	summary := fmt.Sprintf("Amazon S3 version id: %s", o.Version)
	url := s.URL + "/buckets/" + bucket + "/" + key
	return outcome{result: succeeded(a,
		map[string]string{"VersionId": o.Version, "ETag": o.ETag, "BucketName": bucket, "ObjectKey": key}),
		revised: func(e *engine.Execution, run *engine.Run) {
			revised(e, run,
				cp.SourceRevision{
					ActionName:      run.ActionName,
					RevisionId:      &o.Version,
					RevisionSummary: &summary,
					RevisionUrl:     &url,
				},
				cp.ArtifactRevision{
					Name:            a.outputs[0].Name,
					RevisionId:      &o.Version,
					RevisionSummary: &summary,
					RevisionUrl:     &url,
					Created:         awsproto.At(o.Modified),
				})
		}}, nil
}
