package kit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"slipway/internal/view"
)

// Number is a number that may be missing; 0 if it is.
func Number(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// Shorten cuts a text after so many bytes, between characters.
func Shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// Contains reports whether a text contains another, whatever the case of their letters.
func Contains(s, q string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(q)) }

// Thousands sets a number in groups of three.
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Number32 is a number that may be missing; 0 if it is.
func Number32(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// Count says a number of things: none, one, or how many.
func Count(n int, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// SortedKeys are the keys of a map in their order.
func SortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// Itoa writes a number.
func Itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Decimal writes a number with one decimal.
func Decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// Printable reports whether bytes are text.
func Printable(content []byte) bool {
	return utf8.Valid(content) && !bytes.ContainsRune(content, 0)
}

// Short is a commit's first characters, or an execution's if its commit is not known.
func Short(commit, execution string) string {
	if commit == "" {
		commit = execution
	}
	return view.Short(commit)
}

// FirstLine is the first line of a text.
func FirstLine(s string) string { return view.FirstLine(s) }

// ShortBuild is a build's ID as people read it.
func ShortBuild(id string) string {
	project, unique, _ := strings.Cut(id, ":")
	return project + ":" + Short(unique, "")
}

// Upper writes the first letter of a text in upper case.
func Upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
