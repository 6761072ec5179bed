package web

import (
	"bytes"
	"html"
	"regexp"
	"sync"

	"github.com/buildkite/terminal-to-html/v3"
)

// oscs are the commands to a terminal that make links and pictures, or set its title: nothing of a log may do so on a page.
var oscs = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("\x1b[\\]_P^X][^\x07\x1b]*(?:\x07|\x1b\\\\)?")
})

// ansi renders a line as a terminal shows it: colours as classes, all else escaped.
func ansi(line string) string {
	if !bytes.ContainsAny([]byte(line), "\x1b\r\b") {
		return html.EscapeString(line)
	}
	return terminal.Render(oscs().ReplaceAll([]byte(line), nil))
}
