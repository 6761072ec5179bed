package runner

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"slipway/api/slipway"
	"slipway/internal/fault"
)

// endLimit is how long the end of a build's room waits for the server to take the result.
const endLimit = time.Second

func (s *server) run(id string, o slipway.Order, r *running, identity Identity) {
	if err := s.records.keepStarted(id); err != nil {
		s.log.Error("cannot start a build", "build", id, "error", err)
		s.end(id, r, lost("The runner cannot write its record of this build: "+err.Error()))
		return
	}
	wanted, give := s.wanted(r)
	defer give()
	p := newProgress(func(p slipway.Progress) { s.update(id, r, p) })
	log, err := s.openLog(wanted, id, o, p.flush)
	if err != nil {
		p.close()
		s.end(id, r, lost("The runner cannot write the build's log: "+err.Error()))
		return
	}
	slot := r.slot
	result, leave := Run(r.ctx, Job{
		Order:    o,
		Executor: slotExecutor{s.ready, slot},
		Room:     roomOf(o),
		Disk:     defaultDisk,
		Log:      log,
		Endpoint: s.Endpoint,
		CA:       s.CA,
		Identity: identity,
		Pass:     s.Pass,
		Progress: p.tell,
		Name:     s.Name,
		Caches:   s.caches,
		Actions:  s.Actions,

		ActionCaches: s.actionCaches,
		Commands:     serverCommands{s, id},
		Terminals:    serverTerminals{s, id},
	})
	p.close()
	end := sync.OnceFunc(func() { leave(); s.ready.free(slot) })
	late := time.AfterFunc(endLimit, end)
	defer late.Stop()
	s.leave(r)
	s.keep(wanted, id, result, log)
	s.report(id, r, result)
	end()
	if s.forgotten(r) {
		s.dropLog(log.over.name)
	}
}

// keep makes a result durable while the rest of the log is handed over. Both have happened when it returns, unless
// wanted ended before.
func (s *server) keep(wanted context.Context, id string, result slipway.Result, log *logFile) {
	if err := log.Seal(); err != nil {
		s.log.Error("cannot complete a log", "build", id, "error", err)
	}
	late := time.AfterFunc(endLimit, func() { // the server is away: then the runner's own log has to last
		if err := s.journal.Sync(log.over.name); err != nil {
			s.log.Error("cannot keep a log", "build", id, "error", err)
		}
	})
	defer late.Stop()
	var both sync.WaitGroup
	both.Go(func() {
		if err := s.records.keepResult(id, result); err != nil {
			s.log.Error("cannot keep a result", "build", id, "error", err)
		}
	})
	both.Go(func() { log.over.wait(wanted) })
	both.Wait()
}

// end keeps a result and reports it.
func (s *server) end(id string, r *running, result slipway.Result) {
	if err := s.records.keepResult(id, result); err != nil {
		s.log.Error("cannot keep a result", "build", id, "error", err)
	}
	s.report(id, r, result)
}

// report hands a result to the server, as often as it takes. A runner that ends leaves it for the next.
func (s *server) report(id string, r *running, result slipway.Result) {
	text, err := json.Marshal(result)
	if err != nil {
		s.log.Error("cannot write a result", "build", id, "error", err)
		return
	}
	deadline, end := s.grace()
	defer end()
	for pause := time.Duration(0); ; {
		if s.forgotten(r) {
			s.done(id)
			return
		}
		call, cancel := context.WithTimeout(deadline, callLimit)
		_, err := s.api.CompleteBuild(call, &slipway.CompleteBuildInput{Id: &id, Runner: &s.Name, Result: text})
		cancel()
		if err == nil {
			fault.Point("runner.reported")
			s.done(id)
			return
		}
		if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone {
			s.done(id)
			return
		}
		if deadline.Err() != nil {
			return
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		s.log.Warn("a result is not taken", "build", id, "error", err, "again", pause)
		wait(deadline, pause)
	}
}

func (s *server) done(id string) {
	if err := s.records.forget(id); err != nil {
		s.log.Error("cannot remove a record", "build", id, "error", err)
	}
	s.remove(id)
}

// update tells the server how far a build is, once; nothing depends on it.
func (s *server) update(id string, r *running, p slipway.Progress) {
	text, err := json.Marshal(p)
	if err != nil {
		return
	}
	call, cancel := context.WithTimeout(s.work, callLimit)
	defer cancel()
	out, err := s.api.UpdateBuild(call, &slipway.UpdateBuildInput{Id: &id, Runner: &s.Name, Progress: text})
	if err == nil && value(out.Stop) {
		r.cancel(errStopped)
	}
}

// tellEvery is how often the server is told at most how far a build is. A build that takes less time than that is told
// of by its result alone.
const tellEvery = 100 * time.Millisecond

// progress passes on the newest progress of a build; what comes while one waits, or is on its way, replaces it.
type progress struct {
	send   func(slipway.Progress)
	next   chan slipway.Progress
	closed chan struct{}
	mu     sync.Mutex
}

func newProgress(send func(slipway.Progress)) *progress {
	p := &progress{send: send, next: make(chan slipway.Progress, 1), closed: make(chan struct{})}
	go p.run()
	return p
}

func (p *progress) run() {
	t := time.NewTicker(tellEvery)
	defer t.Stop()
	for {
		select {
		case <-p.closed:
			return
		case <-t.C:
		}
		p.flush()
	}
}

// flush sends what waits. What of the log is handed over after it never runs ahead of the phase.
func (p *progress) flush() {
	select {
	case n := <-p.next:
		p.send(n)
	default:
	}
}

// tell replaces the progress that waits.
func (p *progress) tell(n slipway.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.next:
	default:
	}
	p.next <- n
}

// close drops what has not been sent: the result says it all.
func (p *progress) close() { close(p.closed) }
