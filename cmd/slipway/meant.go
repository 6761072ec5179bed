package main

import (
	"slices"
	"strings"
)

// meant offers the name that is nearest to one that is not there: ". Did you mean web?", or "" if none is near.
func meant(name string, all []string) string {
	best, least := "", len(name)/3+2
	for _, one := range all {
		if d := distance(strings.ToLower(name), strings.ToLower(one)); d < least {
			best, least = one, d
		}
	}
	if best == "" {
		return ""
	}
	return ". Did you mean " + best + "?"
}

// distance is the number of letters in which two words differ. Two letters that are swapped count once.
func distance(a, b string) int {
	const longest = 100 // names are short; what is not is no slip
	if len(a) > longest || len(b) > longest {
		return longest
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = slices.Min([]int{rows[i-1][j] + 1, rows[i][j-1] + 1, rows[i-1][j-1] + cost})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
