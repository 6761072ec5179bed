package agent

import (
	"os"
	"path"
	"path/filepath"
)

// paths are the agent's folders: those of AWS's agent, below the root.
type paths struct{ prefix string }

const home = "/opt/codedeploy-agent"

// real is where a path of the host is on the machine.
func (p paths) real(path string) string {
	if p.prefix == "" {
		return filepath.Clean(path)
	}
	return filepath.Join(p.prefix, path)
}

func (p paths) root() string           { return p.real(home + "/deployment-root") }
func (p paths) instructions() string   { return filepath.Join(p.root(), "deployment-instructions") }
func (p paths) ongoing() string        { return filepath.Join(p.root(), "ongoing-deployment") }
func (p paths) deploymentLogs() string { return filepath.Join(p.root(), "deployment-logs") }
func (p paths) state() string          { return p.real(home + "/state") }

// deployment is a deployment's folder as the host sees it.
func deploymentDir(group, deployment string) string {
	return path.Join(home, "deployment-root", group, deployment)
}

func archiveOf(dir string) string { return path.Join(dir, "deployment-archive") }

func (p paths) cleanupFile(group string) string {
	return filepath.Join(p.instructions(), group+"-cleanup")
}
func (p paths) installFile(group string) string {
	return filepath.Join(p.instructions(), group+"-install.json")
}
func (p paths) lastSuccessful(group string) string {
	return filepath.Join(p.instructions(), group+"_last_successful_install")
}
func (p paths) mostRecent(group string) string {
	return filepath.Join(p.instructions(), group+"_most_recent_install")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// writeFile replaces a file durably: after a crash it is the old one or the new one.
func writeFile(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
