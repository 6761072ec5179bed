package identity

import (
	"context"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/identity/policy"
	"slipway/internal/store"
)

// RoleError says why a service cannot take a role that it was given, and how to mend it.
type RoleError struct {
	RoleARN, Service string
	Missing          bool // there is no such role
	Reason           string
	Mend             string // a command
}

func (e *RoleError) Error() string {
	if e.Mend == "" {
		return e.Reason
	}
	return e.Reason + " " + e.Mend
}

// CheckServiceRole returns a RoleError unless a role exists and its trust policy lets a service assume it.
func (s *Service) CheckServiceRole(_ context.Context, roleARN, service string) error {
	_, err := s.serviceRole(roleARN, service)
	return err
}

func (s *Service) serviceRole(arn, service string) (*role, error) {
	e := &RoleError{RoleARN: arn, Service: service}
	full, ours := strings.CutPrefix(arn, s.arn("role/"))
	if !ours || full == "" {
		e.Missing = true
		e.Reason = arn + " is not the ARN of a role of account " + s.Account + ", such as " +
			s.arn("role/slipway") + "."
		return nil, e
	}
	r := s.view().roleOf(arn)
	if r == nil {
		e.Missing = true
		e.Reason = "The role " + arn + " does not exist."
		e.Mend = createServiceRole("/"+full, service)
		return nil, e
	}
	if s.trusts(r, service) {
		return r, nil
	}
	e.Reason = "The trust policy of the role " + arn + " does not let " + service + " assume it."
	e.Mend = "Let it: aws iam update-assume-role-policy --role-name " + r.Name + " --policy-document '" +
		serviceTrust(append(s.trusted(r, "Service"), service)...) + "'"
	return nil, e
}

// CheckRole returns a RoleError unless a role exists. It does not ask whether the role that is to assume it may.
func (s *Service) CheckRole(arn, by string) error {
	if s.view().roleOf(arn) != nil {
		return nil
	}
	e := &RoleError{RoleARN: arn, Missing: true, Reason: "The role " + arn + " does not exist."}
	if full, ours := strings.CutPrefix(arn, s.arn("role/")); ours && full != "" {
		e.Mend = createRole("/"+full, trustIn("AWS", by))
	}
	return e
}

// createServiceRole is the commands that make a role for a service.
func createServiceRole(full, service string) string {
	create := createRole(full, serviceTrust(service))
	if arn := servicePolicies[service]; arn != "" {
		create += " && aws iam attach-role-policy --role-name " + full[strings.LastIndexByte(full, '/')+1:] +
			" --policy-arn " + arn
	}
	return create
}

// createRole is the command that makes a role with a trust policy.
func createRole(full, document string) string {
	at := strings.LastIndexByte(full, '/') + 1
	create := "Create it: aws iam create-role"
	if path := full[:at]; path != "/" {
		create += " --path " + path
	}
	return create + " --role-name " + full[at:] + " --assume-role-policy-document '" + document + "'"
}

// trusts reports whether a service may assume a role.
func (s *Service) trusts(r *role, service string) bool {
	trust := s.trustOf(r)
	if trust == nil {
		return false
	}
	d := policy.Decide(policy.Sources{
		Resource: []policy.Attached{{Policy: trust, Name: r.Name}},
		Alone:    true,
	}, policy.Request{
		Principal: policy.Principal{Service: service},
		Action:    "sts:AssumeRole",
		Resource:  s.arnOf(r),
		Account:   s.Account,
		Context: policy.Values{
			"aws:sourceaccount":         {s.Account},
			"aws:requestedregion":       {s.Region},
			"aws:principalisawsservice": {"true"},
			"aws:principalservicename":  {service},
			"aws:principaltype":         {"Service"},
			"aws:securetransport":       {"true"},
			"aws:viaawsservice":         {"false"},
			"aws:currenttime":           {s.Now().UTC().Format(time.RFC3339)},
		},
	})
	return d.Allowed
}

// LimitedSession is ServiceSession for a work that may do no more than a policy allows, whatever the role may; ""
// limits nothing.
func (s *Service) LimitedSession(_ context.Context, service, roleARN, sessionName, work, document string,
	life time.Duration) (Credentials, error) {
	r, err := s.serviceRole(roleARN, service)
	if err != nil {
		return Credentials{}, err
	}
	return s.issue(&ticket{Role: r.ID, Name: sessionName, Work: work, Policy: document}, life), nil
}

// RoleSession is LimitedSession for a role that another role assumes. That it may, the caller has asked.
func (s *Service) RoleSession(roleARN, sessionName, work, document string, life time.Duration) (Credentials, error) {
	r := s.view().roleOf(roleARN)
	if r == nil {
		return Credentials{}, &RoleError{RoleARN: roleARN, Missing: true,
			Reason: "The role " + roleARN + " does not exist."}
	}
	return s.issue(&ticket{Role: r.ID, Name: sessionName, Work: work, Policy: document}, life), nil
}

// ServiceSession is what a service does with a role that it was given: temporary credentials of the role. Its errors
// are those of CheckServiceRole. The session lasts as long as asked, even if the role's maximum is less, because the
// work that it is for does. It ends with that work, of which Config.Ended tells; "" for none.
func (s *Service) ServiceSession(_ context.Context, service, roleARN, sessionName, work string, life time.Duration,
	tags ...store.Tag) (Credentials, awsproto.Caller, error) {
	r, err := s.serviceRole(roleARN, service)
	if err != nil {
		return Credentials{}, awsproto.Caller{}, err
	}
	t := &ticket{Role: r.ID, Name: sessionName, Work: work}
	for _, tag := range tags {
		if t.Tags == nil {
			t.Tags = map[string]string{}
		}
		t.Tags[tag.Key] = tag.Value
	}
	made := s.issue(t, life)
	c, err := s.bearer(made.ID, t)
	return made, c, err
}
