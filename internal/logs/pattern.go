package logs

import (
	"fmt"
	"strings"
	"unicode"
)

// pattern is a filter pattern of terms. A line must have all terms of must, none of not, and one of any unless any is
// empty.
type pattern struct{ must, not, any []string }

// parsePattern reads terms, "quoted terms", ?optional and -excluded ones. Patterns of JSON, of space-delimited fields
// and of regular expressions are refused.
func parsePattern(text string) (pattern, error) {
	var p pattern
	rest := strings.TrimSpace(text)
	if rest != "" && strings.ContainsRune("{[%", rune(rest[0])) {
		return p, invalid(
			"Invalid filter pattern: Slipway takes terms (error \"exit code\" ?warn -debug); patterns of JSON {…}, " +
				"of fields […] and of expressions %%…%% are not executed.")
	}
	for rest != "" {
		to := &p.must
		switch rest[0] {
		case '?':
			to, rest = &p.any, rest[1:]
		case '-':
			to, rest = &p.not, rest[1:]
		}
		var term string
		var err error
		if term, rest, err = cutTerm(rest); err != nil {
			return p, invalid("Invalid filter pattern %q: %v.", text, err)
		}
		*to = append(*to, term)
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
	}
	return p, nil
}

// cutTerm reads the term that s begins with.
func cutTerm(s string) (term, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == '"' && b.Len() == 0:
				return "", "", fmt.Errorf("a quoted term is empty")
			case s[i] == '"':
				return b.String(), s[i+1:], nil
			default:
				b.WriteByte(s[i])
			}
		}
		return "", "", fmt.Errorf("a quotation mark is not closed")
	}
	end := strings.IndexFunc(s, unicode.IsSpace)
	if end < 0 {
		end = len(s)
	}
	term = s[:end]
	if term == "" {
		return "", "", fmt.Errorf("a term is missing")
	}
	if bad := strings.IndexFunc(
		term, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }); bad >= 0 {
		return "", "", fmt.Errorf(
			"put the term %s in quotation marks: it has other characters than letters, digits and _", term)
	}
	return term, s[end:], nil
}

func (p pattern) match(line string) bool {
	for _, t := range p.must {
		if !strings.Contains(line, t) {
			return false
		}
	}
	for _, t := range p.not {
		if strings.Contains(line, t) {
			return false
		}
	}
	for _, t := range p.any {
		if strings.Contains(line, t) {
			return true
		}
	}
	return len(p.any) == 0
}
