package metric

import (
	"cmp"
	"math"
	"slices"
)

// Value is a number that was measured so many times.
type Value struct {
	Value float64 `json:"v"`
	Count float64 `json:"c"`
}

// Summary is what is known of all that was measured in a stretch of time.
type Summary struct {
	Count float64 `json:"n"`
	Sum   float64 `json:"s"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	// Values are what was measured, in order; without them (of a statistic set) there are no percentiles.
	Values []Value `json:"values,omitzero"`
}

// Summarise counts values. Those of a count that is not positive are left out.
func Summarise(values []Value) Summary {
	var s Summary
	for _, v := range values {
		if v.Count > 0 {
			s.Add(Summary{v.Count, v.Value * v.Count, v.Value, v.Value, []Value{v}})
		}
	}
	return s
}

// Average is 0 of nothing.
func (s Summary) Average() float64 {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / s.Count
}

// Add puts two summaries together. A part without values leaves none.
func (s *Summary) Add(o Summary) {
	switch {
	case o.Count == 0:
		return
	case s.Count == 0:
		*s = o
		s.Values = slices.Clone(o.Values)
		return
	}
	s.Count, s.Sum, s.Min, s.Max = s.Count+o.Count, s.Sum+o.Sum, min(s.Min, o.Min), max(s.Max, o.Max)
	if s.Values == nil || o.Values == nil {
		s.Values = nil
		return
	}
	s.Values = coarse(mergeValues(s.Values, o.Values))
}

func mergeValues(a, b []Value) []Value {
	out := make([]Value, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch cmp.Compare(a[0].Value, b[0].Value) {
		case -1:
			out, a = append(out, a[0]), a[1:]
		case 1:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Value{a[0].Value, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// maxValues is how many different values a summary tells apart exactly.
const maxValues = 512

// coarse puts values that differ by less than 4.4 % together once there are too many, so that memory stays bounded:
// those of a double fit into some thousand classes at the very most.
func coarse(values []Value) []Value {
	if len(values) <= maxValues {
		return values
	}
	var out []Value
	for _, v := range values {
		v.Value = middle(v.Value)
		if n := len(out); n > 0 && out[n-1].Value == v.Value {
			out[n-1].Count += v.Count
			continue
		}
		out = append(out, v)
	}
	return out
}

// middle is the value that stands for all that are about as large.
func middle(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) {
		return v
	}
	const perOctave = 16
	return math.Copysign(math.Exp2((math.Floor(math.Log2(math.Abs(v))*perOctave)+0.5)/perOctave), v)
}

// Quantile is the smallest value that at least the share q (0 to 1) of all does not exceed; ok is false if values are
// not known.
func (s Summary) Quantile(q float64) (v float64, ok bool) {
	if len(s.Values) == 0 {
		return 0, false
	}
	need, seen := q*s.Count, 0.0
	for _, v := range s.Values {
		seen += v.Count
		if seen >= need-1e-9*s.Count {
			return min(max(v.Value, s.Min), s.Max), true
		}
	}
	return s.Max, true
}
