package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/api/sts"
	"slipway/internal/identity"
)

// entities are the kinds of IAM's resources that requests name without their path, as they stand in ARNs.
var entities = map[string]string{
	"user":              "user",
	"group":             "group",
	"role":              "role",
	"instanceProfile":   "instance-profile",
	"serverCertificate": "server-certificate",
}

// identities finds resources of IAM. Who is not named is the caller.
func (s *rights) identities(ctx context.Context, kind string, names []string) []string {
	caller := awsproto.CallerOf(ctx)
	prefix := "arn:aws:iam::" + s.Place.Account + ":"
	switch kind {
	case "caller":
		return []string{caller.ARN}
	case "accessKey":
		return []string{awsproto.First(s.identity.OwnerOf(names), []string{prefix + "user/" + all})[0]}
	case "boundaryOfUser", "boundaryOfRole":
		var boundaries []string
		for _, name := range names {
			if arn := s.identity.Boundary(strings.ToLower(strings.TrimPrefix(kind, "boundaryOf")), name); arn != "" {
				boundaries = append(boundaries, arn)
			}
		}
		return boundaries
	}
	entity, ok := entities[kind]
	switch {
	case !ok:
		return awsproto.Any
	case kind == "user" && len(names) == 0:
		return []string{caller.ARN}
	}
	arns := make([]string, 0, max(len(names), 1))
	for _, name := range awsproto.Or(names, all) {
		arn, found := name, strings.HasPrefix(name, "arn:")
		if !found {
			arn, found = s.identity.ARN(entity, name)
		}
		if !found {
			arn = prefix + entity + "/" + name
		}
		arns = append(arns, arn)
	}
	return arns
}

// sessionLife is how long credentials of services last, which renew them as they need.
const sessionLife = time.Hour

// serviceRoles lets a service act with the rights of roles that were given to it.
type serviceRoles struct {
	identity *identity.Service
	service  string // codebuild.amazonaws.com
	rights   *rights
}

// Check implements the Roles of the stages.
func (r serviceRoles) Check(ctx context.Context, role string) error {
	return notAssumed(r.identity.CheckServiceRole(ctx, role, r.service))
}

// Assume implements build.Roles.
func (r serviceRoles) Assume(ctx context.Context, role, session, work string) (*slipway.BuildCredentials, error) {
	return r.AssumeWithin(ctx, role, session, work, "")
}

// AssumeWithin implements build.Roles.
func (r serviceRoles) AssumeWithin(ctx context.Context, role, session, work,
	policy string) (*slipway.BuildCredentials, error) {
	c, err := r.identity.LimitedSession(ctx, r.service, role, session, work, policy, sessionLife)
	if err != nil {
		return nil, notAssumed(err)
	}
	return credentialsOf(c), nil
}

func credentialsOf(c identity.Credentials) *slipway.BuildCredentials {
	return &slipway.BuildCredentials{
		AccessKeyId:     &c.ID,
		SecretAccessKey: &c.Secret,
		SessionToken:    &c.Token,
		Expiration:      awsproto.At(c.Expires),
	}
}

// MayLog implements build.Roles. As CodeBuild does, it needs the right to create the group only where there is none.
func (r serviceRoles) MayLog(ctx context.Context, role, session, group, stream string) error {
	acting, err := r.Act(ctx, role, "", session)
	if err != nil {
		return err
	}
	return r.mayLog(acting, group, stream)
}

// mayLog asks whether the caller in a context may create a log and write to it.
func (r serviceRoles) mayLog(acting context.Context, group, stream string) error {
	q := &awsproto.Access{Region: r.rights.Place.Region, Account: r.rights.Place.Account}
	there, err := r.rights.logs.Exists(acting, group)
	if err != nil {
		return err
	}
	if !there {
		q.Ask("logs:CreateLogGroup", r.rights.logGroups([]string{group}))
	}
	q.Ask("logs:CreateLogStream", r.rights.logStreams([]string{group}, []string{stream}))
	q.Ask("logs:PutLogEvents", r.rights.logStreams([]string{group}, []string{stream}))
	return mended(r.rights.authority.Ask(acting, q, nil))
}

// MayStart implements build.Roles.
func (r serviceRoles) MayStart(ctx context.Context, role, project string) error {
	acting, err := r.Act(ctx, role, "", "AWSCodeBuild-batch")
	if err != nil {
		return err
	}
	q := &awsproto.Access{Region: r.rights.Place.Region, Account: r.rights.Place.Account}
	q.Ask("codebuild:StartBuild", r.rights.resolve(ctx, "project", []string{project}))
	return mended(r.rights.authority.Ask(acting, q, nil))
}

// Act implements pipeline.Roles.
func (r serviceRoles) Act(ctx context.Context, role, own, session string) (context.Context, error) {
	_, c, err := r.identity.ServiceSession(ctx, r.service, role, session, "", sessionLife)
	if err != nil {
		return nil, notAssumed(err)
	}
	ctx = awsproto.WithCaller(ctx, c)
	if own == "" || own == role {
		return ctx, nil
	}
	if err := r.identity.CheckRole(own, role); err != nil {
		return nil, notAssumed(err)
	}
	out, err := r.rights.sts().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &own, RoleSessionName: &session})
	if err != nil {
		return nil, err
	}
	c, err = r.identity.Caller(ctx, *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	return awsproto.WithCaller(ctx, c), err
}

// notAssumed is the error of a role that a service cannot take.
func notAssumed(err error) error {
	if missing, ok := errors.AsType[*identity.RoleError](err); ok {
		return &awsproto.Error{Code: "AccessDeniedException", Message: missing.Error()}
	}
	return err
}
