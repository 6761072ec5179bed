package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (p *pkg) service() string {
	var b strings.Builder
	b.WriteString(p.head("context", wire))
	md := p.model.Metadata
	signing := md.SigningName
	if signing == "" {
		signing = md.Endpoint
	}
	protocol := map[string]string{"query": "Query", "ec2": "EC2"}[md.Protocol]
	switch {
	case protocol == "" && md.JSONVersion == "1.0":
		protocol = "JSON10"
	case protocol == "":
		protocol = "JSON11"
	}
	also := ""
	if p.smithy != "" {
		md.TargetPrefix, also = p.smithy, "Also: []awsproto.Protocol{awsproto.JSON10, awsproto.CBOR}, "
	}
	if p.cbor {
		also = "Also: []awsproto.Protocol{awsproto.CBOR}, "
	}
	var others []string
	for _, name := range slices.Sorted(maps.Keys(p.model.Operations)) {
		if !slices.Contains(p.ops, name) {
			others = append(others, name)
		}
	}
	fmt.Fprintf(&b, `var info = awsproto.Info{
	Name: %q, SigningName: %q, Target: %q, Protocol: awsproto.%s, %sNamespace: %q, Version: %q,
	Refusal: awsproto.Style{Code: %q, ByMember: %v}, NewError: newError, MaxBody: %d,
	Others: %#v,
}

`, p.pkg, signing, md.TargetPrefix, protocol, also, md.Namespace, md.Version, p.code, p.byMember, p.maxBody, others)
	b.WriteString("var (\n")
	for _, name := range p.ops {
		op := p.model.Operations[name]
		var codes []string
		for _, e := range op.Errors {
			code, _ := p.wireError(e.Shape)
			codes = append(codes, code)
		}
		fmt.Fprintf(&b, "op%s = awsproto.Operation{Service: &info, Name: %q, Empty: %v, Unsigned: %v, Errors: %#v, "+
			"Asks: ask%s}\n",
			name, name, len(p.model.Shapes[op.Output.Shape].Members) == 0, slices.Contains(p.unsigned, name), codes,
			name)
	}
	b.WriteString(")\n\n")

	fmt.Fprintf(&b, "// API is %s: in process it is a Service, from afar a Client.\ntype API interface {\n",
		md.ServiceID)
	for _, name := range p.ops {
		fmt.Fprintf(&b, "%s\n", p.signature(name))
	}
	b.WriteString("}\n\n")

	p.unimplemented(&b)
	b.WriteString(
		"// Service is the decorated implementation: every call is authorised, checked against the model and " +
			"reported.\ntype Service struct {\nhooks awsproto.Hooks\napi API\n}\n\nvar _ API = (*Service)(nil)\n\n" +
			"// New decorates an implementation.\n" +
			"func New(hooks awsproto.Hooks, api API) *Service { return &Service{hooks: hooks, api: api} }\n\n")

	for _, name := range p.ops {
		fmt.Fprintf(&b,
			"// %s is %s:%s.\nfunc (s *Service) %s(ctx context.Context, in *%s) (*%s, error) {\nreturn "+
				"awsproto.Invoke(ctx, s.hooks, &op%s, in, s.api.%s)\n}\n\n",
			name, p.pkg, name, name, goName(p.model.Operations[name].Input.Shape),
			goName(p.model.Operations[name].Output.Shape), name, name)
	}

	b.WriteString(
		"// Info describes the service.\nfunc (*Service) Info() *awsproto.Info { return &info }\n\n// Implementation " +
			"is what the service decorates.\nfunc (s *Service) Implementation() any { return " +
			"s.api }\n\n// Endpoints are " +
			"its operations for the wire, by name.\nfunc (s *Service) Endpoints() []awsproto.Endpoint {\nreturn " +
			"[]awsproto.Endpoint{\n")
	for _, name := range p.ops {
		fmt.Fprintf(&b, "awsproto.Bind(&op%s, s.%s),\n", name, name)
	}
	b.WriteString("}\n}\n")
	return b.String()
}

// unimplemented writes what implementations embed. Its methods are those of an inner type: what is embedded beside it
// is one level nearer, so that its methods win.
func (p *pkg) unimplemented(b *strings.Builder) {
	b.WriteString(
		"// Unimplemented answers every operation with the error NotImplementedException. A type that embeds it\n" +
			"// beside its parts implements API by the methods of these parts: they are one level nearer, so they " +
			"win.\n" +
			"type Unimplemented struct{ unimplemented }\n\ntype unimplemented struct{}\n\nvar _ API = " +
			"Unimplemented{}\n\n")
	for _, name := range p.ops {
		fmt.Fprintf(b, "func (unimplemented) %s {\nreturn nil, op%s.NotImplemented()\n}\n\n", p.signature(name), name)
	}
}

func (p *pkg) arguments(op string) string {
	return fmt.Sprintf("context.Context, *%s", goName(p.model.Operations[op].Input.Shape))
}

func (p *pkg) result(op string) string {
	return "*" + goName(p.model.Operations[op].Output.Shape)
}

func (p *pkg) signature(op string) string {
	return fmt.Sprintf("%s(%s) (%s, error)", op, p.arguments(op), p.result(op))
}

func (p *pkg) client() string {
	var b strings.Builder
	if p.model.Metadata.Protocol == "ec2" {
		// Nothing of ours calls it from afar.
		return p.head()
	}
	b.WriteString(p.head("context", wire))
	fmt.Fprintf(&b,
		"// Client calls %s at a server.\ntype Client struct{ *awsproto.Client }\n\nvar _ API = Client{}\n\n",
		p.model.Metadata.ServiceID)
	for _, name := range p.ops {
		op := p.model.Operations[name]
		in, out := goName(op.Input.Shape), goName(op.Output.Shape)
		fmt.Fprintf(&b,
			"// %s is %s:%s.\nfunc (c Client) %s(ctx context.Context, in *%s) (*%s, error) {\nreturn "+
				"awsproto.Send[%s](ctx, c.Client, &op%s, in)\n}\n\n", name, p.pkg, name, name, in, out, out, name)
	}
	return b.String()
}
