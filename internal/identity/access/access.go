// Package access asks the policies for each request: it gathers what bears on a question, has package policy decide,
// and words the refusal.
package access

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/identity"
	"slipway/internal/identity/policy"
)

// Principal is what is known of a caller besides its name.
type Principal struct {
	policy.Sources
	Tags map[string]string // of the user or the role, with those of the session over them
}

// Authority is what the decisions stand on.
type Authority struct {
	Region, Account string
	Now             func() time.Time
	Log             *slog.Logger
	// Principal returns the policies and tags of a caller. A caller that is not known any more is an error.
	Principal func(ctx context.Context, c awsproto.Caller) (Principal, error)
	// Resource returns the policies of a resource that bear on an action. alone says that they must allow by
	// themselves.
	Resource func(ctx context.Context, action, arn string) (policies []policy.Attached, alone bool, err error)
	// Tags returns the tags of a resource; none if it does not exist.
	Tags func(ctx context.Context, arn string) (map[string]string, error)
	// Key answers for Slipway's own condition keys, which begin with "slipway:".
	Key func(ctx context.Context, c awsproto.Caller, key string, ask *awsproto.Ask, resource string) (values []string,
		ok bool, err error)
	// Used is told which service a caller asked, once that was allowed. It must not block. If it is nil, nobody is.
	Used func(c awsproto.Caller, service string)
	// Refused is told of each refusal. It must not block. If it is nil, nobody is.
	Refused func(*identity.Denial)
	// Resolve finds resources that a request does not name itself; see awsproto.Access.
	Resolve func(ctx context.Context, kind string, values ...[]string) []string
}

// Of returns what makes principals of the callers of a service of identities.
func Of(s *identity.Service) func(ctx context.Context, c awsproto.Caller) (Principal, error) {
	return func(ctx context.Context, c awsproto.Caller) (Principal, error) {
		sources, attributes, err := s.Sources(ctx, c)
		return Principal{Sources: sources, Tags: attributes.Tags}, err
	}
}

// Operation refuses an operation that the caller in ctx may not do. It is the hook of every service.
func (a *Authority) Operation(ctx context.Context, op *awsproto.Operation, in any) error {
	q := &awsproto.Access{
		Region:  a.Region,
		Account: a.Account,
	}
	if a.Resolve != nil {
		q.Resolve = func(kind string, values ...[]string) []string { return a.Resolve(ctx, kind, values...) }
	}
	if op.Asks != nil {
		op.Asks(q, in)
	}
	err := a.Ask(ctx, q, in)
	if err == nil && len(q.Asks) == 0 && a.Used != nil {
		a.Used(awsproto.CallerOf(ctx), op.Service.SigningName)
	}
	if denied, ok := err.(*Denied); ok {
		denied.query = op.Service.Protocol == awsproto.Query
	}
	return err
}

// Ask refuses a request if one of its rights is missing. input is the request's shape, or nil.
func (a *Authority) Ask(ctx context.Context, q *awsproto.Access, input any) error {
	c := awsproto.CallerOf(ctx)
	if len(q.Asks) == 0 {
		if c.ARN == "" {
			return &Denied{Message: "The request has no caller."}
		}
		return nil
	}
	p, err := a.Principal(ctx, c)
	if err != nil {
		return err
	}
	for i := range q.Asks {
		for j := range q.Asks[i].Resources {
			f := &facts{a: a, ctx: ctx, caller: &c, principal: &p, access: q, ask: &q.Asks[i], input: input}
			d, r, err := a.decide(f, q.Asks[i].Resources[j])
			if err != nil {
				return err
			}
			if !d.Allowed {
				return a.refuse(ctx, &c, d, r)
			}
		}
	}
	if service, _, _ := strings.Cut(q.Asks[0].Action, ":"); a.Used != nil {
		a.Used(c, service)
	}
	return nil
}

// Service refuses what a service of AWS may not do by itself: the policy of the resource must let it. source is the ARN
// of what it does it for. A service that acts for its users has their account as aws:SourceOwner besides.
func (a *Authority) Service(ctx context.Context, service, source, action, resource string, forOwner bool) error {
	var sources policy.Sources
	var err error
	if a.Resource != nil {
		if sources.Resource, _, err = a.Resource(ctx, action, resource); err != nil {
			return err
		}
	}
	values := policy.Values{
		"aws:sourcearn":             {source},
		"aws:sourceaccount":         {a.Account},
		"aws:requestedregion":       {a.Region},
		"aws:principalisawsservice": {"true"},
		"aws:principalservicename":  {service},
		"aws:principaltype":         {"Service"},
		"aws:securetransport":       {"true"},
		"aws:viaawsservice":         {"false"},
		"aws:currenttime":           {a.Now().UTC().Format(time.RFC3339)},
		"aws:epochtime":             {strconv.FormatInt(a.Now().Unix(), 10)},
	}
	if forOwner {
		values["aws:sourceowner"] = []string{a.Account}
	}
	r := policy.Request{Principal: policy.Principal{Service: service}, Action: action, Resource: resource,
		Account: a.Account, Context: values}
	sources.Alone = true
	d := policy.Decide(sources, r)
	if d.Allowed {
		return nil
	}
	if a.Log != nil {
		a.Log.InfoContext(ctx, "access denied", "principal", service, "source", source, "action", r.Action,
			"resource", r.Resource, "reason", d.Reason(r.Action))
	}
	return &Denied{Message: policy.Denied(r, d)}
}

