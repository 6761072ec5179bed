package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	"slipway/internal/journal"
	"slipway/internal/runner/room"
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
	// Concurrency is how many builds run at the same time; 0 is one.
	Concurrency int
	// Pass names variables of the runner's environment that builds get, besides PATH, LANG and the like.
	Pass []string
	// Executor opens the rooms of builds. Without one the runner takes no builds, and Refuses says why.
	Executor Executor
	Refuses  string
	// Actions says where the actions of steps come from.
	Actions Actions
	// Labels say what this runner can besides what its executor says.
	Labels []string
	// Fleet is the name of the fleet whose builds this runner takes; "" takes those of none.
	Fleet string
	// CacheSize bounds what the caches of all projects take on disk, and those in one place of a bucket, in bytes; 0 is
	// DefaultCacheSize.
	CacheSize int64
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
	client  *awsproto.Client // the same
	logs    slipway.API      // the same, for the bytes of logs
	journal *journal.Journal // of the logs that the server does not have yet
	records records
	caches  *cacheStore

	actionCaches *actionCaches
	ready        *readyRooms // nil if no builds are taken
	log          *slog.Logger
	work         context.Context // ends when builds must stop

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

// Serve takes builds from a server and runs them until ctx ends; then its builds are stopped and reported. While the
// server is away builds go on, and their results are handed over when it is back.
func Serve(ctx context.Context, c Config) error {
	if c.Name == "" || c.Dir == "" || c.Endpoint == "" {
		return errors.New("a runner needs a name, an endpoint and a folder")
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
	s := &server{
		Config:  c,
		records: records{filepath.Join(dir, "records")},
		builds:  map[string]*running{},
		slots:   make([]bool, c.Concurrency),
		log:     c.Log,
	}
	s.actionCaches = newActionCaches(filepath.Join(dir, "actions-cache"))
	if s.log == nil {
		s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	client := awsproto.Client{
		Endpoint:    c.Endpoint,
		Region:      c.Region,
		Credentials: c.Credentials,
		HTTP:        transport(),
	}
	binary := client
	binary.Binary = true
	s.client = &client
	s.api, s.logs = slipway.Client{Client: &client}, slipway.Client{Client: &binary}
	if s.journal, err = journal.Open(filepath.Join(dir, "logs")); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	defer s.journal.Close()
	if s.caches, err = openCaches(filepath.Join(dir, "cache"), cmp.Or(c.CacheSize, DefaultCacheSize)); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	defer s.caches.close()
	var stop context.CancelCauseFunc
	s.work, stop = context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { stop(errStopped) })
	defer stop(errStopped)
	s.openRooms()
	defer s.ready.close()
	if err := s.recover(); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	s.log.Info("runner is ready", "name", c.Name, "builds", c.Concurrency, "labels", s.labels())
	s.poll(ctx)
	s.started.Wait()
	return nil
}

// openRooms removes the rooms of an earlier process of this runner, and makes new ones ready.
func (s *server) openRooms() {
	if s.Executor == nil {
		s.log.Error("this runner takes no builds", "why", s.Refuses)
		return
	}
	if err := s.Executor.Recover(s.rooms()); err != nil {
		s.log.Warn("cannot remove what builds left", "error", err)
	}
	s.ready = newReadyRooms(s.Executor, room.Spec{Limits: limits}, s.rooms(), s.Concurrency, s.log)
	go s.ready.refresh(s.work)
}

// labels are what this runner can.
func (s *server) labels() (all []string) {
	if s.Executor != nil {
		all = slices.Concat(s.Executor.Labels(), s.Labels)
	}
	if s.Fleet != "" {
		all = append(all, "fleet="+s.Fleet)
	}
	return all
}

// recover takes up what an earlier process of this runner left: results are reported again, builds that had begun are
// reported as uncertain and not run again, those that had not begin now.
func (s *server) recover() error {
	left, err := s.records.all()
	if err != nil {
		return err
	}
	if err := s.dropLogs(s.work, left); err != nil {
		return err
	}
	for _, rec := range left {
		r := s.add(rec.id, -1)
		s.started.Go(func() {
			switch {
			case rec.result != nil:
				s.closeLog(rec, r, "")
				s.report(rec.id, r, *rec.result)
			case rec.started:
				words := "The runner ended while this " + nounOf(rec.order) + " ran. What its commands did is " +
					"uncertain; it is not run again."
				s.closeLog(rec, r, words)
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
	return slipway.Result{Status: codebuild.StatusTypeFault, End: now,
		Cause: &slipway.Cause{Phase: string(codebuild.BuildPhaseTypeProvisioning), Message: words},
		Phases: []codebuild.BuildPhase{
			{PhaseType: codebuild.BuildPhaseTypeProvisioning, PhaseStatus: codebuild.StatusTypeFault, StartTime: now,
				EndTime: now, DurationInSeconds: new(int64(0)),
				Contexts: []codebuild.PhaseContext{{StatusCode: new("INTERNAL_SERVICE_ERROR"), Message: new(words)}}},
			{PhaseType: codebuild.BuildPhaseTypeCompleted, StartTime: now}}}
}

// closeLog completes the log of a build that an earlier process ran, and hands over what the server does not have yet.
func (s *server) closeLog(rec record, r *running, words string) {
	w, err := s.journal.Append(journal.Name{Group: rec.order.Group, Stream: rec.order.Stream})
	switch {
	case err == nil:
		if words != "" {
			newLogbook(w).say("%s", words)
		}
		err = w.Close()
	case errors.Is(err, journal.ErrComplete):
		err = nil
	}
	if err != nil {
		s.log.Warn("cannot complete a log", "log", rec.order.Stream, "error", err)
	}
	ctx, end := s.wanted(r)
	defer end()
	s.handOver(ctx, rec.id, journal.Name{Group: rec.order.Group, Stream: rec.order.Stream}, nil).wait(ctx)
}

// wanted is a context that ends when the server does not want a build's log and result any more, or when a runner that
// is told to end has no more time.
func (s *server) wanted(r *running) (context.Context, context.CancelFunc) {
	ctx, cancel := s.grace()
	go func() {
		select {
		case <-r.forget:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// rooms is the folder of the builds' rooms.
func (s *server) rooms() string { return filepath.Join(s.Dir, "builds") }

func (s *server) add(id string, slot int) *running {
	r := &running{slot: slot, forget: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancelCause(s.work) // now: it can be stopped before it has begun
	s.mu.Lock()
	defer s.mu.Unlock()
	s.builds[id] = r
	return r
}
