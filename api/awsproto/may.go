package awsproto

import "context"

type mayKey struct{}

// May answers whether the caller of an operation may do an action on a resource, which is named without
// "arn:aws:SERVICE:REGION:ACCOUNT:". Operations of which each caller sees his own part ask it: ListWaiting tells of the
// pipelines that the caller may see. In a call that did not come through a decorated service, everything may be done.
func May(ctx context.Context, action, resource string) bool {
	may, _ := ctx.Value(mayKey{}).(func(ctx context.Context, action, resource string) bool)
	return may == nil || may(ctx, action, resource)
}

// WithMay returns a context in which May answers by a function.
func WithMay(ctx context.Context, may func(ctx context.Context, action, resource string) bool) context.Context {
	return context.WithValue(ctx, mayKey{}, may)
}
