package app

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/api/sts"
	"slipway/internal/contain"
	"slipway/internal/fault"
	"slipway/internal/identity"
	"slipway/internal/identity/access"
	"slipway/internal/identity/policy"
	"slipway/internal/object/s3"
)

// policiesKept is how many policies of resources are kept as they were read.
const policiesKept = 1024

// rights decides who may do what, by the policies of callers and of resources.
type rights struct {
	*server
	authority *access.Authority
	policies  *lru.Cache[string, *policy.Policy] // of resources, by their text
}

// newRights returns the rights of a server whose stages may not be made yet: they are asked when a request comes.
func newRights(of *server) *rights {
	s := &rights{server: of}
	s.policies, _ = lru.New[string, *policy.Policy](policiesKept) // fails for a size below 1 alone
	s.authority = &access.Authority{
		Region:  s.Place.Region,
		Account: s.Place.Account,
		Now:     s.now,
		Log:     s.Log,
		Principal: func(ctx context.Context, c awsproto.Caller) (access.Principal, error) {
			return access.Of(s.identity)(ctx, c) // the identities are made after the rights
		},
		Resource: s.resourcePolicy,
		Tags:     s.tagsOf,
		Key:      s.ownKey,
		Resolve:  s.resolve,
		Used: func(c awsproto.Caller, service string) {
			s.identity.Used(c, service, s.Place.Region)
		},
		Refused: func(d *identity.Denial) { s.identity.Denied(d) },
	}
	return s
}

// sts is STS with its rights asked for, for stages that assume a role with another.
func (s *rights) sts() *sts.Service {
	return sts.New(s.hooks(), stsAPI{s.identity, sts.Unimplemented{}})
}

// hooks are what stands around each operation.
func (s *rights) hooks() awsproto.Hooks {
	return awsproto.Hooks{
		Authorize: func(ctx context.Context, op *awsproto.Operation, in any) error {
			fault.Panic("operation." + op.Name)
			if ask, ok := in.(*slipway.WaitForChangeInput); ok {
				return apart(func() error { return s.mayWatch(ctx, ask.Topics) })
			}
			if slices.Contains(detached, op.Name) {
				return apart(func() error { return s.authority.Operation(ctx, op, in) })
			}
			if err := s.authority.Operation(ctx, op, in); err != nil {
				return err
			}
			return s.mayPass(ctx, in)
		},
		May: s.may,
	}
}

// apart does something on a goroutine of its own. Operations of which thousands may wait ask for their rights there, so
// that the stack that this takes is not kept while they wait.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- contain.Do(f) }()
	return <-done
}

// plainly are the hooks of the commands of hosts under the name that most agents use. As at AWS no policy is asked
// there: a host is who signs as the identity that it was registered with. Agents that are told to be stricter use the
// other name, and ask for codedeploy-commands-secure.
func (s *rights) plainly() awsproto.Hooks {
	return awsproto.Hooks{
		Authorize: func(ctx context.Context, op *awsproto.Operation, _ any) error {
			fault.Panic("operation." + op.Name)
			return s.authority.Ask(ctx, &awsproto.Access{}, nil)
		},
		May: s.may,
	}
}

// may answers for awsproto.May.
func (s *rights) may(ctx context.Context, action, resource string) bool {
	service, _, _ := strings.Cut(action, ":")
	return s.authority.May(ctx, action, "arn:aws:"+service+":"+s.Place.Region+":"+s.Place.Account+":"+resource)
}

// ended reports whether a build is over, or a job of a job worker, with which credentials end.
func (s *rights) ended(ctx context.Context, work string) (bool, error) {
	if job, ok := strings.CutPrefix(work, workOfJob); ok {
		return s.jobWorkers.Over(ctx, job)
	}
	return s.builds.Over(ctx, work)
}

