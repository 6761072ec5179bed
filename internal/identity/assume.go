package identity

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/sts"
	"slipway/internal/identity/policy"
)

const (
	// chainedSession is the longest session of a role that a session of a role assumed.
	chainedSession = time.Hour
	// longSession is how long the sessions of users last if nothing else is said.
	longSession = 12 * time.Hour
	// maxSessionPolicies bounds what is passed with a session, in characters, as STS does.
	maxSessionPolicies = 2048
	maxSessionARNs     = 10
)

// AssumeRole implements sts:AssumeRole. Whether the caller may, by its own policies and the role's trust policy, was
// decided before; see TrustPolicy.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	c := awsproto.CallerOf(ctx)
	if err := untaken("sts:AssumeRole", map[string]bool{
		"ProvidedContexts":        len(in.ProvidedContexts) > 0,
		"MinimumSessionTokenSize": in.MinimumSessionTokenSize != nil,
	}); err != nil {
		return nil, err
	}
	r := s.view().roleOf(*in.RoleArn)
	if r == nil {
		return nil, &awsproto.Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "User: " + c.ARN +
			" is not authorized to perform: sts:AssumeRole on resource: " + *in.RoleArn}
	}
	life, err := roleLife(r, in.DurationSeconds, c.Session != nil)
	if err != nil {
		return nil, err
	}
	t := &ticket{Role: r.ID, Name: *in.RoleSessionName, Source: awsproto.Value(in.SourceIdentity),
		Chained: c.Session != nil}
	if t.MFA, err = s.secondFactor(ctx, c, in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	if err := s.passed(t, in.Policy, in.PolicyArns, in.Tags, in.TransitiveTagKeys); err != nil {
		return nil, err
	}
	if err := t.inherit(c.Session); err != nil {
		return nil, err
	}
	made := s.issue(t, life)
	return &sts.AssumeRoleOutput{
		Credentials:      shownCredentials(made),
		AssumedRoleUser:  s.assumed(r, t.Name),
		PackedPolicySize: t.packed(),
		SourceIdentity:   someText(t.Source),
	}, nil
}

func shownCredentials(c Credentials) *sts.Credentials {
	return &sts.Credentials{
		AccessKeyId:     &c.ID,
		SecretAccessKey: &c.Secret,
		SessionToken:    &c.Token,
		Expiration:      awsproto.At(c.Expires.Truncate(time.Second)),
	}
}

func (s *Service) assumed(r *role, session string) *sts.AssumedRoleUser {
	return &sts.AssumedRoleUser{Arn: new(s.sessionARN(r, session)), AssumedRoleId: new(r.ID + ":" + session)}
}

