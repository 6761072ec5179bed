package app

import (
	"context"

	"slipway/api/awsproto"
	"slipway/internal/build"
	deployserver "slipway/internal/deploy/server"
	"slipway/internal/identity"
	"slipway/internal/object/s3"
)

// objectAccess returns the check of who may do what with an object. Policies do not decide this yet. A host may read
// the revisions of deployments in progress that it is a target of. A runner may use the sources and the artifacts of
// the builds that it holds. A key gives no more access than its work needs.
func objectAccess(
	builds *build.Service,
	hosts *deployserver.Service,
) s3.Authorizer {
	return func(ctx context.Context, r s3.Right) error {
		operation, bucket, key, version := r.Action, r.Bucket, r.Key, r.Version
		c := awsproto.CallerOf(ctx)
		if err := identity.Authorize(c, "s3", operation); err != nil {
			return err
		}
		may, err := true, error(nil)
		switch c.Role {
		case identity.Host:
			may, err = hosts.HostReads(ctx, c.ARN, bucket, key, version)
		case identity.Runner:
			switch operation {
			case "GetObject":
				may, err = builds.RunnerReads(ctx, c.AccessKeyID, bucket, key)
			case "ListBucket":
				may, err = builds.RunnerLists(ctx, c.AccessKeyID, bucket)
			default:
				may, err = builds.RunnerWrites(ctx, c.AccessKeyID, bucket, key)
			}
		}
		if err == nil && !may {
			err = denied(c, "s3:"+operation, "arn:aws:s3:::"+bucket+"/"+key)
		}
		return err
	}
}

// repositoryAccess returns the check of who may pull from a repository and push to it.
func repositoryAccess(
	builds *build.Service,
) func(ctx context.Context, c awsproto.Caller, operation, repository string) error {
	return func(ctx context.Context, c awsproto.Caller, operation, repository string) error {
		err := identity.Authorize(c, "codecommit", operation)
		if err != nil || c.Role != identity.Runner {
			return err
		}
		may, err := builds.RunnerPulls(ctx, c.AccessKeyID, repository)
		if err == nil && !may {
			err = denied(c, "codecommit:"+operation, repository)
		}
		return err
	}
}

// denied is the error that refuses an operation on a resource, in IAM's words.
func denied(c awsproto.Caller, operation, resource string) error {
	return &awsproto.Error{Code: "AccessDeniedException",
		Message: "User: " + c.ARN + " is not authorized to perform: " + operation + " on resource: " + resource}
}
