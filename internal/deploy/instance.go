package deploy

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// Limits of AWS for on-premises instances.
const (
	maxInstanceTags  = 10
	maxTagInstances  = 100
	maxInstanceNames = 100
)

var instanceName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,100}$`) })

func checkInstanceName(name *string) error {
	if name == nil {
		return &cd.InstanceNameRequiredException{Message: "An instance name must be given."}
	}
	if !instanceName().MatchString(*name) || strings.HasPrefix(*name, "i-") {
		return &cd.InvalidInstanceNameException{
			Message: "The instance name must have 1 to 100 of the characters A-Z a-z 0-9 + = , . @ _ - and must not " +
				"begin with i-.",
		}
	}
	return nil
}

var userARN = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^arn:aws[a-z-]*:iam::\d{12}:user/.+$`)
})
var sessionARN = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^arn:aws[a-z-]*:sts::\d{12}:assumed-role/.+$`)
})

func findInstance(ctx context.Context, q store.Queryer, name string) (*cd.InstanceInfo, error) {
	i, err := store.Document[cd.InstanceInfo](ctx, q, `SELECT doc FROM deploy_instances WHERE name = $1`, name)
	if err == nil && i == nil {
		err = &cd.InstanceNotRegisteredException{Message: "The on-premises instance " + name + " is not registered."}
	}
	return i, err
}

// RegisterOnPremisesInstance implements codedeploy:RegisterOnPremisesInstance. A name that was deregistered can be
// registered anew.
func (s *Service) RegisterOnPremisesInstance(ctx context.Context,
	in *cd.RegisterOnPremisesInstanceInput) (*cd.RegisterOnPremisesInstanceOutput, error) {
	if err := checkInstanceName(in.InstanceName); err != nil {
		return nil, err
	}
	switch {
	case in.IamUserArn != nil && in.IamSessionArn != nil:
		return nil, &cd.MultipleIamArnsProvidedException{
			Message: "Give the ARN of an IAM user or of an IAM session, not both.",
		}
	case in.IamUserArn == nil && in.IamSessionArn == nil:
		return nil, &cd.IamArnRequiredException{Message: "The ARN of an IAM user or of an IAM session must be given."}
	case in.IamUserArn != nil && !userARN().MatchString(*in.IamUserArn):
		return nil, &cd.InvalidIamUserArnException{
			Message: "An IAM user's ARN looks like arn:aws:iam::123456789012:user/NAME, not like " + *in.IamUserArn,
		}
	case in.IamSessionArn != nil && !sessionARN().MatchString(*in.IamSessionArn):
		return nil, &cd.InvalidIamSessionArnException{
			Message: "An IAM session's ARN looks like arn:aws:sts::123456789012:assumed-role/ROLE/SESSION, not like " +
				*in.IamSessionArn,
		}
	}
	if in.IamSessionArn != nil {
		return nil, unsupported(
			"IAM sessions, since it has no sts:AssumeRole. Register the host with --iam-user-arn, or make it with: " +
				"slipway api slipway CreateHost '{\"name\": \"" + *in.InstanceName + "\"}'")
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		ours, err := s.Hosts.EnsureHostUser(ctx, tx, *in.IamUserArn)
		if err != nil {
			return err
		}
		if !ours {
			return &cd.InvalidIamUserArnException{
				Message: "The user " + *in.IamUserArn + " is not of this account, " + s.Account +
					", so that it can have no access key here.",
			}
		}
		return s.register(ctx, tx, &cd.InstanceInfo{InstanceName: in.InstanceName, IamUserArn: in.IamUserArn})
	})
}

func (s *Service) register(ctx context.Context, tx store.Tx, i *cd.InstanceInfo) error {
	before, err := findInstance(ctx, tx, *i.InstanceName)
	if err == nil && before.DeregisterTime == nil {
		return &cd.InstanceNameAlreadyRegisteredException{
			Message: "An on-premises instance with the name " + *i.InstanceName + " is registered already.",
		}
	}
	if err != nil && awsproto.Code(err) != "InstanceNotRegisteredException" {
		return err
	}
	arn := text(i.IamUserArn) + text(i.IamSessionArn)
	taken, err := store.Strings(ctx, tx, `SELECT name FROM deploy_instances WHERE arn = $1 AND deregistered = 0`, arn)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		message := arn + " is the identity of the on-premises instance " + taken[0] + " already."
		if i.IamUserArn != nil {
			return &cd.IamUserArnAlreadyRegisteredException{Message: message}
		}
		return &cd.IamSessionArnAlreadyRegisteredException{Message: message}
	}
	i.InstanceArn, i.RegisterTime = new(s.arn("instance/", *i.InstanceName)), awsproto.At(s.Now())
	_, err = tx.Exec(ctx,
		`INSERT INTO deploy_instances (name, arn, registered, deregistered, seen, doc) VALUES ($1, $2, $3, 0, 0, $4)
		ON CONFLICT (name) DO UPDATE SET arn = excluded.arn, registered = excluded.registered, deregistered = 0, seen = 0, doc = excluded.doc`,
		*i.InstanceName, arn, i.RegisterTime.UnixMilli(), store.JSON(i))
	return err
}

func saveInstance(ctx context.Context, tx store.Tx, i *cd.InstanceInfo) error {
	_, err := tx.Exec(ctx, `UPDATE deploy_instances SET doc = $2 WHERE name = $1`, *i.InstanceName, store.JSON(i))
	return err
}

// DeregisterOnPremisesInstance implements codedeploy:DeregisterOnPremisesInstance; an unknown name is no error. The
// access keys of the host's user end with it.
func (s *Service) DeregisterOnPremisesInstance(ctx context.Context,
	in *cd.DeregisterOnPremisesInstanceInput) (*cd.DeregisterOnPremisesInstanceOutput, error) {
	if err := checkInstanceName(in.InstanceName); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		i, err := findInstance(ctx, tx, *in.InstanceName)
		if awsproto.Code(err) == "InstanceNotRegisteredException" || err == nil && i.DeregisterTime != nil {
			return nil
		}
		if err != nil {
			return err
		}
		i.DeregisterTime, i.Tags = awsproto.At(s.Now()), nil
		if err := saveInstance(ctx, tx, i); err != nil {
			return err
		}
		if err := s.Hosts.EndKeys(ctx, tx, text(i.IamUserArn)); err != nil {
			return err
		}
		if err := s.abandon(ctx, tx, *in.InstanceName); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE deploy_instances SET deregistered = $2 WHERE name = $1`, *in.InstanceName,
			i.DeregisterTime.UnixMilli())
		return err
	})
	if err != nil {
		return nil, err
	}
	return nil, s.Hosts.Reload(ctx)
}

