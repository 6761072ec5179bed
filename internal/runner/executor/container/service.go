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
	"time"

	"slipway/internal/runner/room"
)

// readyLimit is how long a service may take to be healthy, and askEvery how often it is asked.
const (
	readyLimit = 5 * time.Minute
	askEvery   = 300 * time.Millisecond
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
		Running  bool
		ExitCode int
		Health   *struct {
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

// await starts a service and waits until it is healthy, if its image or the build says how to tell.
func (e *Executor) await(ctx context.Context, id string, s room.Service) (room.Serving, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := e.api.post(ctx, "/containers/"+id+"/start"); err != nil {
		return room.Serving{}, fmt.Errorf("start the service %s: %w", s.Name, err)
	}
	for {
		var now serviceState
		if err := e.api.call(ctx, http.MethodGet, "/containers/"+id+"/json", nil, &now); err != nil {
			return room.Serving{}, err
		}
		h := now.State.Health
		switch {
		case !now.State.Running:
			return room.Serving{}, fmt.Errorf("the service %s ended with status %d", s.Name, now.State.ExitCode)
		case h == nil || h.Status == "" || h.Status == "none" || h.Status == "healthy":
			return room.Serving{ID: id, Ports: published(now.NetworkSettings.Ports)}, nil
		case h.Status == "unhealthy":
			said := ""
			if n := len(h.Log); n > 0 {
				said = ": " + strings.TrimSpace(h.Log[n-1].Output)
			}
			return room.Serving{}, fmt.Errorf("the service %s is not healthy%s", s.Name, said)
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return room.Serving{}, fmt.Errorf("the service %s was not healthy in time: %w", s.Name, context.Cause(ctx))
		}
	}
}

// Dismiss implements room.Services.
func (e *Executor) Dismiss(id string) error { return e.remove(id) }

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
