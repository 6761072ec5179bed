package awsproto

import "context"

// Caller is the signer of a request, as sts:GetCallerIdentity describes it.
type Caller struct {
	ARN         string // arn:aws:iam::ACCOUNT:user/NAME
	UserID      string // AIDA...
	Name        string
	Account     string
	AccessKeyID string // "" for a session of the pages
	Role        string // administrator, host, runner, nobody
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