// ask asks for rights on a resource of this account, which is named without what stands before it in its ARN.
func (s *rights) ask(ctx context.Context, resource string, actions ...string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	for _, action := range actions {
		service, _, _ := strings.Cut(action, ":")
		q.Ask(action, awsproto.Join(q.Prefix(service, true), []string{resource}))
	}
	return mended(s.authority.Ask(ctx, q, nil))
}

// askARN asks for a right on a resource by its ARN, or on all of them.
func (s *rights) askARN(ctx context.Context, action, arn string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	q.Ask(action, []string{arn})
	return mended(s.authority.Ask(ctx, q, nil))
}

// mended adds to the refusal of a role what would mend it: whoever reads it in the result of a build, a pipeline or a
// deployment did not make the request.
func mended(err error) error {
	denied, ok := errors.AsType[*access.Denied](err)
	if !ok || denied.Statement == "" {
		return err
	}
	return &access.Denied{
		Message:   denied.Message + ". This statement in a policy of the role allows it: " + denied.Statement,
		Statement: denied.Statement,
	}
}

// askObject asks for a right on a bucket or an object.
func (s *rights) askObject(ctx context.Context, r s3.Right) error {
	return s.authority.Ask(ctx, s.objectRight(r), nil)
}

// askForObject asks the same for a role.
func (s *rights) askForObject(ctx context.Context, r s3.Right) error {
	return mended(s.askObject(ctx, r))
}

// mayObject answers the same, and records no refusal.
func (s *rights) mayObject(ctx context.Context, r s3.Right) bool {
	d, err := s.authority.Decide(ctx, s.objectRight(r), 0)
	return err == nil && d.Allowed
}

func (s *rights) objectRight(r s3.Right) *awsproto.Access {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	q.Ask("s3:"+r.Action, []string{r.ARN()}).Keys = r.Keys
	for k, v := range r.Tags {
		q.Tag(k, v)
	}
	return q
}

// repositoryAccess asks for the right to pull from a repository, or to push to it. refs are those that a push updates:
// it is asked for once without any, when Git asks what there is, and once for each. See
// https://docs.aws.amazon.com/codecommit/latest/userguide/how-to-conditional-branch.html
func (s *rights) repositoryAccess(ctx context.Context, operation, repository string, refs ...string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	arn := awsproto.Join(q.Prefix("codecommit", true), []string{repository})
	if len(refs) == 0 {
		q.Ask("codecommit:"+operation, arn)
	}
	for _, ref := range refs {
		q.Ask("codecommit:"+operation, arn).Key("codecommit:references", []string{ref})
	}
	return s.authority.Ask(ctx, q, nil)
}

// mayRead asks for the right to read a log.
func (s *rights) mayRead(ctx context.Context, group, stream string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	q.Ask("logs:GetLogEvents", s.logStreams([]string{group}, []string{stream}))
	return s.authority.Ask(ctx, q, nil)
}

// mayPutFiles asks for the right to keep files of the builds that a runner holds.
func (s *rights) mayPutFiles(ctx context.Context, runner string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	q.Ask("slipway:PutReportFile", awsproto.Join(q.Prefix("slipway", true), []string{"runner/" + runner}))
	return s.authority.Ask(ctx, q, nil)
}

// mayHaveTerminals asks for the right to connect the terminals of the builds that a runner holds.
func (s *rights) mayHaveTerminals(ctx context.Context, runner string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	q.Ask("slipway:PollTerminal", awsproto.Join(q.Prefix("slipway", true), []string{"runner/" + runner}))
	return s.authority.Ask(ctx, q, nil)
}

// mayReadTests asks for the right to read the tests of a report, which covers the files that they have left.
func (s *rights) mayReadTests(ctx context.Context, arn string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	q.Ask("codebuild:DescribeTestCases", s.resolve(ctx, "reportGroup", []string{arn}))
	return s.authority.Ask(ctx, q, nil)
}

