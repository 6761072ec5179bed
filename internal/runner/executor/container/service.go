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
	Env          []string            `json:",omitzero"`
	Labels       map[string]string   `json:",omitzero"`
	ExposedPorts map[string]struct{} `json:",omitzero"`
	Healthcheck  *healthcheck        `json:",omitzero"`
	HostConfig   serviceHost
}

type healthcheck struct {
	Test                           []string      `json:",omitzero"`
	Interval, Timeout, StartPeriod time.Duration `json:",omitzero"`
	Retries                        int           `json:",omitzero"`
}

type serviceHost struct {
	PortBindings map[string][]binding
	CapDrop      []string
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
	NetworkSettings struct{ Ports map[string][]binding }
}

// Serve implements room.Services.
func (e *Executor) Serve(ctx context.Context, dir string, s room.Service,
	say func(string)) (serving room.Serving, err error) {
	r := &containerRoom{engine: e, spec: room.Spec{Dir: dir, Image: s.Image, Registry: s.Registry, Say: say}}
	of, err := r.image(ctx)
	if err != nil {
		return serving, err
	}
	spec := serviceSpec{Image: of.id, Labels: map[string]string{labelRooms: filepath.Dir(dir), labelRoom: dir}}
	for name, value := range s.Env {
		spec.Env = append(spec.Env, name+"="+value)
	}
	slices.Sort(spec.Env)
	if spec.ExposedPorts, spec.HostConfig.PortBindings, err = bindings(s.Ports); err != nil {
		return serving, err
	}
	spec.HostConfig.CapDrop = []string{"NET_RAW", "MKNOD", "AUDIT_WRITE"}
	spec.HostConfig.limits = limitsOf(serviceLimits)
	if h := s.Health; h != (room.Health{}) {
		spec.Healthcheck = &healthcheck{Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod,
			Retries: h.Retries}
		if h.Command != "" {
			spec.Healthcheck.Test = []string{"CMD-SHELL", h.Command}
		}
	}
	var made struct{ ID string }
	if err := e.api.call(ctx, http.MethodPost, "/containers/create", spec, &made); err != nil {
		return serving, fmt.Errorf("make a container of the image %s: %w", s.Image, err)
	}
	if serving, err = e.await(ctx, made.ID, s); err != nil {
		err = errors.Join(err, e.remove(made.ID))
	}
	return serving, err
}

// await starts a service and waits until it is ready: healthy, if its image or the build says how to tell.
func (e *Executor) await(ctx context.Context, id string, s room.Service) (room.Serving, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := e.api.post(ctx, "/containers/"+id+"/start"); err != nil {
		return room.Serving{}, fmt.Errorf("start the service %s: %w", s.Name, err)
	}
	settled := false
	for {
		now, err := e.service(ctx, id)
		if err != nil {
			return room.Serving{}, err
		}
		health := now.health()
		switch {
		case !now.State.Running:
			return room.Serving{}, fmt.Errorf("the service %s %s", s.Name, now.end())
		case health == "healthy" || health == "none" && settled:
			return room.Serving{ID: id, Ports: published(now.NetworkSettings.Ports)}, nil
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
	end, err := e.killService(ctx, id)
	return end, errors.Join(err, e.remove(id))
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
