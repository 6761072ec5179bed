package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync"

	"slipway/internal/actions"
	"slipway/internal/runner/room"
)

// socketName is the socket in the folder of tools at which the runner answers the driver of steps. It is a file, so
// that it is there in a sandbox, in a container and without a network alike, and for this build alone.
const socketName = "actions-socket"

// actionsServer answers the driver of steps of one build.
type actionsServer struct {
	b       *build
	server  *http.Server
	dir     *os.File // of the socket
	file    string
	mu      sync.Mutex
	serving map[string]bool // the IDs of services
}

// serveActions begins to answer the driver of steps. It returns the socket as the room shows it.
func (b *build) serveActions() (s *actionsServer, inside string, err error) {
	s = &actionsServer{b: b, serving: map[string]bool{}}
	if s.file, inside, err = b.space.tool(socketName); err != nil {
		return nil, "", err
	}
	if err := os.Remove(s.file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", err
	}
	if s.dir, err = os.Open(filepath.Dir(s.file)); err != nil {
		return nil, "", err
	}
	// A socket's path has 107 bytes at most; by way of the descriptor it is short.
	listener, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/%s", s.dir.Fd(), socketName))
	if err != nil {
		_ = s.dir.Close()
		return nil, "", err
	}
	mux := http.NewServeMux()
	if b.ActionCaches != nil {
		mux.Handle(actions.CachePath, b.ActionCaches.of(path.Base(value(b.order.Build.ProjectName))))
	}
	mux.HandleFunc("POST "+actions.ServicesPath, s.serve)
	mux.HandleFunc("DELETE "+actions.ServicesPath+"/{id}", s.dismiss)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: callLimit, MaxHeaderBytes: 64 << 10}
	go func() { _ = s.server.Serve(listener) }()
	if err := errors.Join(os.Chmod(s.file, 0o600), b.space.own(s.file)); err != nil {
		s.close()
		return nil, "", err
	}
	return s, inside, nil
}

// close ends the answers, and the services that are left.
func (s *actionsServer) close() {
	_ = s.server.Close()
	_ = s.dir.Close()
	_ = os.Remove(s.file)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.serving {
		s.remove(id)
	}
}

// remove ends a service.
func (s *actionsServer) remove(id string) {
	of, ok := s.b.Executor.(room.Services)
	if !ok {
		return
	}
	if err := of.Dismiss(id); err != nil {
		s.b.log.say("A service cannot be removed: %v", err)
	}
	delete(s.serving, id)
}

// maxServices bounds the services of a build that run at a time.
const maxServices = 20

// serve starts a service of a job.
func (s *actionsServer) serve(w http.ResponseWriter, r *http.Request) {
	var in actions.Service
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	of, ok := s.b.Executor.(room.Services)
	if !ok {
		http.Error(w, "services need a container engine, which there is none of here", http.StatusNotImplemented)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.serving) >= maxServices {
		http.Error(w, fmt.Sprintf("a build has at most %d services", maxServices), http.StatusTooManyRequests)
		return
	}
	want := room.Service{Name: in.Name, Image: in.Image, Env: in.Env, Ports: in.Ports, Health: room.Health{
		Command: in.HealthCommand, Interval: in.Interval, Timeout: in.Timeout, StartPeriod: in.StartPeriod,
		Retries: in.Retries}}
	if in.User != "" {
		want.Registry = &room.Registry{User: in.User, Password: in.Password}
	}
	serving, err := of.Serve(r.Context(), s.b.space.place.Dir, want, func(line string) { s.b.log.say("%s", line) })
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	s.serving[serving.ID] = true
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(actions.Serving{ID: serving.ID, Ports: serving.Ports})
}

// dismiss removes a service that this build has started.
func (s *actionsServer) dismiss(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	if !s.serving[id] {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	s.remove(id)
	w.WriteHeader(http.StatusNoContent)
}
