package testreport

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// jsonFile reads the values of a JSON file.
type jsonFile struct {
	*file
	d     *json.Decoder
	lines lineCount
	next  json.Token // one that was read ahead, or nil
	ahead bool
	depth int
}

// json begins to read a file that is one value.
func (f *file) json() *jsonFile {
	j := &jsonFile{file: f}
	j.lines.in = f.in
	j.d = json.NewDecoder(&j.lines)
	j.d.UseNumber()
	f.place = func() string {
		offset := j.d.InputOffset()
		j.lines.pass(offset)
		return fmt.Sprintf("%d:%d", j.lines.line+1, offset-j.lines.start+1)
	}
	return j
}

// token reads a token.
func (j *jsonFile) token() (json.Token, error) {
	if j.ahead {
		j.ahead = false
		return j.next, nil
	}
	offset := j.d.InputOffset()
	j.in.mark = offset
	j.lines.pass(offset)
	t, err := j.d.Token()
	if errors.Is(err, io.EOF) {
		if offset > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, errEmpty
	}
	return t, err
}

// peek returns the next token and leaves it there.
func (j *jsonFile) peek() (json.Token, error) {
	t, err := j.token()
	j.next, j.ahead = t, err == nil
	return t, err
}

// is tells whether the next value is an object ('{') or an array ('[').
func (j *jsonFile) is(kind rune) (bool, error) {
	t, err := j.peek()
	return t == json.Delim(kind), err
}

// open begins an object or an array.
func (j *jsonFile) open(kind rune, what string) error {
	t, err := j.token()
	if err == nil && t != json.Delim(kind) {
		err = fmt.Errorf("%s is expected, not %s", what, said(t))
	}
	if err == nil {
		if j.depth++; j.depth > maxNest {
			err = fmt.Errorf("values nest deeper than %d", maxNest)
		}
	}
	return err
}

func said(t json.Token) string {
	switch x := t.(type) {
	case json.Delim:
		return map[json.Delim]string{'{': "an object", '[': "an array"}[x]
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(x)
	}
	return limit(fmt.Sprintf("%q", t), 60)
}

// object gives each member of an object to its function, and skips those that have none.
func (j *jsonFile) object(do map[string]func() error) error {
	return j.members(func(key string) error {
		if f := do[key]; f != nil {
			return f()
		}
		return j.skip()
	})
}

// members calls do for each member of an object; do reads its value. null has no members.
func (j *jsonFile) members(do func(key string) error) error {
	if null, err := j.null(); null || err != nil {
		return err
	}
	if err := j.open('{', "an object"); err != nil {
		return err
	}
	for {
		t, err := j.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok { // the decoder lets nothing else through
			j.depth--
			return nil
		}
		if err := do(key); err != nil {
			return err
		}
	}
}

// items calls do for each item of an array; do reads it. null has no items.
func (j *jsonFile) items(do func() error) error {
	if null, err := j.null(); null || err != nil {
		return err
	}
	if err := j.open('[', "an array"); err != nil {
		return err
	}
	for {
		t, err := j.peek()
		if err != nil {
			return err
		}
		if t == json.Delim(']') {
			j.ahead = false
			j.depth--
			return nil
		}
		if err := do(); err != nil {
			return err
		}
	}
}

// null takes a value that is null.
func (j *jsonFile) null() (bool, error) {
	t, err := j.peek()
	if err == nil && t == nil {
		j.ahead = false
		return true, nil
	}
	return false, err
}

// skip reads a value that nobody needs.
func (j *jsonFile) skip() error {
	for depth := 0; ; {
		t, err := j.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth+j.depth > maxNest {
				return fmt.Errorf("values nest deeper than %d", maxNest)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// text reads a value as a text: what is neither a text nor a number is "".
func (j *jsonFile) text() (string, error) {
	t, err := j.peek()
	if err != nil {
		return "", err
	}
	switch x := t.(type) {
	case string:
		j.ahead = false
		return x, nil
	case json.Number:
		j.ahead = false
		return x.String(), nil
	}
	return "", j.skip()
}

// into returns a function that reads a text into a variable, or the beginning of a long one.
func (j *jsonFile) into(to *string) func() error {
	return func() error {
		text, err := j.text()
		*to = strings.Clone(limit(text, maxMessage))
		return err
	}
}

// flag returns a function that reads whether a value is true.
func (j *jsonFile) flag(to *bool) func() error {
	return func() error {
		t, err := j.peek()
		if err != nil {
			return err
		}
		*to = t == true
		return j.skip()
	}
}

// end reads what comes after the value.
func (j *jsonFile) end() error {
	j.in.mark = j.d.InputOffset()
	t, err := j.d.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s comes after the end", said(t))
	}
	return err
}
