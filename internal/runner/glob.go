package runner

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Bounds of a pattern of files. Matching takes time linear in the path's length, and in the pattern's.
const (
	maxPattern = 2048 // bytes
	maxBraces  = 8    // {…} in {…}
)

// glob is a pattern of paths: * and ? within a component, ** across, [a-z], [!a-z], {a,b}, \ before a character that
// stands for itself.
type glob struct {
	static string         // the folders before the first component with a special character, "." for none
	depth  int            // components that a path can have, 0 for any number
	match  *regexp.Regexp // nil if nothing is special: then static is the path itself
}

// newGlob reads a clean, relative pattern.
func newGlob(pattern string) (*glob, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("the pattern %.80q… has %d bytes; it may have %d", pattern, len(pattern), maxPattern)
	}
	if !strings.ContainsAny(pattern, `*?[{\`) {
		return &glob{static: pattern, depth: 1 + strings.Count(pattern, "/")}, nil
	}
	special := strings.IndexAny(pattern, `*?[{\`)
	g := &glob{static: ".", depth: 1 + strings.Count(pattern, "/")}
	if i := strings.LastIndexByte(pattern[:special], '/'); i >= 0 {
		g.static = pattern[:i]
	}
	if strings.Contains(pattern, "**") || strings.ContainsRune(pattern, '{') { // a brace may hold slashes
		g.depth = 0
	}
	t := translator{pattern: pattern}
	text, err := t.translate()
	if err == nil {
		g.match, err = regexp.Compile(`^(?s:` + text + `)$`)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is not a pattern of files", pattern)
	}
	return g, nil
}

// matches tells whether a path matches.
func (g *glob) matches(name string) bool {
	if g.match == nil {
		return name == g.static
	}
	return g.match.MatchString(name)
}

// walk calls f for what lies in the tree and matches, in lexical order; symbolic links are not followed. It ends with
// the context, whatever the tree.
func (g *glob) walk(ctx context.Context, tree fs.FS, f func(name string, d fs.DirEntry) error) error {
	if g.match == nil {
		info, err := fs.Lstat(tree, g.static)
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		return f(g.static, fs.FileInfoToDirEntry(info))
	}
	return fs.WalkDir(tree, g.static, func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return nil //nolint:nilerr // what went away, is not readable, or leads out of the folders matches nothing
		}
		if g.match.MatchString(name) {
			if err := f(name, d); err != nil {
				return err
			}
		}
		if d.IsDir() && name != "." && g.depth > 0 && strings.Count(name, "/")+1 >= g.depth {
			return fs.SkipDir
		}
		return nil
	})
}

// translator turns a pattern into a regular expression, which Go's engine matches in linear time.
type translator struct {
	pattern string
	at      int
	out     strings.Builder
	braces  int
}

func (t *translator) translate() (string, error) {
	for t.at < len(t.pattern) {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	if t.braces > 0 {
		return "", path.ErrBadPattern
	}
	return t.out.String(), nil
}

func (t *translator) next() error {
	c := t.pattern[t.at]
	t.at++
	switch {
	case c == '*':
		t.stars()
	case c == '?':
		t.out.WriteString(`[^/]`)
	case c == '[':
		return t.class()
	case c == '{':
		if t.braces++; t.braces > maxBraces {
			return path.ErrBadPattern
		}
		t.out.WriteString(`(?:`)
	case c == '}' && t.braces > 0:
		t.braces--
		t.out.WriteByte(')')
	case c == ',' && t.braces > 0:
		t.out.WriteByte('|')
	case c == '\\':
		if t.at == len(t.pattern) {
			return path.ErrBadPattern
		}
		t.at++
		t.out.WriteString(regexp.QuoteMeta(t.pattern[t.at-1 : t.at]))
	case c == '/' && t.pattern[t.at:] == "**":
		t.at += 2 // a/** is a, too
		t.out.WriteString(`(?:/.*)?`)
	default:
		t.out.WriteString(regexp.QuoteMeta(t.pattern[t.at-1 : t.at]))
	}
	return nil
}

// stars reads * and **. The latter goes across folders only if it is a whole component.
func (t *translator) stars() {
	begins := t.at == 1 || strings.ContainsRune("/{,", rune(t.pattern[t.at-2]))
	if !strings.HasPrefix(t.pattern[t.at:], "*") || !begins {
		for strings.HasPrefix(t.pattern[t.at:], "*") {
			t.at++
		}
		t.out.WriteString(`[^/]*`)
		return
	}
	t.at++
	rest := t.pattern[t.at:]
	switch {
	case strings.HasPrefix(rest, "/"):
		for strings.HasPrefix(t.pattern[t.at:], "/**/") { // **/**/ is **/
			t.at += 3
		}
		t.at++
		t.out.WriteString(`(?:.*/)?`)
	case rest == "" || strings.HasPrefix(rest, "}") || strings.HasPrefix(rest, ","):
		t.out.WriteString(`.*`)
	default:
		t.out.WriteString(`[^/]*`)
	}
}

// class reads [a-z], [!a-z] and [^a-z]. A slash is in none.
func (t *translator) class() error {
	end := strings.IndexByte(t.pattern[t.at:], ']')
	if end == 0 || end > 0 && strings.ContainsAny(t.pattern[t.at:t.at+1], "!^") && end == 1 {
		if more := strings.IndexByte(t.pattern[t.at+end+1:], ']'); more >= 0 {
			end += 1 + more // a ] that comes first stands for itself
		} else {
			end = -1
		}
	}
	if end < 0 {
		return path.ErrBadPattern
	}
	set := t.pattern[t.at : t.at+end]
	t.at += end + 1
	t.out.WriteByte('[')
	if set[0] == '!' || set[0] == '^' {
		set = set[1:]
		t.out.WriteString(`^/`)
	}
	for i := range len(set) {
		if set[i] == '/' {
			continue
		}
		if set[i] != '-' && (set[i] < 0x80) && !isWordByte(set[i]) {
			t.out.WriteByte('\\')
		}
		t.out.WriteByte(set[i])
	}
	t.out.WriteByte(']')
	return nil
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c <= ' '
}

// under is a reader that ends with a context.
type under struct {
	ctx context.Context
	r   io.Reader
}

func (u under) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}
