package appspec

import (
	"math"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const defaultTimeout = 3600

func (r *reader) server(s *Spec, ms []member) {
	r.unknown(ms, "an application specification", "version", "os", "files", "file_exists_behavior", "permissions",
		"hooks")
	if m, ok := find(ms, "version"); ok {
		r.version(m, false)
	} else {
		r.fail(Place{Line: 1, Column: 1}, "version is missing; write version: 0.0")
	}
	r.os(s, ms)
	if m, ok := find(ms, "files"); ok && m.value != nil {
		r.files(s, m)
	}
	if m, ok := find(ms, "file_exists_behavior"); ok && m.value != nil {
		if v, ok := r.scalar(m.value, "file_exists_behavior"); ok {
			if !contains([]string{"DISALLOW", "OVERWRITE", "RETAIN"}, v) {
				r.fail(m.at, "file_exists_behavior must be DISALLOW, OVERWRITE or RETAIN, in capitals, not %s",
					quote(v))
			}
			s.FileExistsBehavior = v
		}
	}
	if m, ok := find(ms, "permissions"); ok && m.value != nil {
		r.permissions(s, m)
	}
	if m, ok := find(ms, "hooks"); ok && m.value != nil {
		r.hooks(s, m)
	}
}

func (r *reader) os(s *Spec, ms []member) {
	m, ok := find(ms, "os")
	if !ok || m.value == nil {
		at := Place{Line: 1, Column: 1}
		if ok {
			at = m.Place
		}
		r.fail(at, "os is missing; write os: linux (or os: windows, or Resources for ECS and Lambda)")
		return
	}
	if s.OS, ok = r.scalar(m.value, "os"); ok && s.OS != "linux" && s.OS != "windows" {
		r.fail(m.at, "os must be linux or windows, not %s", quote(s.OS))
	}
}

func (r *reader) files(s *Spec, m member) {
	items, ok := r.items(m.value, "files")
	if !ok {
		return
	}
	seen := map[[2]string]Place{}
	for _, item := range items {
		n := r.plain(item)
		if n == nil {
			r.fail(r.place(item), "an entry of files is empty; it needs source and destination")
			continue
		}
		ms, ok := r.members(n, "an entry of files")
		if !ok {
			continue
		}
		r.unknown(ms, "an entry of files", "source", "destination")
		f := File{Place: r.place(n)}
		source, ok1 := r.required(ms, "source", f.Place, "an entry of files")
		destination, ok2 := r.required(ms, "destination", f.Place, "an entry of files")
		if !ok1 || !ok2 {
			continue
		}
		f.Source, f.Destination = source, destination
		key := [2]string{strings.TrimRight(source, "/"), strings.TrimRight(destination, "/")}
		if before, twice := seen[key]; twice {
			r.fail(f.Place, "%s is copied to %s a second time; line %d does so already", quote(source),
				quote(destination), before.Line)
		}
		seen[key] = f.Place
		s.Files = append(s.Files, f)
	}
}

// required reads a text that must be there and not be empty.
func (r *reader) required(ms []member, key string, at Place, what string) (string, bool) {
	m, ok := find(ms, key)
	if !ok || m.value == nil {
		r.fail(at, "%s has no %s", what, key)
		return "", false
	}
	text, ok := r.scalar(m.value, key)
	if ok && strings.TrimSpace(text) == "" {
		r.fail(m.at, "%s is empty", key)
		return "", false
	}
	return text, ok
}

func (r *reader) hooks(s *Spec, m member) {
	ms, ok := r.members(m.value, "hooks")
	if !ok {
		return
	}
	for _, m := range ms {
		if m.value == nil {
			continue // as AWS's agent has it
		}
		switch m.key {
		case "DownloadBundle", "Install", "BlockTraffic", "AllowTraffic", "AllowTestTraffic":
			r.fail(m.Place, "no script can be run at %s: CodeDeploy does that event itself", m.key)
			continue
		}
		items, ok := r.items(m.value, "the hook "+m.key)
		if !ok {
			continue
		}
		h := Hook{Place: m.Place, Event: m.key}
		for _, item := range items {
			if script, ok := r.script(item); ok {
				h.Scripts = append(h.Scripts, script)
			}
		}
		s.Hooks = append(s.Hooks, h)
	}
}

func (r *reader) script(item ast.Node) (Script, bool) {
	s := Script{Place: r.place(item), Timeout: defaultTimeout}
	n := r.plain(item)
	if n == nil {
		r.fail(s.Place, "a script is empty; it needs a location")
		return s, false
	}
	s.Place = r.place(n)
	ms, ok := r.members(n, "a script")
	if !ok {
		return s, false
	}
	r.unknown(ms, "a script", "location", "timeout", "runas", "sudo")
	location, ok := r.required(ms, "location", s.Place, "a script")
	if !ok {
		return s, false
	}
	s.Location = strings.TrimSpace(location)
	if m, ok := find(ms, "timeout"); ok && m.value != nil {
		if text, ok := r.scalar(m.value, "timeout"); ok {
			if s.Timeout = leadingNumber(text); s.Timeout <= 0 {
				r.fail(m.at, "timeout must be a number of seconds above 0, not %s", quote(text))
			}
		}
	}
	if m, ok := find(ms, "runas"); ok && m.value != nil {
		if text, ok := r.scalar(m.value, "runas"); ok {
			s.RunAs = strings.TrimSpace(text)
		}
	}
	if m, ok := find(ms, "sudo"); ok && m.value != nil {
		b, isBool := m.value.(*ast.BoolNode)
		s.Sudo = !isBool || b.Value // to Ruby everything but false and null is true
	}
	return s, true
}

// leadingNumber reads a number as Ruby's to_i does: the digits at the beginning, 0 if there are none.
func leadingNumber(s string) int {
	n := 0
	for _, c := range strings.TrimSpace(s) {
		if c == '_' {
			continue
		}
		if c < '0' || c > '9' || n > math.MaxInt32/10 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}
