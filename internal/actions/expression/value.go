// Package expression evaluates the expressions of GitHub Actions, `${{ … }}`, with the values and the comparisons
// that GitHub's runner has. Source: "Evaluate expressions in workflows and actions" in GitHub's documentation, and the
// behaviour of actions/runner where that is silent.
package expression

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Value is nil, a bool, a float64, a string, an *Array or an *Object.
type Value any

// Array is a list. Two arrays are equal only if they are the same.
type Array struct{ Items []Value }

// Object maps keys to values and remembers their order. Keys are found without regard to case, but in an exact one.
type Object struct {
	exact  bool
	keys   []string
	values map[string]Value // by the folded key
}

// NewObject returns an object without keys.
func NewObject() *Object { return &Object{values: map[string]Value{}} }

// NewExact returns an object whose keys are found in their own case only, as those of env are.
func NewExact() *Object { return &Object{exact: true, values: map[string]Value{}} }

func (o *Object) fold(key string) string {
	if o.exact {
		return key
	}
	return strings.ToUpper(key)
}

// Set gives a key a value. A key that is there keeps its place and its spelling.
func (o *Object) Set(key string, v Value) *Object {
	at := o.fold(key)
	if _, ok := o.values[at]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[at] = v
	return o
}

// Get returns the value of a key, nil if it has none.
func (o *Object) Get(key string) (Value, bool) {
	if o == nil {
		return nil, false
	}
	v, ok := o.values[o.fold(key)]
	return v, ok
}

// Keys are the keys in the order in which they were set first.
func (o *Object) Keys() []string { return o.keys }

// Strings returns an object of texts; the keys come in the order given.
func Strings(keys []string, of map[string]string) *Object {
	o := NewObject()
	for _, k := range keys {
		o.Set(k, of[k])
	}
	return o
}

// Truth tells whether a value counts as true: null, false, 0, NaN and the empty text do not.
func Truth(v Value) bool {
	switch x := v.(type) {
	case nil:
		return false
	case bool:
		return x
	case float64:
		return x != 0 && !math.IsNaN(x)
	case string:
		return x != ""
	}
	return true
}

// Text is what a value is in a text.
func Text(v Value) string {
	switch x := v.(type) {
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return number(x)
	case string:
		return x
	case *Array:
		return "Array"
	case *Object:
		return "Object"
	}
	return ""
}

// number writes a number with at most 15 digits.
func number(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'G', 15, 64)
}

// Number is what a value is where numbers are compared. NaN says that it is none.
func Number(v Value) float64 {
	switch x := v.(type) {
	case nil:
		return 0
	case bool:
		if x {
			return 1
		}
		return 0
	case float64:
		return x
	case string:
		return parseNumber(x)
	}
	return math.NaN()
}

// parseNumber reads a decimal number, 0x of 32 bits, 0o, or Infinity. An empty text is 0.
func parseNumber(text string) float64 {
	s := strings.TrimSpace(text)
	switch {
	case s == "":
		return 0
	case s == "Infinity":
		return math.Inf(1)
	case s == "-Infinity":
		return math.Inf(-1)
	case strings.HasPrefix(s, "0x"):
		if n, err := strconv.ParseUint(s[2:], 16, 32); err == nil {
			return float64(int32(n))
		}
		return math.NaN()
	case strings.HasPrefix(s, "0o"):
		if n, err := strconv.ParseUint(s[2:], 8, 32); err == nil {
			return float64(int32(n))
		}
		return math.NaN()
	}
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return math.NaN() // Go would read Inf, NaN, _ and p
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

// Equal tells whether two values are equal: those of one kind by their value, texts without regard to case, arrays and
// objects if they are the same, and those of unlike kinds by their numbers. NaN equals nothing.
func Equal(a, b Value) bool {
	switch x := a.(type) {
	case nil:
		if b == nil {
			return true
		}
	case bool:
		if y, ok := b.(bool); ok {
			return x == y
		}
	case string:
		if y, ok := b.(string); ok {
			return strings.EqualFold(x, y)
		}
	case *Array:
		y, ok := b.(*Array)
		return ok && x == y
	case *Object:
		y, ok := b.(*Object)
		return ok && x == y
	}
	return Number(a) == Number(b)
}

// compare returns the order of two values, and false if they have none.
func compare(a, b Value) (int, bool) {
	x, both := a.(string)
	y, also := b.(string)
	if both && also {
		return strings.Compare(strings.ToUpper(x), strings.ToUpper(y)), true
	}
	m, n := Number(a), Number(b)
	switch {
	case math.IsNaN(m) || math.IsNaN(n):
		return 0, false
	case m < n:
		return -1, true
	case m > n:
		return 1, true
	}
	return 0, true
}

// Clone returns a copy whose own keys can be set without a change of this one's.
func (o *Object) Clone() *Object {
	c := &Object{exact: o.exact, keys: slices.Clone(o.keys), values: maps.Clone(o.values)}
	return c
}
