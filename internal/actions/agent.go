package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// request is what the driver asks the agent of a container: to run a program, or to end the one that runs.
type request struct {
	Args   []string          `json:",omitempty"`
	Dir    string            `json:",omitempty"`
	Env    map[string]string `json:",omitempty"`
	Cancel bool              `json:",omitempty"`
}

// report is what the agent answers: its environment at first, then lines of the program's output and how it ended.
type report struct {
	Env    map[string]string `json:",omitempty"`
	Line   *string           `json:",omitempty"`
	Ended  bool              `json:",omitempty"`
	Status int               `json:",omitempty"`
	Error  string            `json:",omitempty"` // why it could not run
}

// Agent runs programs for the driver, within a container whose first process it is. It calls the driver at a socket
// and ends when the driver hangs up.
func Agent(socket string) error {
	conn, err := call(socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	a := &agent{to: json.NewEncoder(conn)}
	if err := a.tell(report{Env: processEnvironment(nil)}); err != nil {
		return err
	}
	stop := func() {}
	defer func() { stop() }()
	for in := json.NewDecoder(conn); ; {
		var r request
		if err := in.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if r.Cancel {
			stop()
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		stop = cancel
		go a.run(ctx, r)
	}
}

// call dials a socket. By way of a descriptor of its folder its path is short enough.
func call(socket string) (net.Conn, error) {
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket)))
}

// agent writes reports, one at a time.
type agent struct {
	mu sync.Mutex
	to *json.Encoder
}

func (a *agent) tell(r report) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to.Encode(r)
}

func (a *agent) run(ctx context.Context, r request) {
	end := report{Ended: true}
	err := a.check(r)
	if err == nil {
		p := program{args: r.Args, dir: r.Dir, env: r.Env}
		err = p.run(ctx, func(line string) { _ = a.tell(report{Line: &line}) })
	}
	if code, ok := errors.AsType[exitError](err); ok {
		end.Status = int(code)
	} else if err != nil {
		end.Error = err.Error()
	}
	_ = a.tell(end)
}

func (a *agent) check(r request) error {
	if len(r.Args) == 0 {
		return errors.New("no program is named")
	}
	if info, err := os.Stat(r.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("the container has no folder %s", r.Dir)
	}
	return nil
}
