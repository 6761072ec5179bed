package deploy

import (
	"context"
	"errors"
	"fmt"
	"sync"

	cd "slipway/api/codedeploy"
	cmd "slipway/api/codedeploycommand"
	"slipway/internal/journal"
	"slipway/internal/store"
)

// maxOutput bounds what one lifecycle event of a host may write into its log.
const maxOutput = 256 << 20

// LogName is where the script output of a lifecycle event is.
func LogName(application, deployment, host, event string) journal.Name {
	return journal.Name{Group: "/aws/codedeploy/" + application, Stream: deployment + "/" + host + "/" + event}
}

// outputs are the logs being written.
type outputs struct {
	mu   sync.Mutex
	open map[journal.Name]*output
}

type output struct {
	mu     sync.Mutex
	writer *journal.Writer
	closed bool
}

// log names the log of a command's event. The name of the application is the one of its creation, so that a renamed one
// keeps one log a deployment.
func (s *Service) log(ctx context.Context, deployment, host, event string) (journal.Name, error) {
	var info cd.DeploymentInfo
	ok, err := store.Find(ctx, s.db, []any{store.JSON(&info)}, `SELECT doc FROM deploy_deployments WHERE id = $1`,
		deployment)
	if err == nil && !ok {
		err = &cd.DeploymentDoesNotExistException{Message: "The deployment " + deployment + " could not be found"}
	}
	return LogName(text(info.ApplicationName), deployment, host, event), err
}

// write lets f write to a log. A log that is complete is left alone: f gets nil.
func (s *Service) write(name journal.Name, f func(w *journal.Writer) error) error {
	s.outputs.mu.Lock()
	o := s.outputs.open[name]
	if o == nil {
		o = &output{}
		s.outputs.open[name] = o
	}
	s.outputs.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return f(nil)
	}
	if o.writer == nil {
		w, err := s.Journal.Append(name)
		if errors.Is(err, journal.ErrComplete) {
			s.forget(name, o)
			return f(nil)
		}
		if err != nil {
			s.forget(name, o)
			return err
		}
		o.writer = w
	}
	return f(o.writer)
}

func (s *Service) forget(name journal.Name, o *output) {
	o.closed = true
	s.outputs.mu.Lock()
	defer s.outputs.mu.Unlock()
	if s.outputs.open[name] == o {
		delete(s.outputs.open, name)
	}
}

