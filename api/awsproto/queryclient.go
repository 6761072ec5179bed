package awsproto

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// encodeForm writes a generated request as the form of the Query protocol; see decodeForm.
func encodeForm(op *Operation, in any) []byte {
	form := url.Values{"Action": {op.Name}, "Version": {op.Service.Version}}
	v := reflect.ValueOf(in)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	addMembers(form, "", v)
	return []byte(form.Encode())
}

func addMembers(form url.Values, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		addValue(form, prefix+name, v.Field(i))
	}
}

func addValue(form url.Values, name string, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if absent(v) {
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		addList(form, name, v)
	case reflect.Map:
		i := 0
		for entries := v.MapRange(); entries.Next(); {
			i++
			entry := name + ".entry." + strconv.Itoa(i)
			addValue(form, entry+".key", entries.Key())
			addValue(form, entry+".value", entries.Value())
		}
	case reflect.Struct:
		if t, ok := v.Interface().(Time); ok {
			form.Set(name, t.UTC().Format(time.RFC3339Nano))
			return
		}
		addMembers(form, name+".", v)
	default:
		form.Set(name, fmt.Sprint(v.Interface()))
	}
}

func addList(form url.Values, name string, v reflect.Value) {
	if raw, ok := v.Interface().([]byte); ok {
		form.Set(name, base64.StdEncoding.EncodeToString(raw))
		return
	}
	if v.Len() == 0 {
		form.Set(name, "")
	}
	for i := range v.Len() {
		addValue(form, name+".member."+strconv.Itoa(i+1), v.Index(i))
	}
}

// element is an element of an answer in XML.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

// child returns the first element of a name, nil for none.
func (e *element) child(name string) *element {
	for i := range e.Children {
		if e.Children[i].XMLName.Local == name {
			return &e.Children[i]
		}
	}
	return nil
}

// decodeQuery fills a generated answer from the XML of the Query protocol: what stands in OperationResult.
func decodeQuery(op *Operation, answer []byte, out any) error {
	var root element
	if err := xml.Unmarshal(answer, &root); err != nil {
		return err
	}
	result := root.child(op.Name + "Result")
	if result == nil {
		return nil
	}
	return result.fill(reflect.ValueOf(out).Elem())
}

func (e *element) fill(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return e.fill(v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]byte]() {
			raw, err := base64.StdEncoding.DecodeString(e.Text)
			v.SetBytes(raw)
			return err
		}
		v.Set(reflect.MakeSlice(v.Type(), len(e.Children), len(e.Children)))
		for i := range e.Children {
			if err := e.Children[i].fill(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		return e.fillMap(v)
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*Time); ok {
			parsed, err := time.Parse(time.RFC3339Nano, e.Text)
			t.Time = parsed
			return err
		}
		return e.fillStruct(v)
	}
	return decodeScalar(e.XMLName.Local, e.Text, v)
}

func (e *element) fillMap(v reflect.Value) error {
	v.Set(reflect.MakeMap(v.Type()))
	for i := range e.Children {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		for part, to := range map[string]reflect.Value{"key": key, "value": value} {
			if c := e.Children[i].child(part); c != nil {
				if err := c.fill(to); err != nil {
					return err
				}
			}
		}
		v.SetMapIndex(key, value)
	}
	return nil
}

// fillStruct passes over what the shape does not have: a newer server may answer with more.
func (e *element) fillStruct(v reflect.Value) error {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if c := e.child(name); c != nil {
			if err := c.fill(v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// queryError reads an error in XML.
func queryError(op *Operation, status int, answer []byte) error {
	var wire struct {
		Error struct{ Code, Message string }
	}
	if xml.Unmarshal(bytes.TrimSpace(answer), &wire) != nil || wire.Error.Code == "" {
		if json.Valid(answer) {
			return answered(op, status, answer, json.Unmarshal)
		}
		return &Error{
			Code:    http.StatusText(status),
			Status:  status,
			Message: fmt.Sprintf("%s answered %d: %.200s", op.Name, status, answer),
		}
	}
	return modelled(op, status, wire.Error.Code, wire.Error.Message)
}
