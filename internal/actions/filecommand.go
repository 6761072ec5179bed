package actions

import (
	"errors"
	"fmt"
	"strings"
)

// pair is a name with its value.
type pair struct{ name, value string }

// parsePairs reads a file of GITHUB_ENV, GITHUB_OUTPUT or GITHUB_STATE: lines NAME=VALUE, and values of several lines
// as NAME<<DELIMITER … DELIMITER. Which of = and << comes first decides. The last line break of a value is not a part
// of it.
func parsePairs(text string) (all []pair, err error) {
	lines := strings.Split(strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\uFEFF"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "" {
			continue
		}
		equals, here := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case equals >= 0 && (here < 0 || equals < here):
			if equals == 0 {
				return nil, fmt.Errorf("line %d: %q has no name", i+1, shorten(line))
			}
			all = append(all, pair{line[:equals], line[equals+1:]})
		case here >= 0:
			name, delimiter := line[:here], line[here+2:]
			if name == "" || delimiter == "" {
				return nil, fmt.Errorf("line %d: %q has no name or no delimiter", i+1, shorten(line))
			}
			var value []string
			for i++; ; i++ {
				if i >= len(lines) {
					return nil, fmt.Errorf("the value of %s has no end: a line %q is missing", name, delimiter)
				}
				if lines[i] == delimiter {
					break
				}
				value = append(value, lines[i])
			}
			all = append(all, pair{name, strings.Join(value, "\n")})
		default:
			return nil, fmt.Errorf("line %d: %q is neither NAME=VALUE nor NAME<<DELIMITER", i+1, shorten(line))
		}
	}
	return all, nil
}

func shorten(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// errNodeOptions is the answer to who would let every Node program load something.
var errNodeOptions = errors.New("NODE_OPTIONS cannot be set in GITHUB_ENV; give it to a step by env")

// checkEnvironment refuses what GITHUB_ENV must not have.
func checkEnvironment(all []pair) error {
	for _, p := range all {
		if strings.EqualFold(p.name, "NODE_OPTIONS") {
			return errNodeOptions
		}
		if strings.ContainsAny(p.name, "\x00") || strings.ContainsRune(p.value, 0) {
			return fmt.Errorf("the variable %q has a zero byte", p.name)
		}
	}
	return nil
}
