package release_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	cd "slipway/api/codedeploy"
	"slipway/api/elbv2"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/release"
	"slipway/internal/release/metric"
	"slipway/internal/release/shift"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

// router is a load balancer that applies what it is told when it likes to.
type router struct {
	mu            sync.Mutex
	told, applied map[string]int
	history       []int // what the canary was told, each change once
	broken        error
	denied        error // refuses changes
	lazy          bool  // applies only when asked to
	weighed       chan int
}

func (r *router) Weigh(_ context.Context, _ []string, weights map[string]int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	if r.denied != nil && r.told["canary"] != weights["canary"] {
		return r.denied
	}
	if !maps.Equal(r.told, weights) {
		r.told = maps.Clone(weights)
		r.history = append(r.history, weights["canary"])
	}
	if !r.lazy {
		r.applied = r.told
	}
	select {
	case r.weighed <- weights["canary"]:
	default:
	}
	return nil
}

func (r *router) InEffect(_ context.Context, _ []string, weights map[string]int) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Equal(r.applied, weights), nil
}

func (r *router) deny(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied = err
}

func (r *router) apply() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied = r.told
}

type ended struct {
	id string
	event.ReleaseEnd
}

type world struct {
	t       *testing.T
	db      *store.Store
	service *release.Service
	router  *router
	ended   chan ended
	metrics *metric.Store
	hints   *event.Hints
}

type ctx = context.Context

// groups is a place with one deployment group.
func groupExists(_ context.Context, application, group string) error {
	if application != "shop" || group != "prod" {
		return &cd.DeploymentGroupDoesNotExistException{Message: "No Deployment Group found for name: " + group}
	}
	return nil
}

type alarms struct{}

func (alarms) AlarmStates(context.Context, []string) (map[string]cloudwatch.StateValue, error) {
	return map[string]cloudwatch.StateValue{"errors": cloudwatch.StateValueOk}, nil
}

const patient = 30 * time.Second

func newWorld(t *testing.T) *world {
	return newWorldAt(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
}

func newWorldAt(t *testing.T, dsn string) *world {
	t.Helper()
	w := &world{
		t:      t,
		router: &router{weighed: make(chan int, 100)},
		ended:  make(chan ended, 10),
		hints:  event.NewHints(nil),
	}
	w.db = storetest.OpenDSN(t, dsn, release.Migrations(), metric.Migrations())
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	var err error
	if w.metrics, err = metric.Open(t.Context(), w.db, log, time.Now); err != nil {
		t.Fatal(err)
	}
	w.service = release.New(w.db,
		release.Config{Metrics: w.metrics, GroupExists: groupExists, Alarms: alarms{}, Now: time.Now, Log: log,
			Pager: awsproto.Pager{Key: []byte("k")}, Hints: w.hints, Traffic: w.router})
	event.ReleaseEnded.Subscribe(w.db, "test", func(_ context.Context, id string, e event.ReleaseEnd) error {
		w.ended <- ended{id, e}
		return nil
	})
	work, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.db.Work(work) }()
	t.Cleanup(func() { stop(); <-done })
	return w
}

