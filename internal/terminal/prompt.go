package terminal

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Prompt reads lines that a person types, with history and editing, or those of a file or a pipe.
type Prompt struct {
	in     *os.File
	lines  *bufio.Reader // where nobody types
	editor *term.Terminal
}

// typed is what an editor reads and writes.
type typed struct {
	io.Reader
	io.Writer
}

// NewPrompt returns a prompt that shows a text where somebody types.
func NewPrompt(in, out *os.File, text string) *Prompt {
	p := &Prompt{in: in}
	if IsTerminal(in) && IsTerminal(out) {
		p.editor = term.NewTerminal(typed{in, out}, text)
	} else {
		p.lines = bufio.NewReader(in)
	}
	return p
}

// Typed tells whether somebody types.
func (p *Prompt) Typed() bool { return p.editor != nil }

// Line returns the next line without its end. io.EOF says that there is none: the end of the input, or Ctrl-C or Ctrl-D
// where somebody types.
func (p *Prompt) Line() (string, error) {
	if p.editor == nil {
		line, err := p.lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		return strings.TrimSuffix(line, "\n"), err
	}
	fd := int(p.in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(fd, before) }()
	if width, height, err := term.GetSize(fd); err == nil {
		_ = p.editor.SetSize(width, height)
	}
	return p.editor.ReadLine()
}
