package appspec

import (
	"strings"
)

func (r *reader) permissions(s *Spec, m member) {
	items, ok := r.items(m.value, "permissions")
	if !ok {
		return
	}
	if len(items) > 0 && s.OS == "windows" {
		r.fail(m.Place, "permissions are for os: linux alone")
		return
	}
	for _, item := range items {
		n := r.plain(item)
		if n == nil {
			r.fail(r.place(item), "a permission is empty; it needs an object")
			continue
		}
		ms, ok := r.members(n, "a permission")
		if !ok {
			continue
		}
		if p, ok := r.permission(r.place(n), ms); ok {
			for _, o := range s.Permissions {
				if sameTargets(o, p) {
					r.fail(p.Place, "the permissions of %s are set a second time; line %d does so already",
						quote(p.Object), o.Line)
				}
			}
			s.Permissions = append(s.Permissions, p)
		}
	}
}

// sameTargets tells whether two permissions are for the same things whatever the bundle holds. What overlaps besides
// is seen when the bundle is there.
func sameTargets(a, b Permission) bool {
	if strings.TrimRight(a.Object, "/") != strings.TrimRight(b.Object, "/") || a.Pattern != b.Pattern ||
		strings.Join(a.Except, "\n") != strings.Join(b.Except, "\n") {
		return false
	}
	return a.Is("file") && b.Is("file") || a.Is("directory") && b.Is("directory")
}

func (r *reader) permission(at Place, ms []member) (Permission, bool) {
	p := Permission{Place: at, Pattern: "**", Types: []string{"file", "directory"}}
	r.unknown(ms, "a permission", "object", "pattern", "except", "owner", "group", "mode", "acls", "context", "type")
	object, ok := r.required(ms, "object", at, "a permission")
	p.Object = strings.TrimSpace(object)
	for _, m := range ms {
		if m.value == nil {
			continue
		}
		switch m.key {
		case "pattern":
			p.Pattern, _ = r.scalar(m.value, "pattern")
		case "owner":
			p.Owner, _ = r.scalar(m.value, "owner")
		case "group":
			p.Group, _ = r.scalar(m.value, "group")
		case "mode":
			p.Mode = r.mode(m)
		case "except":
			p.Except = r.texts(m, "except")
		case "type":
			p.Types = r.types(m)
		case "acls":
			p.ACLs = r.acls(m)
		case "context":
			p.Context = r.context(m)
		}
	}
	return p, ok
}

func (r *reader) texts(m member, what string) (texts []string) {
	items, ok := r.items(m.value, what)
	if !ok {
		return nil
	}
	for _, item := range items {
		n := r.plain(item)
		if n == nil {
			r.fail(r.place(item), "an entry of %s is empty", what)
			continue
		}
		if text, ok := r.scalar(n, "an entry of "+what); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

func (r *reader) types(m member) []string {
	items, ok := r.items(m.value, "type")
	if !ok {
		return nil
	}
	types := []string{}
	for _, item := range items {
		text, ok := r.text(r.plain(item))
		if !ok || text != "file" && text != "directory" {
			r.fail(r.place(item), "a type must be file or directory, not %s", quote(text))
			continue
		}
		types = append(types, text)
	}
	return types
}

func (r *reader) mode(m member) string {
	text, ok := r.scalar(m.value, "mode")
	if !ok {
		return ""
	}
	mode := text
	for len(mode) < 3 {
		mode = "0" + mode
	}
	if len(mode) > 4 || strings.Trim(mode, "01234567") != "" {
		r.fail(m.at, "mode must be one to four octal digits, like 644, not %s", quote(text))
	}
	return mode
}

func (r *reader) context(m member) *Context {
	ms, ok := r.members(m.value, "context")
	if !ok {
		return nil
	}
	c := &Context{}
	r.unknown(ms, "a context", "user", "name", "role", "type", "range")
	for _, m := range ms {
		if m.value == nil {
			continue
		}
		switch m.key {
		case "user", "name": // AWS documents the one, its agent reads the other
			c.User, _ = r.scalar(m.value, m.key)
		case "role":
			r.fail(m.Place, "a context can't have a role; remove it")
		case "range":
			if text, ok := r.scalar(m.value, "range"); ok {
				var err error
				if c.Range, err = parseRange(text); err != nil {
					r.fail(m.at, "range %s: %v", quote(text), err)
				}
			}
		}
	}
	c.Type, _ = r.required(ms, "type", m.Place, "a context")
	return c
}

func (r *reader) acls(m member) (aces []ACE) {
	items, ok := r.items(m.value, "acls")
	if !ok {
		return nil
	}
	for _, item := range items {
		n := r.plain(item)
		text, ok := r.text(n)
		if !ok {
			r.fail(r.place(item), "an entry of acls must be a text like user:name:rwx, not %s", kind(n))
			continue
		}
		ace, err := ParseACE(text)
		if err != nil {
			r.fail(r.place(item), "acl %s: %v", quote(text), err)
			continue
		}
		aces = append(aces, ace)
	}
	return aces
}
