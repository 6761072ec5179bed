package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slipway/spec/appspec"
)

// hook is a lifecycle event with the scripts that it runs.
type hook struct {
	a       *agent
	s       *specification
	event   string
	archive string // of the revision whose scripts run, on the machine
	scripts []appspec.Script
}

// hook finds the scripts of an event; nil if there are none. Those that stop the old version are the old version's own:
// of the last revision that was installed with success. All others are the new one's.
func (a *agent) hook(s *specification, event string) (*hook, error) {
	dir := s.dir()
	if !exists(a.real(archiveOf(dir))) {
		var marker string
		switch revisionOf(s, event) {
		case lastSuccessful:
			marker = a.lastSuccessful(s.DeploymentGroupId)
		case mostRecent:
			marker = a.mostRecent(s.DeploymentGroupId)
		}
		if marker != "" {
			content, err := os.ReadFile(marker)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil // nothing was installed before
			}
			if err != nil {
				return nil, err
			}
			dir = strings.TrimSpace(string(content))
			if !exists(a.real(archiveOf(dir))) {
				return nil, a.formerGone(dir, marker, event)
			}
		}
	}
	spec, _, err := a.appspec(dir, s.AppSpecFilename)
	if err != nil {
		return nil, err
	}
	if scripts := spec.Scripts(event); len(scripts) > 0 {
		return &hook{a, s, event, a.real(archiveOf(dir)), scripts}, nil
	}
	return nil, nil
}

// formerGone says that the scripts of an event are those of a former revision, which was removed from the host, and
// what to do.
func (a *agent) formerGone(dir, marker, event string) error {
	return &failure{code: unknownError,
		message: fmt.Sprintf(
			"%s runs the scripts of the former revision, that of deployment %s, which was the last to be installed "+
				"with success. "+
				"Its folder %s was removed from this host. Deploy once with --ignore-application-stop-failures, or "+
				"remove %s on the host: then there is no former revision, and the event has no scripts.",
			event, path.Base(dir), a.real(archiveOf(dir)), marker)}
}

// which revision's scripts run.
const (
	current = iota
	lastSuccessful
	mostRecent
)

func revisionOf(s *specification, event string) int {
	// When a blue/green deployment is rolled back, the roles of the two change.
	back := s.DeploymentCreator == "codeDeployRollback" && s.DeploymentType == "BLUE_GREEN"
	switch event {
	case "ApplicationStop":
		return lastSuccessful
	case "BeforeBlockTraffic", "AfterBlockTraffic":
		if back {
			return mostRecent
		}
		return lastSuccessful
	case "BeforeAllowTraffic", "AfterAllowTraffic":
		if back {
			return lastSuccessful
		}
	}
	return current
}

// appspec reads the application specification of an unpacked revision. dir is its deployment's folder, as the host sees
// it.
func (a *agent) appspec(dir, name string) (*appspec.Spec, string, error) {
	root, err := os.OpenRoot(a.real(archiveOf(dir)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", &failure{code: unknownError,
			message: "The revision was unpacked by DownloadBundle, but is not on the host any more: there is no " +
				a.real(archiveOf(dir)) +
				". Was the folder cleaned meanwhile? Deploy again."}
	}
	if err != nil {
		return nil, "", err
	}
	defer root.Close()
	for _, candidate := range []string{name, "appspec.yaml", "appspec.yml"} {
		content, err := root.ReadFile(candidate)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", &failure{code: unknownError,
				message: "The application specification can't be read: " + err.Error()}
		}
		spec, err := appspec.Parse(candidate, content)
		if err != nil {
			return nil, "", &failure{code: unknownError, message: err.Error()}
		}
		if spec.Platform != appspec.Server {
			return nil, "", &failure{code: unknownError,
				message: fmt.Sprintf("%s is for %s, not for servers.", candidate, spec.Platform)}
		}
		return spec, candidate, nil
	}
	return nil, "", &failure{code: unknownError,
		message: fmt.Sprintf(
			"The revision has no %s. It was unpacked to %s; an application specification must lie at the top of the "+
				"bundle.", name, a.real(archiveOf(dir)))}
}

// run runs the scripts one after another; the first that fails ends the event.
func (h *hook) run(ctx context.Context, o *output) error {
	o.line("LifecycleEvent - %s", h.event)
	for _, script := range h.scripts {
		file, err := h.file(script)
		if err != nil {
			return err
		}
		o.line("Script - %s", script.Location)
		if err := h.script(ctx, script, file, o); err != nil {
			return err
		}
	}
	return nil
}

// file finds a script in the archive and makes it executable.
func (h *hook) file(script appspec.Script) (string, error) {
	name := strings.TrimPrefix(path.Clean("/"+script.Location), "/")
	missing := &failure{scriptMissing, script.Location,
		"Script does not exist at specified location: " + filepath.Join(h.archive, name)}
	if !filepath.IsLocal(filepath.Clean(script.Location)) && !strings.HasPrefix(script.Location, "/") {
		return "", missing
	}
	root, err := os.OpenRoot(h.archive)
	if err != nil {
		return "", missing
	}
	defer root.Close()
	info, err := root.Stat(name) // a link that leads out of the archive is no script of it
	if err != nil || info.IsDir() {
		return "", missing
	}
	if info.Mode()&0o111 == 0 {
		if err := root.Chmod(name, info.Mode().Perm()|0o111); err != nil {
			return "", &failure{notExecutable, script.Location,
				"Unable to set script at specified location: " + script.Location + " as executable"}
		}
	}
	return filepath.Join(h.archive, name), nil
}
