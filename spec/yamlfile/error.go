package yamlfile

import (
	"fmt"
	"strconv"
	"strings"
)

// Place is where something stands in a file: line and column, counted from one.
type Place struct{ Line, Column int }

// Error is one thing that is wrong in a file, and where.
type Error struct {
	File         string
	Line, Column int
	Message      string
}

func (e Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors are all that is wrong in a file, in its order.
type Errors []Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Quote shows a text of a file, cut after 80 bytes.
func Quote(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return strconv.Quote(s)
}

// Closest returns which of the known words was most likely meant, "" if none is near. Case, "-" and "_" count for
// nothing.
func Closest(word string, known []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, distance := "", 1+len(word)/3
	plain := folded(word)
	for _, k := range known {
		other := folded(k)
		d := edits(plain, other)
		if strings.HasPrefix(other, plain) && len(word) > 2 {
			d = min(d, 1)
		}
		if d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	return best
}

// maxWord bounds the words that Closest compares, in bytes; the longest key of the three formats has 33.
const maxWord = 64

func folded(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "-")) }

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, row[j]+1, left+1)
		}
	}
	return row[len(b)]
}
