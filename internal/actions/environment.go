package actions

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// variables are environment variables in the order in which they were set.
type variables struct {
	names  []string
	values map[string]string
}

func newVariables() *variables { return &variables{values: map[string]string{}} }

func (v *variables) set(name, value string) {
	if _, ok := v.values[name]; !ok {
		v.names = append(v.names, name)
	}
	v.values[name] = value
}

func (v *variables) clone() *variables {
	return &variables{slices.Clone(v.names), maps.Clone(v.values)}
}

// processEnvironment is what the driver itself was started with, but for what is hidden from steps.
func processEnvironment(hidden []string) map[string]string {
	env := map[string]string{}
	for _, v := range os.Environ() {
		if name, value, ok := strings.Cut(v, "="); ok && !slices.Contains(hidden, name) {
			env[name] = value
		}
	}
	return env
}

// list is an environment as programs get it.
func list(env map[string]string) []string {
	all := make([]string, 0, len(env))
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}
