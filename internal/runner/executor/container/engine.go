package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// engine calls the API of Docker, which Podman answers too. It is ours since the library of that API costs each start
// of this program 4 ms and half a megabyte, whatever it is started for.
type engine struct {
	http    *http.Client
	address string
	version string // of the API
}

// newestAPI is the version of the API that is spoken to engines that know it; older ones are spoken to in theirs.
// Docker 29 does not know older versions than this one.
const newestAPI = "1.44"

// dial returns an engine that has answered at a Unix socket.
func dial(ctx context.Context, address string) (*engine, error) {
	socket, ok := strings.CutPrefix(address, "unix://")
	if !ok {
		return nil, fmt.Errorf("the container engine must be on this machine, at a socket such as "+
			"unix:///var/run/docker.sock, not at %q", address)
	}
	e := &engine{address: address, version: newestAPI, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: 16,
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", nil)
	if err != nil {
		return nil, err
	}
	answer, err := e.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no container engine answers at %s (start Docker or Podman's service, or name another "+
			"socket): %w", address, plain(err))
	}
	_ = answer.Body.Close()
	if v := answer.Header.Get("Api-Version"); v != "" && older(v, newestAPI) {
		e.version = v
	}
	return e, nil
}

// older compares two versions of the API: MAJOR.MINOR.
func older(a, b string) bool {
	var x, y [2]int
	_, _ = fmt.Sscanf(a, "%d.%d", &x[0], &x[1])
	_, _ = fmt.Sscanf(b, "%d.%d", &y[0], &y[1])
	return x[0] < y[0] || x[0] == y[0] && x[1] < y[1]
}

// plain is an error without the URL of its call, which says nothing to a person.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// refusal is the engine's answer to a call that it did not do.
type refusal struct {
	status int
	words  string
}

func (e *refusal) Error() string { return e.words }

// gone tells that what was asked for does not exist.
func gone(err error) bool {
	e, ok := errors.AsType[*refusal](err)
	return ok && e.status == http.StatusNotFound
}

// open makes a call and returns the answer's body, which the caller closes.
func (e *engine) open(ctx context.Context, method, path string, header http.Header, body any) (*http.Response, error) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = bytes.NewReader(b)
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	return e.do(ctx, method, path, header, text)
}

// send makes a call with an archive and returns the answer's body, which the caller closes.
func (e *engine) send(ctx context.Context, method, path string, archive io.Reader) (*http.Response, error) {
	return e.do(ctx, method, path, http.Header{"Content-Type": {"application/x-tar"}}, archive)
}

func (e *engine) do(ctx context.Context, method, path string, header http.Header,
	text io.Reader) (*http.Response, error) {
	//nolint:gosec // to a socket of this machine; the images' names in paths have been checked
	r, err := http.NewRequestWithContext(ctx, method, "http://engine/v"+e.version+path, text)
	if err != nil {
		return nil, err
	}
	r.Header = header
	answer, err := e.http.Do(r) //nolint:gosec // as above
	if err != nil {
		return nil, plain(err)
	}
	if answer.StatusCode < http.StatusBadRequest {
		return answer, nil
	}
	defer answer.Body.Close()
	const most = 64 << 10
	var said struct {
		Message string `json:"message"`
	}
	words, _ := io.ReadAll(io.LimitReader(answer.Body, most))
	if json.Unmarshal(words, &said) != nil || said.Message == "" {
		said.Message = "the container engine answers " + answer.Status
	}
	return nil, &refusal{answer.StatusCode, strings.TrimSpace(said.Message)}
}

// call makes a call and reads its answer into out, unless that is nil.
func (e *engine) call(ctx context.Context, method, path string, body, out any) error {
	answer, err := e.open(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// post makes a call that has an effect and no answer.
func (e *engine) post(ctx context.Context, path string) error {
	return e.call(ctx, http.MethodPost, path, nil, nil)
}

// info is what is asked of the engine itself.
type info struct {
	OSType, ServerVersion string
	SecurityOptions       []string
}

// spec is what a container is made of.
type spec struct {
	Image, User, WorkingDir string
	Entrypoint, Cmd         []string
	Labels                  map[string]string
	Healthcheck             struct{ Test []string }
	HostConfig              hostConfig
}

// hostConfig is how a container is closed in.
type hostConfig struct {
	NetworkMode, IpcMode string
	LogConfig            struct{ Type string }
	Privileged           bool
	CapDrop, Binds       []string
	limits
}

// limits are those of a container's processes together; 0 is none.
type limits struct {
	Memory, MemorySwap, NanoCpus, CpuShares int64 `json:",omitzero"`
	PidsLimit                               int64 `json:",omitzero"`
}

// create makes a container and returns its ID.
func (e *engine) create(ctx context.Context, s spec) (string, error) {
	var made struct{ ID string }
	err := e.call(ctx, http.MethodPost, "/containers/create", s, &made)
	return made.ID, err
}

// state is how a container is.
type state struct {
	State struct {
		Pid      int // of its first process, on this machine; 0 if it does not run
		ExitCode int
	}
}

func (e *engine) inspect(ctx context.Context, id string) (s state, err error) {
	err = e.call(ctx, http.MethodGet, "/containers/"+id+"/json", nil, &s)
	return s, err
}

// wait returns when a container does not run any more, or when the engine tells nothing of it.
func (e *engine) wait(ctx context.Context, id string) error {
	return e.post(ctx, "/containers/"+id+"/wait?condition=not-running")
}

// remove kills a container and removes it.
func (e *engine) remove(ctx context.Context, id string) error {
	err := e.call(ctx, http.MethodDelete, "/containers/"+id+"?force=true&v=true", nil, nil)
	if gone(err) {
		return nil
	}
	return err
}

// labelled are the containers with a label.
func (e *engine) labelled(ctx context.Context, label string) (ids []string, err error) {
	filters, err := json.Marshal(map[string][]string{"label": {label}})
	if err != nil {
		return nil, err
	}
	var all []struct{ ID string }
	err = e.call(ctx, http.MethodGet, "/containers/json?all=true&filters="+url.QueryEscape(string(filters)), nil, &all)
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return ids, err
}
