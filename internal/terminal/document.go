package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"slipway/api/awsproto"
)

// WriteJSON writes a value made of the contract's shapes: members have their names on the wire, and times are in ISO
// 8601, as with version 2 of the aws command.
func WriteJSON(w io.Writer, v any) error {
	text, err := encode(v)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return err
	}
	pretty.WriteByte('\n')
	_, err = pretty.WriteTo(w)
	return err
}

// WriteYAML writes the same as WriteJSON, as YAML.
func WriteYAML(w io.Writer, v any) error {
	text, err := encode(v)
	if err != nil {
		return err
	}
	if text, err = yaml.JSONToYAML(text); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := write(&b, reflect.ValueOf(v))
	return b.Bytes(), err
}

// write does what encoding/json does, except for times, which are numbers on the wire.
func write(b *bytes.Buffer, v reflect.Value) error {
	if !v.IsValid() {
		b.WriteString("null")
		return nil
	}
	if t, ok := v.Interface().(awsproto.Time); ok {
		return plain(b, t.UTC().Format(time.RFC3339Nano))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return write(b, v.Elem())
	case reflect.Struct:
		return object(b, func(add func(string, reflect.Value) error) error { return members(v, add) })
	case reflect.Map:
		return object(b, func(add func(string, reflect.Value) error) error {
			members := map[string]reflect.Value{}
			for key, inner := range v.Seq2() {
				members[key.String()] = inner
			}
			for _, name := range slices.Sorted(maps.Keys(members)) {
				if err := add(name, members[name]); err != nil {
					return err
				}
			}
			return nil
		})
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return plain(b, v.Interface())
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	return plain(b, v.Interface())
}

func object(b *bytes.Buffer, members func(add func(string, reflect.Value) error) error) error {
	b.WriteByte('{')
	first := true
	err := members(func(name string, v reflect.Value) error {
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := plain(b, name); err != nil {
			return err
		}
		b.WriteByte(':')
		return write(b, v)
	})
	b.WriteByte('}')
	return err
}

func plain(b *bytes.Buffer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %T as JSON: %w", v, err)
	}
	b.Write(text)
	return nil
}

// members adds the members of a struct. Those of an embedded struct count as its own.
func members(v reflect.Value, add func(string, reflect.Value) error) error {
	for field, inner := range v.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		embedded := reflect.Indirect(inner)
		switch {
		case field.Anonymous && name == "" && embedded.IsValid() && embedded.Kind() == reflect.Struct:
			if err := members(embedded, add); err != nil {
				return err
			}
		case name == "" || name == "-" || inner.IsZero() && strings.Contains(options, "omitzero"):
		default:
			if err := add(name, inner); err != nil {
				return err
			}
		}
	}
	return nil
}
