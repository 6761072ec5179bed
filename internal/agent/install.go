package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"slipway/spec/appspec"
)

// fileExists is CodeDeploy's message for a file that a deployment would overwrite.
const fileExists = "The deployment failed because a specified file already exists at this location"

// installation is one Install in progress.
type installation struct {
	a       *agent
	to      tree
	archive *os.Root
	plan    *plan
	cleanup *os.File
}

// install does Install: take away what the last installation of the group put in place, put the new revision's files in
// place, and remember it as the last one installed with success.
func (a *agent) install(s *specification, o *output) error {
	spec, file, err := a.appspec(s.dir(), s.AppSpecFilename)
	if err != nil {
		return err
	}
	if s.LifecycleEvents != nil {
		if errs := spec.CheckEvents(file, s.LifecycleEvents); len(errs) > 0 {
			return errs
		}
	}
	if spec.OS != "linux" {
		return fmt.Errorf("%s is for os: %s; this host is a linux", file, spec.OS)
	}
	to, done, err := openTree(a.Root)
	if err != nil {
		return err
	}
	defer done()
	archive, err := os.OpenRoot(a.real(archiveOf(s.dir())))
	if err != nil {
		return err
	}
	defer archive.Close()
	i := &installation{a: a, to: to, archive: archive, plan: newPlan()}
	if err := i.clean(a.cleanupFile(s.DeploymentGroupId)); err != nil {
		return err
	}
	behavior := s.behavior()
	if spec.FileExistsBehavior != "" {
		behavior = spec.FileExistsBehavior
	}
	if err := i.generate(spec, behavior); err != nil {
		return err
	}
	text, err := json.Marshal(i.plan)
	if err != nil {
		return err
	}
	if err := os.WriteFile(a.installFile(s.DeploymentGroupId), text, 0o644); err != nil {
		return err
	}
	if err := i.execute(a.cleanupFile(s.DeploymentGroupId)); err != nil {
		return err
	}
	o.line("Installed %d files and %d folders.", len(i.plan.copies), len(i.plan.folders))
	return writeFile(a.lastSuccessful(s.DeploymentGroupId), []byte(s.dir()), 0o644)
}

// clean takes away what a cleanup file lists, the last first. Folders go if they are empty. A line that was cut off was
// not carried out.
func (i *installation) clean(file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(content, []byte("\n"))
	for _, line := range slices.Backward(lines) {
		name, whole := strings.CutSuffix(string(line), "\n")
		if !whole || name == "" {
			continue
		}
		if object, ok := strings.CutPrefix(name, "semanage\x00"); ok {
			_ = run("semanage", "fcontext", "-d", i.a.real(object)) // a context that is gone is as good
			continue
		}
		if err := i.remove(name); err != nil {
			return fmt.Errorf("take away what was installed last: %w", err)
		}
	}
	return os.Remove(file)
}

func (i *installation) remove(name string) error {
	info, err := i.to.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	err = i.to.Remove(name)
	if info.IsDir() &&
		(errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.EBUSY)) {
		return nil
	}
	return err
}

