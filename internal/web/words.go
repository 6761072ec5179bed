package web

import "fmt"

// count says a number of things: none, one, or how many.
func count(n int, one, many string) string {
	switch n {
	case 0:
		return "none " + one
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func themselves(n int) string {
	if n == 1 {
		return "itself"
	}
	return "themselves"
}

// hands says how many pipelines need somebody.
func hands(b *board) string {
	switch n := b.Failed + b.Waiting; n {
	case 0:
		return "Nothing needs a hand"
	case 1:
		return "1 pipeline needs a hand"
	default:
		return fmt.Sprintf("%d pipelines need a hand", n)
	}
}
