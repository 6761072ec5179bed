package appspec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ACE is an entry of an access control list.
type ACE struct {
	Default bool
	Kind    string // user, group, mask, other
	Name    string // "" is the owner's, the owning group's, and of mask and other
	Perms   string // rwx, with - for what is not granted
}

// String writes an entry as setfacl reads it.
func (a ACE) String() string {
	s := a.Kind + ":" + a.Name + ":" + a.Perms
	if a.Default {
		s = "default:" + s
	}
	return s
}

var aclKinds = map[string]string{
	"m":     "mask",
	"mask":  "mask",
	"o":     "other",
	"other": "other",
	"g":     "group",
	"group": "group",
	"u":     "user",
	"user":  "user",
}

// ParseACE reads an entry: [d[efault]:][u[ser]|g[roup]|m[ask]|o[ther]:][NAME]:PERMISSIONS. The entries of the owner,
// the owning group and all others are refused, since mode sets them.
func ParseACE(text string) (ACE, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 4 {
		return ACE{}, errors.New("an entry has two to four parts between colons")
	}
	slices.Reverse(parts) // permissions, name, kind, default
	a, err := parseACEKind(parts[2:])
	if err != nil {
		return a, err
	}
	if kind := aclKinds[parts[1]]; a.Kind == "" && (kind == "mask" || kind == "other") {
		a.Kind = kind
	} else {
		a.Name = parts[1]
	}
	if a.Kind == "" {
		a.Kind = "user"
	}
	if err := a.check(); err != nil {
		return a, err
	}
	a.Perms, err = permissions(parts[0])
	return a, err
}

// parseACEKind reads the parts before an entry's name, the nearest first: its kind, and whether it is a default.
func parseACEKind(parts []string) (a ACE, err error) {
	isDefault := func(s string) bool { return s == "d" || s == "default" }
	if len(parts) == 2 {
		if !isDefault(parts[1]) {
			return a, errors.New("of four parts the first must be default")
		}
		a.Default = true
	}
	if len(parts) == 0 {
		return a, nil
	}
	switch {
	case isDefault(parts[0]) && !a.Default:
		a.Default = true
	case aclKinds[parts[0]] != "":
		a.Kind = aclKinds[parts[0]]
	default:
		err = fmt.Errorf("%s is neither user, group, mask nor other", quote(parts[0]))
	}
	return a, err
}

// check refuses an entry whose kind and name do not go together.
func (a ACE) check() error {
	switch {
	case (a.Kind == "mask" || a.Kind == "other") && a.Name != "":
		return fmt.Errorf("%s has no name", a.Kind)
	case !a.Default && a.Kind != "mask" && a.Name == "":
		return errors.New("use mode for the owner, the owning group and all others")
	case strings.ContainsAny(a.Name, ", \t\n"):
		return fmt.Errorf("%s is no name of a user or group", quote(a.Name))
	}
	return nil
}

func permissions(text string) (string, error) {
	r, w, x := false, false, false
	if len(text) == 1 && text[0] >= '0' && text[0] <= '7' {
		n := text[0] - '0'
		r, w, x = n&4 != 0, n&2 != 0, n&1 != 0
	} else {
		for _, c := range text {
			switch c {
			case 'r':
				r = true
			case 'w':
				w = true
			case 'x':
				x = true
			case '-':
			default:
				return "", fmt.Errorf("permissions are r, w, x and -, or one digit of 0 to 7, not %q", c)
			}
		}
	}
	out := []byte("---")
	for i, granted := range []bool{r, w, x} {
		if granted {
			out[i] = "rwx"[i]
		}
	}
	return string(out), nil
}
