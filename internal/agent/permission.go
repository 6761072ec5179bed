package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"slipway/spec/appspec"
)

func (i *installation) chmod(x instruction) error {
	bits, err := strconv.ParseUint(x.Mode, 8, 12)
	if err != nil {
		return err
	}
	mode := fs.FileMode(bits & 0o777)
	for bit, special := range map[uint64]fs.FileMode{
		0o4000: fs.ModeSetuid,
		0o2000: fs.ModeSetgid,
		0o1000: fs.ModeSticky,
	} {
		if bits&bit != 0 {
			mode |= special
		}
	}
	info, err := i.to.Lstat(x.File)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		// a link has no mode of its own, and what it leads to is not the revision's
		return err
	}
	return i.to.Chmod(x.File, mode)
}

func (i *installation) chown(x instruction) error {
	uid, gid := -1, -1
	if x.Owner != "" {
		u, err := user.Lookup(x.Owner)
		if err != nil {
			return fmt.Errorf("the owner of %s: %w", x.File, err)
		}
		if uid, err = strconv.Atoi(u.Uid); err != nil {
			return err
		}
	}
	if x.Group != "" {
		g, err := user.LookupGroup(x.Group)
		if err != nil {
			return fmt.Errorf("the group of %s: %w", x.File, err)
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return err
		}
	}
	return i.to.Lchown(x.File, uid, gid)
}

// setfacl sets the whole list: the base entries from the mode, and what else the list needs to be one.
func (i *installation) setfacl(x instruction) error {
	info, err := i.to.Lstat(x.File)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	if err := run("setfacl", "--set", strings.Join(fullACL(x.aces, info.Mode()), ","), "--",
		i.a.real(x.File)); err != nil {
		return fmt.Errorf("the acls of %s: %w", x.File, err)
	}
	return nil
}

func fullACL(aces []appspec.ACE, mode fs.FileMode) []string {
	perms := func(shift uint) string {
		bits, out := mode.Perm()>>shift&7, []byte("---")
		for i, c := range "rwx" {
			if bits>>(2-uint(i))&1 == 1 {
				out[i] = byte(c)
			}
		}
		return string(out)
	}
	all := slices.Clone(aces)
	has := func(isDefault bool, kind string, named bool) bool {
		return slices.ContainsFunc(all, func(a appspec.ACE) bool {
			return a.Default == isDefault && (kind == "" || a.Kind == kind) && (a.Name != "") == named
		})
	}
	add := func(isDefault bool, kind, p string) {
		if !has(isDefault, kind, false) {
			all = append(all, appspec.ACE{Default: isDefault, Kind: kind, Perms: p})
		}
	}
	add(false, "user", perms(6))
	add(false, "group", perms(3))
	add(false, "other", perms(0))
	if has(false, "", true) {
		add(false, "mask", perms(3))
	}
	if slices.ContainsFunc(all, func(a appspec.ACE) bool { return a.Default }) {
		add(true, "user", perms(6))
		add(true, "group", perms(3))
		add(true, "other", perms(0))
		if has(true, "", true) {
			group := all[slices.IndexFunc(
				all, func(a appspec.ACE) bool { return a.Default && a.Kind == "group" && a.Name == "" })]
			add(true, "mask", group.Perms)
		}
	}
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.String()
	}
	return texts
}

func (i *installation) semanage(x instruction) error {
	args := []string{"fcontext", "-a"}
	if x.Context.User != "" {
		args = append(args, "-s", x.Context.User)
	}
	args = append(args, "-t", x.Context.Type)
	if x.Context.Range != "" {
		args = append(args, "-r", x.Context.Range)
	}
	name := i.a.real(x.File)
	if err := run("semanage", append(args, "--", name)...); err != nil {
		return fmt.Errorf("the context of %s: %w", x.File, err)
	}
	if err := i.note("semanage\x00" + x.File); err != nil {
		return err
	}
	if err := run("restorecon", "-v", "--", name); err != nil {
		return fmt.Errorf("the context of %s: %w", x.File, err)
	}
	return nil
}

// run runs a program of the system; its error says what it wrote.
func run(program string, args ...string) error {
	var out bytes.Buffer
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed on this host", program)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}
