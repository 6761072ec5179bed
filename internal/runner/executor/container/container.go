// Package container opens rooms in containers of Docker or Podman, by the API that both have.
//
// A room is one container. Its first process starts the build's shell, as often as it takes, and lives as long as the
// room; what a build wrote outside its folders is in the container's own layer and ends with it. Containers share the
// machine's network, as sandboxes do, so that a build reaches what the runner gives it at a loopback address.
package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"slipway/internal/runner/room"
)

// Labels of containers, by which they are found again.
const (
	labelRooms = "slipway.rooms" // the folder that holds the rooms' folders
	labelRoom  = "slipway.room"  // the room's folder
)

// engineLimit bounds a call of the engine that is not a pull.
const engineLimit = time.Minute

// Executor opens rooms in containers.
type Executor struct {
	api *engine
	// Privileged allows rooms whose processes have the rights of the machine's administrator.
	privileged bool
	labels     []string
	about      string
	homes      *homes
	pulls      *locks // by the name of an image
	// tree is the folder that rooms show as their source, "" for one of the room's own.
	tree string
	// side runs programs that an image lacks, with the same files; nil if there is nowhere else to run them.
	side Side
}

// Side opens rooms on this machine that show the folders of a container's room.
type Side interface {
	Open(ctx context.Context, s room.Spec) (room.Room, error)
}

// Config is what an executor is made with.
type Config struct {
	// Host is the engine's address, as DOCKER_HOST has it; "" is that of the environment, or the usual socket.
	Host string
	// Privileged allows builds that ask for it the rights of the machine's administrator.
	Privileged bool
	// Side runs what an image lacks, such as Git for the sources; nil if there is nothing.
	Side Side
}

// New returns an executor whose engine has answered, or says why there is none.
func New(ctx context.Context, c Config) (*Executor, error) {
	ctx, cancel := context.WithTimeout(ctx, engineLimit)
	defer cancel()
	api, err := dial(ctx, cmp.Or(c.Host, os.Getenv("DOCKER_HOST"), socket()))
	if err != nil {
		return nil, err
	}
	var info info
	if err := api.call(ctx, http.MethodGet, "/info", nil, &info); err != nil {
		return nil, fmt.Errorf("the container engine at %s does not say what it is: %w", api.address, err)
	}
	if info.OSType != runtime.GOOS {
		return nil, fmt.Errorf("the container engine at %s runs images for %s, not for %s", api.address,
			info.OSType, runtime.GOOS)
	}
	rootless := strings.Contains(strings.Join(info.SecurityOptions, " "), "rootless")
	if os.Geteuid() != 0 && !rootless {
		return nil, fmt.Errorf("the container engine at %s runs as root and this runner does not: it could not remove "+
			"what builds write. Run the runner as root too, or a rootless engine", api.address)
	}
	e := &Executor{api: api, homes: new(homes), pulls: new(locks), privileged: c.Privileged, side: c.Side,
		about:  "the container engine " + info.ServerVersion,
		labels: []string{"container", runtime.GOOS, runtime.GOARCH}}
	if c.Privileged {
		e.labels = append(e.labels, "privileged")
	}
	return e, nil
}

// Tree returns an executor whose rooms build the folder tree in place. Only one of them may be open at a time.
func (e *Executor) Tree(tree string) *Executor {
	of := *e
	of.tree = tree
	return &of
}

// socket is where the engine of this machine listens: Docker, or else Podman's service.
func socket() string {
	const docker, podman = "/var/run/docker.sock", "/run/podman/podman.sock"
	if _, err := os.Stat(docker); err == nil {
		return "unix://" + docker
	}
	if _, err := os.Stat(podman); err == nil {
		return "unix://" + podman
	}
	return "unix://" + docker
}

// About names the engine and its version.
func (e *Executor) About() string { return e.about }

// Labels says what the executor can: "container", "privileged" if it may give that, the operating system and the
// architecture, as Go names them.
func (e *Executor) Labels() []string { return e.labels }

// Open opens a room with its shell. The image is pulled if the engine does not have it.
func (e *Executor) Open(ctx context.Context, s room.Spec) (room.Room, error) {
	if s.Privileged && !e.privileged {
		return nil, errors.New("the project asks for privileged mode, which this runner does not give (its option " +
			"--privileged allows it)")
	}
	r := &containerRoom{engine: e, spec: s}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Recover removes the containers of rooms below dir that an earlier process opened, and their folders.
func (e *Executor) Recover(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
	defer cancel()
	left, err := e.api.labelled(ctx, labelRooms+"="+dir)
	if err != nil {
		return fmt.Errorf("list the containers that builds left: %w", err)
	}
	var errs []error
	for _, id := range left {
		errs = append(errs, e.remove(id))
	}
	errs = append(errs, e.removeVolumes(ctx, labelRooms+"="+dir))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, d := range entries {
		errs = append(errs, room.RemoveAll(filepath.Join(dir, d.Name())))
	}
	return errors.Join(errs...)
}

// remove kills a container and removes it.
func (e *Executor) remove(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
	defer cancel()
	return e.api.remove(ctx, id)
}

// hostConfig is how a room's container is closed in.
func (r *containerRoom) hostConfig() hostConfig {
	s := r.spec
	h := hostConfig{NetworkMode: "host", IpcMode: "private", Privileged: s.Privileged, limits: limitsOf(s.Limits)}
	h.LogConfig.Type = "none"
	if s.Network == room.NetworkNone {
		h.NetworkMode = "none"
	}
	if !s.Privileged {
		// Raw sockets on the machine's network would show the traffic of others, and devices its disks.
		h.CapDrop = []string{"NET_RAW", "MKNOD", "AUDIT_WRITE"}
	}
	for _, f := range r.folders {
		h.Binds = append(h.Binds, f.outside+":"+f.inside)
	}
	for _, m := range s.Mounts {
		how := ":ro"
		if m.Writable {
			how = ""
		}
		h.Binds = append(h.Binds, m.From+":"+m.To+how)
	}
	return h
}
