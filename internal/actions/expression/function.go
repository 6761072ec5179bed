package expression

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// function is one that expressions can call.
type function struct {
	least, most int                                               // arguments
	do          func(in *evaluation, args []Value) (Value, error) // nil for case, which evaluates its arguments itself
}

var functions = map[string]function{
	"contains":   {least: 2, most: 2, do: contains},
	"startswith": {least: 2, most: 2, do: edge(strings.HasPrefix)},
	"endswith":   {least: 2, most: 2, do: edge(strings.HasSuffix)},
	"format":     {least: 1, most: 255, do: format},
	"join":       {least: 1, most: 2, do: join},
	"tojson":     {least: 1, most: 1, do: func(_ *evaluation, a []Value) (Value, error) { return JSON(a[0]), nil }},
	"fromjson":   {least: 1, most: 1, do: fromJSON},
	"hashfiles":  {least: 1, most: 255, do: hash},
	"case":       {least: 3, most: 255},
	"success":    {do: status("success")},
	"failure":    {do: status("failure")},
	"cancelled":  {do: status("cancelled")},
	"always":     {do: status("always")},
}

// StatusFunctions are those that say how the steps before went. A condition without one of them holds only after
// success.
var StatusFunctions = []string{"success", "failure", "cancelled", "always"}

func status(name string) func(*evaluation, []Value) (Value, error) {
	return func(in *evaluation, _ []Value) (Value, error) {
		if in.Status == nil {
			return nil, errors.New("it can be called in if only")
		}
		return in.Status(name), nil
	}
}

func fromJSON(_ *evaluation, a []Value) (Value, error) { return FromJSON(Text(a[0])) }

func isCollection(v Value) bool {
	switch v.(type) {
	case *Array, *Object:
		return true
	}
	return false
}

func contains(_ *evaluation, a []Value) (Value, error) {
	if list, ok := a[0].(*Array); ok {
		for _, item := range list.Items {
			if Equal(item, a[1]) {
				return true, nil
			}
		}
		return false, nil
	}
	if isCollection(a[0]) || isCollection(a[1]) {
		return false, nil
	}
	return strings.Contains(strings.ToUpper(Text(a[0])), strings.ToUpper(Text(a[1]))), nil
}

func edge(has func(s, part string) bool) func(*evaluation, []Value) (Value, error) {
	return func(_ *evaluation, a []Value) (Value, error) {
		if isCollection(a[0]) || isCollection(a[1]) {
			return false, nil
		}
		return has(strings.ToUpper(Text(a[0])), strings.ToUpper(Text(a[1]))), nil
	}
}

// format puts arguments in the place of {0}, {1} and so on; {{ and }} are braces.
func format(_ *evaluation, a []Value) (Value, error) {
	text := Text(a[0])
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '{' && c != '}' {
			b.WriteByte(c)
			continue
		}
		if i+1 < len(text) && text[i+1] == c {
			b.WriteByte(c)
			i++
			continue
		}
		length := strings.IndexByte(text[i:], '}')
		if c == '}' || length < 0 {
			return nil, fmt.Errorf("%q has a brace without a partner", text)
		}
		n, err := strconv.Atoi(text[i+1 : i+length])
		if err != nil || n < 0 || n+1 >= len(a) {
			return nil, fmt.Errorf("%q asks for the argument %s, which is not there", text, text[i:i+length+1])
		}
		b.WriteString(Text(a[n+1]))
		i += length
	}
	return b.String(), nil
}

func join(_ *evaluation, a []Value) (Value, error) {
	separator := ","
	if len(a) > 1 && !isCollection(a[1]) {
		separator = Text(a[1])
	}
	list, ok := a[0].(*Array)
	if !ok {
		if isCollection(a[0]) {
			return "", nil
		}
		return Text(a[0]), nil
	}
	texts := make([]string, len(list.Items))
	for i, item := range list.Items {
		texts[i] = Text(item)
	}
	return strings.Join(texts, separator), nil
}

func hash(in *evaluation, a []Value) (Value, error) {
	if in.Hash == nil {
		return nil, errors.New("it can be called in steps only")
	}
	patterns := make([]string, len(a))
	for i, v := range a {
		patterns[i] = Text(v)
	}
	return in.Hash(patterns)
}

// choose is case(CONDITION, VALUE, …, OTHERWISE): the value of the first condition that is true.
func (c *call) choose(in *evaluation) (Value, error) {
	if len(c.args)%2 == 0 {
		return nil, in.fail(c.at, "case wants pairs of a condition and a value, and a last value")
	}
	for i := 0; i+1 < len(c.args); i += 2 {
		v, err := c.args[i].value(in)
		if err != nil {
			return nil, err
		}
		holds, ok := v.(bool)
		if !ok {
			return nil, in.fail(c.at, "a condition of case is neither true nor false")
		}
		if holds {
			return c.args[i+1].value(in)
		}
	}
	return c.args[len(c.args)-1].value(in)
}

// Whole reads a number that must be a whole one, such as a time limit.
func Whole(v Value) (int, bool) {
	f := Number(v)
	if math.IsNaN(f) || math.IsInf(f, 0) || f != math.Trunc(f) {
		return 0, false
	}
	return int(f), true
}
