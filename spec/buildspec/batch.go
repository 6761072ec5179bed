package buildspec

import (
	"slices"
	"strconv"
	"strings"

	"slipway/spec/yamlfile"
)

// maxOffered is the number of builds in a graph up to which the likely one is looked for: it takes time for each pair.
// AWS allows 100.
const maxOffered = 200

func (r *reader) batch(s *Spec, m member) {
	b := &Batch{Place: m.Place}
	s.Batch = b
	kinds := 0
	r.keys(r.members(m.value, "batch"), "batch", map[string]func(member){
		"fast-fail":  func(m member) { b.FastFail = r.flag(m, "batch.fast-fail") },
		"build-list": func(m member) { kinds++; b.List = r.builds(m, "batch.build-list", false) },
		"build-graph": func(m member) {
			kinds++
			b.Graph = r.builds(m, "batch.build-graph",
				true)
			r.acyclic(b.Graph)
		},
		"build-matrix": func(m member) { kinds++; b.Matrix = r.matrix(m) },
		"build-fanout": func(m member) { kinds++; b.Fanout = r.fanout(m) },
	})
	if kinds != 1 {
		r.fail(m.Place, "batch must have one of build-list, build-graph, build-matrix and build-fanout, not %d of them",
			kinds)
	}
}

func (r *reader) builds(m member, where string, graph bool) []BatchBuild {
	var out []BatchBuild
	first := map[string]int{}
	for i, n := range r.items(m, where, false) {
		where := where + "[" + strconv.Itoa(i) + "]"
		b := BatchBuild{Place: r.place(n)}
		known := map[string]func(member){
			"identifier": func(m member) {
				b.Identifier = r.scalar(m, where+".identifier")
				b.Place = m.at
				if !isIdentifier(b.Identifier) {
					r.fail(m.at, "the identifier %s must have letters, digits and _ only, at most 128",
						quote(b.Identifier))
				}
			},
			"buildspec":      func(m member) { b.Buildspec = r.scalar(m, where+".buildspec") },
			"env":            func(m member) { r.batchEnv(&b.Env, m, where+".env", true) },
			"ignore-failure": func(m member) { b.IgnoreFailure = r.flag(m, where+".ignore-failure") },
			"debug-session":  func(m member) { b.DebugSession = r.flag(m, where+".debug-session") },
		}
		if graph {
			known["depend-on"] = func(m member) { b.DependOn = r.strings(m, where+".depend-on") }
		}
		p := r.plain(n)
		if p == nil {
			r.fail(b.Place, "%s is empty; it needs an identifier", where)
			continue
		}
		r.keys(r.members(p, where), where, known)
		if b.Identifier == "" && graph {
			r.fail(b.Place, "%s has no identifier", where)
		} else if line, twice := first[b.Identifier]; twice && b.Identifier != "" {
			r.fail(b.Place, "the identifier %s is taken already, in line %d", quote(b.Identifier), line)
		}
		first[b.Identifier] = b.Line
		out = append(out, b)
	}
	return out
}

// acyclic refuses dependencies on what is not there, and circles.
func (r *reader) acyclic(builds []BatchBuild) {
	at := map[string]int{}
	for i, b := range builds {
		at[b.Identifier] = i
	}
	const (
		underway = 1
		done     = 2
	)
	state := make([]int, len(builds))
	type step struct{ build, next int }
	for start := range builds {
		if state[start] != 0 {
			continue
		}
		state[start] = underway
		for stack := []step{{start, 0}}; len(stack) > 0; { // no recursion: a file can hold a long chain
			top := &stack[len(stack)-1]
			b := builds[top.build]
			if top.next == len(b.DependOn) {
				state[top.build] = done
				stack = stack[:len(stack)-1]
				continue
			}
			name := b.DependOn[top.next]
			top.next++
			i, ok := at[name]
			switch {
			case !ok:
				meant := ""
				if len(builds) <= maxOffered && len(r.errs) < maxErrors {
					if c := yamlfile.Closest(name, identifiers(builds)); c != "" {
						meant = ": did you mean " + c + "?"
					}
				}
				r.fail(b.Place, "%s depends on %s, which is not in the graph%s", b.Identifier, quote(name), meant)
			case state[i] == underway:
				r.fail(b.Place, "%s depends on %s, which depends on it in turn", b.Identifier, quote(name))
			case state[i] == 0:
				state[i] = underway
				stack = append(stack, step{i, 0})
			}
		}
	}
}

func identifiers(builds []BatchBuild) []string {
	var out []string
	for _, b := range builds {
		out = append(out, b.Identifier)
	}
	slices.Sort(out)
	return out
}

func (r *reader) batchEnv(e *BatchEnv, m member, where string, variables bool) {
	known := map[string]func(member){
		"compute-type":    func(m member) { e.ComputeType = r.scalar(m, where+".compute-type") },
		"image":           func(m member) { e.Image = r.scalar(m, where+".image") },
		"type":            func(m member) { e.Type = r.scalar(m, where+".type") },
		"fleet":           func(m member) { e.Fleet = r.scalar(m, where+".fleet") },
		"privileged-mode": func(m member) { e.PrivilegedMode = new(r.flag(m, where+".privileged-mode")) },
	}
	if variables {
		known["variables"] = func(m member) { e.Variables = r.variables(m, where+".variables") }
	}
	r.keys(r.members(m.value, where), where, known)
}

func (r *reader) matrix(m member) *Matrix {
	x := &Matrix{}
	const where = "batch.build-matrix"
	r.keys(r.members(m.value, where), where, map[string]func(member){
		"static": func(m member) {
			r.keys(r.members(m.value, where+".static"), where+".static", map[string]func(member){
				"ignore-failure": func(m member) { x.IgnoreFailure = r.flag(m, where+".static.ignore-failure") },
				"env":            func(m member) { r.batchEnv(&x.Env, m, where+".static.env", true) },
			})
		},
		"dynamic": func(m member) {
			const where = where + ".dynamic"
			r.keys(r.members(m.value, where), where, map[string]func(member){
				"buildspec": func(m member) { x.Buildspec = r.strings(m, where+".buildspec") },
				"env": func(m member) {
					r.keys(r.members(m.value, where+".env"), where+".env", map[string]func(member){
						"compute-type": func(m member) { x.ComputeType = r.strings(m, where+".env.compute-type") },
						"image":        func(m member) { x.Image = r.strings(m, where+".env.image") },
						"variables": func(m member) {
							for _, v := range r.members(m.value, where+".env.variables") {
								if !isName(v.key) || strings.HasPrefix(v.key, "CODEBUILD_") {
									r.fail(v.Place, "%s.env.variables: %s is no name of a variable", where,
										quote(v.key))
									continue
								}
								x.Variables = append(x.Variables,
									Values{v.key, r.strings(v, where+".env.variables."+v.key)})
							}
						},
					})
				},
			})
		},
	})
	return x
}

func (r *reader) fanout(m member) *Fanout {
	x := &Fanout{}
	const where = "batch.build-fanout"
	r.keys(r.members(m.value, where), where, map[string]func(member){
		"parallelism": func(m member) {
			s := r.scalar(m, where+".parallelism")
			n, err := strconv.Atoi(s)
			if x.Parallelism = n; err != nil || n < 1 {
				r.fail(m.at, "%s.parallelism must be a number from 1 on, not %s", where, quote(s))
			}
		},
		"ignore-failure": func(m member) { x.IgnoreFailure = r.flag(m, where+".ignore-failure") },
	})
	if x.Parallelism == 0 && len(r.errs) == 0 {
		r.fail(m.Place, "%s has no parallelism", where)
	}
	return x
}
