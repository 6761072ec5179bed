// Package s3 has the providers of actions on objects of the object store: sources that take an object, and deployments
// that put an artifact into a bucket. Source: "Amazon S3 source action reference" and "Amazon S3 deploy action
// reference" in the CodePipeline user guide.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Objects is what the providers need of the object store.
type Objects interface {
	Bucket(ctx context.Context, name string) (object.Bucket, error)
	Get(ctx context.Context, bucket, key, version string) (object.Object, object.File, error)
	Put(
		ctx context.Context,
		bucket, key string,
		body io.Reader,
		meta *object.Meta,
		cond object.Condition,
	) (object.Object, error)
}

// Source implements pipeline.Provider and pipeline.Source.
type Source struct{ Objects Objects }

// Object is the place that a new version of an object changes.
func Object(bucket, key string) pipeline.Place {
	return pipeline.Place{Kind: "object", Name: bucket + "/" + key}
}

// Types implements pipeline.Provider.
func (*Source) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of("S3", cp.ActionCategorySource)
}

// Unsupported implements pipeline.Provider.
func (*Source) Unsupported(*cp.ActionDeclaration) string { return "" }

// Describe implements pipeline.Provider.
func (*Source) Describe(a *cp.ActionDeclaration) pipeline.Description {
	return pipeline.Description{What: "s3://" + a.Configuration["S3Bucket"] + "/" + a.Configuration["S3ObjectKey"]}
}

// Watches implements pipeline.Source. PollForSourceChanges has no effect: the pipeline notices either way.
func (*Source) Watches(a *cp.ActionDeclaration) []pipeline.Place {
	return []pipeline.Place{Object(a.Configuration["S3Bucket"], a.Configuration["S3ObjectKey"])}
}

// Override implements pipeline.Source: a start may ask for a version, and for another key if the action allows it.
func (*Source) Override(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error {
	switch o.RevisionType {
	case cp.SourceRevisionTypeS3ObjectVersionId:
		return nil
	case cp.SourceRevisionTypeS3ObjectKey:
		if strings.EqualFold(a.Configuration["AllowOverrideForS3ObjectKey"], "true") {
			return nil
		}
		return pipeline.Refuse("ValidationException",
			"Action '%s' does not allow another object key: AllowOverrideForS3ObjectKey is not true", *a.Name)
	}
	return pipeline.RefuseOverride(a, o)
}

// Start implements pipeline.Provider: it copies the newest version of the object, or the one that the start asked for,
// to the output artifact.
func (p *Source) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	bucket, key := a.Configuration["S3Bucket"], a.Configuration["S3ObjectKey"]
	if other := a.Override(cp.SourceRevisionTypeS3ObjectKey); other != "" {
		key = other
	}
	if err := p.versioned(ctx, bucket); err != nil {
		return pipeline.Outcome{}, err
	}
	o, f, err := p.Objects.Get(ctx, bucket, key, a.Override(cp.SourceRevisionTypeS3ObjectVersionId))
	if errors.Is(err, object.ErrNoKey) {
		return pipeline.Outcome{},
			pipeline.Refuse("RevisionUnavailable", "The object s3://%s/%s does not exist", bucket, key)
	}
	if err != nil {
		return pipeline.Outcome{}, err
	}
	defer f.Close()
	to, meta := a.Outputs[0].S3location, &object.Meta{ContentType: o.Meta.ContentType}
	if _, err := p.Objects.Put(ctx, *to.Bucket, *to.Key, f, meta, object.Condition{}); err != nil {
		return pipeline.Outcome{}, pipeline.ObjectError(err, *to.Bucket)
	}
	return pipeline.Outcome{Result: &pipeline.Result{
		Variables: map[string]string{
			"VersionId":  o.Version,
			"ETag":       o.ETag,
			"BucketName": bucket,
			"ObjectKey":  key,
		},
		Revision: &pipeline.Revision{
			ID:      o.Version,
			Summary: fmt.Sprintf("Amazon S3 version id: %s", o.Version),
			Created: o.Modified,
		},
	}}, nil
}

// versioned refuses a bucket that keeps no versions: an execution could not be traced to what it took.
func (p *Source) versioned(ctx context.Context, bucket string) error {
	b, err := p.Objects.Bucket(ctx, bucket)
	if err != nil {
		return pipeline.ObjectError(err, bucket)
	}
	if b.Versioning != "Enabled" {
		return pipeline.Refuse("InvalidActionConfiguration",
			"The bucket %s must keep versions to be a source. Turn them on with: aws s3api put-bucket-versioning "+
				"--bucket %s --versioning-configuration Status=Enabled", bucket, bucket)
	}
	return nil
}
