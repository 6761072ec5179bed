package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// extend adds to a model what the service learned after the model was published: operations, members, enum values,
// bounds and shapes, from an overlay file of the same form. Without such a file the model stays as it is.
func (m *model) extend(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var more model
	if err := json.Unmarshal(text, &more); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	maps.Copy(m.Operations, more.Operations)
	for name, s := range more.Shapes {
		known := m.Shapes[name]
		if known == nil {
			m.Shapes[name] = s
			continue
		}
		known.Members = append(known.Members, s.Members...)
		known.Enum = append(known.Enum, s.Enum...)
		if s.Max != nil {
			known.Max = s.Max
		}
		if s.Pattern != "" {
			known.Pattern = s.Pattern
		}
		known.Required = slices.DeleteFunc(
			known.Required, func(name string) bool { return slices.Contains(s.Optional, name) })
	}
	return nil
}
