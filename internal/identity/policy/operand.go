package policy

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// An operand is one value of a condition, compiled for its operator. It reports whether the value of a request matches;
// ok is false if the request's value is none that the operator can compare.
type operand interface {
	match(value string, c Context) (matches, ok bool)
}

type textOperand struct {
	glob
	fold bool
}

func (o *textOperand) match(value string, c Context) (bool, bool) {
	g, ok := o.fill(c, o.fold)
	if !ok {
		return false, true
	}
	if o.fold {
		value = strings.ToLower(value)
	}
	return g.match(value), true
}

type arnOperand struct{ pattern arnPattern }

func (o *arnOperand) match(value string, c Context) (bool, bool) {
	p := splitARN(value)
	return o.pattern.match(&p, c), p.count == arnParts
}

// order is which results of a comparison satisfy an operator.
type order struct{ less, equal, greater bool }

func (o order) satisfied(compared int) bool {
	return compared < 0 && o.less || compared == 0 && o.equal || compared > 0 && o.greater
}

type numberOperand struct {
	order order
	value float64
	valid bool
}

func (o *numberOperand) match(value string, _ Context) (bool, bool) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return false, false
	}
	compared := 0
	switch {
	case n < o.value:
		compared = -1
	case n > o.value:
		compared = 1
	}
	return o.valid && o.order.satisfied(compared), true
}

type dateOperand struct {
	order order
	value time.Time
	valid bool
}

func (o *dateOperand) match(value string, _ Context) (bool, bool) {
	t, ok := parseDate(value)
	return ok && o.valid && o.order.satisfied(t.Compare(o.value)), ok
}

// dateLayouts are the forms of W3C's note on ISO 8601. Fractions of a second are read without being in a layout.
var dateLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07", "2006-01-02T15:04",
	"2006-01-02", "2006-01", "2006",
}

// parseDate reads a date of ISO 8601, or seconds since 1970. A date without a zone is UTC.
func parseDate(s string) (time.Time, bool) {
	if len(s) > 40 {
		return time.Time{}, false
	}
	digits := strings.TrimPrefix(s, "-")
	if len(s) != 4 && digits != "" && strings.Trim(digits, "0123456789") == "" {
		n, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0), err == nil
	}
	s = strings.ToUpper(s)
	for _, layout := range dateLayouts {
		if len(s) < len(layout)-len("Z07:00")-1 {
			continue
		}
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

type boolOperand struct{ glob }

func (o *boolOperand) match(value string, c Context) (bool, bool) {
	if !isBool(value) {
		return false, false
	}
	g, ok := o.fill(c, true)
	return ok && g.match(strings.ToLower(value)), true
}

func isBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

type binaryOperand struct {
	value []byte
	valid bool
}

func (o *binaryOperand) match(value string, _ Context) (bool, bool) {
	b, err := base64.StdEncoding.DecodeString(value)
	return err == nil && o.valid && bytes.Equal(b, o.value), err == nil
}

type addressOperand struct {
	prefix netip.Prefix
	valid  bool
}

func (o *addressOperand) match(value string, _ Context) (bool, bool) {
	a, err := netip.ParseAddr(value)
	if err != nil {
		return false, false
	}
	return o.valid && o.prefix.Contains(a.Unmap().WithZone("")), true
}

// parsePrefix reads a network, or one address.
func parsePrefix(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}
