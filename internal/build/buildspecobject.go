package build

import (
	"context"
	"fmt"
	"io"

	"slipway/api/awsproto"
)

const maxBuildspec = 1 << 20 // bytes of a buildspec in an object

// loadBuildspec reads a buildspec that is given as an object's ARN.
func (s *Service) loadBuildspec(ctx context.Context, sub *submission) error {
	arn := awsproto.Value(sub.build.Source.Buildspec)
	bucket, key := bucketAndKey(arn)
	if bucket == "" || key == "" || len(arn) < 13 || arn[:13] != "arn:aws:s3:::" {
		return nil
	}
	if s.ReadObject == nil {
		return invalid("The buildspec %s lies in an object, and this server has no object store.", arn)
	}
	role := awsproto.Value(sub.build.ServiceRole)
	r, err := s.ReadObject(ctx, role, bucket, key)
	if err != nil {
		return invalid("The buildspec %s cannot be read: %v", arn, err)
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxBuildspec+1))
	if err != nil {
		return fmt.Errorf("read buildspec %s: %w", arn, err)
	}
	if len(content) > maxBuildspec {
		return invalid("The buildspec %s is larger than 1 MB.", arn)
	}
	sub.work.Buildspec = new(string(content))
	return nil
}
