package deploy

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/journal"
	"slipway/internal/store"
)

// maxLog bounds the log of one lifecycle event of a unit, in bytes.
const maxLog = 256 << 20

// LogName is where the output of a lifecycle event is.
func LogName(application, deployment, unit, event string) journal.Name {
	return journal.Name{Group: "/aws/codedeploy/" + application, Stream: deployment + "/" + unit + "/" + event}
}

// Logs are where the output of lifecycle events goes; a *journal.Journal is one.
type Logs interface {
	// Append opens a log to append to it. journal.ErrBusy says that it is open, journal.ErrComplete that it gets no
	// more.
	Append(n journal.Name) (*journal.Writer, error)
	Read(ctx context.Context, n journal.Name, q journal.Query) (journal.Page, error)
	Remove(n journal.Name) error
}

// writing keeps the calls of this process apart that write to one log. Logs share locks: there are few at a time.
type writing [64]sync.Mutex

func (w *writing) of(name journal.Name) *sync.Mutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name.String()))
	return &w[h.Sum32()%uint32(len(w))]
}

// log names the log of an event. The name of the application is the one that it had when the deployment was created:
// each deployment has its logs in one group.
func (s *Service) log(ctx context.Context, deployment, unit, event string) (journal.Name, error) {
	var info cd.DeploymentInfo
	ok, err := store.Find(ctx, s.db, []any{store.JSON(&info)}, `SELECT doc FROM deploy_deployments WHERE id = $1`,
		deployment)
	if err == nil && !ok {
		err = &cd.DeploymentDoesNotExistException{Message: "The deployment " + deployment + " could not be found"}
	}
	return LogName(awsproto.Value(info.ApplicationName), deployment, unit, event), err
}

// write lets f write to a log. A log that is complete is left alone: f gets nil. The log is opened for each call, since
// a host may talk to any of several servers.
func (s *Service) write(ctx context.Context, name journal.Name, f func(w *journal.Writer) error) error {
	lock := s.writing.of(name)
	lock.Lock()
	defer lock.Unlock()
	w, err := s.open(ctx, name)
	if errors.Is(err, journal.ErrComplete) {
		return f(nil)
	}
	if err != nil {
		return err
	}
	return errors.Join(f(w), w.Release())
}

// busyFor is how long a log may be open at another server.
const busyFor = 5 * time.Second

// open opens a log, once no other server has it open.
func (s *Service) open(ctx context.Context, name journal.Name) (*journal.Writer, error) {
	try := func() (*journal.Writer, error) {
		w, err := s.Logs.Append(name)
		if err != nil && !errors.Is(err, journal.ErrBusy) {
			err = backoff.Permanent(err)
		}
		return w, err
	}
	pauses := &backoff.ExponentialBackOff{InitialInterval: time.Millisecond, Multiplier: 2,
		MaxInterval:         100 * time.Millisecond,
		RandomizationFactor: backoff.DefaultRandomizationFactor}
	return backoff.Retry(ctx, try, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(busyFor))
}

// ErrNoCommand says that a unit has no such command.
var ErrNoCommand = errors.New("there is no such command")

// Print adds a piece of a command's output to the log of its event. offset is where the piece begins, in bytes. What is
// there already is not written twice, and a piece that would leave a gap is not taken. next is where to go on.
func (s *Service) Print(ctx context.Context, c Command, offset int64, data []byte) (next int64, err error) {
	u, err := loadUnit(ctx, s.db, c.Deployment, c.Unit)
	if err != nil {
		return 0, err
	}
	known := u != nil && c.Position >= 0 && c.Position < len(u.Events)
	if !known || *u.Events[c.Position].LifecycleEventName != c.Event {
		return 0, ErrNoCommand
	}
	name, err := s.log(ctx, c.Deployment, c.Unit, c.Event)
	if err != nil {
		return 0, err
	}
	next = offset + int64(len(data))
	// The event is over, or another attempt runs: nothing more is taken, and the unit need not send it again.
	if u.At != c.Position || u.Attempt != c.Attempt || u.Ended() {
		return next, nil
	}
	err = s.write(ctx, name, func(w *journal.Writer) (err error) {
		if w != nil {
			next, err = printAt(w, offset, data)
		}
		return err
	})
	return next, err
}

