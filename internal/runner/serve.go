package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/journal"
)

// Config is what a runner is started with.
type Config struct {
	Endpoint    string // of the server
	CA          []byte // authorities, in PEM, that its certificate may be of besides the machine's
	Region      string
	Credentials sigv4.Credentials // an access key of the role runner
	// Name tells runners apart. A runner that comes back under its name finds what it had left.
	Name string
	// Dir is the runner's own: its records and the folders of its builds. Only one runner can have it.
	Dir string
	// JournalDir is the journal that it writes logs to, which the server reads.
	JournalDir string
	// Concurrency is how many builds run at the same time; 0 is one.
	Concurrency int
	// Pass names variables of the runner's environment that builds get, besides PATH, LANG and the like.
	Pass []string
	// Hidden are folders that builds must not see, such as the server's data; Dir and JournalDir are always.
	Hidden []string
	// NoSandbox lets builds run with the runner's own rights where there is no sandbox; else the runner then takes none.
	NoSandbox bool
	Log       *slog.Logger
}

const (
	// pollLimit is longer than the server holds a poll.
	pollLimit = 75 * time.Second
	// callLimit bounds every other call.
	callLimit = 30 * time.Second
	// stopLimit is how long a runner that is told to end tries to report its builds.
	stopLimit = 4 * time.Second
	// maxBackoff is the longest pause between two tries while the server is away.
	maxBackoff = 5 * time.Second
)

var transport = sync.OnceValue(func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy, t.MaxIdleConnsPerHost = nil, 64
	return &http.Client{Transport: t}
})

// server is a runner at work.
type server struct {
	Config
	api     slipway.API
	journal *journal.Journal
	records records
	caches  *cacheStore
	sandbox *Sandbox
	refuses string // why no builds are taken, "" if they are
	log     *slog.Logger
	work    context.Context // ends when builds must stop

	mu      sync.Mutex
	builds  map[string]*running
	slots   []bool
	repoll  context.CancelFunc // ends a poll that had no room
	started sync.WaitGroup
}

// running is a build that the server must know of: it runs, or its result has not been taken.
type running struct {
	slot   int // -1 once its place is free
	ctx    context.Context
	cancel context.CancelCauseFunc
	forget chan struct{} // closed when the server does not want the result
	once   sync.Once
}

// Serve takes builds from a server and runs them until ctx ends; then its builds are stopped and reported. While the server is away
// builds go on, and their results are handed over when it is back.
func Serve(ctx context.Context, c Config) error {
	if c.Name == "" || c.Dir == "" || c.JournalDir == "" || c.Endpoint == "" {
		return errors.New("a runner needs a name, an endpoint, a folder and a journal")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	c.Dir, c.Concurrency = dir, max(1, c.Concurrency)
	for _, d := range []string{dir, filepath.Join(dir, "records"), filepath.Join(dir, "builds")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("runner: %w", err)
		}
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	defer lock.Close()
	adoptOrphans()
	removeGroups()
	s := &server{Config: c, records: records{filepath.Join(dir, "records")}, builds: map[string]*running{}, slots: make([]bool, c.Concurrency), log: c.Log}
	if s.log == nil {
		s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s.api = slipway.Client{Client: &awsproto.Client{Endpoint: c.Endpoint, Region: c.Region, Credentials: c.Credentials, HTTP: transport()}}
	if s.journal, err = journal.Open(c.JournalDir); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	defer s.journal.Close()
	if s.caches, err = openCaches(filepath.Join(dir, "cache")); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	defer s.caches.close()
	if s.sandbox, err = FindSandbox(append([]string{dir, c.JournalDir}, c.Hidden...)...); err != nil {
		if c.NoSandbox {
			s.log.Warn("NO SANDBOX: builds run with this runner's own rights and can read its keys", "why", err)
		} else {
			s.refuses = fmt.Sprintf("it has no sandbox: %v. Make bubblewrap work and start the runner again, or start it with --no-sandbox "+
				"(SLIPWAY_NO_SANDBOX=true): then builds run with the runner's own rights and can read its keys.", err)
			s.log.Error("this runner takes no builds", "why", s.refuses)
		}
	}
	var stop context.CancelCauseFunc
	s.work, stop = context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { stop(errStopped) })
	defer stop(errStopped)
	if err := s.recover(); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	s.log.Info("runner is ready", "name", c.Name, "builds", c.Concurrency, "sandbox", s.sandbox != nil)
	s.poll(ctx)
	s.started.Wait()
	return nil
}

// recover takes up what an earlier process of this runner left: results are reported again, builds that had begun are reported as
// uncertain and not run again, those that had not begin now.
func (s *server) recover() error {
	left, err := s.records.all()
	if err != nil {
		return err
	}
	for _, rec := range left {
		killLeft(rec.id)
	}
	dirs, err := os.ReadDir(filepath.Join(s.Dir, "builds"))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if err := removeAll(filepath.Join(s.Dir, "builds", d.Name())); err != nil {
			s.log.Warn("cannot remove what a build left", "folder", d.Name(), "error", err)
		}
	}
	for _, rec := range left {
		r := s.add(rec.id, -1)
		s.started.Go(func() {
			switch {
			case rec.result != nil:
				s.closeLog(rec.order, "")
				s.report(rec.id, r, *rec.result)
			case rec.started:
				const words = "The runner ended while this build ran. What its commands did is uncertain; it is not run again."
				s.closeLog(rec.order, words)
				s.end(rec.id, r, lost(words))
			default:
				s.resume(rec, r)
			}
		})
	}
	return nil
}

