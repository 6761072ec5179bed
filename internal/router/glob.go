package router

import "strings"

// glob matches a text with a pattern in which * stands for any characters, ? for one, and a backslash takes the next
// one as it is.
func glob(pattern, text string) bool {
	p, t := 0, 0
	star, mark := -1, 0 // where to go on if what follows the last * did not match
	for t < len(text) {
		if p < len(pattern) {
			c, width := pattern[p], 1
			switch {
			case c == '*':
				star, mark = p, t
				p++
				continue
			case c == '?':
				p, t = p+1, t+1
				continue
			case c == '\\' && p+1 < len(pattern):
				c, width = pattern[p+1], 2
			}
			if c == text[t] {
				p, t = p+width, t+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, t = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// globFold is glob without regard to case, for a pattern in lower case.
func globFold(pattern, text string) bool { return glob(pattern, strings.ToLower(text)) }
