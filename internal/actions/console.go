package actions

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"slipway/internal/mask"
)

// maxAnnotations bounds how many annotations are kept, and maxFolded how many bytes of a folded group.
const (
	maxAnnotations = 50
	maxFolded      = 1 << 20
)

// console is the log of the driver: masked, with its groups.
type console struct {
	mu      sync.Mutex
	w       io.Writer
	masks   mask.Masker
	fold    bool
	group   string // the title of the group that is open, "" for none
	grouped bool
	lines   int
	folded  bytes.Buffer // of the group that is open or was last in this step

	annotations []Annotation
}

// hide masks a value, and each of its lines.
func (c *console) hide(value string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.masks.Add(value)
}

// hidden masks secrets in a text.
func (c *console) hidden(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.masks.Whole([]byte(text)))
}

// line writes a line.
func (c *console) line(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	masked := c.masks.Whole([]byte(text))
	if !c.grouped {
		_, _ = c.w.Write(append(bytes.Clone(masked), '\n'))
		return
	}
	c.lines++
	if !c.fold {
		_, _ = c.w.Write(append(append([]byte("  "), masked...), '\n'))
		return
	}
	if c.folded.Len()+len(masked) > maxFolded {
		c.folded.Reset()
		c.folded.WriteString("  … what came before is left out\n")
	}
	c.folded.WriteString("  ")
	c.folded.Write(masked)
	c.folded.WriteByte('\n')
}

func (c *console) printf(format string, args ...any) { c.line(fmt.Sprintf(format, args...)) }

// open begins a group. Groups do not nest.
func (c *console) open(title string) {
	c.shut()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grouped, c.lines = true, 0
	c.group = string(c.masks.Whole([]byte(title)))
	c.folded.Reset()
	if !c.fold {
		fmt.Fprintf(c.w, "▾ %s\n", c.group)
	}
}

// shut ends the group that is open, if one is.
func (c *console) shut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.grouped && c.fold {
		fmt.Fprintf(c.w, "▸ %s (%s)\n", c.group, plural(c.lines, "line"))
	}
	c.grouped = false
}

// begin forgets what the step before has folded.
func (c *console) begin() {
	c.shut()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folded.Reset()
}

// unfold shows the last group of a step that failed.
func (c *console) unfold() {
	c.shut()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.folded.Len() > 0 {
		fmt.Fprintf(c.w, "▾ %s\n", c.group)
		_, _ = c.w.Write(c.folded.Bytes())
		c.folded.Reset()
	}
}

// annotate shows an annotation and keeps it.
func (c *console) annotate(a Annotation) {
	a.Message, a.Title = c.hidden(a.Message), c.hidden(a.Title)
	c.mu.Lock()
	if len(c.annotations) < maxAnnotations {
		c.annotations = append(c.annotations, a)
	}
	c.mu.Unlock()
	c.line(a.String())
}

// String is an annotation as compilers write it: FILE:LINE:COLUMN: error: MESSAGE.
func (a Annotation) String() string {
	var b strings.Builder
	if a.File != "" {
		b.WriteString(a.File)
		if a.Line > 0 {
			fmt.Fprintf(&b, ":%d", a.Line)
			if a.Column > 0 {
				fmt.Fprintf(&b, ":%d", a.Column)
			}
		}
		b.WriteString(": ")
	}
	b.WriteString(a.Level + ": ")
	if a.Title != "" {
		b.WriteString(a.Title + ": ")
	}
	b.WriteString(a.Message)
	return b.String()
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
