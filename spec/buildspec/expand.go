package buildspec

import (
	"fmt"
	"slices"
	"strconv"
)

// MaxBatch is how many builds a batch may have. Source: "Quotas for AWS CodeBuild".
const MaxBatch = 100

// Builds are the builds that a batch consists of, in the file's order. Those that the file does not name are build1,
// build2 and so on. Names of AWS for these are not documented.
func (b *Batch) Builds() ([]BatchBuild, error) {
	var all []BatchBuild
	switch {
	case b.Matrix != nil:
		n, err := b.Matrix.size()
		if err != nil {
			return nil, err
		}
		all = b.Matrix.builds(n)
	case b.Fanout != nil:
		if b.Fanout.Parallelism > MaxBatch {
			return nil, tooMany(strconv.Itoa(b.Fanout.Parallelism))
		}
		all = b.Fanout.builds()
	default:
		all = slices.Concat(b.List, b.Graph)
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("the batch has no builds")
	case len(all) > MaxBatch:
		return nil, tooMany(strconv.Itoa(len(all)))
	}
	taken := map[string]bool{}
	for _, x := range all {
		taken[x.Identifier] = true
	}
	next := 0
	for i := range all {
		for name := ""; all[i].Identifier == ""; {
			next++
			if name = "build" + strconv.Itoa(next); !taken[name] {
				all[i].Identifier = name
			}
		}
	}
	return all, nil
}

// Variables of the builds of a fan-out, by which codebuild-tests-run knows which of the tests are theirs: the number of
// the build, from 0, and how many there are.
const (
	ShardVariable  = "SLIPWAY_SHARD"
	ShardsVariable = "SLIPWAY_SHARDS"
)

func (f *Fanout) builds() (all []BatchBuild) {
	for i := range f.Parallelism {
		x := BatchBuild{IgnoreFailure: f.IgnoreFailure}
		x.Env.Variables = []Variable{
			{Name: ShardVariable, Value: strconv.Itoa(i)}, {Name: ShardsVariable, Value: strconv.Itoa(f.Parallelism)},
		}
		all = append(all, x)
	}
	return all
}

func tooMany(n string) error {
	return fmt.Errorf("the batch has %s builds; there may be %d", n, MaxBatch)
}

// size is how many combinations a matrix has.
func (m *Matrix) size() (int, error) {
	n := 1
	lists := []int{len(m.Buildspec), len(m.ComputeType), len(m.Image)}
	for _, v := range m.Variables {
		lists = append(lists, len(v.Values))
	}
	for _, l := range lists {
		if n *= max(1, l); n > MaxBatch {
			return n, tooMany("more than " + strconv.Itoa(MaxBatch))
		}
	}
	return n, nil
}

// builds are all combinations; the last list turns fastest.
func (m *Matrix) builds(n int) []BatchBuild {
	all := make([]BatchBuild, n)
	for i := range all {
		b := BatchBuild{IgnoreFailure: m.IgnoreFailure, Env: m.Env}
		b.Env.Variables = slices.Clone(m.Env.Variables)
		rest := i
		pick := func(values []string) (string, bool) {
			if len(values) == 0 {
				return "", false
			}
			v := values[rest%len(values)]
			rest /= len(values)
			return v, true
		}
		picked := make([]Variable, 0, len(m.Variables))
		for _, v := range slices.Backward(m.Variables) {
			if value, ok := pick(v.Values); ok {
				picked = append(picked, Variable{Name: v.Name, Value: value})
			}
		}
		slices.Reverse(picked)
		for _, v := range picked {
			b.Env.Variables = slices.DeleteFunc(b.Env.Variables, func(o Variable) bool { return o.Name == v.Name })
			b.Env.Variables = append(b.Env.Variables, v)
		}
		if image, ok := pick(m.Image); ok {
			b.Env.Image = image
		}
		if compute, ok := pick(m.ComputeType); ok {
			b.Env.ComputeType = compute
		}
		if spec, ok := pick(m.Buildspec); ok {
			b.Buildspec = spec
		}
		all[i] = b
	}
	return all
}