// PutHostCommandOutput adds a piece of a script's output to the log of its event. offset is where the piece begins;
// what is there already is not written twice, and what would leave a gap is not taken. The answer is from where to go
// on.
func (s *Service) PutHostCommandOutput(ctx context.Context,
	in *cmd.PutHostCommandOutputInput) (*cmd.PutHostCommandOutputOutput, error) {
	c, err := s.command(ctx, *in.HostCommandIdentifier)
	if err != nil {
		return nil, err
	}
	t, err := loadTarget(ctx, s.db, c.Deployment, c.Host)
	if err != nil {
		return nil, err
	}
	if t == nil || c.Position < 0 || c.Position >= len(t.LifecycleEvents) ||
		*t.LifecycleEvents[c.Position].LifecycleEventName != c.Name {
		return nil, clientError("The host has no such command.")
	}
	name, err := s.log(ctx, c.Deployment, c.Host, c.Name)
	if err != nil {
		return nil, err
	}
	next := *in.Offset + int64(len(in.Data))
	// The event is over, or somebody else runs the command: nothing more is taken, and the host need not send it again.
	if t.At != c.Position || t.Attempt != c.Attempt || t.Ended() {
		return &cmd.PutHostCommandOutputOutput{NextOffset: &next}, nil
	}
	err = s.write(name, func(w *journal.Writer) error {
		if w == nil {
			return nil
		}
		at := w.Offset()
		switch {
		case *in.Offset > at && at < maxOutput:
			next = at
			return nil
		case next <= at || at >= maxOutput:
			return nil
		}
		data := in.Data[at-*in.Offset:]
		if _, err := w.Write(data); err != nil {
			return err
		}
		if w.Offset() >= maxOutput {
			_, err := fmt.Fprintf(w,
				"\nThe event has written %d bytes. The rest is on the host, in scripts.log of the deployment.\n",
				w.Offset())
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmd.PutHostCommandOutputOutput{NextOffset: &next}, nil
}

// endOutput completes the log of an event that has ended. AWS's agent sends nothing but the tail of a failure: then
// that is the log.
func (s *Service) endOutput(ctx context.Context, c commandID, d *cd.Diagnostics) {
	name, err := s.log(ctx, c.Deployment, c.Host, c.Name)
	if err == nil {
		if text(d.LogTail) != "" && !s.has(ctx, name) {
			err = s.write(name, func(w *journal.Writer) error {
				if w == nil {
					return nil
				}
				_, err := w.Write([]byte(*d.LogTail))
				return err
			})
		}
		if err == nil {
			err = s.complete(ctx, name)
		}
	}
	if err != nil {
		s.Log.Error("end the log of a lifecycle event", "deployment", c.Deployment, "host", c.Host, "event", c.Name,
			"error", err)
	}
}

func (s *Service) has(ctx context.Context, name journal.Name) bool {
	p, err := s.Journal.Read(ctx, name, journal.Query{Limit: 1})
	return err == nil && len(p.Lines) > 0
}

// complete closes a log, if there is one.
func (s *Service) complete(ctx context.Context, name journal.Name) error {
	s.outputs.mu.Lock()
	o := s.outputs.open[name]
	s.outputs.mu.Unlock()
	if o == nil {
		if _, err := s.Journal.Read(ctx, name, journal.Query{Limit: 1}); errors.Is(err, journal.ErrNotExist) {
			return nil
		}
	}
	return s.write(name, func(w *journal.Writer) error {
		if w == nil {
			return nil
		}
		err := w.Close()
		s.outputs.mu.Lock()
		o := s.outputs.open[name]
		delete(s.outputs.open, name)
		s.outputs.mu.Unlock()
		if o != nil {
			o.closed = true
		}
		return err
	})
}

// note adds a line of ours to an event's log and completes it.
func (s *Service) note(ctx context.Context, deployment, host, event, line string) {
	name, err := s.log(ctx, deployment, host, event)
	if err == nil {
		err = s.write(name, func(w *journal.Writer) error {
			if w == nil {
				return nil
			}
			_, err := w.Write([]byte(line))
			return err
		})
	}
	if err == nil {
		err = s.complete(ctx, name)
	}
	if err != nil {
		s.Log.Error("write the log of a lifecycle event", "deployment", deployment, "host", host, "event", event,
			"error", err)
	}
}

// finishLogs completes the logs of a deployment that has ended, also those that a crash left open.
func (s *Service) finishLogs(ctx context.Context, j store.Running) (store.Outcome, error) {
	return store.Done, s.completeAll(ctx, j.Key)
}

// completeAll completes every log of a deployment.
func (s *Service) completeAll(ctx context.Context, id string) error {
	targets, err := loadTargets(ctx, s.db, `deployment = $1`, id)
	if err != nil {
		return err
	}
	var info cd.DeploymentInfo
	if ok, err := store.Find(ctx, s.db, []any{store.JSON(&info)}, `SELECT doc FROM deploy_deployments WHERE id = $1`,
		id); err != nil || !ok {
		return err
	}
	for _, t := range targets {
		for _, e := range t.LifecycleEvents {
			if e.StartTime == nil {
				continue
			}
			if err := s.complete(ctx,
				LogName(text(info.ApplicationName), id, *t.TargetId, *e.LifecycleEventName)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close lets go of the logs that are being written; another process can go on with them.
func (s *Service) Close() error {
	s.outputs.mu.Lock()
	all := s.outputs.open
	s.outputs.open = map[journal.Name]*output{}
	s.outputs.mu.Unlock()
	var errs []error
	for _, o := range all {
		o.mu.Lock()
		o.closed = true
		if o.writer != nil {
			errs = append(errs, o.writer.Leave())
		}
		o.mu.Unlock()
	}
	return errors.Join(errs...)
}
