package access

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/sts"
)

// facts answer for the condition keys of one question. They are found when a condition asks for them. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
type facts struct {
	a         *Authority
	ctx       context.Context //nolint:containedctx // of the request that the facts are of
	caller    *awsproto.Caller
	principal *Principal
	access    *awsproto.Access
	ask       *awsproto.Ask
	input     any
	resource  string

	tags map[string]string // of the resource; nil until asked for
	err  error             // of finding a fact
}

// Values implements policy.Context.
func (f *facts) Values(key string) ([]string, bool) {
	for i := range f.ask.Keys {
		if f.ask.Keys[i].Name == key {
			return f.ask.Keys[i].Values, true
		}
	}
	service, name, _ := strings.Cut(key, ":")
	tag, isTag := strings.CutPrefix(name, "resourcetag/")
	switch {
	case isTag:
		return oneOf(f.resourceTags(), tag)
	case service == "aws":
		return f.global(name)
	case service == "slipway":
		return f.own(key)
	case f.input != nil:
		return member(f.input, service, name, f.ask.Action)
	}
	return nil, false
}

// global answers for the keys that every service has.
func (f *facts) global(name string) ([]string, bool) {
	family, tag, isTag := strings.Cut(name, "/")
	switch {
	case !isTag:
		return f.single(name)
	case family == "principaltag":
		return oneOf(f.principal.Tags, tag)
	case family == "requesttag":
		return oneOf(f.access.Tags, tag)
	}
	return nil, false
}

// single answers for the global keys that are no tags.
func (f *facts) single(name string) ([]string, bool) {
	if name == "tagkeys" {
		return f.access.TagNames, len(f.access.TagNames) > 0
	}
	if v := f.request(name); v != "" {
		return []string{v}, true
	}
	if v := f.who(name); v != "" {
		return []string{v}, true
	}
	return nil, false
}

// request answers for keys of the request.
func (f *facts) request(name string) string {
	client := awsproto.PeerOf(f.ctx)
	switch name {
	case "currenttime":
		return f.a.Now().UTC().Format(time.RFC3339)
	case "epochtime":
		return strconv.FormatInt(f.a.Now().Unix(), 10)
	case "securetransport":
		return strconv.FormatBool(client.Secure)
	case "useragent":
		return client.UserAgent
	case "referer":
		return client.Referer
	case "sourceip":
		if client.Address.IsValid() {
			return client.Address.String()
		}
	case "requestedregion":
		return f.a.Region
	case "resourceaccount":
		return f.a.Account
	case "viaawsservice", "principalisawsservice":
		return "false"
	}
	return ""
}

// who answers for keys of the principal.
func (f *facts) who(name string) string {
	c := f.caller
	switch name {
	case "principalarn":
		if c.Session != nil && c.Session.RoleARN != "" {
			return c.Session.RoleARN
		}
		return c.ARN
	case "principalaccount":
		return c.Account
	case "principaltype":
		return kind(c)
	case "userid":
		return c.UserID
	case "username":
		if kind(c) == "User" {
			return c.Name
		}
	}
	if in, ok := f.input.(*sts.AssumeRoleInput); ok && in.TokenCode != nil { // the operation refuses a wrong code
		switch name {
		case "multifactorauthpresent":
			return "true"
		case "multifactorauthage":
			return "0"
		}
	}
	if c.Session != nil {
		return sessionKey(c.Session, name, f.a.Now())
	}
	return ""
}

// sessionKey answers for keys of temporary credentials. The age of a second factor is in seconds, and is not known
// without one.
func sessionKey(s *awsproto.Session, name string, now time.Time) string {
	switch name {
	case "tokenissuetime":
		return s.Issued.UTC().Format(time.RFC3339)
	case "multifactorauthpresent":
		return strconv.FormatBool(s.MFA)
	case "multifactorauthage":
		if s.MFA {
			return strconv.FormatInt(int64(max(now.Sub(s.MFATime), 0)/time.Second), 10)
		}
	case "sourceidentity":
		return s.SourceIdentity
	case "federatedprovider":
		return s.Federated
	}
	return ""
}

// kind is the caller's aws:PrincipalType.
func kind(c *awsproto.Caller) string {
	switch {
	case c.ARN == "":
		return "Anonymous"
	case strings.HasSuffix(c.ARN, ":root"):
		return "Account"
	case strings.Contains(c.ARN, ":assumed-role/"):
		return "AssumedRole"
	case strings.Contains(c.ARN, ":federated-user/"):
		return "FederatedUser"
	}
	return "User"
}

// own answers for Slipway's keys.
func (f *facts) own(key string) ([]string, bool) {
	if f.a.Key == nil {
		return nil, false
	}
	values, ok, err := f.a.Key(f.ctx, *f.caller, key, f.ask, f.resource)
	if err != nil {
		f.err = err
	}
	return values, ok && err == nil
}

// resourceTags are the tags of the resource. A resource that is being created has those of the request.
func (f *facts) resourceTags() map[string]string {
	if f.tags != nil {
		return f.tags
	}
	f.tags = map[string]string{}
	if f.a.Tags != nil {
		tags, err := f.a.Tags(f.ctx, f.resource)
		if err != nil {
			f.err = err
			return nil
		}
		f.tags = maps.Clone(tags)
	}
	_, action, _ := strings.Cut(f.ask.Action, ":")
	if len(f.tags) == 0 && creates(action) {
		f.tags = f.access.Tags
	}
	return f.tags
}

func creates(action string) bool {
	return slices.ContainsFunc([]string{"Create", "Put", "Import", "Register"},
		func(verb string) bool { return strings.HasPrefix(action, verb) })
}

// oneOf returns the value of a tag, whose key is compared without regard to case.
func oneOf(tags map[string]string, key string) ([]string, bool) {
	if v, ok := tags[key]; ok {
		return []string{v}, true
	}
	for k, v := range tags {
		if strings.EqualFold(k, key) {
			return []string{v}, true
		}
	}
	return nil, false
}
