// Package setting has the documents of a bucket's sub-resources: their XML, what may stand in them, and what follows
// from them. It is pure: it does no input or output, and reads no clock.
package setting

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// Namespace is the XML namespace of S3's documents.
const Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// Error says what is wrong with a document, in S3's words.
type Error struct {
	Status  int
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

func malformed(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema: " +
			fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "InvalidArgument", fmt.Sprintf(format, args...)}
}

func notImplemented(format string, args ...any) error {
	return &Error{http.StatusNotImplemented, "NotImplemented",
		"Slipway's S3 does not implement " + fmt.Sprintf(format, args...) +
			". docs/compatibility.md lists what it does."}
}

// Document is a sub-resource's document.
type Document interface {
	// Check completes the document. It returns an error if the document says what S3 refuses, or what is not done here.
	Check() error
	root() *xml.Name
	name() string
}

// Read reads a document that a client sent, and checks it. An element that is not known is an error, because what it
// asks for would not be done.
func Read(text []byte, into Document) error {
	if err := xml.Unmarshal(text, into); err != nil {
		return malformed("%v", err)
	}
	if root := into.root().Local; root != into.name() {
		return malformed("the document is a %.60s, and not a %s", root, into.name())
	}
	if err := known(text, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	return into.Check()
}

// Parse reads a document that was checked before, as Text wrote it.
func Parse(text string, into Document) error { return xml.Unmarshal([]byte(text), into) }

// Text is a document as it is kept and answered.
func Text(d Document) string {
	*d.root() = xml.Name{Space: Namespace, Local: d.name()}
	text, err := xml.Marshal(d)
	if err != nil { // for a type that XML has no form of; all are known here
		return ""
	}
	return string(text)
}

// known returns an error for the first element that a type has no field for.
func known(text []byte, root reflect.Type) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	var stack []reflect.Type
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return malformed("%v", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(stack) == 0 {
				stack = append(stack, root)
				continue
			}
			child := childOf(stack[len(stack)-1], t.Name.Local)
			if child == nil {
				return malformed("Slipway does not know the element %.100s here", t.Name.Local)
			}
			stack = append(stack, child)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

// childOf is the type of an element of a structure, or nil.
func childOf(parent reflect.Type, element string) reflect.Type {
	if parent.Kind() != reflect.Struct {
		return nil
	}
	for i := range parent.NumField() {
		f := parent.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("xml"), ",")
		if f.Anonymous && tag == "" {
			if t := childOf(f.Type, element); t != nil {
				return t
			}
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		if tag == element && f.Name != "XMLName" {
			return plain(f.Type)
		}
	}
	return nil
}

// plain is the type behind pointers and slices.
func plain(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		t = t.Elem()
	}
	return t
}