// watched are the rights that topics of WaitForChange ask for: the action, and how its resource is found.
var watched = map[string][2]string{
	"pipelines":   {"codepipeline:ListPipelines", ""},
	"pipeline":    {"codepipeline:GetPipelineState", "pipeline"},
	"builds":      {"codebuild:ListBuilds", ""},
	"build":       {"codebuild:BatchGetBuilds", "build"},
	"batch":       {"codebuild:BatchGetBuildBatches", "build"},
	"sandbox":     {"codebuild:BatchGetSandboxes", "build"},
	"deployments": {"codedeploy:ListDeployments", ""},
	"deployment":  {"codedeploy:GetDeployment", "deployment"},
	"releases":    {"codedeploy:ListDeployments", ""},
	"release":     {"codedeploy:GetDeployment", "deployment"},
	"alarms":      {"cloudwatch:DescribeAlarms", ""},
	"alarm":       {"cloudwatch:DescribeAlarms", "alarm"},
}

// mayWatch refuses topics that the caller may not see. Topics of lists are open to everybody who has an identity: what
// changed is seen only by who may read it.
func (s *rights) mayWatch(ctx context.Context, topics []string) error {
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	for _, topic := range topics {
		family, name, one := strings.Cut(topic, "/")
		right, ok := watched[family]
		if !ok || !one {
			continue
		}
		q.Ask(right[0], s.resolve(ctx, right[1], []string{name}))
	}
	return s.authority.Ask(ctx, q, nil)
}

// ownKey answers for Slipway's condition key: slipway:Deploys is whether the object is the revision of a deployment in
// progress that the host that asks has a part in.
func (s *rights) ownKey(ctx context.Context, c awsproto.Caller, key string, ask *awsproto.Ask,
	resource string) ([]string, bool, error) {
	if key != "slipway:deploys" {
		return nil, false, nil
	}
	bucket, object, _ := strings.Cut(strings.TrimPrefix(resource, "arn:aws:s3:::"), "/")
	deploys, err := s.hosts.HostReads(ctx, c.ARN, bucket, object, strings.Join(ask.Values("s3:versionid"), ""))
	return []string{strconv.FormatBool(deploys)}, true, err
}

// resourcePolicy returns the policies of a resource that bear on an action.
func (s *rights) resourcePolicy(ctx context.Context, action, arn string) ([]policy.Attached, bool, error) {
	service, _, _ := strings.Cut(action, ":")
	if service == "sts" {
		if trust, ok := s.identity.TrustPolicy(arn); ok {
			return []policy.Attached{trust}, true, nil
		}
		return nil, strings.Contains(arn, ":role/"), nil // a role that is not there lets nobody in
	}
	find := s.policyOf(service)
	if find == nil {
		return nil, false, nil
	}
	text, ok, err := find(ctx, arn)
	if err != nil || !ok {
		return nil, false, err
	}
	return s.read(arn, text), service == "kms", nil
}

// policyOf returns what finds the text of a policy of a service's resource; nil for services without such policies.
func (s *rights) policyOf(service string) func(context.Context, string) (string, bool, error) {
	switch service {
	case "s3":
		return s.buckets().ResourcePolicy
	case "kms":
		return s.kms.ResourcePolicy
	case "secretsmanager":
		return s.vault.ResourcePolicy
	case "sns":
		return s.topics.ResourcePolicy
	case "codebuild":
		return s.builds.ResourcePolicy
	}
	return nil
}

// read reads the policy of a resource. One that can't be read any more lets nobody in, and keeps nobody out.
func (s *rights) read(arn, text string) []policy.Attached {
	p, ok := s.policies.Get(text)
	if !ok {
		var err error
		if p, err = policy.Parse(policy.Resource, text); err != nil {
			s.Log.Error("the policy of a resource cannot be read", "resource", arn, "error", err)
			return nil
		}
		s.policies.Add(text, p)
	}
	return []policy.Attached{{Policy: p, Name: arn}}
}

// buckets answers for the policies and tags of buckets.
func (s *rights) buckets() *s3.Handler { return &s3.Handler{Objects: s.objects} }