// generate plans the installation, without changing anything.
func (i *installation) generate(spec *appspec.Spec, behavior string) error {
	for _, f := range spec.Files {
		source := strings.TrimPrefix(clean(f.Source), "/")
		if source == "" {
			source = "."
		}
		info, err := i.archive.Stat(source)
		if err != nil {
			return i.noSource(f, err)
		}
		destination := clean(f.Destination)
		if !info.IsDir() {
			destination = path.Join(destination, path.Base(source))
		}
		for _, dir := range ancestors(destination) {
			if _, err := i.to.Stat(dir); errors.Is(err, fs.ErrNotExist) {
				if err := i.plan.mkdir(dir); err != nil {
					return err
				}
			} else if err != nil {
				return i.unreachable(dir, err)
			}
		}
		if info.IsDir() {
			err = i.folder(source, destination, behavior)
		} else {
			err = i.file(source, destination, behavior)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range spec.Permissions {
		if err := i.plan.permit(p, i.isFolder); err != nil {
			return err
		}
	}
	return nil
}

// noSource says why a source of the files section can't be installed.
func (i *installation) noSource(f appspec.File, err error) error {
	switch {
	case strings.ContainsAny(f.Source, "*?["):
		return fmt.Errorf(
			"the source %q (line %d) is not in the bundle. Wildcards are not expanded: name a file or a folder, or / "+
				"for all of the bundle", f.Source, f.Line)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the source %q (line %d) is not in the bundle. Sources are paths from the top of the bundle",
			f.Source, f.Line)
	}
	return fmt.Errorf("the source %q (line %d) can't be read: %w", f.Source, f.Line, err)
}

func (i *installation) unreachable(name string, err error) error {
	if strings.Contains(err.Error(), "escapes") {
		return fmt.Errorf("%s leads out of the root %s of this host; nothing is written there", name, i.a.Root)
	}
	return err
}

func (i *installation) isFolder(name string) bool {
	info, err := i.to.Stat(name)
	return err == nil && info.IsDir()
}

func (i *installation) folder(source, destination, behavior string) error {
	if !i.isFolder(destination) {
		if _, err := i.to.Stat(destination); err == nil {
			return fmt.Errorf(
				"%s is a file on this host, and the bundle has a folder there (%s). Remove the file, or change the "+
					"destination", destination, source)
		}
		if err := i.plan.mkdir(destination); err != nil {
			return err
		}
	}
	dir, err := i.archive.Open(source)
	if err != nil {
		return err
	}
	entries, err := dir.ReadDir(-1)
	_ = dir.Close()
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		from, to := path.Join(source, e.Name()), path.Join(destination, e.Name())
		if e.IsDir() {
			err = i.folder(from, to, behavior)
		} else {
			err = i.file(from, to, behavior)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *installation) file(source, destination, behavior string) error {
	info, err := i.to.Lstat(destination)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return i.plan.copy(source, destination)
	}
	if err != nil {
		return i.unreachable(destination, err)
	}
	if info.IsDir() && behavior != "RETAIN" {
		return fmt.Errorf(
			"%s is a folder on this host, and the bundle has a file there (%s). Remove the folder, or change the "+
				"destination", destination, source)
	}
	switch behavior {
	case "OVERWRITE":
		return i.plan.copy(source, destination)
	case "RETAIN":
		return nil
	case "DISALLOW":
		return fmt.Errorf("%s: %s. It was not installed by an earlier deployment of this group; remove it, "+
			"or set file_exists_behavior to OVERWRITE or RETAIN", fileExists, destination)
	}
	return fmt.Errorf("file_exists_behavior is %q; it must be DISALLOW, OVERWRITE or RETAIN", behavior)
}

// execute carries the plan out. Each path is in the cleanup file before it is there, so that it can be taken away
// whatever happens.
func (i *installation) execute(cleanup string) (err error) {
	if i.cleanup, err = os.OpenFile(cleanup, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644); err != nil {
		return err
	}
	defer func() {
		if serr := i.cleanup.Sync(); err == nil {
			err = serr
		}
		if cerr := i.cleanup.Close(); err == nil {
			err = cerr
		}
	}()
	for _, x := range i.plan.Instructions {
		if err := i.step(x); err != nil {
			return err
		}
	}
	return nil
}

func (i *installation) step(x instruction) error {
	switch x.Type {
	case "mkdir":
		if err := i.to.Mkdir(x.Directory, 0o755); err != nil {
			return i.unreachable(x.Directory, err)
		}
		return i.note(x.Directory)
	case "copy":
		if err := i.note(x.Destination); err != nil {
			return err
		}
		return i.copy(x.Source, x.Destination)
	case "chmod":
		return i.chmod(x)
	case "chown":
		return i.chown(x)
	case "setfacl":
		return i.setfacl(x)
	case "semanage":
		return i.semanage(x)
	}
	return fmt.Errorf("the instruction %q is not known", x.Type)
}

func (i *installation) note(line string) error {
	_, err := i.cleanup.WriteString(line + "\n")
	return err
}
