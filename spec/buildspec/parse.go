package buildspec

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const empty = "the file is empty; it needs at least version: 0.2 and phases"

func sortedKeys(m map[string]func(member)) []string { return slices.Sorted(maps.Keys(m)) }

// Parse reads a build specification. The error is an Errors with every mistake that was found; file is its name in
// them. What CodeBuild overlooks, such as unknown keys, is in the specification's Warnings.
func Parse(file string, text []byte) (*Spec, error) {
	s, errs := read(file, text)
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

// Validate is Parse for people: it tells the warnings of files with mistakes, too.
func Validate(file string, text []byte) (s *Spec, warnings Errors, err error) {
	s, errs := read(file, text)
	if len(errs) > 0 {
		return nil, s.Warnings, errs
	}
	return s, s.Warnings, nil
}

// read reads as much of a file as can be read.
func read(file string, text []byte) (*Spec, Errors) {
	r := &reader{file: file, placed: map[string]Place{}}
	s := &Spec{File: file, placed: r.placed}
	if root := r.plain(r.root(text)); root != nil {
		r.spec(s, root)
	} else if len(r.errs) == 0 {
		r.fail(Place{Line: 1, Column: 1}, "%s", empty)
	}
	s.Warnings = inOrder(r.warnings)
	return s, inOrder(r.errs)
}

func inOrder(es Errors) Errors {
	slices.SortStableFunc(
		es, func(a, b Error) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return slices.Compact(es)
}

func (r *reader) spec(s *Spec, root ast.Node) {
	ms := r.members(root, "the file")
	if len(ms) == 0 {
		if len(r.errs) == 0 {
			r.fail(Place{Line: 1, Column: 1}, "%s", empty)
		}
		return
	}
	phases := false
	known := map[string]func(member){
		"version":   func(m member) { r.version(s, m) },
		"run-as":    func(m member) { s.RunAs = r.scalar(m, "run-as"); r.mark("run-as", m) },
		"env":       func(m member) { r.env(s, m) },
		"proxy":     func(m member) { r.proxy(s, m) },
		"phases":    func(m member) { phases = true; r.phases(s, m) },
		"reports":   func(m member) { r.reports(s, m) },
		"artifacts": func(m member) { r.artifacts(s, m) },
		"cache":     func(m member) { r.cache(s, m) },
		"batch":     func(m member) { r.batch(s, m) },
	}
	versioned := false
	for _, m := range ms {
		if m.key == "version" {
			versioned = true
			if v, _ := text(m.value); v == "0.1" { // what env was called before there was env
				known["environment_variables"] = func(m member) { r.oldVariables(s, m) }
			}
		}
	}
	for _, m := range ms {
		if m.key == "environment_variables" && known[m.key] == nil {
			r.warn(m.Place,
				`unknown key "environment_variables" is ignored: since version 0.2 it is env, with variables in it`)
			known[m.key] = func(member) {}
		}
	}
	r.keys(ms, "a build specification", known)
	if !versioned {
		r.fail(r.place(root), "version is missing; write version: 0.2")
	}
	if !phases && s.Batch == nil {
		r.fail(r.place(root), "phases is missing: the build would do nothing")
	}
}

func (r *reader) mark(what string, m member) {
	if _, ok := r.placed[what]; !ok {
		r.placed[what] = m.Place
	}
}

func (r *reader) version(s *Spec, m member) {
	switch v := r.scalar(m, "version"); v {
	case "0.1", "0.2":
		s.Version = v
	default:
		r.fail(m.at, "version must be 0.2 (or 0.1), not %s", quote(v))
	}
}

func (r *reader) env(s *Spec, m member) {
	e := &s.Env
	r.keys(r.members(m.value, "env"), "env", map[string]func(member){
		"shell": func(m member) {
			e.Shell = r.scalar(m, "env.shell")
			r.mark("env.shell", m)
			if !slices.Contains([]string{"bash", "/bin/bash", "sh", "/bin/sh", "powershell.exe", "cmd.exe"}, e.Shell) {
				r.fail(m.at, "env.shell must be bash, /bin/sh, powershell.exe or cmd.exe, not %s", quote(e.Shell))
			}
		},
		"variables": func(m member) { e.Variables = r.variables(m, "env.variables") },
		"parameter-store": func(m member) {
			e.ParameterStore = r.variables(m, "env.parameter-store")
			r.mark("env.parameter-store", m)
		},
		"secrets-manager": func(m member) {
			e.SecretsManager = r.variables(m, "env.secrets-manager")
			r.mark("env.secrets-manager", m)
		},
		"exported-variables": func(m member) {
			e.Exported = r.strings(m, "env.exported-variables")
			for _, name := range e.Exported {
				switch {
				case !isName(name):
					r.fail(m.at, "env.exported-variables: %s is no name of a variable", quote(name))
				case strings.HasPrefix(name, "AWS_"):
					r.fail(m.at,
						"env.exported-variables: %s cannot be exported: names beginning with AWS_ are kept back", name)
				}
			}
		},
		"git-credential-helper": func(m member) {
			e.GitCredentialHelper = r.flag(m, "env.git-credential-helper")
			r.mark("env.git-credential-helper", m)
		},
	})
	for _, v := range slices.Concat(e.ParameterStore, e.SecretsManager) {
		if slices.Contains(e.Exported, v.Name) {
			r.fail(v.Place, "%s is a secret and cannot be in env.exported-variables", v.Name)
		}
	}
}

func (r *reader) oldVariables(s *Spec, m member) {
	r.keys(r.members(m.value, "environment_variables"), "environment_variables", map[string]func(member){
		"plaintext": func(m member) {
			s.Env.Variables = append(s.Env.Variables, r.variables(m, "environment_variables.plaintext")...)
		},
	})
}

func (r *reader) variables(m member, what string) []Variable {
	var out []Variable
	for _, v := range r.members(m.value, what) {
		switch {
		case !isName(v.key):
			r.fail(v.Place, "%s: %s is no name of a variable: it has letters, digits and _, and begins with no digit",
				what, quote(v.key))
		case strings.HasPrefix(v.key, "CODEBUILD_"):
			r.fail(v.Place, "%s: names beginning with CODEBUILD_ are kept for CodeBuild's own variables", what)
		default:
			value := r.scalar(v, what+"."+v.key)
			if strings.ContainsRune(value, 0) {
				r.fail(v.at, "%s.%s has a zero byte", what, v.key)
				continue
			}
			out = append(out, Variable{Place: v.Place, Name: v.key, Value: value})
		}
	}
	return out
}

// isName tells whether a shell could have a variable of that name.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}

func (r *reader) proxy(s *Spec, m member) {
	r.keys(r.members(m.value, "proxy"), "proxy", map[string]func(member){
		"upload-artifacts": func(m member) {
			s.Proxy.UploadArtifacts = r.flag(m,
				"proxy.upload-artifacts")
			r.mark("proxy", m)
		},
		"logs": func(m member) { s.Proxy.Logs = r.flag(m, "proxy.logs"); r.mark("proxy", m) },
	})
}

func (r *reader) cache(s *Spec, m member) {
	c := &Cache{Place: m.Place, Restore: true, Save: true}
	s.Cache = c
	r.keys(r.members(m.value, "cache"), "cache", map[string]func(member){
		"paths": func(m member) { c.Paths = r.strings(m, "cache.paths") },
		"key":   func(m member) { c.Key = r.scalar(m, "cache.key") },
		"fallback-keys": func(m member) {
			if c.FallbackKeys = r.strings(m, "cache.fallback-keys"); len(c.FallbackKeys) > 5 {
				r.fail(m.at, "cache.fallback-keys has %d keys; there may be 5", len(c.FallbackKeys))
			}
		},
		"action": func(m member) {
			switch a := r.scalar(m, "cache.action"); a {
			case "restore":
				c.Save = false
			case "save":
				c.Restore = false
			default:
				r.fail(m.at, "cache.action must be restore or save, not %s", quote(a))
			}
		},
	})
}