// abandon ends the parts that a host has in deployments under way: without its key it can't report any more, and nobody
// is to wait for it.
func (s *Service) abandon(ctx context.Context, tx store.Tx, host string) error {
	ids, err := store.Strings(ctx, tx,
		`SELECT t.deployment FROM deploy_targets t JOIN deploy_deployments d ON d.id = t.deployment WHERE d.live = 1 AND t.target = $1`, host)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := s.change(ctx, tx, id, host, func(_ *deployment, t *rollout.Target) bool {
			if t.Ended() {
				return false
			}
			t.Abort("The host "+host+" was deregistered while the deployment was in progress.", s.Now())
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// GetOnPremisesInstance implements codedeploy:GetOnPremisesInstance.
func (s *Service) GetOnPremisesInstance(ctx context.Context,
	in *cd.GetOnPremisesInstanceInput) (*cd.GetOnPremisesInstanceOutput, error) {
	if err := checkInstanceName(in.InstanceName); err != nil {
		return nil, err
	}
	i, err := findInstance(ctx, s.db, *in.InstanceName)
	if err != nil {
		return nil, err
	}
	if i.Tags == nil {
		i.Tags = []cd.Tag{} // `aws deploy deregister` reads the member
	}
	return &cd.GetOnPremisesInstanceOutput{InstanceInfo: i}, nil
}

// BatchGetOnPremisesInstances implements codedeploy:BatchGetOnPremisesInstances; unknown names are left out.
func (s *Service) BatchGetOnPremisesInstances(ctx context.Context,
	in *cd.BatchGetOnPremisesInstancesInput) (*cd.BatchGetOnPremisesInstancesOutput, error) {
	out := &cd.BatchGetOnPremisesInstancesOutput{InstanceInfos: []cd.InstanceInfo{}}
	if err := tooMany(len(in.InstanceNames), maxInstanceNames); err != nil || len(in.InstanceNames) == 0 {
		return out, err
	}
	for _, name := range in.InstanceNames {
		if err := checkInstanceName(&name); err != nil {
			return nil, err
		}
	}
	all, err := store.Documents[cd.InstanceInfo](ctx, s.db,
		`SELECT doc FROM deploy_instances WHERE name IN `+list(1, len(in.InstanceNames))+` ORDER BY name`,
		store.Args(in.InstanceNames)...)
	for _, i := range all {
		out.InstanceInfos = append(out.InstanceInfos, *i)
	}
	return out, err
}

// ListOnPremisesInstances implements codedeploy:ListOnPremisesInstances. Of several tag filters each must be passed.
func (s *Service) ListOnPremisesInstances(ctx context.Context,
	in *cd.ListOnPremisesInstancesInput) (*cd.ListOnPremisesInstancesOutput, error) {
	if checkFilters(in.TagFilters) != nil {
		return nil, &cd.InvalidTagFilterException{
			Message: "At most 10 tag filters may be given, and each must have a key, unless its type is VALUE_ONLY.",
		}
	}
	where := ""
	switch in.RegistrationStatus {
	case cd.RegistrationStatusRegistered:
		where = " AND deregistered = 0"
	case cd.RegistrationStatusDeregistered:
		where = " AND deregistered > 0"
	}
	filter := []any{in.RegistrationStatus, in.TagFilters}
	names, next, err := page(s, "ListOnPremisesInstances", filter,
		in.NextToken, func(after string, limit int) (names []string, err error) {
			for len(names) < limit {
				batch, err := store.Documents[cd.InstanceInfo](ctx, s.db,
					`SELECT doc FROM deploy_instances WHERE name > $1`+where+` ORDER BY name LIMIT $2`, after, limit)
				if err != nil {
					return nil, err
				}
				for _, i := range batch {
					after = *i.InstanceName
					if passes(in.TagFilters, i.Tags) && len(names) < limit {
						names = append(names, after)
					}
				}
				if len(batch) < limit {
					break
				}
			}
			return names, nil
		}, itself)
	return &cd.ListOnPremisesInstancesOutput{InstanceNames: names, NextToken: next}, err
}

func passes(filters []cd.TagFilter, tags []cd.Tag) bool {
	for _, f := range filters {
		if !matchesAny([]cd.TagFilter{f}, tags) {
			return false
		}
	}
	return true
}

// tagInstances changes the tags of instances, all or none.
func (s *Service) tagInstances(ctx context.Context, names []string, tags []cd.Tag,
	change func([]cd.Tag) []cd.Tag) error {
	switch {
	case len(names) == 0:
		return &cd.InstanceNameRequiredException{Message: "At least one instance name must be given."}
	case len(names) > maxTagInstances:
		return &cd.InstanceLimitExceededException{Message: "At most 100 instances can be tagged at once."}
	case len(tags) == 0:
		return &cd.TagRequiredException{Message: "At least one tag must be given."}
	}
	for _, t := range tags {
		if text(t.Key) == "" || len(*t.Key) > 128 || len(text(t.Value)) > 256 {
			return &cd.InvalidTagException{
				Message: "A tag must have a key of 1 to 128 characters, and a value of 256 at most.",
			}
		}
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, name := range names {
			if err := checkInstanceName(&name); err != nil {
				return err
			}
			i, err := findInstance(ctx, tx, name)
			if err != nil {
				return err
			}
			if i.DeregisterTime != nil {
				return &cd.InstanceNotRegisteredException{Message: "The on-premises instance " + name +
					" is not registered any more."}
			}
			if i.Tags = change(i.Tags); len(i.Tags) > maxInstanceTags {
				return &cd.TagLimitExceededException{Message: "An on-premises instance may have 10 tags."}
			}
			if err := saveInstance(ctx, tx, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func merge(tags, more []cd.Tag) []cd.Tag {
	for _, t := range more {
		if i := slices.IndexFunc(tags, func(o cd.Tag) bool { return *o.Key == *t.Key }); i >= 0 {
			tags[i] = t
		} else {
			tags = append(tags, t)
		}
	}
	return tags
}

// AddTagsToOnPremisesInstances implements codedeploy:AddTagsToOnPremisesInstances.
func (s *Service) AddTagsToOnPremisesInstances(ctx context.Context,
	in *cd.AddTagsToOnPremisesInstancesInput) (*cd.AddTagsToOnPremisesInstancesOutput, error) {
	return nil, s.tagInstances(ctx, in.InstanceNames,
		in.Tags, func(tags []cd.Tag) []cd.Tag { return merge(tags, in.Tags) })
}

// RemoveTagsFromOnPremisesInstances implements codedeploy:RemoveTagsFromOnPremisesInstances. A tag without a value
// removes the key whatever its value.
func (s *Service) RemoveTagsFromOnPremisesInstances(ctx context.Context,
	in *cd.RemoveTagsFromOnPremisesInstancesInput) (*cd.RemoveTagsFromOnPremisesInstancesOutput, error) {
	return nil, s.tagInstances(ctx, in.InstanceNames, in.Tags, func(tags []cd.Tag) []cd.Tag {
		return slices.DeleteFunc(tags, func(t cd.Tag) bool {
			return slices.ContainsFunc(
				in.Tags, func(r cd.Tag) bool {
					return *r.Key == *t.Key &&
						(r.Value == nil || *r.Value == text(t.Value))
				})
		})
	})
}