// lost is the result of a build of which nobody knows how far it came.
func lost(words string) slipway.Result {
	now := awsproto.At(time.Now())
	return slipway.Result{Status: codebuild.StatusTypeFault, End: now, Cause: &slipway.Cause{Phase: string(codebuild.BuildPhaseTypeProvisioning), Message: words},
		Phases: []codebuild.BuildPhase{
			{PhaseType: codebuild.BuildPhaseTypeProvisioning, PhaseStatus: codebuild.StatusTypeFault, StartTime: now, EndTime: now, DurationInSeconds: new(int64(0)),
				Contexts: []codebuild.PhaseContext{{StatusCode: new("INTERNAL_SERVICE_ERROR"), Message: new(words)}}},
			{PhaseType: codebuild.BuildPhaseTypeCompleted, StartTime: now}}}
}

// closeLog completes the log of a build that an earlier process ran.
func (s *server) closeLog(o slipway.Order, words string) {
	w, err := s.journal.Append(journal.Name{Group: o.Group, Stream: o.Stream})
	if err != nil {
		return // it is complete
	}
	if words != "" {
		newLogbook(w).say("%s", words)
	}
	if err := w.Close(); err != nil {
		s.log.Warn("cannot complete a log", "log", o.Stream, "error", err)
	}
}

func (s *server) add(id string, slot int) *running {
	r := &running{slot: slot, forget: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancelCause(s.work) // now: it can be stopped before it has begun
	s.mu.Lock()
	defer s.mu.Unlock()
	s.builds[id] = r
	return r
}

// place takes a free place for a build; ok is false if there is none.
func (s *server) place() (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.slots, false)
	if i >= 0 {
		s.slots[i] = true
	}
	return i, i >= 0
}

func (s *server) leave(r *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.slot >= 0 {
		s.slots[r.slot] = false
		r.slot = -1
		if s.repoll != nil {
			s.repoll()
		}
	}
}

func (s *server) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.builds[id]; r != nil {
		r.cancel(nil)
		delete(s.builds, id)
	}
}

// poll asks the server for builds, one call after another.
func (s *server) poll(ctx context.Context) {
	pause := time.Duration(0)
	for ctx.Err() == nil {
		s.mu.Lock()
		free := 0
		for _, taken := range s.slots {
			if !taken {
				free++
			}
		}
		if s.refuses != "" {
			free = 0
		}
		ids := slices.Sorted(maps.Keys(s.builds))
		call, cancel := context.WithTimeout(ctx, pollLimit)
		if free == 0 && s.refuses == "" {
			s.repoll = cancel // a place that becomes free is told at once
		}
		s.mu.Unlock()
		out, err := s.api.PollBuild(call, &slipway.PollBuildInput{Runner: &s.Name, Free: new(int32(free)), Running: ids, Refuses: orNil(s.refuses)})
		interrupted := call.Err() != nil && !errors.Is(call.Err(), context.DeadlineExceeded)
		s.mu.Lock()
		s.repoll = nil
		s.mu.Unlock()
		cancel()
		if err != nil {
			if ctx.Err() != nil || interrupted {
				continue
			}
			pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
			s.log.Warn("the server does not answer", "error", err, "again", pause)
			wait(ctx, pause)
			continue
		}
		pause = 0
		for _, id := range out.Stop {
			s.stop(id)
		}
		for _, id := range out.Forget {
			s.forget(id)
		}
		if out.Build != nil && out.Build.Id != nil {
			s.take(*out.Build.Id, out.Build.Order)
		}
	}
}

// orNil is a text that may be absent.
func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (s *server) stop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.builds[id]; r != nil {
		r.cancel(errStopped)
	}
}

// forget stops a build that the server knows as ended, and gives its result up.
func (s *server) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.builds[id]; r != nil {
		r.once.Do(func() { close(r.forget) })
		r.cancel(errStopped)
	}
}

// take begins with a build that the server has assigned to this runner.
func (s *server) take(id string, order json.RawMessage) {
	s.mu.Lock()
	_, twice := s.builds[id]
	s.mu.Unlock()
	if twice {
		return
	}
	slot, ok := s.place()
	if !ok {
		return // the server offers it again
	}
	r := s.add(id, slot)
	s.started.Go(func() {
		var o slipway.Order
		err := json.Unmarshal(order, &o)
		if err == nil {
			err = s.records.keepOrder(id, order)
		}
		if err != nil {
			s.log.Error("cannot take a build", "build", id, "error", err)
			s.leave(r)
			s.remove(id)
			wait(s.work, time.Second) // the server offers it again at once
			return
		}
		s.acknowledged(id, o, r, false)
	})
}

