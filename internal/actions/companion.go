package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startLimit is how long the agent of a container that has started may take to call.
const startLimit = time.Minute

// companion is a container beside the build, in which steps run: a job's, or that of a docker action.
type companion struct {
	Serving
	d    *driver
	env  map[string]string // the image's, and what it was started with
	conn net.Conn
	to   *json.Encoder
	from *json.Decoder
}

// companion starts a container and returns when it is ready to run programs.
func (d *driver) companion(ctx context.Context, s Service) (c *companion, err error) {
	if d.plan.Services == "" {
		return nil, errors.New("this build has no container engine, which containers of steps need")
	}
	dir := filepath.Join(d.plan.Work, fmt.Sprintf("agent%d", d.next()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	// The image's user comes to it, whoever that is.
	if err := os.Chmod(dir, 0o777); err != nil {
		return nil, err
	}
	s.Work.Socket = filepath.Join(dir, "s")
	listener, err := listen(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = listener.Close() }()
	if err := os.Chmod(s.Work.Socket, 0o777); err != nil {
		return nil, err
	}
	c = &companion{d: d}
	if c.Serving, err = d.serve(ctx, s); err != nil {
		return nil, err
	}
	if err := c.await(ctx, listener); err != nil {
		_, _ = d.dismiss(c.ID)
		return nil, err
	}
	return c, nil
}

// listen opens the socket s of a folder. By way of a descriptor its path is short enough.
func listen(dir string) (*net.UnixListener, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/s", f.Fd()), Net: "unix"})
	if err == nil {
		l.SetUnlinkOnClose(false)
	}
	return l, err
}

// await waits until the agent calls, or the container has ended.
func (c *companion) await(ctx context.Context, l *net.UnixListener) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ended := make(chan string, 1)
	go func() {
		how := c.ended(ctx)
		_ = l.Close()
		ended <- how
	}()
	if c.conn, err = l.Accept(); err != nil {
		if how := <-ended; how != "" {
			return errors.New("its container " + how)
		}
		return fmt.Errorf("its container does not answer: %w", err)
	}
	c.to, c.from = json.NewEncoder(c.conn), json.NewDecoder(c.conn)
	var hello report
	if err := c.from.Decode(&hello); err != nil {
		return fmt.Errorf("its container does not answer: %w", err)
	}
	c.env = c.d.carried()
	maps.Copy(c.env, hello.Env)
	return nil
}

// carried are the variables of the build that containers of steps get besides the image's: the project's, and what
// leads to the build's role and its server.
func (d *driver) carried() map[string]string {
	all := map[string]string{}
	for name, value := range d.base {
		_, declared := d.plan.Vars[name]
		if declared || strings.HasPrefix(name, "CODEBUILD_") || strings.HasPrefix(name, "AWS_") {
			all[name] = value
		}
	}
	return all
}

// ended waits until the container has ended, and says how; "" if that is not known.
func (c *companion) ended(ctx context.Context) string {
	answer, err := c.d.ask(ctx, http.MethodGet, ServicesPath+"/"+c.ID, nil)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var was Dismissed
	if json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&was) != nil {
		return ""
	}
	return was.Ended
}

// run runs a program in the container, as program.run does here.
func (c *companion) run(ctx context.Context, p program, line func(string)) error {
	if err := c.to.Encode(request{Args: p.args, Dir: p.dir, Env: p.env}); err != nil {
		return fmt.Errorf("the container of the step has ended: %w", err)
	}
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		_ = c.to.Encode(request{Cancel: true})
	})
	defer func() {
		if !stop() {
			<-told // or it would end the next program
		}
	}()
	for {
		var r report
		if err := c.from.Decode(&r); err != nil {
			return fmt.Errorf("the container of the step has ended: %w", err)
		}
		switch {
		case r.Line != nil:
			line(*r.Line)
		case !r.Ended:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.Error != "":
			return errors.New(r.Error)
		case r.Status != 0:
			return exitError(r.Status)
		default:
			return nil
		}
	}
}

// close ends the container.
func (c *companion) close() {
	if c == nil {
		return
	}
	_ = c.conn.Close()
	_, _ = c.d.dismiss(c.ID)
}

// execute runs a program of the job's steps, in the job's container if it has one.
func (j *job) execute(ctx context.Context, p program, line func(string)) error {
	if j.inside != nil {
		return j.inside.run(ctx, p, line)
	}
	return p.run(ctx, line)
}
