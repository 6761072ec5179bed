package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// What a filter policy looks at.
const (
	scopeAttributes = "MessageAttributes"
	scopeBody       = "MessageBody"
)

// filter is a filter policy: for each key what its values may be, or, for a body, a filter of what is below it. All
// keys must match; "$or" has filters of which one must match.
type filter struct {
	keys map[string]rule
	or   [][]*filter
}

type rule struct {
	any   []condition
	below *filter
}

// condition reports whether a value matches. present is false if the key has none.
type condition func(v any, present bool) bool

// maxFilter is how many bytes a filter policy has at most, as at AWS.
const maxFilter = 256 << 10

// parseFilter reads a filter policy ("Amazon SNS subscription filter policies").
func parseFilter(text string) (*filter, error) {
	if len(text) > maxFilter {
		return nil, errors.New("a filter policy has at most 256 KB")
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("failed to parse JSON: %w", err)
	}
	return readFilter(doc, 0)
}

func readFilter(doc map[string]json.RawMessage, depth int) (*filter, error) {
	if depth > 8 {
		return nil, errors.New("it is nested more than 8 deep")
	}
	f := &filter{keys: map[string]rule{}}
	for key, raw := range doc {
		if key == "$or" {
			or, err := readOr(raw, depth)
			if err != nil {
				return nil, err
			}
			f.or = append(f.or, or)
			continue
		}
		r, err := readRule(key, raw, depth)
		if err != nil {
			return nil, err
		}
		f.keys[key] = r
	}
	return f, nil
}

func readOr(raw json.RawMessage, depth int) ([]*filter, error) {
	var docs []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &docs); err != nil || len(docs) < 2 {
		return nil, errors.New(`"$or" must be a list of at least two objects`)
	}
	var or []*filter
	for _, d := range docs {
		f, err := readFilter(d, depth+1)
		if err != nil {
			return nil, err
		}
		or = append(or, f)
	}
	return or, nil
}

func readRule(key string, raw json.RawMessage, depth int) (rule, error) {
	var below map[string]json.RawMessage
	if json.Unmarshal(raw, &below) == nil && below != nil {
		f, err := readFilter(below, depth+1)
		return rule{below: f}, err
	}
	var values []json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return rule{}, fmt.Errorf("%q must be an object or an array", key)
	}
	var r rule
	for _, v := range values {
		c, err := readCondition(v)
		if err != nil {
			return rule{}, fmt.Errorf("%q: %w", key, err)
		}
		r.any = append(r.any, c)
	}
	return r, nil
}

func readCondition(raw json.RawMessage) (condition, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return func(got any, present bool) bool { return present && equal(got, v) }, nil
	}
	if len(object) != 1 {
		return nil, errors.New("a match has one key")
	}
	for name, value := range object {
		return namedCondition(name, value)
	}
	return nil, nil
}

// equal compares a value of a message with one of a policy. Numbers of attributes come as json.Number.
func equal(got, want any) bool {
	if n, ok := number(got); ok {
		m, ok := want.(float64)
		return ok && n == m
	}
	return got == want
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}

// text makes a condition of strings.
func text(match func(string) bool) condition {
	return func(v any, present bool) bool {
		t, ok := v.(string)
		return present && ok && match(t)
	}
}

func namedCondition(name string, value any) (condition, error) {
	s, isText := value.(string)
	switch name {
	case "exists":
		want, ok := value.(bool)
		if !ok {
			return nil, errors.New("exists is true or false")
		}
		return func(_ any, present bool) bool { return present == want }, nil
	case "anything-but":
		return anythingBut(value)
	case "numeric":
		return numeric(value)
	}
	if !isText {
		return nil, fmt.Errorf("%s wants a text", name)
	}
	switch name {
	case "prefix":
		return text(func(t string) bool { return strings.HasPrefix(t, s) }), nil
	case "suffix":
		return text(func(t string) bool { return strings.HasSuffix(t, s) }), nil
	case "equals-ignore-case":
		return text(func(t string) bool { return strings.EqualFold(t, s) }), nil
	case "wildcard":
		return text(func(t string) bool { return wildcard(s, t) }), nil
	case "cidr":
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("cidr: %w", err)
		}
		return text(func(t string) bool {
			a, err := netip.ParseAddr(t)
			return err == nil && p.Contains(a)
		}), nil
	}
	return nil, fmt.Errorf("unrecognized match type %s", name)
}

