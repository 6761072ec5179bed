package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// FromJSON reads a JSON text; the keys of objects keep their order.
func FromJSON(text string) (Value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the text is empty or ends too early")
		}
		return nil, fmt.Errorf("the text is no JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the text is no JSON: something follows its value")
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (Value, error) {
	if depth > MaxDepth*2 {
		return nil, errors.New("it nests too deep")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch x := t.(type) {
	case json.Number:
		return parseNumber(x.String()), nil
	case json.Delim:
		if x == '[' {
			return readList(d, depth)
		}
		return readMembers(d, depth)
	}
	return t, nil
}

func readList(d *json.Decoder, depth int) (Value, error) {
	list := &Array{}
	for d.More() {
		v, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, v)
	}
	_, err := d.Token()
	return list, err
}

func readMembers(d *json.Decoder, depth int) (Value, error) {
	o := NewObject()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		o.Set(key.(string), v)
	}
	_, err := d.Token()
	return o, err
}

// JSON writes a value as toJSON does, indented by two spaces.
func JSON(v Value) string {
	var b strings.Builder
	writeJSON(&b, v, "\n")
	return b.String()
}

func writeJSON(b *strings.Builder, v Value, line string) {
	switch x := v.(type) {
	case *Array:
		if len(x.Items) == 0 {
			b.WriteString("[]")
			return
		}
		b.WriteByte('[')
		for i, item := range x.Items {
			comma(b, i, line+"  ")
			writeJSON(b, item, line+"  ")
		}
		b.WriteString(line + "]")
	case *Object:
		if len(x.keys) == 0 {
			b.WriteString("{}")
			return
		}
		b.WriteByte('{')
		for i, k := range x.keys {
			comma(b, i, line+"  ")
			b.WriteString(quote(k) + ": ")
			writeJSON(b, x.values[x.fold(k)], line+"  ")
		}
		b.WriteString(line + "}")
	case string:
		b.WriteString(quote(x))
	case nil:
		b.WriteString("null")
	default:
		b.WriteString(Text(v))
	}
}

func comma(b *strings.Builder, i int, line string) {
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteString(line)
}

func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}
