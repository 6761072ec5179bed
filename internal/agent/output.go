package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	cmd "slipway/api/codedeploycommand"
)

const (
	maxTail  = 2048      // characters of output that a result carries
	maxSpool = 256 << 20 // bytes of output of one event that are sent
	maxPiece = 256 << 10
)

// output takes the lines of an event: into scripts.log as AWS's agent writes it, into the log of all deployments, into
// the tail of the result, and into a spool from which they are sent to the server while the event runs.
type output struct {
	deployment string
	id         string // of the command
	spoolPath  string

	mu      sync.Mutex
	lines   []string // the tail
	length  int
	spooled int64
	spool   *os.File
	scripts *os.File
	all     *deploymentsLog
	more    chan struct{} // signalled when the spool has grown

	sent    int64 // taken by the server; used by one goroutine at a time
	refused bool  // the server does not take output
}

func (a *agent) spoolPath(group, deployment, event string) string {
	return filepath.Join(a.real(deploymentDir(group, deployment)), "logs", event+".out")
}

// openOutput begins the output of an event.
func (a *agent) openOutput(s *specification, c *cmd.HostCommandInstance) (*output, error) {
	o := &output{deployment: s.DeploymentId, id: *c.HostCommandIdentifier,
		spoolPath: a.spoolPath(s.DeploymentGroupId, s.DeploymentId,
			*c.CommandName), all: &a.logs, more: make(chan struct{}, 1)}
	dir := filepath.Dir(o.spoolPath)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	var err error
	if o.spool, err = os.OpenFile(o.spoolPath, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if o.scripts, err = openLog(filepath.Join(dir, "scripts.log")); err != nil {
		_ = o.spool.Close()
		return nil, err
	}
	return o, nil
}

// openLog opens a log to append to it. What scripts write may hold secrets: the owner and the owner's group alone may
// read it, whatever an earlier agent left.
func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o640); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// reopenOutput finds the output of a command that was in hand when the agent died; nil if there is none.
func (a *agent) reopenOutput(t *track) *output {
	found, err := filepath.Glob(filepath.Join(a.root(), "*", filepath.Base(t.path), "logs",
		*t.command.CommandName+".out"))
	if err != nil || len(found) != 1 {
		return nil
	}
	f, err := os.Open(found[0])
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil
	}
	return &output{id: *t.command.HostCommandIdentifier, spoolPath: found[0], spool: f, spooled: info.Size(), sent: -1}
}

// line takes one line, without its end.
func (o *output) line(format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	text = strings.ToValidUTF8(text, "\uFFFD") + "\n"
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keep(text)
	// What can't be written for want of room must not end the script; the tail and the exit status still count.
	_, _ = o.scripts.WriteString(now.Format(time.DateTime) + " " + text)
	o.all.write(now, o.deployment, text)
	if o.spooled < maxSpool {
		n, _ := o.spool.WriteString(text)
		o.spooled += int64(n)
		select {
		case o.more <- struct{}{}:
		default:
		}
	}
}

// keep adds a line to the tail, of which whole lines stay.
func (o *output) keep(text string) {
	if n := utf8.RuneCountInString(text); n > maxTail {
		text = string([]rune(text)[n-maxTail:])
	}
	o.lines = append(o.lines, text)
	o.length += utf8.RuneCountInString(text)
	for o.length > maxTail {
		o.length -= utf8.RuneCountInString(o.lines[0])
		o.lines = o.lines[1:]
	}
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "")
}

// ship sends the spool while it grows. The function that it returns ends that, and leaves the rest to flush.
func (o *output) ship(ctx context.Context, a *agent) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait := backoff{}
		for {
			select {
			case <-o.more:
			case <-ctx.Done():
				return
			}
			for ctx.Err() == nil {
				if err := o.flush(ctx, a); err == nil {
					wait = backoff{}
					break
				}
				wait.sleep(ctx)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// flush sends what the server has not taken yet.
func (o *output) flush(ctx context.Context, a *agent) error {
	if o == nil || o.refused {
		return nil
	}
	if o.sent < 0 { // ask how much of it is there
		next, err := o.put(ctx, a, 1<<62, []byte{})
		if err != nil || o.refused {
			return err
		}
		o.sent = next
	}
	piece := make([]byte, maxPiece)
	for {
		o.mu.Lock()
		size := o.spooled
		o.mu.Unlock()
		if o.sent >= size {
			return nil
		}
		n, err := o.spool.ReadAt(piece[:min(maxPiece, size-o.sent)], o.sent)
		if err != nil && err != io.EOF || n == 0 {
			o.refused = true // the spool is gone; the result matters more
			return nil
		}
		next, err := o.put(ctx, a, o.sent, piece[:n])
		if err != nil || o.refused {
			return err
		}
		o.sent = next
	}
}

func (o *output) put(ctx context.Context, a *agent, offset int64, data []byte) (next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	out, err := a.api.PutHostCommandOutput(ctx,
		&cmd.PutHostCommandOutputInput{HostCommandIdentifier: &o.id, Offset: &offset, Data: data})
	if err != nil {
		if final(err) { // AWS's own server has no such call
			o.refused = true
			a.Log.Debug("the server takes no live output", "error", err)
			return 0, nil
		}
		return 0, err
	}
	if out.NextOffset == nil {
		return offset + int64(len(data)), nil
	}
	return *out.NextOffset, nil
}

func (o *output) close() {
	_ = o.spool.Close()
	_ = o.scripts.Close()
	_ = os.Remove(o.spoolPath)
}