// anythingBut matches values that are there and are none of some.
func anythingBut(value any) (condition, error) {
	var not []condition
	switch v := value.(type) {
	case map[string]any:
		if len(v) != 1 {
			return nil, errors.New("anything-but has one match")
		}
		for name, of := range v {
			patterns, ok := of.([]any)
			if !ok {
				patterns = []any{of}
			}
			for _, p := range patterns {
				c, err := namedCondition(name, p)
				if err != nil {
					return nil, err
				}
				not = append(not, c)
			}
		}
	case []any:
		for _, x := range v {
			not = append(not, func(got any, present bool) bool { return present && equal(got, x) })
		}
	default:
		not = append(not, func(got any, present bool) bool { return present && equal(got, v) })
	}
	return func(got any, present bool) bool {
		for _, c := range not {
			if c(got, present) {
				return false
			}
		}
		return present
	}, nil
}

// numeric is a list of one or two comparisons, such as [">", 0, "<=", 10].
func numeric(value any) (condition, error) {
	list, ok := value.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, errors.New("numeric wants one or two comparisons")
	}
	var all []func(float64) bool
	for i := 0; i < len(list); i += 2 {
		op, _ := list[i].(string)
		n, ok := list[i+1].(float64)
		if !ok {
			return nil, errors.New("numeric compares with numbers")
		}
		switch op {
		case "=":
			all = append(all, func(x float64) bool { return x == n })
		case "<":
			all = append(all, func(x float64) bool { return x < n })
		case "<=":
			all = append(all, func(x float64) bool { return x <= n })
		case ">":
			all = append(all, func(x float64) bool { return x > n })
		case ">=":
			all = append(all, func(x float64) bool { return x >= n })
		default:
			return nil, fmt.Errorf("numeric does not know the comparison %q", op)
		}
	}
	return func(v any, present bool) bool {
		x, ok := number(v)
		for _, f := range all {
			ok = ok && f(x)
		}
		return present && ok
	}, nil
}

// wildcard matches a pattern with * in linear time: each part is taken at its first place after the one before.
func wildcard(pattern, t string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == t
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(t) < len(first)+len(last) || !strings.HasPrefix(t, first) || !strings.HasSuffix(t, last) {
		return false
	}
	t = t[len(first) : len(t)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(t, p)
		if i < 0 {
			return false
		}
		t = t[i+len(p):]
	}
	return true
}

// match reports whether an object matches. A value that is a list matches if one of its elements does.
func (f *filter) match(of map[string]any) bool {
	for key, r := range f.keys {
		v, present := of[key]
		if r.below != nil {
			if !matchBelow(r.below, v) {
				return false
			}
			continue
		}
		if !r.match(v, present) {
			return false
		}
	}
	for _, or := range f.or {
		one := false
		for _, g := range or {
			one = one || g.match(of)
		}
		if !one {
			return false
		}
	}
	return true
}

func matchBelow(f *filter, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return f.match(v)
	case []any:
		for _, x := range v {
			if matchBelow(f, x) {
				return true
			}
		}
		return false
	}
	return f.match(nil)
}

func (r rule) match(v any, present bool) bool {
	values, isList := v.([]any)
	if !isList {
		values = []any{v}
	}
	if len(values) == 0 { // an empty list has no value
		values, present = []any{nil}, false
	}
	for _, x := range values {
		for _, c := range r.any {
			if c(x, present) {
				return true
			}
		}
	}
	return false
}

// wanted reports whether a subscription wants a message. A filter of the body refuses a body that is no JSON object.
func (x *subscription) wanted(m *message) bool {
	policy := x.attributes[attributeFilter]
	if policy == "" {
		return true
	}
	f, err := parseFilter(policy)
	if err != nil {
		return false // it was checked when it was set
	}
	if x.attributes[attributeFilterScope] == scopeBody {
		var body map[string]any
		return json.Unmarshal([]byte(m.Text), &body) == nil && f.match(body)
	}
	of := make(map[string]any, len(m.Attributes))
	for name, a := range m.Attributes {
		if v, ok := a.value(); ok {
			of[name] = v
		}
	}
	return f.match(of)
}

// value is a message attribute as filters see it; binary ones are not seen.
func (a attribute) value() (any, bool) {
	kind, _, _ := strings.Cut(a.Type, ".")
	switch {
	case a.Type == "String.Array":
		var list []any
		if json.Unmarshal([]byte(a.Value), &list) != nil {
			return nil, false
		}
		return list, true
	case kind == "Number":
		n, err := strconv.ParseFloat(a.Value, 64)
		return n, err == nil
	case kind == "String":
		return a.Value, true
	}
	return nil, false
}
