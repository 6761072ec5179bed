package awsproto

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// maxFormElements bounds a list in a form.
const maxFormElements = 1000

// decodeForm fills a generated request from the form of the Query protocol: Member=, Struct.Member=,
// List.member.N=.
func decodeForm(form url.Values, in any) error {
	return decodeStruct(form, "", reflect.ValueOf(in).Elem())
}

func decodeStruct(form url.Values, prefix string, v reflect.Value) error {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if err := decodeValue(form, prefix+name, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func decodeValue(form url.Values, name string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !present(form, name) {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return decodeValue(form, name, v.Elem())
	case reflect.Slice:
		for n := 1; n <= maxFormElements && present(form, fmt.Sprintf("%s.member.%d", name, n)); n++ {
			element := reflect.New(v.Type().Elem()).Elem()
			if err := decodeValue(form, fmt.Sprintf("%s.member.%d", name, n), element); err != nil {
				return err
			}
			v.Set(reflect.Append(v, element))
		}
		return nil
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*Time); ok {
			parsed, err := time.Parse(time.RFC3339Nano, form.Get(name))
			if err != nil {
				return malformed(name, form.Get(name))
			}
			t.Time = parsed
			return nil
		}
		return decodeStruct(form, name+".", v)
	}
	return decodeScalar(name, form.Get(name), v)
}

func decodeScalar(name, text string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return malformed(name, text)
		}
		v.SetBool(b)
	case reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return malformed(name, text)
		}
		v.SetInt(n)
	default:
		return malformed(name, text)
	}
	return nil
}

func malformed(name, text string) error {
	return &Error{Code: "MalformedInput", Message: fmt.Sprintf("%s has a value of the wrong kind: %.100q", name, text)}
}

func present(form url.Values, name string) bool {
	if form.Has(name) {
		return true
	}
	for k := range form {
		if strings.HasPrefix(k, name+".") {
			return true
		}
	}
	return false
}

// encodeXML writes a generated answer's members as elements; lists as <member> elements.
func encodeXML(b *bytes.Buffer, out any) { encodeElement(b, "", reflect.ValueOf(out)) }

func encodeElement(b *bytes.Buffer, name string, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice && v.IsNil() || v.Kind() == reflect.String && v.Type() != reflect.TypeFor[string]() && v.Len() == 0 {
		return
	}
	if name != "" {
		b.WriteString("<" + name + ">")
		defer b.WriteString("</" + name + ">")
	}
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			encodeElement(b, "member", v.Index(i))
		}
	case reflect.Struct:
		if t, ok := v.Interface().(Time); ok {
			b.WriteString(t.UTC().Format("2006-01-02T15:04:05Z"))
			return
		}
		for i := range v.NumField() {
			member, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			encodeElement(b, member, v.Field(i))
		}
	default:
		_ = xml.EscapeText(b, fmt.Append(nil, v.Interface()))
	}
}
