package actions

import (
	"strings"
)

// command is an order to the runner in a line of a step's output: ::NAME KEY=VALUE,…::DATA or
// ##[NAME KEY=VALUE;…]DATA.
type command struct {
	name       string
	properties map[string]string
	data       string
}

// parseCommand reads a line; false says that it is no command. A command may be indented.
func parseCommand(line string) (command, bool) {
	trimmed := strings.TrimLeft(line, " \t")
	if rest, ok := strings.CutPrefix(trimmed, "::"); ok {
		head, data, found := strings.Cut(rest, "::")
		if !found {
			return command{}, false
		}
		c := command{data: unescape(data, false)}
		return c, c.head(head, ",")
	}
	i := strings.Index(line, "##[")
	if i < 0 {
		return command{}, false
	}
	head, data, found := strings.Cut(line[i+3:], "]")
	if !found {
		return command{}, false
	}
	c := command{data: unescape(data, true)}
	return c, c.head(head, ";")
}

func (c *command) head(text, separator string) bool {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	c.name = strings.ToLower(name)
	c.properties = map[string]string{}
	for p := range strings.SplitSeq(strings.TrimSpace(rest), separator) {
		key, v, ok := strings.Cut(p, "=")
		if key = strings.ToLower(strings.TrimSpace(key)); ok && key != "" && v != "" {
			c.properties[key] = unescapeProperty(v, separator == ";")
		}
	}
	return c.name != ""
}

func unescape(s string, old bool) string {
	if old {
		return strings.NewReplacer("%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%").Replace(s)
	}
	return strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(s)
}

func unescapeProperty(s string, old bool) string {
	if old {
		return unescape(s, true)
	}
	return strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(s)
}
