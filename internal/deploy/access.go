package deploy

import (
	"context"
	"database/sql"

	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

const revisionsOfHost = `SELECT d.doc FROM deploy_deployments d JOIN deploy_targets t ON t.deployment = d.id JOIN deploy_instances i ON i.name = t.target
	WHERE i.arn = $1 AND i.deregistered = 0 AND d.live = 1`

// HostReads tells whether a host, by the ARN of its identity, may read a version of an object: it is the revision of a
// deployment in progress that it is a target of.
func (s *Service) HostReads(ctx context.Context, arn, bucket, key, version string) (bool, error) {
	all, err := store.All(ctx,
		s.db, func(r *sql.Rows) (info cd.DeploymentInfo, err error) { return info, r.Scan(store.JSON(&info)) },
		revisionsOfHost, arn)
	for _, info := range all {
		if info.Revision == nil || info.Revision.S3Location == nil {
			continue
		}
		at := info.Revision.S3Location
		if text(at.Bucket) == bucket && text(at.Key) == key && (at.Version == nil || *at.Version == version) {
			return true, err
		}
	}
	return false, err
}
