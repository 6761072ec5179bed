package runner

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slipway/internal/actions"
	"slipway/internal/runner/room"
)

// AgentCommand is the hidden command of Slipway's binary that runs programs in a container of steps.
const AgentCommand = "actions-agent"

// agentPath is where a container of steps has the program of Slipway.
const agentPath = "/.slipway/agent"

// wanted is the container that a build asks for.
func (s *actionsServer) wanted(in actions.Service) (room.Service, error) {
	o := in.Options
	want := room.Service{Name: in.Name, Image: in.Image, Env: in.Env, Ports: in.Ports,
		Health: room.Health{Command: in.HealthCommand, Interval: in.Interval, Timeout: in.Timeout,
			StartPeriod: in.StartPeriod, Retries: in.Retries},
		Options: room.Options{User: o.User, Dir: o.Dir, Hostname: o.Hostname, Entrypoint: o.Entrypoint,
			Volumes: o.Volumes, Tmpfs: o.Tmpfs, SharedMemory: o.SharedMemory, Memory: o.Memory, CPUs: o.CPUs,
			ReadOnly: o.ReadOnly}}
	if in.User != "" {
		want.Registry = &room.Registry{User: in.User, Password: in.Password}
	}
	if in.Work == nil {
		return want, nil
	}
	mounts, err := s.mounts()
	if err != nil {
		return want, err
	}
	want.Work = &room.Work{
		Command: []string{agentPath, AgentCommand, in.Work.Socket},
		Mounts:  mounts,
		Links:   in.Work.Links,
		Hosts:   in.Work.Hosts,
		Limits:  s.b.Room.Limits,
		Network: s.b.Room.Network,
	}
	return want, nil
}

// mounts are the folders that a container of steps has: those of the build that the build itself cannot replace by a
// link to elsewhere, and the program that runs steps.
func (s *actionsServer) mounts() (all []room.Mount, err error) {
	at := s.b.space.place
	for _, inside := range []string{at.Source, at.Secondary, at.Tools} {
		dir, rest, err := s.b.space.room.Files(inside)
		if err != nil || inside == "" {
			continue
		}
		if rest != "." {
			return nil, fmt.Errorf("the folder %s of the build cannot be shown in a container", inside)
		}
		all = append(all, room.Mount{From: dir, To: inside, Writable: true})
	}
	own := s.b.Actions.Driver
	if own == "" {
		own = "/proc/self/exe"
	}
	program, err := filepath.EvalSymlinks(own)
	if err != nil {
		return nil, fmt.Errorf("the program of the runner is not there any more; start the runner anew: %w", err)
	}
	return append(all, room.Mount{From: program, To: agentPath}), nil
}

// ended answers when a container of this build has ended.
func (s *actionsServer) ended(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.mu.Lock()
	_, ok := s.serving[id]
	s.mu.Unlock()
	of, can := s.b.Executor.(room.Services)
	if !ok || !can {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	end, err := of.Ended(r.Context(), id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_ = json.NewEncoder(w).Encode(actions.Dismissed{Ended: end.String()})
}

// regain gives the files that containers have made in the build's folders to the build's user.
func (s *actionsServer) regain(w http.ResponseWriter, _ *http.Request) {
	mounts, err := s.mounts()
	user := s.b.space.place.User
	for _, m := range mounts {
		if m.Writable && user >= 0 {
			err = errors.Join(err, handTo(m.From, user))
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// handTo gives the files of a folder to a user.
func handTo(dir string, user int) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(file string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = root.Lchown(file, user, user)
		}
		if errors.Is(err, fs.ErrNotExist) { // the build goes on meanwhile
			return nil
		}
		return err
	})
}

// maxContext bounds the files of a Dockerfile's folder, in bytes.
const maxContext = 256 << 20

// image builds the image of a docker action.
func (s *actionsServer) image(w http.ResponseWriter, r *http.Request) {
	var in actions.Recipe
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	of, ok := s.b.Executor.(room.Services)
	if !ok {
		http.Error(w, errNoEngine.Error(), http.StatusNotImplemented)
		return
	}
	if !s.b.Room.Privileged {
		http.Error(w, "it is built from a Dockerfile, which needs privilegedMode of the project's environment (the "+
			"processes of an image that is built are not counted); an action with image: docker://… does not",
			http.StatusForbidden)
		return
	}
	text, err := s.b.context(in.Dir)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.b.log.say("Building the image of the action in %s", in.Dir)
	recipe := room.Recipe{Context: text, Dockerfile: in.Dockerfile, Limits: s.b.Room.Limits, Network: s.b.Room.Network}
	image, err := of.BuildImage(r.Context(), recipe, func(line string) { s.b.log.say("  %s", line) })
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, image)
}

// context is a tar archive of a folder of the build, always the same for the same files.
func (b *build) context(inside string) ([]byte, error) {
	dir, rest, err := b.space.room.Files(inside)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	top := path.Clean(rest)
	err = fs.WalkDir(root.FS(), top, func(file string, d fs.DirEntry, err error) error {
		name := file
		if top != "." {
			name = strings.TrimPrefix(file, top+"/")
		}
		switch {
		case err != nil || file == top:
			return err
		case name == ".git" && d.IsDir():
			return fs.SkipDir
		}
		return addToContext(w, root, file, name, d, &out)
	})
	return out.Bytes(), errors.Join(err, w.Close())
}

func addToContext(w *tar.Writer, root *os.Root, file, name string, d fs.DirEntry, out *bytes.Buffer) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: int64(info.Mode().Perm())}
	switch {
	case d.IsDir():
		h.Name, h.Typeflag = name+"/", tar.TypeDir
		return w.WriteHeader(h)
	case info.Mode()&fs.ModeSymlink != 0:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = root.Readlink(file); err != nil {
			return err
		}
		return w.WriteHeader(h)
	case !info.Mode().IsRegular():
		return nil
	}
	f, info, err := openRegular(root, file)
	if err != nil {
		return err
	}
	defer f.Close()
	if int64(out.Len())+info.Size() > maxContext {
		return fmt.Errorf("the folder of the Dockerfile has more than %d MB", maxContext>>20)
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, h.Size)
	return err
}
