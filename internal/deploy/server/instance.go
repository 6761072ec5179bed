package server

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
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
// registered again.
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
		return nil, s.db.Write(ctx, func(tx store.Tx) error {
			return s.register(ctx, tx,
				&cd.InstanceInfo{InstanceName: in.InstanceName, IamSessionArn: in.IamSessionArn})
		})
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
	arn := awsproto.Value(i.IamUserArn) + awsproto.Value(i.IamSessionArn)
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
			ON CONFLICT (name) DO UPDATE SET arn = excluded.arn, registered = excluded.registered,
			deregistered = 0, seen = 0, doc = excluded.doc`,
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
		if err := s.Hosts.EndKeys(ctx, tx, awsproto.Value(i.IamUserArn)); err != nil {
			return err
		}
		reason := "The host " + *in.InstanceName + " was deregistered while the deployment was in progress."
		if err := s.deployments.Abandon(ctx, tx, *in.InstanceName, reason); err != nil {
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
