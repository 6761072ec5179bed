package server

import (
	"context"

	"slipway/api/awsproto"
	"slipway/internal/store"
)

// HostReads reports whether a host, by the ARN of its identity, may read a version of an object: the object is the
// revision of a deployment in progress that the host has a part in.
func (s *Service) HostReads(ctx context.Context, arn, bucket, key, version string) (bool, error) {
	var host string
	ok, err := store.Find(ctx, s.db, []any{&host},
		`SELECT name FROM deploy_instances WHERE arn = $1 AND deregistered = 0`, arn)
	if err != nil || !ok {
		return false, err
	}
	revisions, err := s.deployments.Revisions(ctx, host)
	if err != nil {
		return false, err
	}
	for _, r := range revisions {
		at := r.S3Location
		if at == nil || awsproto.Value(at.Bucket) != bucket || awsproto.Value(at.Key) != key {
			continue
		}
		if at.Version == nil || *at.Version == version {
			return true, nil
		}
	}
	return false, nil
}
