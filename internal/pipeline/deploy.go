package pipeline

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"path"
	"strings"

	"slipway/api/codedeploy"
	cp "slipway/api/codepipeline"
	"slipway/internal/object"
	"slipway/internal/pipeline/engine"
)

// deploy starts a deployment of the input artifact for a CodeDeploy action.
func (s *Service) deploy(ctx context.Context, a *action) (outcome, error) {
	at := a.inputs[0].S3location
	in := &codedeploy.CreateDeploymentInput{ApplicationName: new(a.config["ApplicationName"]),
		DeploymentGroupName: new(a.config["DeploymentGroupName"]),
		Revision: &codedeploy.RevisionLocation{RevisionType: codedeploy.RevisionLocationTypeS3,
			S3Location: &codedeploy.S3Location{Bucket: at.Bucket, Key: at.Key, BundleType: codedeploy.BundleTypeZip}},
		Description: new(fmt.Sprintf("Pipeline %s, execution %s", a.Pipeline, a.Execution))}
	id, err := s.Deployments.CreateForPipeline(ctx, a.Run, in)
	if err != nil {
		return outcome{}, err
	}
	return outcome{waitKind: waitDeployment, waitFor: id, url: s.URL + "/deployments/" + id}, nil
}

// deploymentResult tells how the deployment of an action ended; nil if it has not.
func (s *Service) deploymentResult(ctx context.Context, _ ref, id string) (*engine.Result, error) {
	out, err := s.Deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if _, gone := errors.AsType[*codedeploy.DeploymentDoesNotExistException](err); gone {
		return failed("JobFailed", "The deployment "+id+" is gone"), nil
	}
	if err != nil {
		return nil, err
	}
	switch d := out.DeploymentInfo; d.Status {
	case codedeploy.DeploymentStatusSucceeded:
		return &engine.Result{Status: cp.ActionExecutionStatusSucceeded,
			Output: cp.ActionExecutionOutput{OutputVariables: map[string]string{"DeploymentId": id}}}, nil
	case codedeploy.DeploymentStatusFailed, codedeploy.DeploymentStatusStopped:
		message := "Deployment " + id + " " + strings.ToLower(string(d.Status))
		if d.ErrorInformation != nil && d.ErrorInformation.Message != nil {
			message += ": " + *d.ErrorInformation.Message
		}
		return failed("JobFailed", message), nil
	}
	return nil, nil
}

// maxUnpacked bounds what an S3 deploy action unpacks, in bytes; maxFiles how many files.
const (
	maxUnpacked = 10 << 30
	maxFiles    = 100_000
)

// deployS3 puts the input artifact into a bucket, whole or unpacked.
func (s *Service) deployS3(ctx context.Context, a *action) (outcome, error) {
	from := a.inputs[0].S3location
	bucket, key := a.config["BucketName"], a.config["ObjectKey"]
	o, f, err := s.Objects.Get(ctx, *from.Bucket, *from.Key, "")
	if err != nil {
		return outcome{}, bucketRefusal(err, *from.Bucket)
	}
	defer f.Close()
	meta := object.Meta{CacheControl: a.config["CacheControl"]}
	done := outcome{result: succeeded(a, map[string]string{"BucketName": bucket, "ObjectKey": key})}
	if !strings.EqualFold(a.config["Extract"], "true") {
		meta.ContentType = "application/zip"
		_, err := s.Objects.Put(ctx, bucket, key, f, &meta, object.Condition{})
		return done, bucketRefusal(err, bucket)
	}
	archive, err := zip.NewReader(f, o.Size)
	if err != nil {
		return outcome{}, refuse("InvalidArtifact", "The artifact %s is no zip: %v", *a.inputs[0].Name, err)
	}
	if len(archive.File) > maxFiles {
		return outcome{}, refuse("InvalidArtifact", "The artifact %s holds %d files; at most %d are unpacked",
			*a.inputs[0].Name, len(archive.File), maxFiles)
	}
	left := int64(maxUnpacked)
	for _, entry := range archive.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		if !fs.ValidPath(entry.Name) {
			return outcome{}, refuse("InvalidArtifact",
				"The artifact %s holds a file with the path %q, which leaves it", *a.inputs[0].Name, entry.Name)
		}
		if err := s.unpack(ctx, entry, bucket, path.Join(key, entry.Name), meta, &left); err != nil {
			return outcome{}, err
		}
	}
	return done, nil
}

func (s *Service) unpack(ctx context.Context, entry *zip.File, bucket, key string, meta object.Meta,
	left *int64) error {
	r, err := entry.Open()
	if err != nil {
		return refuse("InvalidArtifact", "%s: %v", entry.Name, err)
	}
	defer r.Close()
	meta.ContentType = mime.TypeByExtension(path.Ext(key))
	limited := &io.LimitedReader{R: r, N: *left + 1}
	_, err = s.Objects.Put(ctx, bucket, key, limited, &meta, object.Condition{})
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("InvalidArtifact", "%s: %v", entry.Name, err)
	}
	if *left = limited.N - 1; *left < 0 && err == nil {
		return refuse("InvalidArtifact", "The artifact unpacks to more than %d GiB", maxUnpacked>>30)
	}
	return bucketRefusal(err, bucket)
}
