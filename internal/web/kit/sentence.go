package kit

import (
	"regexp"
)

// measured are numbers with their units, which no line breaks apart.
var measured = regexp.MustCompile(`\d+(?:\.\d+)? (?:%|ms|s|min|h)(?:\b|$|[ .,;:])`)

// piece is a part of a sentence; one that is whole stays in one line.
type piece struct {
	text  string
	whole bool
}

// pieces cuts a sentence at its measured numbers.
func pieces(s string) []piece {
	var all []piece
	at := 0
	for _, m := range measured.FindAllStringIndex(s, -1) {
		end := m[1]
		for end > m[0] &&
			(s[end-1] == ' ' || s[end-1] == '.' || s[end-1] == ',' || s[end-1] == ';' || s[end-1] == ':') {
			end--
		}
		if m[0] > at {
			all = append(all, piece{text: s[at:m[0]]})
		}
		all = append(all, piece{s[m[0]:end], true})
		at = end
	}
	if at < len(s) {
		all = append(all, piece{text: s[at:]})
	}
	return all
}
