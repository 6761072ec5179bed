package container

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	"slipway/internal/runner/room"
)

// work makes the container of a service one in which steps run.
func (s *serviceSpec) work(w room.Work) {
	s.Entrypoint = w.Command
	h := &s.HostConfig
	h.limits = limitsOf(w.Limits)
	h.NetworkMode = "host"
	if w.Network == room.NetworkNone {
		h.NetworkMode = "none"
	}
	for _, m := range w.Mounts {
		how := ":ro"
		if m.Writable {
			how = ""
		}
		h.Binds = append(h.Binds, m.From+":"+m.To+how)
	}
	for name, address := range w.Hosts {
		h.ExtraHosts = append(h.ExtraHosts, name+":"+address)
	}
	slices.Sort(h.ExtraHosts)
	s.Healthcheck = &healthcheck{Test: []string{"NONE"}}
}

// link makes symbolic links in a container that has not been started.
func (e *Executor) link(ctx context.Context, id string, links map[string]string) error {
	if len(links) == 0 {
		return nil
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	made := map[string]bool{"/": true, ".": true}
	for at, to := range links {
		if !path.IsAbs(at) || path.Clean(at) != at || at == "/" {
			return fmt.Errorf("%q is no place for a link", at)
		}
		if dir := path.Dir(at); !made[dir] {
			made[dir] = true
			name := strings.TrimPrefix(dir, "/") + "/"
			if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
				return err
			}
		}
		h := &tar.Header{Name: strings.TrimPrefix(at, "/"), Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	answer, err := e.api.send(ctx, http.MethodPut, "/containers/"+id+"/archive?path=%2F", &out)
	if err != nil {
		return fmt.Errorf("make the links of a container: %w", err)
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
