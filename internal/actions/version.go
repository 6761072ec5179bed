package actions

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// satisfies tells whether a version is in a range as npm writes it: 20, 20.x, 1.2.3, ^1.2, ~1.2, >=18 <21, A || B, or
// one of the words that mean any.
func satisfies(version, wanted string) bool {
	for part := range strings.SplitSeq(wanted, "||") {
		if satisfiesAll(version, strings.Fields(part)) {
			return true
		}
	}
	return false
}

func satisfiesAll(version string, comparators []string) bool {
	for i := 0; i < len(comparators); i++ {
		c := comparators[i]
		if strings.Trim(c, "<>=") == "" && i+1 < len(comparators) { // ">= 18"
			i++
			c += comparators[i]
		}
		if !satisfiesOne(version, c) {
			return false
		}
	}
	return true
}

func satisfiesOne(version, c string) bool {
	switch c {
	case "*", "x", "latest", "current", "node", "stable", "lts/*", "lts/-1", "default":
		return true
	}
	operator, c := operatorOf(c)
	has, want := numbers(version), numbers(strings.TrimPrefix(strings.TrimPrefix(c, "v"), "go"))
	if len(want) == 0 {
		return operator == "" && (c == "x" || c == "")
	}
	order := compareVersions(has, want)
	switch operator {
	case ">=":
		return order >= 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0 || prefix(has, want)
	case "^":
		return order >= 0 && prefix(has, want[:significant(want)])
	case "~":
		return order >= 0 && prefix(has, want[:min(2, len(want))])
	}
	return prefix(has, want)
}

// operatorOf parts a comparator.
func operatorOf(c string) (operator, version string) {
	for _, o := range []string{">=", "<=", ">", "<", "=", "^", "~"} {
		if strings.HasPrefix(c, o) {
			return o, c[len(o):]
		}
	}
	return "", c
}

// significant is how many numbers of a version ^ keeps: up to the first that is not 0.
func significant(version []int) int {
	n := 1
	for n < len(version) && version[n-1] == 0 {
		n++
	}
	return n
}

// numbers are those of a version, up to one that is x, * or no number.
func numbers(version string) (all []int) {
	version, _, _ = strings.Cut(version, "-")
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		all = append(all, n)
	}
	return all
}

func prefix(has, want []int) bool {
	return len(has) >= len(want) && slices.Equal(has[:len(want)], want)
}

func compareVersions(a, b []int) int {
	for i := range max(len(a), len(b)) {
		x, y := 0, 0
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if o := cmp.Compare(x, y); o != 0 {
			return o
		}
	}
	return 0
}

// sortVersions puts the newest first.
func sortVersions(all []found) {
	slices.SortStableFunc(all, func(a, b found) int {
		return compareVersions(numbers(b.version), numbers(a.version))
	})
}
