package awsproto

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxFormElements bounds a list in a form.
	maxFormElements = 1000
	// maxFormDepth bounds how deep a form's names go.
	maxFormDepth = 32
)

// node is a form as the tree that its dotted names spell.
type node struct {
	text    string
	given   bool   // the name itself stands in the form
	ec2     bool   // the form is of the protocol EC2
	entry   string // the names of a map's keys and values, with a comma between them; "" for key and value
	members map[string]*node
}

func tree(form url.Values, p Protocol) (*node, error) {
	root := &node{ec2: p == EC2, members: map[string]*node{}}
	for name, values := range form {
		if strings.Count(name, ".") >= maxFormDepth {
			return nil, malformed(name, values[0])
		}
		at := root
		for part := range strings.SplitSeq(name, ".") {
			next := at.members[part]
			if next == nil {
				next = &node{ec2: root.ec2, members: map[string]*node{}}
				at.members[part] = next
			}
			at = next
		}
		at.text, at.given = values[0], true
	}
	return root, nil
}

// decodeForm fills a generated request from the form of the Query protocol: Member=, Struct.Member=, List.member.N=,
// Map.entry.N.key= and .value=. A list with only an empty value is empty, not absent. In the protocol EC2 a list is
// List.N.
func decodeForm(form url.Values, p Protocol, in any) error {
	root, err := tree(form, p)
	if err != nil {
		return err
	}
	delete(root.members, "Action")
	delete(root.members, "Version")
	return root.decodeStruct("", reflect.ValueOf(in).Elem())
}

// decodeStruct refuses members that the model does not have, because what a newer client asks for with them would not
// be done.
func (n *node) decodeStruct(prefix string, v reflect.Value) error {
	known := 0
	for i := range v.NumField() {
		name := n.nameOf(v.Type().Field(i))
		if n.members[name] == nil {
			continue
		}
		known++
		n.members[name].entry = v.Type().Field(i).Tag.Get("entry")
		if err := n.members[name].decode(prefix+name, v.Field(i)); err != nil {
			return err
		}
	}
	if known == len(n.members) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(n.members)) {
		if _, ok := v.Type().FieldByNameFunc(func(field string) bool { return strings.EqualFold(field, name) }); !ok {
			return &Error{Code: "ValidationError",
				Message: fmt.Sprintf("Slipway does not know the parameter %.200s%.100s.", prefix, name)}
		}
	}
	return nil
}

// nameOf is the name of a member in a form.
func (n *node) nameOf(f reflect.StructField) string {
	if n.ec2 {
		if name := f.Tag.Get("form"); name != "" {
			return name
		}
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func (n *node) decode(name string, v reflect.Value) error {
	if n == nil {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return n.decode(name, v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]byte]() {
			raw, err := base64.StdEncoding.DecodeString(n.text)
			if err != nil {
				return malformed(name, n.text)
			}
			v.SetBytes(raw)
			return nil
		}
		elements, err := n.elements(name, "member")
		v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
		for i, e := range elements {
			if err == nil {
				err = e.decode(fmt.Sprintf("%s.member.%d", name, i+1), v.Index(i))
			}
		}
		return err
	case reflect.Map:
		entries, err := n.elements(name, "entry")
		v.Set(reflect.MakeMap(v.Type()))
		for _, e := range entries {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			if err == nil {
				keyName, valueName := entryNames(n.entry)
				err = errors.Join(e.members[keyName].decode(name+"."+keyName, key),
					e.members[valueName].decode(name+"."+valueName, value))
			}
			v.SetMapIndex(key, value)
		}
		return err
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*Time); ok {
			parsed, err := time.Parse(time.RFC3339Nano, n.text)
			if err != nil {
				return malformed(name, n.text)
			}
			t.Time = parsed
			return nil
		}
		return n.decodeStruct(name+".", v)
	}
	return decodeScalar(name, n.text, v)
}

// entryNames are the names of the keys and the values of a map.
func entryNames(tag string) (key, value string) {
	if tag == "" {
		return "key", "value"
	}
	key, value, _ = strings.Cut(tag, ",")
	return key, value
}

// elements are the numbered members of a list or map, in order.
func (n *node) elements(name, label string) ([]*node, error) {
	list := n.members[label]
	if n.ec2 && len(n.members) > 0 {
		list = n
	}
	if list == nil {
		if n.given && n.text == "" && len(n.members) == 0 {
			return nil, nil
		}
		return nil, malformed(name, n.text)
	}
	numbers := make([]int, 0, len(list.members))
	for text := range list.members {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 || len(list.members) > maxFormElements {
			return nil, malformed(name+"."+label, text)
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	elements := make([]*node, 0, len(numbers))
	for _, number := range numbers {
		if e := list.members[strconv.Itoa(number)]; e != nil {
			elements = append(elements, e)
		}
	}
	return elements, nil
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
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return malformed(name, text)
		}
		v.SetFloat(f)
	default:
		return malformed(name, text)
	}
	return nil
}

func malformed(name, text string) error {
	return &Error{Code: "MalformedInput",
		Message: fmt.Sprintf("%.200s has a value of the wrong kind: %.100q", name, text)}
}

// encoder writes a generated answer's members as elements; maps as <entry> elements.
type encoder struct {
	*bytes.Buffer
	item string // the name of a list's elements
	ec2  bool   // members have their names of the protocol EC2
}

func (b *encoder) nameOf(f reflect.StructField) string {
	if b.ec2 {
		if name := f.Tag.Get("xml"); name != "" {
			return name
		}
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func (b *encoder) encode(name string, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if absent(v) {
		return
	}
	if name != "" {
		b.WriteString("<" + name + ">")
		defer b.WriteString("</" + name + ">")
	}
	switch v.Kind() {
	case reflect.Slice:
		if raw, ok := v.Interface().([]byte); ok {
			b.WriteString(base64.StdEncoding.EncodeToString(raw))
			return
		}
		for i := range v.Len() {
			b.encode(b.item, v.Index(i))
		}
	case reflect.Map:
		b.encodeEntries(v)
	case reflect.Struct:
		if t, ok := v.Interface().(Time); ok {
			b.WriteString(t.UTC().Format("2006-01-02T15:04:05.999Z"))
			return
		}
		for i := range v.NumField() {
			b.encode(b.nameOf(v.Type().Field(i)), v.Field(i))
		}
	default:
		_ = xml.EscapeText(b, fmt.Append(nil, v.Interface()))
	}
}

// absent reports whether a member was not given: a nil list or map, or an enum without a value.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.IsNil()
	case reflect.String:
		return v.Type() != reflect.TypeFor[string]() && v.Len() == 0
	}
	return false
}

func (b *encoder) encodeEntries(v reflect.Value) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		b.WriteString("<entry>")
		b.encode("key", key)
		b.encode("value", v.MapIndex(key))
		b.WriteString("</entry>")
	}
}
