package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxSize is the longest document that IAM's API takes, in bytes.
	maxSize = 131072
	// maxDepth is more than a policy can use: its grammar nests seven deep.
	maxDepth = 16
)

type nodeKind int

const (
	object nodeKind = iota
	list
	text
	number
	boolean
	null
)

func (k nodeKind) String() string {
	return [...]string{"an object", "a list", "a string", "a number", "a boolean", "null"}[k]
}

// node is a JSON value with its place.
type node struct {
	kind       nodeKind
	text       string // of a string, a number or a boolean
	members    []member
	items      []node
	start, end Position
	// before is the place after the bracket or the comma before an element of a list; AWS's simulator says that a
	// statement begins there.
	before Position
}

type member struct {
	name  string
	at    Position
	value node
}

// reader reads JSON strictly, as RFC 8259 has it, and knows where everything stands. The standard library's decoder
// knows neither lines nor duplicate members.
type reader struct {
	src   string
	pos   int
	line  int
	start int // of the line, in bytes
	wide  int // bytes of the line that are not the first of their character
}

type jsonError struct {
	at   Position
	hint string
}

func (e *jsonError) Error() string { return e.hint }

func readJSON(src string) (node, *jsonError) {
	r := &reader{src: src, line: 1}
	if len(src) > maxSize {
		return node{}, r.fail(fmt.Sprintf("the document has %d bytes, the limit is %d", len(src), maxSize))
	}
	if !utf8.ValidString(src) {
		return node{}, r.fail("the document is not UTF-8")
	}
	n, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if r.space(); r.pos < len(src) {
		return node{}, r.fail("there is more after the end of the document; remove it")
	}
	return n, nil
}

func (r *reader) at() Position {
	return Position{Line: r.line, Column: r.pos - r.start - r.wide + 1}
}

func (r *reader) fail(hint string) *jsonError { return &jsonError{at: r.at(), hint: hint} }

func (r *reader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\r':
			r.pos++
		case '\n':
			r.pos++
			r.line, r.start, r.wide = r.line+1, r.pos, 0
		default:
			return
		}
	}
}

func (r *reader) peek() byte {
	if r.pos == len(r.src) {
		return 0
	}
	return r.src[r.pos]
}

func (r *reader) value(depth int) (n node, err *jsonError) {
	r.space()
	if depth > maxDepth {
		return n, r.fail(fmt.Sprintf("values are nested deeper than %d levels", maxDepth))
	}
	start := r.at()
	switch r.peek() {
	case '{':
		n, err = r.object(depth)
	case '[':
		n, err = r.list(depth)
	case '"':
		n.kind = text
		n.text, err = r.string()
	default:
		n, err = r.word()
	}
	n.start, n.end = start, r.at()
	return n, err
}

func (r *reader) object(depth int) (node, *jsonError) {
	n := node{kind: object}
	r.pos++
	seen := map[string]bool{}
	for first := true; ; first = false {
		r.space()
		if first && r.peek() == '}' {
			break
		}
		at := r.at()
		if r.peek() != '"' {
			return n, r.fail("expected a name in double quotes" + r.found())
		}
		name, err := r.string()
		if err != nil {
			return n, err
		}
		if seen[name] {
			return n, &jsonError{at: at, hint: fmt.Sprintf("%q stands twice in the same object", name)}
		}
		seen[name] = true
		if r.space(); r.peek() != ':' {
			return n, r.fail(fmt.Sprintf("expected a colon after %q", name) + r.found())
		}
		r.pos++
		v, err := r.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.members = append(n.members, member{name: name, at: at, value: v})
		if r.space(); r.peek() != ',' {
			break
		}
		r.pos++
	}
	if r.peek() != '}' {
		return n, r.fail("expected a comma or the end of the object" + r.found())
	}
	r.pos++
	return n, nil
}

func (r *reader) list(depth int) (node, *jsonError) {
	n := node{kind: list}
	r.pos++
	for first := true; ; first = false {
		before := r.at()
		r.space()
		if first && r.peek() == ']' {
			break
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return n, err
		}
		v.before = before
		n.items = append(n.items, v)
		if r.space(); r.peek() != ',' {
			break
		}
		r.pos++
	}
	if r.peek() != ']' {
		return n, r.fail("expected a comma or the end of the list" + r.found())
	}
	r.pos++
	return n, nil
}

// found names what stands at the place instead.
func (r *reader) found() string {
	if r.pos == len(r.src) {
		return ", found the end of the document"
	}
	c, _ := utf8.DecodeRuneInString(r.src[r.pos:])
	return fmt.Sprintf(", found %q", c)
}

func (r *reader) word() (node, *jsonError) {
	end := r.pos
	for end < len(r.src) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", r.src[end]) >= 0 {
		end++
	}
	w := r.src[r.pos:end]
	n := node{text: w}
	switch {
	case w == "true" || w == "false":
		n.kind = boolean
	case w == "null":
		n.kind = null
	case isNumber(w):
		n.kind = number
	default:
		return n, r.fail("expected a value" + r.found())
	}
	r.pos = end
	return n, nil
}

// isNumber reports whether w is a number of JSON, which has no leading zeros and no plus sign.
func isNumber(w string) bool {
	digits := strings.TrimPrefix(w, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' || strings.HasSuffix(digits, ".") {
		return false
	}
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return false
	}
	if strings.Contains(digits, ".e") || strings.Contains(digits, ".E") || strings.ContainsAny(digits, "xpin_") {
		return false
	}
	_, err := strconv.ParseFloat(w, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

func (r *reader) string() (string, *jsonError) {
	r.pos++
	from := r.pos
	var b []byte
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; {
		case c == '"':
			s := r.src[from:r.pos]
			r.pos++
			if b != nil {
				return string(append(b, s...)), nil
			}
			return s, nil
		case c == '\\':
			b = append(b, r.src[from:r.pos]...)
			var err *jsonError
			if b, err = r.escape(b); err != nil {
				return "", err
			}
			from = r.pos
		case c < ' ':
			return "", r.fail("a string has a line break or a control character; write it as an escape")
		default:
			if c >= 0x80 && c < 0xC0 {
				r.wide++
			}
			r.pos++
		}
	}
	return "", r.fail("the string has no closing quote")
}

func (r *reader) escape(b []byte) ([]byte, *jsonError) {
	if r.pos+1 == len(r.src) {
		return nil, r.fail("the string has no closing quote")
	}
	c := r.src[r.pos+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		r.pos += 2
		return append(b, "\"\\/\b\f\n\r\t"[i]), nil
	}
	u, ok := r.unit(r.pos)
	if c != 'u' || !ok {
		return nil, r.fail("JSON has no such escape in a string")
	}
	r.pos += 6
	if utf16.IsSurrogate(u) {
		second, _ := r.unit(r.pos)
		if u = utf16.DecodeRune(u, second); u == utf8.RuneError {
			return utf8.AppendRune(b, u), nil
		}
		r.pos += 6
	}
	return utf8.AppendRune(b, u), nil
}

// unit reads the escape \uXXXX at a place.
func (r *reader) unit(pos int) (rune, bool) {
	if pos+6 > len(r.src) || r.src[pos] != '\\' || r.src[pos+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(r.src[pos+2:pos+6], 16, 16)
	return rune(v), err == nil
}
