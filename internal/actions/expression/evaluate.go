package expression

import (
	"math"
	"strings"
)

// Scope is what an expression sees where it stands.
type Scope struct {
	// Contexts are the values that it may name, by their names in lower case.
	Contexts map[string]Value
	// Status answers success, failure, cancelled and always; nil where there are no such functions.
	Status func(function string) bool
	// Hash answers hashFiles; nil where it is not there.
	Hash func(patterns []string) (string, error)
}

// Evaluate returns the value of an expression. The error is an *Error, or one of Hash.
func (e *Expression) Evaluate(s Scope) (Value, error) {
	v, err := e.root.value(&evaluation{Scope: s, text: e.text})
	if f, ok := v.(*filtered); ok {
		v = &Array{f.items}
	}
	return v, err
}

// evaluation is an expression that is evaluated.
type evaluation struct {
	Scope
	text string
}

func (in *evaluation) fail(at int, message string) error {
	return &Error{Expression: in.text, Offset: at, Message: message}
}

type constant struct{ of Value }

func (c constant) value(*evaluation) (Value, error) { return c.of, nil }

type variable struct {
	name string
	at   int
}

func (v *variable) value(in *evaluation) (Value, error) {
	of, ok := in.Contexts[lower(v.name)]
	if !ok {
		return nil, in.fail(v.at, "the context "+v.name+" is not there")
	}
	return of, nil
}

type negation struct{ of node }

func (n *negation) value(in *evaluation) (Value, error) {
	v, err := n.of.value(in)
	return !Truth(v), err
}

type operation struct {
	operator    string
	left, right node
}

func (o *operation) value(in *evaluation) (Value, error) {
	left, err := o.left.value(in)
	if err != nil {
		return nil, err
	}
	if o.operator == "&&" && !Truth(left) || o.operator == "||" && Truth(left) {
		return left, nil
	}
	right, err := o.right.value(in)
	if err != nil {
		return nil, err
	}
	switch o.operator {
	case "==":
		return Equal(left, right), nil
	case "!=":
		return !Equal(left, right), nil
	case "&&", "||":
		return right, nil
	}
	return ordered(o.operator, left, right), nil
}

// ordered tells whether two values are in an order; those that have none are in no order.
func ordered(operator string, left, right Value) bool {
	order, ok := compare(left, right)
	switch operator {
	case "<":
		return ok && order < 0
	case "<=":
		return ok && order <= 0
	case ">":
		return ok && order > 0
	}
	return ok && order >= 0
}

// filtered is what a wildcard leaves: what follows looks into each of its items.
type filtered struct{ items []Value }

// access looks into a value; by is nil for a wildcard.
type access struct{ of, by node }

func (a *access) value(in *evaluation) (Value, error) {
	of, err := a.of.value(in)
	if err != nil {
		return nil, err
	}
	var by Value
	if a.by != nil {
		if by, err = a.by.value(in); err != nil {
			return nil, err
		}
	}
	f, ok := of.(*filtered)
	switch {
	case ok && a.by == nil:
		all := &filtered{}
		for _, item := range f.items {
			all.items = append(all.items, items(item)...)
		}
		return all, nil
	case ok:
		all := &filtered{}
		for _, item := range f.items {
			if v, there := look(item, by); there {
				all.items = append(all.items, v)
			}
		}
		return all, nil
	case a.by == nil:
		return &filtered{items(of)}, nil
	}
	v, _ := look(of, by)
	return v, nil
}

// items are those of an array, or the values of an object.
func items(of Value) []Value {
	switch x := of.(type) {
	case *Array:
		return x.Items
	case *Object:
		all := make([]Value, 0, len(x.keys))
		for _, k := range x.keys {
			all = append(all, x.values[x.fold(k)])
		}
		return all
	}
	return nil
}

func look(of, by Value) (Value, bool) {
	switch x := of.(type) {
	case *Object:
		switch by.(type) {
		case *Array, *Object, *filtered:
			return nil, false
		}
		return x.Get(Text(by))
	case *Array:
		i := Number(by)
		if i = math.Floor(i); i >= 0 && i < float64(len(x.Items)) {
			return x.Items[int(i)], true
		}
	}
	return nil, false
}

type call struct {
	name, shown string
	at          int
	args        []node
}

func (c *call) value(in *evaluation) (Value, error) {
	f := functions[c.name]
	if f.do == nil {
		return c.choose(in)
	}
	args := make([]Value, len(c.args))
	for i, a := range c.args {
		v, err := a.value(in)
		if err != nil {
			return nil, err
		}
		if f, ok := v.(*filtered); ok {
			v = &Array{f.items}
		}
		args[i] = v
	}
	v, err := f.do(in, args)
	if err != nil {
		if _, placed := err.(*Error); !placed {
			return nil, in.fail(c.at, c.shown+": "+err.Error())
		}
	}
	return v, err
}

func lower(s string) string { return strings.ToLower(s) }
