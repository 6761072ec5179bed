package agent

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// reuse does DownloadBundle for a deployment that restarts what is deployed already: it copies the unpacked bundle
// of the deployment that the specification names. done is false if that is not whole on this host; then the bundle is
// fetched.
func (a *agent) reuse(s *specification, o *output) (done bool, err error) {
	if s.ReuseArchiveFromDeploymentId == "" {
		return false, nil
	}
	from := a.real(archiveOf(deploymentDir(s.DeploymentGroupId, s.ReuseArchiveFromDeploymentId)))
	if !exists(from) {
		o.line("The archive of %s is not on this host any more; the bundle is fetched.", s.ReuseArchiveFromDeploymentId)
		return false, nil
	}
	archive := a.real(archiveOf(s.dir()))
	fresh := archive + ".new"
	if err := errors.Join(os.RemoveAll(archive), os.RemoveAll(fresh)); err != nil {
		return false, err
	}
	if err := copyFolder(from, fresh); err != nil {
		o.line("The archive of %s can't be used again (%v); the bundle is fetched.", s.ReuseArchiveFromDeploymentId,
			worded(err))
		return false, os.RemoveAll(fresh)
	}
	if err := os.Rename(fresh, archive); err != nil {
		return false, err
	}
	o.line("Used the archive of %s again; nothing was fetched.", s.ReuseArchiveFromDeploymentId)
	return true, writeFile(a.mostRecent(s.DeploymentGroupId), []byte(s.dir()), 0o644)
}

// copyFolder copies a folder with modes and times. Links are made again, and never followed.
func copyFolder(from, to string) error {
	source, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	target, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer target.Close()
	modes := map[string]fs.FileMode{}
	err = fs.WalkDir(source.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			modes[name] = info.Mode().Perm()
			return target.Mkdir(name, 0o700)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := source.Readlink(name)
			if err != nil {
				return err
			}
			return target.Symlink(link, name)
		case !info.Mode().IsRegular():
			return errors.New(path.Join(filepath.Base(from), name) + " is no file, folder or link")
		}
		return copyFile(source, target, name, info)
	})
	for name, mode := range modes {
		if err == nil {
			err = target.Chmod(name, mode)
		}
	}
	return err
}

func copyFile(source, target *os.Root, name string, info fs.FileInfo) error {
	from, err := source.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := target.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Chmod(info.Mode().Perm())
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = target.Chtimes(name, info.ModTime(), info.ModTime())
	}
	return err
}
