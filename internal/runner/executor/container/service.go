package container

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slipway/internal/runner/room"
)

// readyLimit is how long a service may take to be healthy, and askEvery how often it is asked. A service without a
// health check is ready when its program has run for settleTime: one that cannot start ends sooner.
const (
	readyLimit = 5 * time.Minute
	askEvery   = 300 * time.Millisecond
	settleTime = time.Second
)

// serviceLimits keep a service from taking all of the machine.
var serviceLimits = room.Limits{MemoryPercent: 80, Processes: 16_384}

// serviceSpec is what the container of a service is made of: what the image says, unless it is said here.
type serviceSpec struct {
	Image        string
	User         string              `json:",omitzero"`
	WorkingDir   string              `json:",omitzero"`
	Hostname     string              `json:",omitzero"`
	Entrypoint   []string            `json:",omitzero"`
	Env          []string            `json:",omitzero"`
	Labels       map[string]string   `json:",omitzero"`
	ExposedPorts map[string]struct{} `json:",omitzero"`
	Volumes      map[string]struct{} `json:",omitzero"`
	Healthcheck  *healthcheck        `json:",omitzero"`
	HostConfig   serviceHost
}

type healthcheck struct {
	Test                           []string      `json:",omitzero"`
	Interval, Timeout, StartPeriod time.Duration `json:",omitzero"`
	Retries                        int           `json:",omitzero"`
}

type serviceHost struct {
	PortBindings   map[string][]binding
	CapDrop        []string
	NetworkMode    string            `json:",omitzero"`
	Binds          []string          `json:",omitzero"`
	ExtraHosts     []string          `json:",omitzero"`
	Tmpfs          map[string]string `json:",omitzero"`
	ShmSize        int64             `json:",omitzero"`
	ReadonlyRootfs bool              `json:",omitzero"`
	limits
}

type binding struct{ HostIP, HostPort string }

// serviceState is how a service is.
type serviceState struct {
	State struct {
		Running   bool
		OOMKilled bool
		ExitCode  int
		Health    *struct {
			Status string
			Log    []struct{ Output string }
		}
	}
	Config          struct{ Labels map[string]string }
	NetworkSettings struct {
		Ports     map[string][]binding
		IPAddress string
		Networks  map[string]struct{ IPAddress string }
	}
}

// Serve implements room.Services.
func (e *Executor) Serve(ctx context.Context, dir string, s room.Service,
	say func(string)) (serving room.Serving, err error) {
	r := &containerRoom{engine: e, spec: room.Spec{Dir: dir, Image: s.Image, Registry: s.Registry, Say: say}}
	of, err := r.image(ctx)
	if err != nil {
		return serving, err
	}
	spec, err := e.serviceSpec(ctx, of.id, dir, s)
	if err != nil {
		return serving, err
	}
	var made struct{ ID string }
	if err := e.api.call(ctx, http.MethodPost, "/containers/create", spec, &made); err != nil {
		return serving, fmt.Errorf("make a container of the image %s: %w", s.Image, err)
	}
	if s.Work != nil {
		err = e.link(ctx, made.ID, s.Work.Links)
	}
	if err == nil {
		serving, err = e.await(ctx, made.ID, s)
	}
	if err != nil {
		err = errors.Join(err, e.remove(made.ID))
	}
	serving.Program = of.program
	return serving, err
}

// serviceSpec is what the container of a service is made of.
func (e *Executor) serviceSpec(ctx context.Context, image, dir string, s room.Service) (spec serviceSpec, err error) {
	o := s.Options
	spec = serviceSpec{Image: image, User: o.User, WorkingDir: o.Dir, Hostname: o.Hostname, Entrypoint: o.Entrypoint,
		Labels: map[string]string{labelRooms: filepath.Dir(dir), labelRoom: dir}}
	for name, value := range s.Env {
		spec.Env = append(spec.Env, name+"="+value)
	}
	slices.Sort(spec.Env)
	if spec.ExposedPorts, spec.HostConfig.PortBindings, err = bindings(s.Ports); err != nil {
		return spec, err
	}
	host := &spec.HostConfig
	host.CapDrop = []string{"NET_RAW", "MKNOD", "AUDIT_WRITE"}
	host.limits = limitsOf(serviceLimits)
	host.ShmSize, host.ReadonlyRootfs = o.SharedMemory, o.ReadOnly
	for _, t := range o.Tmpfs {
		if host.Tmpfs == nil {
			host.Tmpfs = map[string]string{}
		}
		at, options, _ := strings.Cut(t, ":")
		host.Tmpfs[at] = options
	}
	if err := e.volumes(ctx, &spec, dir, o.Volumes); err != nil {
		return spec, err
	}
	if w := s.Work; w != nil {
		spec.work(*w)
	}
	if o.Memory > 0 && o.Memory < host.Memory {
		host.Memory, host.MemorySwap = o.Memory, o.Memory
	}
	if o.CPUs > 0 {
		host.NanoCpus = limitsOf(room.Limits{CPUs: o.CPUs}).NanoCpus
	}
	spec.Healthcheck = healthOf(s.Health)
	return spec, nil
}

