package actions

import (
	"errors"
	"fmt"
	"strings"

	"slipway/internal/actions/expression"
)

// maxCells bounds the jobs that a matrix makes.
const maxCells = 256

// cell is one combination of a matrix. Its shown values are those of its vectors, which name the job.
type cell struct {
	values *expression.Object
	shown  []string
}

// cells are the combinations of a matrix, the last vector's values change fastest: exclude takes away those that it
// matches, then include adds to those that it fits, or adds combinations of its own.
func cells(matrix *expression.Object) ([]cell, error) {
	var vectors []string
	for _, key := range matrix.Keys() {
		if key == "include" || key == "exclude" {
			continue
		}
		v, _ := matrix.Get(key)
		if list, ok := v.(*expression.Array); !ok || len(list.Items) == 0 {
			return nil, fmt.Errorf("matrix.%s must be a list with values", key)
		}
		vectors = append(vectors, key)
	}
	exclude, err := combinations(matrix, "exclude")
	if err != nil {
		return nil, err
	}
	for _, e := range exclude {
		for _, key := range e.Keys() {
			if _, ok := matrix.Get(key); !ok {
				return nil, fmt.Errorf("matrix.exclude has the key %s, which the matrix has not", key)
			}
		}
	}
	include, err := combinations(matrix, "include")
	if err != nil {
		return nil, err
	}
	all, err := product(matrix, vectors, exclude)
	if err != nil {
		return nil, err
	}
	all = included(all, vectors, include)
	if len(all) > maxCells {
		return nil, fmt.Errorf("the matrix makes %d jobs; it may make %d", len(all), maxCells)
	}
	if len(all) == 0 {
		return nil, errors.New("the matrix makes no job")
	}
	return all, nil
}

func combinations(matrix *expression.Object, key string) (all []*expression.Object, err error) {
	v, ok := matrix.Get(key)
	if !ok || v == nil {
		return nil, nil
	}
	list, ok := v.(*expression.Array)
	if !ok {
		return nil, fmt.Errorf("matrix.%s must be a list", key)
	}
	for _, item := range list.Items {
		o, ok := item.(*expression.Object)
		if !ok {
			return nil, fmt.Errorf("an entry of matrix.%s must be a mapping", key)
		}
		all = append(all, o)
	}
	return all, nil
}

// maxProduct bounds the combinations that are looked at before exclude.
const maxProduct = 100_000

func product(matrix *expression.Object, vectors []string, exclude []*expression.Object) (all []cell, err error) {
	if len(vectors) == 0 {
		return nil, nil
	}
	total := 1
	for _, key := range vectors {
		v, _ := matrix.Get(key)
		if total *= len(v.(*expression.Array).Items); total > maxProduct {
			return nil, fmt.Errorf("the matrix has more than %d combinations", maxProduct)
		}
	}
	for n := range total {
		c := cell{values: expression.NewObject()}
		size, rest := total, n
		for _, key := range vectors {
			v, _ := matrix.Get(key)
			items := v.(*expression.Array).Items
			size /= len(items)
			item := items[rest/size]
			rest %= size
			c.values.Set(key, item)
			switch item.(type) {
			case *expression.Array, *expression.Object:
			default:
				c.shown = append(c.shown, expression.Text(item))
			}
		}
		if !excluded(c, exclude) {
			all = append(all, c)
		}
	}
	return all, nil
}

func excluded(c cell, exclude []*expression.Object) bool {
	for _, e := range exclude {
		if matches(e, c.values, e.Keys()) {
			return true
		}
	}
	return false
}

// matches tells whether a pattern's values of some keys are those of a combination.
func matches(pattern, values *expression.Object, keys []string) bool {
	for _, key := range keys {
		want, ok := pattern.Get(key)
		if !ok {
			continue
		}
		if got, _ := values.Get(key); !same(want, got) {
			return false
		}
	}
	return true
}

// same compares deeply: a mapping matches if the pattern's keys do.
func same(want, got expression.Value) bool {
	switch w := want.(type) {
	case *expression.Object:
		g, ok := got.(*expression.Object)
		return ok && matches(w, g, w.Keys())
	case *expression.Array:
		g, ok := got.(*expression.Array)
		if !ok || len(w.Items) != len(g.Items) {
			return false
		}
		for i := range w.Items {
			if !same(w.Items[i], g.Items[i]) {
				return false
			}
		}
		return true
	}
	return expression.Equal(want, got)
}

func included(all []cell, vectors []string, include []*expression.Object) []cell {
	originals := len(all)
	for _, i := range include {
		fits := false
		for n := range originals {
			if len(vectors) == 0 || !matches(i, all[n].values, vectors) {
				continue
			}
			fits = true
			for _, key := range i.Keys() {
				if !contains(vectors, key) {
					v, _ := i.Get(key)
					all[n].values.Set(key, v)
				}
			}
		}
		if fits {
			continue
		}
		c := cell{values: expression.NewObject()}
		for _, key := range i.Keys() {
			v, _ := i.Get(key)
			c.values.Set(key, v)
			switch v.(type) {
			case *expression.Array, *expression.Object:
			default:
				c.shown = append(c.shown, expression.Text(v))
			}
		}
		all = append(all, c)
	}
	return all
}

func contains(all []string, key string) bool {
	for _, a := range all {
		if strings.EqualFold(a, key) {
			return true
		}
	}
	return false
}
