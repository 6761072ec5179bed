package server

import (
	"context"
	"slices"
	"strings"

	cd "slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/identity"
	"slipway/internal/store"
)

// CreateHost implements slipway:CreateHost: a user for a host, an access key that is shown this once, and its
// registration as an on-premises instance with tags.
func (s *Service) CreateHost(ctx context.Context, in *slipway.CreateHostInput) (*slipway.CreateHostOutput, error) {
	if err := checkInstanceName(in.Name); err != nil {
		return nil, err
	}
	if i, err := findInstance(ctx, s.db, *in.Name); err == nil && i.DeregisterTime == nil {
		return nil, &slipway.HostExistsException{Message: "A host with the name " + *in.Name +
			" is registered already."}
	}
	var tags []cd.Tag
	for k, v := range in.Tags {
		if k == "" || len(k) > 128 || len(v) > 256 {
			return nil, &cd.InvalidTagException{
				Message: "A tag must have a key of 1 to 128 characters, and a value of 256 at most.",
			}
		}
		tags = append(tags, cd.Tag{Key: &k, Value: &v})
	}
	if len(tags) > maxInstanceTags {
		return nil, &cd.TagLimitExceededException{Message: "An on-premises instance may have 10 tags."}
	}
	slices.SortFunc(tags, func(a, b cd.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	key, arn := identity.NewKey(), s.Hosts.UserARN(identity.HostPath+*in.Name)
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if err := s.Hosts.PutHost(ctx, tx, *in.Name, key); err != nil {
			return err
		}
		return s.register(ctx, tx, &cd.InstanceInfo{InstanceName: in.Name, IamUserArn: &arn, Tags: tags})
	})
	if err == nil {
		err = s.Hosts.Reload(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &slipway.CreateHostOutput{
		Name:            in.Name,
		IamUserArn:      &arn,
		AccessKeyId:     &key.ID,
		SecretAccessKey: &key.Secret,
	}, nil
}