// healthOf is how the engine finds out whether a service is ready, nil for what the image says.
func healthOf(h room.Health) *healthcheck {
	if h == (room.Health{}) {
		return nil
	}
	check := &healthcheck{Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
	if h.Command != "" {
		check.Test = []string{"CMD-SHELL", h.Command}
	}
	return check
}

// await starts a service and waits until it is ready: healthy, if its image or the build says how to tell.
func (e *Executor) await(ctx context.Context, id string, s room.Service) (room.Serving, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := e.api.post(ctx, "/containers/"+id+"/start"); err != nil {
		return room.Serving{}, fmt.Errorf("start the service %s: %w", s.Name, err)
	}
	settled := s.Work != nil // its program says itself when it is ready
	for {
		now, err := e.service(ctx, id)
		if err != nil {
			return room.Serving{}, err
		}
		health := now.health()
		if s.Work != nil {
			health = "none"
		}
		switch {
		case !now.State.Running:
			return room.Serving{}, fmt.Errorf("the service %s %s", s.Name, now.end())
		case health == "healthy" || health == "none" && settled:
			return room.Serving{ID: id, Ports: published(now.NetworkSettings.Ports), Address: now.address()}, nil
		case health == "unhealthy":
			return room.Serving{}, fmt.Errorf("the service %s is not healthy%s", s.Name, now.said())
		}
		wait := askEvery
		if health == "none" {
			wait = settleTime
		}
		if err := e.ends(ctx, id, wait); err != nil {
			return room.Serving{}, fmt.Errorf("the service %s was not ready in time: %w", s.Name, err)
		}
		settled = true
	}
}

// service asks how a service is.
func (e *Executor) service(ctx context.Context, id string) (s serviceState, err error) {
	err = e.api.call(ctx, http.MethodGet, "/containers/"+id+"/json", nil, &s)
	return s, err
}

// health is the engine's word for how a service is, "none" without a health check.
func (s serviceState) health() string {
	if h := s.State.Health; h != nil && h.Status != "" {
		return h.Status
	}
	return "none"
}

// address is the one that this machine reaches a container at.
func (s serviceState) address() string {
	n := s.NetworkSettings
	if n.IPAddress != "" {
		return n.IPAddress
	}
	for _, of := range n.Networks {
		if of.IPAddress != "" {
			return of.IPAddress
		}
	}
	return ""
}

// said is what the last health check of a service put out, after a colon.
func (s serviceState) said() string {
	if h := s.State.Health; h != nil && len(h.Log) > 0 {
		return ": " + strings.TrimSpace(h.Log[len(h.Log)-1].Output)
	}
	return ""
}

// end is how a service that does not run has ended.
func (s serviceState) end() room.ServiceEnd {
	return room.ServiceEnd{Status: s.State.ExitCode, OutOfMemory: s.State.OOMKilled}
}

// ends waits until a container has ended, but no longer than limit. The error is that of ctx.
func (e *Executor) ends(ctx context.Context, id string, limit time.Duration) error {
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := e.api.wait(within, id); err != nil && within.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// killed is the status of a program that a SIGKILL ended.
const killed = 128 + int(syscall.SIGKILL)

// Dismiss implements room.Services. The service is killed first: whether its program had ended before is then decided
// by the kernel, and does not depend on when the engine notices it.
func (e *Executor) Dismiss(id string) (*room.ServiceEnd, error) {
	ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
	defer cancel()
	was, _ := e.service(ctx, id)
	end, err := e.killService(ctx, id)
	err = errors.Join(err, e.remove(id))
	if room := was.Config.Labels[labelRoom]; room != "" {
		err = errors.Join(err, e.removeVolumes(ctx, labelRoom+"="+room))
	}
	return end, err
}

// Ended implements room.Services.
func (e *Executor) Ended(ctx context.Context, id string) (room.ServiceEnd, error) {
	if err := e.api.wait(ctx, id); err != nil {
		return room.ServiceEnd{}, err
	}
	s, err := e.service(ctx, id)
	return s.end(), err
}

// killService returns nil for a service that ran until now.
func (e *Executor) killService(ctx context.Context, id string) (*room.ServiceEnd, error) {
	refused := e.api.post(ctx, "/containers/"+id+"/kill?signal=KILL") // Docker and Podman refuse it if it has ended
	if gone(refused) {
		return nil, nil
	}
	if err := e.ends(ctx, id, engineLimit); err != nil {
		return nil, err
	}
	s, err := e.service(ctx, id)
	if err != nil {
		return nil, err
	}
	end := s.end()
	switch {
	case s.State.Running:
		return nil, refused
	case refused == nil && !end.OutOfMemory && end.Status == killed:
		return nil, nil
	}
	return &end, nil
}

// bindings are the ports of a service, and where they are reached: at the loopback address alone.
func bindings(ports []string) (exposed map[string]struct{}, bound map[string][]binding, err error) {
	exposed, bound = map[string]struct{}{}, map[string][]binding{}
	for _, p := range ports {
		text, protocol, named := strings.Cut(p, "/")
		if !named {
			protocol = "tcp"
		}
		host, inner, both := strings.Cut(text, ":")
		if !both {
			host, inner = "", text
		}
		for _, n := range []string{inner, host} {
			if v, err := strconv.ParseUint(n, 10, 16); n != "" && (err != nil || v == 0) {
				return nil, nil, badPort(p)
			}
		}
		if inner == "" || protocol != "tcp" && protocol != "udp" {
			return nil, nil, badPort(p)
		}
		key := inner + "/" + protocol
		exposed[key] = struct{}{}
		bound[key] = append(bound[key], binding{"127.0.0.1", host})
	}
	return exposed, bound, nil
}

func badPort(given string) error {
	return fmt.Errorf("%q is no port; write PORT or MACHINE:PORT, with /udp after it if it is no TCP", given)
}

// published are the machine's ports, by those of the service without the protocol.
func published(ports map[string][]binding) map[string]string {
	all := map[string]string{}
	for port, bound := range ports {
		if len(bound) > 0 {
			inner, _, _ := strings.Cut(port, "/")
			all[inner] = bound[0].HostPort
		}
	}
	return all
}