// resume begins with a build that an earlier process of this runner had been given and had not started.
func (s *server) resume(rec record, r *running) {
	slot, ok := s.place()
	if !ok {
		const words = "The runner ended before it began with this build."
		s.closeLog(rec.order, words)
		s.end(rec.id, r, lost(words))
		return
	}
	s.mu.Lock()
	r.slot = slot
	s.mu.Unlock()
	s.acknowledged(rec.id, rec.order, r, true)
}

// acknowledged tells the server that this runner has the build, and runs it if the server says yes, which it does once. uncertain is that
// an earlier process may have been told yes; it has not started the build, as its record shows.
func (s *server) acknowledged(id string, o slipway.Order, r *running, uncertain bool) {
	defer s.leave(r)
	grace, end := s.grace()
	defer end()
	for pause := time.Duration(0); ; {
		call, cancel := context.WithTimeout(grace, callLimit)
		out, err := s.api.AcknowledgeBuild(call, &slipway.AcknowledgeBuildInput{Id: &id, Runner: &s.Name})
		cancel()
		if err == nil {
			fault.Point("runner.acknowledged")
			ours, known := value(out.Run), true
			if !ours && uncertain {
				ours, known = s.isOurs(grace, id)
			}
			switch {
			case ours:
				s.run(id, o, r) // it ends at once as stopped if the runner is ending
			case known:
				s.log.Info("another runner has the build", "build", id)
				s.done(id)
			}
			return
		}
		if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone || s.forgotten(r) {
			s.done(id)
			return
		}
		if s.work.Err() != nil {
			return // the next process of this runner asks again
		}
		uncertain = true // a yes may have been lost
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(s.work, pause)
	}
}

// grace is a context that outlives the end of the work for as long as a runner that is told to end may take to say what it has to say.
func (s *server) grace() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.work))
	stop := context.AfterFunc(s.work, func() { time.AfterFunc(stopLimit, cancel) })
	return ctx, func() { stop(); cancel() }
}

// isOurs asks whether the server has a build as running on this runner: then this runner, and no other, was told to run it. known is false
// if there was no answer.
func (s *server) isOurs(ctx context.Context, id string) (ours, known bool) {
	for pause := time.Duration(0); ctx.Err() == nil; {
		text, err := json.Marshal(slipway.Progress{CurrentPhase: string(codebuild.BuildPhaseTypeProvisioning)})
		if err != nil {
			return false, false
		}
		call, cancel := context.WithTimeout(ctx, callLimit)
		out, err := s.api.UpdateBuild(call, &slipway.UpdateBuildInput{Id: &id, Runner: &s.Name, Progress: text})
		cancel()
		if err == nil {
			return !value(out.Stop), true
		}
		if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone {
			return false, true
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(ctx, pause)
	}
	return false, false
}

func (s *server) forgotten(r *running) bool {
	select {
	case <-r.forget:
		return true
	default:
		return false
	}
}

func (s *server) run(id string, o slipway.Order, r *running) {
	if err := s.records.keepStarted(id); err != nil {
		s.log.Error("cannot start a build", "build", id, "error", err)
		s.end(id, r, lost("The runner cannot write its record of this build: "+err.Error()))
		return
	}
	w, err := s.journal.Append(journal.Name{Group: o.Group, Stream: o.Stream})
	if err != nil {
		s.end(id, r, lost("The runner cannot write the build's log: "+err.Error()))
		return
	}
	dir := filepath.Join(s.Dir, "builds", o.Stream)
	if filepath.Dir(dir) != filepath.Join(s.Dir, "builds") {
		dir = filepath.Join(s.Dir, "builds", fmt.Sprintf("slot-%d", r.slot))
	}
	p := newProgress(func(p slipway.Progress) { s.update(id, r, p) })
	result := Run(r.ctx, Job{Order: o, Dir: dir, Log: w, Sandbox: s.sandbox, Slot: r.slot, Endpoint: s.Endpoint, CA: s.CA, Credentials: s.Credentials, Pass: s.Pass,
		Progress: p.tell, Name: s.Name, Caches: s.caches})
	p.close()
	if err := w.Close(); err != nil {
		s.log.Error("cannot complete a log", "build", id, "error", err)
	}
	if err := s.records.keepResult(id, result); err != nil {
		s.log.Error("cannot keep a result", "build", id, "error", err)
	}
	s.started.Go(func() { // while the result is on its way
		if err := removeAll(dir); err != nil {
			s.log.Warn("cannot remove a build's folder", "folder", dir, "error", err)
		}
	})
	s.leave(r)
	s.report(id, r, result)
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

// progress passes on the newest progress of a build; what comes while one is on its way replaces what waits.
type progress struct {
	next chan slipway.Progress
	mu   sync.Mutex
}

func newProgress(send func(slipway.Progress)) *progress {
	p := &progress{next: make(chan slipway.Progress, 1)}
	go func() {
		for n := range p.next {
			send(n)
		}
	}()
	return p
}

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
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.next:
	default:
	}
	close(p.next)
}
