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
	closed  bool
	free    int               // how many services more may run
	serving map[string]string // the names of services by their IDs
	starts  sync.WaitGroup    // of services
}

// serveActions begins to answer the driver of steps. It returns the socket as the room shows it.
func (b *build) serveActions() (s *actionsServer, inside string, err error) {
	s = &actionsServer{b: b, free: maxServices, serving: map[string]string{}}
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
	mux.HandleFunc("GET "+actions.ServicesPath+"/{id}", s.ended)
	mux.HandleFunc("DELETE "+actions.ServicesPath+"/{id}", s.dismiss)
	mux.HandleFunc("POST "+actions.OwnPath, s.regain)
	mux.HandleFunc("POST "+actions.ImagesPath, s.image)
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
	s.closed = true
	s.mu.Unlock()
	s.starts.Wait() // their calls have ended with the server
	for id, name := range s.serving {
		s.remove(id, name)
	}
}

// remove ends a service. It returns how the service had ended before, "" if it ran until now.
func (s *actionsServer) remove(id, name string) string {
	of, ok := s.b.Executor.(room.Services)
	if !ok {
		return ""
	}
	end, err := of.Dismiss(id)
	if err != nil {
		s.b.log.say("The service %s cannot be removed: %v", name, err)
	}
	if end == nil {
		return ""
	}
	return end.String()
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
	if !s.reserve() {
		http.Error(w, fmt.Sprintf("a build has at most %d services", maxServices), http.StatusTooManyRequests)
		return
	}
	defer s.starts.Done()
	want, err := s.wanted(in)
	if err != nil {
		s.release()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	serving, err := of.Serve(r.Context(), s.b.space.place.Dir, want, func(line string) { s.b.log.say("%s", line) })
	if err != nil {
		s.release()
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	s.mu.Lock()
	s.serving[serving.ID] = in.Name
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	p := serving.Program
	_ = json.NewEncoder(w).Encode(actions.Serving{ID: serving.ID, Ports: serving.Ports, Address: serving.Address,
		Entrypoint: p.Entrypoint, Command: p.Command, Dir: p.Dir})
}

// reserve takes a place for a service that starts. It reports false if there is none, or if the server is closed.
func (s *actionsServer) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.free == 0 {
		return false
	}
	s.free--
	s.starts.Add(1)
	return true
}

func (s *actionsServer) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
}

// dismiss removes a service that this build has started, and answers how it had ended before.
func (s *actionsServer) dismiss(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.mu.Lock()
	name, ok := s.serving[id]
	delete(s.serving, id)
	s.mu.Unlock()
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	ended := s.remove(id, name)
	s.release()
	_ = json.NewEncoder(w).Encode(actions.Dismissed{Ended: ended})
}