// May reports whether the caller in ctx may do an action on a resource. An error counts as no.
func (a *Authority) May(ctx context.Context, action, resource string) bool {
	q := &awsproto.Access{Region: a.Region, Account: a.Account}
	q.Ask(action, []string{resource})
	d, err := a.Decide(ctx, q, 0)
	return err == nil && d.Allowed
}

// Decide decides on the first resource of one of the rights that are asked for, and does not record a refusal.
func (a *Authority) Decide(ctx context.Context, q *awsproto.Access, ask int) (policy.Decision, error) {
	c := awsproto.CallerOf(ctx)
	p, err := a.Principal(ctx, c)
	if err != nil {
		return policy.Decision{}, err
	}
	f := &facts{a: a, ctx: ctx, caller: &c, principal: &p, access: q, ask: &q.Asks[ask]}
	d, _, err := a.decide(f, f.ask.Resources[0])
	return d, err
}

// decide decides on a resource in both its forms. A form that is denied denies the other, and one that is allowed
// allows it.
func (a *Authority) decide(f *facts, r awsproto.Resource) (policy.Decision, policy.Request, error) {
	d, request, err := a.form(f, r.ARN)
	if err != nil || r.Also == "" || d.Explicit {
		return d, request, err
	}
	also, alsoRequest, err := a.form(f, r.Also)
	if err != nil || also.Explicit || also.Allowed && !d.Allowed {
		return also, alsoRequest, err
	}
	return d, request, nil
}

func (a *Authority) form(f *facts, arn string) (policy.Decision, policy.Request, error) {
	f.resource = arn
	f.tags = nil
	sources := f.principal.Sources
	if a.Resource != nil {
		var err error
		if sources.Resource, sources.Alone, err = a.Resource(f.ctx, f.ask.Action, arn); err != nil {
			return policy.Decision{}, policy.Request{}, err
		}
	}
	request := policy.Request{
		Principal: PrincipalOf(f.caller),
		Action:    f.ask.Action,
		Resource:  arn,
		Context:   f,
	}
	d := policy.Decide(sources, request)
	return d, request, f.err
}

// PrincipalOf is a caller as policies name it.
func PrincipalOf(c *awsproto.Caller) policy.Principal {
	p := policy.Principal{
		Account: c.Account,
		ARN:     c.ARN,
		UserID:  c.UserID,
		Root:    c.ARN == "arn:aws:iam::"+c.Account+":root",
	}
	if c.Session != nil {
		p.Role = c.Session.RoleARN
	}
	return p
}

// Denied is the error that refuses a request, in IAM's words.
type Denied struct {
	Message string
	// Statement would allow it in a policy of the caller; "" if none there would.
	Statement string
	query     bool
}

func (e *Denied) Error() string { return e.Message }

// ErrorCode is AWS's code: services that speak Query have a shorter one.
func (e *Denied) ErrorCode() string {
	if e.query {
		return "AccessDenied"
	}
	return "AccessDeniedException"
}

// HTTPStatus is 403 in services that speak Query, and 400 in the others.
func (e *Denied) HTTPStatus() int {
	if e.query {
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// refuse makes the error of a decision, and records it.
func (a *Authority) refuse(ctx context.Context, c *awsproto.Caller, d policy.Decision, r policy.Request) error {
	reason, address := d.Reason(r.Action), awsproto.PeerOf(ctx).Address.String()
	if a.Log != nil {
		a.Log.InfoContext(ctx, "access denied", "principal", c.ARN, "key", c.AccessKeyID, "action", r.Action,
			"resource", r.Resource, "reason", reason, "address", address)
	}
	if a.Refused != nil {
		a.Refused(&identity.Denial{
			Caller:   *c,
			Action:   r.Action,
			Resource: r.Resource,
			Refusal: identity.Refusal{
				Address:    address,
				Reason:     reason,
				Explicit:   d.Explicit,
				Type:       d.Type.String(),
				PolicyARN:  d.ARN,
				PolicyName: d.Name,
				Statement:  d.Statement,
				Sid:        d.Sid,
			},
		})
	}
	denied := &Denied{Message: policy.Denied(r, d)}
	if d.Type == policy.ByIdentity && !d.Explicit {
		denied.Statement = policy.Allowing(r.Action, r.Resource)
	}
	return denied
}
