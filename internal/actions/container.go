package actions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/internal/actions/expression"
)

// contained gives the job the container that it wants: the build's own if that is of the image and the job says nothing
// else of it, or one beside the build. Its variables are the job's.
func (j *job) contained(ctx context.Context, c contexts) error {
	v, err := evaluate(j.def.Container, c.only(inContainer...))
	if err != nil || expression.Text(v) == "" && !isObject(v) {
		return err
	}
	s, err := service("container", v)
	if err != nil || s.Image == "" {
		return err
	}
	if s.Password != "" {
		j.d.console.hide(s.Password)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		j.env.set(name, s.Env[name])
	}
	own := s
	own.Env, own.User, own.Password = nil, "", ""
	if s.Image == j.d.plan.Image && own.plain() {
		j.container = expression.NewObject().Set("id", "").Set("network", "host")
		return nil
	}
	if err := s.working(); err != nil {
		return err
	}
	home, err := j.d.home()
	if err != nil {
		return err
	}
	s.Work = &Work{Hosts: j.hosts}
	s.Env["HOME"] = home
	j.d.console.printf("Starting the container of the job (%s)", s.Image)
	if j.inside, err = j.d.companion(ctx, s); err != nil {
		return err
	}
	j.container = expression.NewObject().Set("id", j.inside.ID).Set("network", "host")
	return nil
}

func isObject(v expression.Value) bool {
	_, ok := v.(*expression.Object)
	return ok
}

// plain tells whether nothing is said of a container but its image.
func (s Service) plain() bool {
	o := s.Options
	return len(s.Ports) == 0 && len(o.Volumes) == 0 && len(o.Tmpfs) == 0 && len(o.Entrypoint) == 0 && o.User == "" &&
		o.Dir == "" && o.Hostname == "" && o.SharedMemory == 0 && o.Memory == 0 && o.CPUs == 0 && !o.ReadOnly
}

// working checks what is said of a container in which steps run. It has the network of the runner's machine as builds
// have, so that its ports are the machine's.
func (s *Service) working() error {
	for _, p := range s.Ports {
		text, _, _ := strings.Cut(p, "/")
		if outer, inner, both := strings.Cut(text, ":"); both && outer != inner {
			return fmt.Errorf("the port %s: the container has the network of the runner's machine, where its port "+
				"is %s", p, inner)
		}
	}
	s.Ports = nil
	if s.HealthCommand != "" || s.Options.Hostname != "" || len(s.Options.Entrypoint) > 0 {
		return errors.New("the options --health, --hostname and --entrypoint are those of services; in this " +
			"container a program of Slipway's runs the steps")
	}
	return nil
}

// home makes the folder that containers have as HOME. Git works there on the files of the build, whoever they belong
// to.
func (d *driver) home() (string, error) {
	home := filepath.Join(d.plan.Work, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	config := filepath.Join(home, ".gitconfig")
	if _, err := os.Lstat(config); err == nil {
		return home, nil
	}
	// The image's user writes there, whoever that is.
	return home, errors.Join(os.Chmod(home, 0o777), os.WriteFile(config, []byte("[safe]\n\tdirectory = *\n"), 0o644))
}

// regain gives the files that containers have made to the build's user, for actions that the driver carries out.
func (d *driver) regain(ctx context.Context) error {
	answer, err := d.ask(ctx, http.MethodPost, OwnPath, nil)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