func someText(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func invalid(format string, args ...any) error {
	return &awsproto.Error{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

// roleLife is how long a session of a role lasts.
func roleLife(r *role, seconds *int32, chained bool) (time.Duration, error) {
	life := defaultMaxSession * time.Second
	if seconds != nil {
		life = time.Duration(*seconds) * time.Second
	}
	switch {
	case chained && life > chainedSession:
		return 0, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role " +
			"chaining.")
	case life > time.Duration(r.MaxSession)*time.Second:
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return life, nil
}

// passed takes what a request passes with a session.
func (s *Service) passed(t *ticket, document *string, arns []sts.PolicyDescriptorType, tags []sts.Tag,
	transitive []string) error {
	if document != nil {
		if _, err := checkPolicy(policy.Identity, *document); err != nil {
			return &sts.MalformedPolicyDocumentException{Message: err.Error()}
		}
		t.Policy = *document
	}
	for _, p := range arns {
		arn := awsproto.Value(p.Arn)
		if s.view().policy(arn) == nil {
			return invalid("The session policy %s does not exist.", arn)
		}
		t.PolicyARNs = append(t.PolicyARNs, arn)
	}
	if len(arns) > maxSessionARNs {
		return invalid("A session takes %d policy ARNs at most.", maxSessionARNs)
	}
	size := len(t.Policy)
	for _, arn := range t.PolicyARNs {
		size += len(arn)
	}
	if size > maxSessionPolicies {
		return &sts.PackedPolicyTooLargeException{
			Message: fmt.Sprintf("The session policies have %d characters together, which is more than %d.", size,
				maxSessionPolicies)}
	}
	return t.tag(tags, transitive)
}

// tag gives a session its tags.
func (t *ticket) tag(tags []sts.Tag, transitive []string) error {
	seen := map[string]bool{}
	for _, tag := range tags {
		folded := strings.ToLower(*tag.Key)
		if seen[folded] {
			return badParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[folded] = true
		if t.Tags == nil {
			t.Tags = map[string]string{}
		}
		t.Tags[*tag.Key] = *tag.Value
	}
	if len(tags) > maxTags {
		return badParameter("A session takes %d tags at most.", maxTags)
	}
	for _, key := range transitive {
		if !seen[strings.ToLower(key)] {
			return badParameter("The specified transitive tag key must be included in the requested tags.")
		}
	}
	t.Transitive = slices.Clone(transitive)
	return nil
}

func badParameter(format string, args ...any) error {
	return &awsproto.Error{Code: "InvalidParameterValue", Message: fmt.Sprintf(format, args...)}
}

// inherit takes what a session passes on to those that it begins: transitive tags and the source identity.
func (t *ticket) inherit(from *awsproto.Session) error {
	if from == nil {
		return nil
	}
	if from.MFA && from.RoleID == "" && !t.MFA {
		t.MFA, t.MFAAt = true, from.MFATime.UnixMilli()
	}
	if from.SourceIdentity != "" {
		if t.Source != "" && t.Source != from.SourceIdentity {
			return &awsproto.Error{Code: "AccessDenied", Status: http.StatusForbidden,
				Message: "The source identity of a session cannot be changed by a session that follows it."}
		}
		t.Source = from.SourceIdentity
	}
	for _, key := range from.Transitive {
		for mine := range t.Tags {
			if strings.EqualFold(mine, key) {
				return badParameter("One of the specified transitive tag keys can't be set because it conflicts with "+
					"a transitive tag key from the calling session: %s", key)
			}
		}
		if t.Tags == nil {
			t.Tags = map[string]string{}
		}
		t.Tags[key] = from.Tags[key]
		t.Transitive = append(t.Transitive, key)
	}
	return nil
}

// packed is how much of the room for policies and tags a session uses, in percent; nil if nothing was passed.
func (t *ticket) packed() *int32 {
	size := len(t.Policy)
	for _, arn := range t.PolicyARNs {
		size += len(arn)
	}
	for k, v := range t.Tags {
		size += len(k) + len(v)
	}
	if size == 0 {
		return nil
	}
	return new(int32(min(100, 1+size*100/(2*maxSessionPolicies))))
}

// longTerm is the user of a caller with credentials that last.
func (s *Service) longTerm(c awsproto.Caller, operation string) (*user, error) {
	u, _ := s.model.get(userKind, c.UserID).(*user)
	if c.Session != nil || u == nil || c.AccessKeyID == "" {
		return nil, &awsproto.Error{Code: "AccessDenied", Status: http.StatusForbidden,
			Message: "Cannot call " + operation + " with session credentials"}
	}
	return u, nil
}

// lifeOf is how long a session of a user lasts.
func lifeOf(seconds *int32) time.Duration {
	if seconds == nil {
		return longSession
	}
	return time.Duration(*seconds) * time.Second
}

// GetSessionToken implements sts:GetSessionToken.
func (s *Service) GetSessionToken(ctx context.Context,
	in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	c := awsproto.CallerOf(ctx)
	if err := padded("GetSessionToken", in.MinimumSessionTokenSize); err != nil {
		return nil, err
	}
	u, err := s.longTerm(c, "GetSessionToken")
	if err != nil {
		return nil, err
	}
	t := &ticket{Parent: u.ID, Key: c.AccessKeyID}
	if t.MFA, err = s.secondFactor(ctx, c, in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	made := s.issue(t, lifeOf(in.DurationSeconds))
	return &sts.GetSessionTokenOutput{Credentials: shownCredentials(made)}, nil
}

// GetFederationToken implements sts:GetFederationToken. Without a policy the federated user may do nothing that the
// policies of resources do not allow.
func (s *Service) GetFederationToken(ctx context.Context,
	in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	c := awsproto.CallerOf(ctx)
	if err := padded("GetFederationToken", in.MinimumSessionTokenSize); err != nil {
		return nil, err
	}
	u, err := s.longTerm(c, "GetFederationToken")
	if err != nil {
		return nil, err
	}
	t := &ticket{Parent: u.ID, Key: c.AccessKeyID, Name: *in.Name}
	if err := s.passed(t, in.Policy, in.PolicyArns, in.Tags, nil); err != nil {
		return nil, err
	}
	made := s.issue(t, lifeOf(in.DurationSeconds))
	return &sts.GetFederationTokenOutput{
		Credentials: shownCredentials(made),
		FederatedUser: &sts.FederatedUser{
			Arn:             new(s.federatedARN(t.Name)),
			FederatedUserId: new(s.Account + ":" + t.Name),
		},
		PackedPolicySize: t.packed(),
	}, nil
}

// TrustPolicy returns the trust policy of a role of this account. It must allow sts:AssumeRole and its companions by
// itself; see policy.Sources.Alone. It reports false for an ARN that is no role's.
func (s *Service) TrustPolicy(arn string) (policy.Attached, bool) {
	r := s.view().roleOf(arn)
	if r == nil {
		return policy.Attached{}, false
	}
	p := s.trustOf(r)
	return policy.Attached{Policy: p, Name: r.Name}, p != nil
}
