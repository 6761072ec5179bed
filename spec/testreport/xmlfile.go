package testreport

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlFile reads the elements of an XML file.
type xmlFile struct {
	*file
	d     *xml.Decoder
	depth int
}

// xml begins to read a file whose root is one of the elements named.
func (f *file) xml(roots ...string) (*xmlFile, xml.StartElement, error) {
	x := &xmlFile{file: f, d: xml.NewDecoder(f.in)}
	x.d.Strict = true
	x.d.Entity = nil // an entity that is not XML's own is an error: nothing is expanded
	x.d.CharsetReader = charset
	f.place = func() string {
		line, column := x.d.InputPos()
		return fmt.Sprintf("%d:%d", line, column)
	}
	for {
		t, err := x.token()
		if errors.Is(err, io.EOF) {
			return nil, xml.StartElement{}, errEmpty
		}
		if err != nil {
			return nil, xml.StartElement{}, err
		}
		root, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		for _, name := range roots {
			if root.Name.Local == name {
				return x, root, nil
			}
		}
		return nil, root, fmt.Errorf("it begins with <%s>, not with <%s>", limit(root.Name.Local, 100),
			strings.Join(roots, "> or <"))
	}
}

// token reads a token, which is valid until the next one.
func (x *xmlFile) token() (xml.Token, error) {
	x.in.mark = x.d.InputOffset()
	return x.d.Token()
}

// children gives each element within the one that has begun to do, which reads it to its end.
func (x *xmlFile) children(do func(xml.StartElement) error) error {
	if x.depth++; x.depth > maxNest {
		return fmt.Errorf("elements nest deeper than %d", maxNest)
	}
	defer func() { x.depth-- }()
	for {
		t, err := x.token()
		if err != nil {
			return err
		}
		switch e := t.(type) {
		case xml.StartElement:
			if err := do(e); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// each gives the elements of some names within the one that has begun to their functions, and skips the others.
func (x *xmlFile) each(do map[string]func(xml.StartElement) error) error {
	return x.children(func(e xml.StartElement) error {
		if f := do[e.Name.Local]; f != nil {
			return f(e)
		}
		return x.skip(nil)
	})
}

// end reads what comes after the root.
func (x *xmlFile) end() error {
	for {
		t, err := x.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := t.(xml.StartElement); ok {
			return fmt.Errorf("<%s> comes after the root's end", limit(e.Name.Local, 100))
		}
	}
}

// skip reads to the end of the element that has begun, and keeps some of its text.
func (x *xmlFile) skip(keep *strings.Builder) error {
	return x.walk(func(text xml.CharData) {
		if keep != nil && keep.Len() < maxMessage {
			keep.Write(text[:min(len(text), maxMessage)])
		}
	})
}

// walk reads to the end of the element that has begun, and shows each piece of its text, which is valid until the next.
func (x *xmlFile) walk(see func(xml.CharData)) error {
	for depth := 1; depth > 0; {
		t, err := x.token()
		if err != nil {
			return err
		}
		switch e := t.(type) {
		case xml.StartElement:
			if depth++; depth > maxNest {
				return fmt.Errorf("elements nest deeper than %d", maxNest)
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			see(e)
		}
	}
	return nil
}

// text reads the element that has begun and returns its text, or the beginning of a long one.
func (x *xmlFile) text() (string, error) {
	var text strings.Builder
	err := x.skip(&text)
	return strings.TrimSpace(text.String()), err
}

// texts reads the element that has begun and returns the texts of the elements of some names in it, joined.
func (x *xmlFile) texts(names ...string) (string, error) {
	all := make([]string, len(names))
	do := map[string]func(xml.StartElement) error{}
	for i, name := range names {
		do[name] = func(xml.StartElement) (err error) {
			all[i], err = x.text()
			return err
		}
	}
	err := x.each(do)
	message := ""
	for _, text := range all {
		message = joined(message, text)
	}
	return message, err
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// charset passes what is ASCII in nearly all files; other encodings must be declared rightly and are refused.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1":
		return &latin1{in: in}, nil
	}
	return nil, fmt.Errorf("the encoding %q is not read; write UTF-8", limit(label, 40))
}

// latin1 turns ISO 8859-1 into UTF-8.
type latin1 struct {
	in      io.Reader
	pending []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	if len(l.pending) == 0 {
		var b [4096]byte
		n, err := l.in.Read(b[:])
		for _, c := range b[:n] {
			l.pending = append(l.pending, string(rune(c))...)
		}
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}
