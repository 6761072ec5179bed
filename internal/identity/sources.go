package identity

import (
	"context"
	"net/http"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/identity/policy"
)

// Attributes are what condition keys say of a caller, besides its policies.
type Attributes struct {
	Principal policy.Principal
	// Type is aws:PrincipalType: User, AssumedRole or FederatedUser.
	Type     string
	UserName string            // aws:username; "" for sessions of roles
	Tags     map[string]string // aws:PrincipalTag/…; those of a session win over those of its role or user
	// Temporary reports that the caller uses temporary credentials. Issued, MFA and SourceIdentity are theirs.
	Temporary      bool
	Issued         time.Time
	MFA            bool
	SourceIdentity string
	Federated      string // aws:FederatedProvider
}

// origin is what a user or a role brings into each request.
type origin struct {
	sources policy.Sources
	tags    map[string]string
}

// Sources returns the policies that bear on what a caller asks for, without those of resources. They come from memory.
// It returns an error for a caller who is there no more.
func (s *Service) Sources(_ context.Context, c awsproto.Caller) (policy.Sources, Attributes, error) {
	a := Attributes{Type: "User", Principal: policy.Principal{Account: c.Account, ARN: c.ARN, UserID: c.UserID}}
	if c.Session == nil {
		o, u := s.userOrigin(c.UserID)
		if u == nil {
			return policy.Sources{}, a, errGone()
		}
		a.UserName, a.Tags = u.Name, o.tags
		return o.sources, a, nil
	}
	return s.sessionSources(c, a)
}

func (s *Service) sessionSources(c awsproto.Caller, a Attributes) (policy.Sources, Attributes, error) {
	x := c.Session
	a.Temporary, a.Issued, a.MFA = true, x.Issued, x.MFA
	a.SourceIdentity, a.Federated = x.SourceIdentity, x.Federated
	var o *origin
	if x.RoleARN != "" {
		r, _ := s.model.get(roleKind, x.RoleID).(*role)
		if r == nil {
			return policy.Sources{}, a, errGone()
		}
		o = s.originOf(r, nil)
		a.Type, a.Principal.Role = "AssumedRole", x.RoleARN
	} else {
		var u *user
		if o, u = s.userOrigin(x.Parent); u == nil {
			return policy.Sources{}, a, errGone()
		}
		if c.UserID == u.ID {
			a.UserName = u.Name
		} else {
			a.Type = "FederatedUser"
		}
	}
	a.Tags = o.tags
	if len(x.Tags) > 0 {
		a.Tags = merged(o.tags, x.Tags)
	}
	sources := o.sources
	// A federated user to whom no policy was passed may do nothing.
	sources.Limited = x.Policy != "" || len(x.PolicyARNs) > 0 || a.Type == "FederatedUser"
	if x.Policy != "" {
		sources.Session = append(sources.Session, policy.Attached{Policy: s.read.read(policy.Identity, x.Policy)})
	}
	for _, arn := range x.PolicyARNs {
		sources.Session = append(sources.Session, s.attachment(s.view(), arn)...)
	}
	sources.Session = readable(sources.Session)
	return sources, a, nil
}

func merged(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// errGone says that the caller was deleted since its request was signed.
func errGone() error {
	return &awsproto.Error{Code: "InvalidClientTokenId", Status: http.StatusForbidden,
		Message: "The security token included in the request is invalid."}
}

// userOrigin returns what a user brings; nil for one who is not there.
func (s *Service) userOrigin(id string) (*origin, *user) {
	u, _ := s.model.get(userKind, id).(*user)
	if u == nil {
		return nil, nil
	}
	return s.originOf(u, u.Groups), u
}

// originOf returns what a user with its groups or a role brings. It is made once after each change.
func (s *Service) originOf(g grantee, groups []string) *origin {
	id := g.id()
	s.model.mu.RLock()
	o, revision := s.model.sources[id], s.model.revision
	s.model.mu.RUnlock()
	if o != nil {
		return o
	}
	o = s.gather(s.view(), g, groups)
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	if s.model.revision == revision {
		s.model.sources[id] = o
	}
	return o
}

// gather reads the policies of a user with its groups, or of a role.
func (s *Service) gather(v *view, g grantee, groups []string) *origin {
	o := &origin{tags: map[string]string{}}
	for _, t := range g.heading().Tags {
		o.tags[t.Key] = t.Value
	}
	all := s.granted(v, g)
	for _, id := range groups {
		if d, ok := v.get(groupKind, id).(*group); ok {
			all = append(all, s.granted(v, d)...)
		}
	}
	if u, ok := g.(*user); ok && v.settings().Passwords.ownChange() {
		all = append(all, policy.Attached{Policy: s.read.read(policy.Identity, ownPassword(s.arnOf(u))),
			Name: "the account's password policy"})
	}
	o.sources.Identity = readable(all)
	if arn := g.rights().Boundary; arn != "" {
		// A boundary that cannot be read allows nothing.
		o.sources.Boundary = &policy.Attached{Policy: s.read.read(policy.Identity, nothing), ARN: arn}
		if b := s.attachment(v, arn); len(b) > 0 && b[0].Policy != nil {
			o.sources.Boundary = &b[0]
		}
	}
	return o
}

// ownPassword is what the account's password policy lets a user do if it has AllowUsersToChangePassword. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_enable-user-change.html
func ownPassword(user string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ChangePassword","Resource":"` + user +
		`"}}`
}

// nothing is a policy that allows nothing.
const nothing = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`

// granted are the policies of one entity.
func (s *Service) granted(v *view, g grantee) []policy.Attached {
	var all []policy.Attached
	for _, p := range g.rights().Inline {
		all = append(all, policy.Attached{Policy: s.read.read(policy.Identity, p.Document), Name: p.Name})
	}
	for _, arn := range g.rights().Attached {
		all = append(all, s.attachment(v, arn)...)
	}
	return all
}

// attachment is the default version of a managed policy; none if there is no such policy.
func (s *Service) attachment(v *view, arn string) []policy.Attached {
	p := v.policy(arn)
	if p == nil {
		return nil
	}
	text := p.inEffect().Document
	return []policy.Attached{{Policy: s.read.read(policy.Identity, text), ARN: arn, Name: p.Name}}
}

// readable leaves out what an earlier version took for a policy and is none. It allows nothing.
func readable(all []policy.Attached) []policy.Attached {
	kept := all[:0]
	for _, p := range all {
		if p.Policy != nil {
			kept = append(kept, p)
		}
	}
	return kept
}
