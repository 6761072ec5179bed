package awsproto

import (
	"context"
	"time"
)

// Caller is the signer of a request, as sts:GetCallerIdentity describes it.
type Caller struct {
	ARN         string // arn:aws:iam::ACCOUNT:user/NAME
	UserID      string // AIDA...
	Name        string
	Account     string
	AccessKeyID string // "" for a session of the pages
	// Session is set if the caller uses temporary credentials.
	Session *Session
}

// Session is what temporary credentials carry besides their principal.
type Session struct {
	RoleARN        string // "" for a federated user, and for a user's own session
	RoleID         string // AROA…
	Parent         string // the user whose key began a session without a role: AIDA…
	Name           string
	Issued         time.Time
	Expires        time.Time
	MFA            bool      // a second factor was shown when the session was made, or the one before it
	MFATime        time.Time // when it was shown
	Tags           map[string]string
	Transitive     []string // keys of Tags that a chained session inherits
	SourceIdentity string
	Policy         string   // the inline session policy, "" for none
	PolicyARNs     []string // of managed session policies
	Federated      string   // the identity provider whose token began the session
}

type callerKey struct{}

// WithCaller returns a context in which operations run as c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns the caller of an operation. Without one it returns the zero Caller, which has no rights.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
