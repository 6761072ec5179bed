package runner

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
)

// socketName is the socket in the folder of tools at which the runner answers the driver of steps. It is a file, so
// that it is there in a sandbox, in a container and without a network alike, and for this build alone.
const socketName = "actions-socket"

// serveActions begins to answer the driver of steps. It returns the socket as the room shows it, "" if there is nothing
// to answer.
func (b *build) serveActions() (inside string, end func(), err error) {
	if b.ActionCaches == nil {
		return "", func() {}, nil
	}
	file, inside, err := b.space.tool(socketName)
	if err != nil {
		return "", nil, err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", nil, err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return "", nil, err
	}
	// A socket's path has 107 bytes at most; by way of the descriptor it is short.
	listener, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName))
	if err != nil {
		_ = dir.Close()
		return "", nil, err
	}
	err = errors.Join(os.Chmod(file, 0o600), b.space.own(file))
	project := path.Base(value(b.order.Build.ProjectName))
	server := &http.Server{Handler: b.ActionCaches.of(project), ReadHeaderTimeout: callLimit, MaxHeaderBytes: 64 << 10}
	go func() { _ = server.Serve(listener) }()
	end = func() {
		_ = server.Close()
		_ = dir.Close()
		_ = os.Remove(file)
	}
	if err != nil {
		end()
	}
	return inside, end, err
}
