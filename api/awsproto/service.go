package awsproto

import (
	"context"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Protocol is how a service's requests and answers travel.
type Protocol int

const (
	// JSON11 is AWS JSON 1.1: a POST whose X-Amz-Target names the operation.
	JSON11 Protocol = iota
	// Query is a form whose Action names the operation, answered in XML.
	Query
	// JSON10 is AWS JSON 1.0. It differs from 1.1 in its name only.
	JSON10
	// CBOR is Smithy RPC v2 CBOR: a POST whose path names the service and the operation.
	CBOR
	// EC2 is the dialect of Query that EC2 speaks: lists without a label, and answers without a wrapper.
	EC2
)

// Info describes a service, from its model.
type Info struct {
	Name        string // the package, and the prefix in "codecommit:GetFile"
	SigningName string // the service in a signature's scope
	Target      string // what stands before the operation in X-Amz-Target, and for the service in the path of CBOR
	Protocol    Protocol
	Also        []Protocol // what it speaks besides
	Namespace   string     // of an answer in XML
	Version     string     // of a request in a form
	// Refusal is the error for a broken constraint; see Style.
	Refusal Style
	// NewError makes an error of the model from its code, or returns nil.
	NewError func(code, message string) error
	// Others are the operations of the model without generated shapes.
	Others []string
	// MaxBody bounds a request, in bytes.
	MaxBody int64
}

// Speaks reports whether the service is served by a protocol.
func (i *Info) Speaks(p Protocol) bool { return i.Protocol == p || slices.Contains(i.Also, p) }

// isForm reports whether requests are forms, and answers XML.
func (p Protocol) isForm() bool { return p == Query || p == EC2 }

// global reports whether clients sign the service for us-east-1 from every region.
func (i *Info) global() bool { return i.SigningName == "iam" || i.SigningName == "sts" }

// Style is how a service's errors word a broken constraint.
type Style struct {
	// Code is the error's code: ValidationException, InvalidInputException, ...
	Code string
	// ByMember makes XRequiredException and InvalidXException out of member x where the operation has
	// such an error, as CodeCommit and CodeDeploy do. Code is for the rest.
	ByMember bool
}

// Operation describes one operation.
type Operation struct {
	Service *Info
	Name    string
	Errors  []string // the codes in its model
	Empty   bool     // it answers with nothing
	// Unsigned says that it is called without credentials. What its request holds must prove who asks.
	Unsigned bool
	// Asks adds the rights that a request needs. It is generated; api/gen/access has the tables.
	Asks func(a *Access, in any)
}

// Input is a generated request.
type Input interface{ Check(*Check) }

// Hooks are what stands around every operation of every service. Nil members are left out.
type Hooks struct {
	// Authorize refuses what the caller may not do.
	Authorize func(ctx context.Context, op *Operation, in any) error
	// May answers for May.
	May func(ctx context.Context, action, resource string) bool
	// Done is called after every call that was authorised. It must not block.
	Done func(ctx context.Context, op *Operation, in any, err error)
}

// Value returns what a pointer of a shape points at, or the zero value if it is nil.
func Value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// NotImplemented is the error of an operation that Slipway does not implement.
func (o *Operation) NotImplemented() error { return NotImplemented(o.Service.Name, o.Name) }

// Invoke authorises, checks and runs an operation, and calls Done. Every call of an operation goes through it.
func Invoke[I any, O any, P interface {
	*I
	Input
}](ctx context.Context, h Hooks, op *Operation, in P, f func(context.Context, P) (*O, error)) (*O, error) {
	if in == nil {
		in = new(I)
	}
	if h.Authorize != nil && !op.Unsigned {
		if err := h.Authorize(ctx, op, in); err != nil {
			return nil, err
		}
	}
	if err := Validate(op, in); err != nil {
		return nil, err
	}
	if h.May != nil {
		ctx = WithMay(ctx, h.May)
	}
	out, err := f(ctx, in)
	if h.Done != nil {
		h.Done(ctx, op, in, err)
	}
	if err != nil {
		return nil, err
	}
	if out == nil {
		out = new(O)
	}
	return out, nil
}

// Validate checks a request against its model. The error is worded as the operation's service words it.
func Validate(op *Operation, in Input) error {
	var c Check
	in.Check(&c)
	vs := c.Violations()
	if len(vs) == 0 {
		return nil
	}
	code, message := op.Service.Refusal.Code, Summary(vs)
	if op.Service.Refusal.ByMember {
		v := vs[0]
		message = v.Constraint
		name := capital(v.Leaf)
		candidates := []string{"Invalid" + name + "Exception", "Invalid" + name + "FormatException"}
		if v.Missing {
			candidates = append([]string{name + "RequiredException"}, candidates...)
		}
		for _, candidate := range candidates {
			if slices.Contains(op.Errors, candidate) {
				code = candidate
				break
			}
		}
	}
	if op.Service.NewError != nil {
		if err := op.Service.NewError(code, message); err != nil {
			return err
		}
	}
	return &Error{Code: code, Message: message}
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// Endpoint is an operation as the wire meets it.
type Endpoint struct {
	Op    *Operation
	begin func(decode func(any) error) (run, error)
	input func() any
}

// run does an operation whose request was decoded.
type run func(ctx context.Context) (any, error)

// call decodes a request and does the operation.
func (e Endpoint) call(ctx context.Context, decode func(any) error) (any, error) {
	do, err := e.begin(decode)
	if err != nil {
		return nil, err
	}
	return do(ctx)
}

// Asks returns the rights that an empty request of the operation needs, in a region of an account.
func (e Endpoint) Asks(region, account string) []Ask {
	a := &Access{Region: region, Account: account}
	if e.Op.Asks != nil {
		e.Op.Asks(a, e.input())
	}
	return a.Asks
}

// Bind makes the endpoint of a decorated operation.
func Bind[I, O any](op *Operation, f func(context.Context, *I) (*O, error)) Endpoint {
	begin := func(decode func(any) error) (run, error) {
		in := new(I)
		if err := decode(in); err != nil {
			return nil, err
		}
		return func(ctx context.Context) (any, error) { return f(ctx, in) }, nil
	}
	return Endpoint{op, begin, func() any { return new(I) }}
}

// Service is a generated service with its implementation.
type Service interface {
	Info() *Info
	Endpoints() []Endpoint
	Implementation() any // what it decorates
}
