package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"

	"slipway/internal/runner/room"
)

// volumeName is how a volume may be named.
var volumeName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
})

// volumes gives a service its volumes: NAME:PATH, which the services of one room share by the name, or PATH alone.
// A folder of the runner's machine is refused.
func (e *Executor) volumes(ctx context.Context, to *serviceSpec, dir string, given []string) error {
	for _, v := range given {
		parts := strings.Split(v, ":")
		how := ""
		if n := len(parts); n > 1 && (parts[n-1] == "ro" || parts[n-1] == "rw") {
			how, parts = ":"+parts[n-1], parts[:n-1]
		}
		at := parts[len(parts)-1]
		if len(parts) > 2 || !path.IsAbs(at) || path.Clean(at) == "/" {
			return fmt.Errorf("the volume %q must be NAME:PATH or PATH, with :ro after it if it is only read", v)
		}
		if len(parts) == 1 {
			if to.Volumes == nil {
				to.Volumes = map[string]struct{}{}
			}
			to.Volumes[at] = struct{}{}
			continue
		}
		if !volumeName().MatchString(parts[0]) {
			return fmt.Errorf("the volume %q would show a folder of the runner's machine, which builds do not get: "+
				"name a volume (NAME:%s)", v, at)
		}
		name, err := e.volume(ctx, dir, parts[0], to.Labels)
		if err != nil {
			return fmt.Errorf("the volume %s: %w", parts[0], err)
		}
		to.HostConfig.Binds = append(to.HostConfig.Binds, name+":"+at+how)
	}
	return nil
}

// volume makes a volume of a room, unless it is there. Other rooms do not know the name that the engine has for it.
func (e *Executor) volume(ctx context.Context, dir, name string, labels map[string]string) (string, error) {
	sum := sha256.Sum256([]byte(dir))
	made := struct {
		Name   string
		Labels map[string]string
	}{"slipway-" + hex.EncodeToString(sum[:8]) + "-" + name, labels}
	return made.Name, e.api.call(ctx, http.MethodPost, "/volumes/create", made, nil)
}

// removeVolumes removes the volumes with a label that no container uses.
func (e *Executor) removeVolumes(ctx context.Context, label string) error {
	filters, err := json.Marshal(map[string][]string{"label": {label}})
	if err != nil {
		return err
	}
	var all struct{ Volumes []struct{ Name string } }
	at := "/volumes?filters=" + url.QueryEscape(string(filters))
	if err := e.api.call(ctx, http.MethodGet, at, nil, &all); err != nil {
		return err
	}
	var errs []error
	for _, v := range all.Volumes {
		err := e.api.call(ctx, http.MethodDelete, "/volumes/"+v.Name, nil, nil)
		if used, ok := errors.AsType[*refusal](err); ok && used.status == http.StatusConflict || gone(err) {
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

var _ room.Services = (*Executor)(nil)
