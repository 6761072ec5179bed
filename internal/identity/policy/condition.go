package policy

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// operator is what a condition compares with.
type operator struct {
	compile func(value string, variables bool) operand
	// negated operators hold if no value matches, also if the key is missing.
	negated bool
	null    bool
	// dates are checked when a policy is read.
	date bool
}

var operators = map[string]operator{
	"StringEquals":              {compile: characters(false, false)},
	"StringNotEquals":           {compile: characters(false, false), negated: true},
	"StringEqualsIgnoreCase":    {compile: characters(false, true)},
	"StringNotEqualsIgnoreCase": {compile: characters(false, true), negated: true},
	"StringLike":                {compile: characters(true, false)},
	"StringNotLike":             {compile: characters(true, false), negated: true},
	"NumericEquals":             {compile: numeric(order{equal: true})},
	"NumericNotEquals":          {compile: numeric(order{equal: true}), negated: true},
	"NumericLessThan":           {compile: numeric(order{less: true})},
	"NumericLessThanEquals":     {compile: numeric(order{less: true, equal: true})},
	"NumericGreaterThan":        {compile: numeric(order{greater: true})},
	"NumericGreaterThanEquals":  {compile: numeric(order{greater: true, equal: true})},
	"DateEquals":                {compile: date(order{equal: true}), date: true},
	"DateNotEquals":             {compile: date(order{equal: true}), date: true, negated: true},
	"DateLessThan":              {compile: date(order{less: true}), date: true},
	"DateLessThanEquals":        {compile: date(order{less: true, equal: true}), date: true},
	"DateGreaterThan":           {compile: date(order{greater: true}), date: true},
	"DateGreaterThanEquals":     {compile: date(order{greater: true, equal: true}), date: true},
	"Bool":                      {compile: flag},
	"BinaryEquals":              {compile: binary},
	"IpAddress":                 {compile: address},
	"NotIpAddress":              {compile: address, negated: true},
	"ArnEquals":                 {compile: arn},
	"ArnLike":                   {compile: arn},
	"ArnNotEquals":              {compile: arn, negated: true},
	"ArnNotLike":                {compile: arn, negated: true},
	"Null":                      {compile: flag, null: true},
}

func characters(wildcards, fold bool) func(string, bool) operand {
	return func(value string, variables bool) operand {
		g := grammar{wildcards: wildcards, variables: variables, lower: fold}
		return &textOperand{glob: parseGlob(value, g), fold: fold}
	}
}

func numeric(o order) func(string, bool) operand {
	return func(value string, _ bool) operand {
		n, err := strconv.ParseFloat(value, 64)
		return &numberOperand{order: o, value: n, valid: err == nil}
	}
}

func date(o order) func(string, bool) operand {
	return func(value string, _ bool) operand {
		t, ok := parseDate(value)
		return &dateOperand{order: o, value: t, valid: ok}
	}
}

func flag(value string, variables bool) operand {
	return &boolOperand{glob: parseGlob(value, grammar{variables: variables, lower: true})}
}

func binary(value string, _ bool) operand {
	b, err := base64.StdEncoding.DecodeString(value)
	return &binaryOperand{value: b, valid: err == nil}
}

func address(value string, _ bool) operand {
	p, ok := parsePrefix(value)
	return &addressOperand{prefix: p, valid: ok}
}

func arn(value string, variables bool) operand {
	return &arnOperand{pattern: parseARN(value, variables, false)}
}

// set is how a condition takes a key with several values.
type set int

const (
	single set = iota
	allValues
	anyValue
)

// condition is one key of one operator.
type condition struct {
	operator operator
	set      set
	ifExists bool
	key      string // as Context wants it
	name     string // as the policy has it
	operands []operand
}

// parseOperator reads the name of an operator with its prefix and suffix.
func parseOperator(name string) (condition, bool) {
	var c condition
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		name, c.set = rest, allValues
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		name, c.set = rest, anyValue
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	var ok bool
	c.operator, ok = operators[name]
	return c, ok && (!c.operator.null || !c.ifExists)
}

// holds reports whether a request meets the condition.
func (c *condition) holds(ctx Context) bool {
	var values []string
	if ctx != nil {
		values, _ = ctx.Values(c.key)
	}
	missing := len(values) == 0
	if c.operator.null {
		return c.isNull(missing, ctx)
	}
	if missing {
		return c.ifExists || c.set == allValues || c.set == single && c.operator.negated
	}
	switch c.set {
	case allValues:
		for _, v := range values {
			if !c.satisfies(v, ctx) {
				return false
			}
		}
		return true
	case anyValue:
		for _, v := range values {
			if c.satisfies(v, ctx) {
				return true
			}
		}
		return false
	default:
		return len(values) == 1 && c.satisfies(values[0], ctx)
	}
}

func (c *condition) isNull(missing bool, ctx Context) bool {
	for _, o := range c.operands {
		if m, _ := o.match(strconv.FormatBool(missing), ctx); m {
			return true
		}
	}
	return false
}

// satisfies reports whether one value of a request meets the condition.
func (c *condition) satisfies(value string, ctx Context) bool {
	for _, o := range c.operands {
		m, ok := o.match(value, ctx)
		if !ok {
			return false
		}
		if m {
			return !c.operator.negated
		}
	}
	return c.operator.negated
}