func (w *world) begin(id string, routing *cd.TrafficRoutingConfig) {
	w.t.Helper()
	for range 2 { // asked twice, it begins once
		err := w.db.Write(w.t.Context(), func(tx store.Tx) error {
			return w.service.Begin(w.t.Context(), tx,
				release.Release{DeploymentID: id, Application: "shop", Group: "prod", Resources: []string{"listener"},
					Baseline: "baseline", Canary: "canary", Routing: routing, Alarms: []string{"errors"}})
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) rollBack(id string) error {
	return w.db.Write(w.t.Context(), func(tx store.Tx) error {
		return w.service.RollBack(w.t.Context(), tx, id, "the deployment was stopped")
	})
}

func (w *world) wait() ended {
	w.t.Helper()
	select {
	case e := <-w.ended:
		return e
	case <-time.After(patient):
		w.t.Fatalf("no release ended within %s", patient)
		return ended{}
	}
}

func (w *world) told(percent int) {
	w.t.Helper()
	deadline := time.After(patient)
	for {
		select {
		case got := <-w.router.weighed:
			if got == percent {
				return
			}
		case <-deadline:
			w.t.Fatalf("the router was not told %d %% within %s", percent, patient)
		}
	}
}

// says waits until the message of a release contains a text.
func (w *world) says(id, text string) {
	w.t.Helper()
	changed, stop := w.hints.Listen("release/" + id)
	defer stop()
	over := time.After(patient)
	for {
		out, err := w.service.GetRelease(w.t.Context(), &slipway.GetReleaseInput{DeploymentId: &id})
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.Contains(*out.Release.Message, text) {
			return
		}
		select {
		case <-changed:
		case <-over:
			w.t.Fatalf("the release says %q, want %q", *out.Release.Message, text)
		}
	}
}

func TestAllAtOnce(t *testing.T) {
	w := newWorld(t)
	w.begin("d-1", nil)
	if e := w.wait(); e.id != "d-1" || !e.Promoted || w.router.applied["canary"] != 100 ||
		w.router.applied["baseline"] != 0 {
		t.Fatalf("%+v %v", e, w.router.applied)
	}
	// Until the deployment lets go of what ran before, it can go back.
	if err := w.rollBack("d-1"); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); e.Promoted || e.ByHand || e.Reason != "the deployment was stopped" ||
		w.router.applied["baseline"] != 100 {
		t.Fatalf("%+v %v", e, w.router.applied)
	}
	if err := w.rollBack("d-1"); !errors.Is(err, shift.ErrEnded) {
		t.Errorf("%v", err)
	}
	if err := w.rollBack("d-2"); awsproto.Code(err) != "ReleaseNotFoundException" {
		t.Errorf("%v", err)
	}
}

func TestTheRouterHasToHaveItInEffect(t *testing.T) {
	w := newWorld(t)
	w.router.lazy = true
	w.begin("d-1", nil)
	w.told(100)
	select {
	case e := <-w.ended:
		t.Fatalf("ended before the router applied anything: %+v", e)
	default:
	}
	w.router.apply()
	if err := w.service.Applied(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); !e.Promoted {
		t.Fatalf("%+v", e)
	}
}

func TestRollBackInTheMiddle(t *testing.T) {
	w := newWorld(t)
	w.begin("d-1",
		&cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeTimeBasedCanary,
			TimeBasedCanary: &cd.TimeBasedCanary{CanaryPercentage: new(int32(10)), CanaryInterval: new(int32(60))}})
	w.told(10)
	if err := w.rollBack("d-1"); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); e.Promoted || w.router.applied["canary"] != 0 {
		t.Fatalf("%+v %v", e, w.router.applied)
	}
}

func TestWhatCarriedTheTrafficIsGone(t *testing.T) {
	w := newWorld(t)
	w.router.broken = &elbv2.ListenerNotFoundException{Message: "Listener 'listener' not found"}
	w.begin("d-1", nil)
	if e := w.wait(); e.Promoted || e.ByHand ||
		e.Reason != "The traffic cannot be shifted: Listener 'listener' not found" {
		t.Fatalf("%+v", e)
	}
}

// A right that the role lacks ends the way forward. On the way back it is waited for, and the release says so.
func TestTheRoleMayNotMoveTraffic(t *testing.T) {
	denied := &awsproto.Error{Code: "AccessDeniedException", Message: "not authorized to perform: ModifyListener"}
	w := newWorld(t)
	w.router.deny(denied)
	w.begin("d-1", nil)
	if e := w.wait(); e.Promoted || !strings.HasSuffix(e.Reason, denied.Message) {
		t.Fatalf("%+v", e)
	}
	w.router.deny(nil)
	w.begin("d-2", &cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeTimeBasedCanary,
		TimeBasedCanary: &cd.TimeBasedCanary{CanaryPercentage: new(int32(10)), CanaryInterval: new(int32(60))}})
	w.told(10)
	w.router.deny(denied)
	if err := w.rollBack("d-2"); err != nil {
		t.Fatal(err)
	}
	w.says("d-2", "It does not go on: ")
	w.router.deny(nil)
	if err := w.service.Applied(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); e.id != "d-2" || e.Promoted || w.router.applied["canary"] != 0 {
		t.Fatalf("%+v %v", e, w.router.applied)
	}
}

func TestOnPostgreSQL(t *testing.T) {
	w := newWorldAt(t, storetest.Postgres(t).Database(t))
	w.begin("d-1", nil)
	if e := w.wait(); !e.Promoted {
		t.Fatalf("%+v", e)
	}
	if err := w.rollBack("d-1"); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); e.Promoted {
		t.Fatalf("%+v", e)
	}
}