// printAt writes the part of a piece that is not in the log yet, up to the limit of a log.
func printAt(w *journal.Writer, offset int64, data []byte) (next int64, err error) {
	at, next := w.Offset(), offset+int64(len(data))
	switch {
	case at >= maxLog || next <= at:
		return next, nil
	case offset > at:
		return at, nil
	}
	if _, err := w.Write(data[at-offset:]); err != nil {
		return next, err
	}
	if w.Offset() < maxLog {
		return next, nil
	}
	_, err = fmt.Fprintf(w, "\nThe event has written %d bytes. "+
		"The rest is on the host, in scripts.log of the deployment.\n", w.Offset())
	return next, err
}

// endLog completes the log of an event that has ended. AWS's agent sends nothing but the tail of a failure: then that
// is the log.
func (s *Service) endLog(ctx context.Context, c Command, d *cd.Diagnostics) {
	name, err := s.log(ctx, c.Deployment, c.Unit, c.Event)
	if err == nil && awsproto.Value(d.LogTail) != "" && !s.has(ctx, name) {
		err = s.add(ctx, name, *d.LogTail)
	}
	if err == nil {
		err = s.complete(ctx, name)
	}
	if err != nil {
		s.Log.Error("end the log of a lifecycle event",
			"deployment", c.Deployment, "unit", c.Unit, "event", c.Event, "error", err)
	}
}

// add writes a text to a log that is not complete.
func (s *Service) add(ctx context.Context, name journal.Name, text string) error {
	return s.write(ctx, name, func(w *journal.Writer) error {
		if w == nil {
			return nil
		}
		_, err := w.Write([]byte(text))
		return err
	})
}

func (s *Service) has(ctx context.Context, name journal.Name) bool {
	p, err := s.Logs.Read(ctx, name, journal.Query{Limit: 1})
	return err == nil && len(p.Lines) > 0
}

// complete closes a log, if there is one.
func (s *Service) complete(ctx context.Context, name journal.Name) error {
	if _, err := s.Logs.Read(ctx, name, journal.Query{Limit: 1}); errors.Is(err, journal.ErrNotExist) {
		return nil
	}
	return s.write(ctx, name, func(w *journal.Writer) error {
		if w == nil {
			return nil
		}
		return w.Close()
	})
}

// note adds a line of ours to an event's log and completes it.
func (s *Service) note(ctx context.Context, u *rollout.Unit, line string) {
	name, err := s.log(ctx, u.Deployment, u.Name, u.EventName())
	if err == nil {
		err = s.add(ctx, name, line)
	}
	if err == nil {
		err = s.complete(ctx, name)
	}
	if err != nil {
		s.Log.Error("write the log of a lifecycle event",
			"deployment", u.Deployment, "unit", u.Name, "event", u.EventName(), "error", err)
	}
}

// finishLogs completes the logs of a deployment that has ended, also those that a crash left open.
func (s *Service) finishLogs(ctx context.Context, j store.Running) (store.Outcome, error) {
	return store.Done, s.completeAll(ctx, j.Key)
}

// completeAll completes every log of a deployment.
func (s *Service) completeAll(ctx context.Context, id string) error {
	units, err := loadUnits(ctx, s.db, `deployment = $1`, id)
	if err != nil {
		return err
	}
	var info cd.DeploymentInfo
	ok, err := store.Find(ctx, s.db, []any{store.JSON(&info)}, `SELECT doc FROM deploy_deployments WHERE id = $1`, id)
	if err != nil || !ok {
		return err
	}
	for _, u := range units {
		for _, e := range u.Events {
			if e.StartTime == nil {
				continue
			}
			name := LogName(awsproto.Value(info.ApplicationName), id, u.Name, *e.LifecycleEventName)
			if err := s.complete(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}
