package metric

import (
	"context"
	"log/slog"
	"math"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

const (
	group    = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/blue/73e2d6bc24d8a067"
	balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188"
)

type world struct {
	*Store
	t   *testing.T
	db  *store.Store
	now clock
}

// clock is a time that tests set, and that what works beside them reads.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) set(t time.Time) { c.at.Store(&t) }

func (c *clock) read() time.Time { return *c.at.Load() }

func open(t *testing.T, dsn string) *world {
	w := &world{t: t, db: storetest.OpenDSN(t, dsn, Migrations())}
	w.now.set(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	w.again()
	return w
}

// again starts another process over the same database.
func (w *world) again() {
	w.t.Helper()
	if w.Store != nil && w.timer != nil {
		w.timer.Stop()
	}
	s, err := Open(context.Background(), w.db, slog.New(slog.DiscardHandler), w.now.read)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Store = s
}

func (w *world) sample(requests, errors int64, latency time.Duration, healthy *int32) {
	w.t.Helper()
	err := w.Sample(w.t.Context(),
		[]slipway.RouterSample{{TargetGroupArn: new(group), LoadBalancerArn: new(balancer),
			Time:     awsproto.At(w.now.read()),
			Requests: &requests, Target5xx: &errors,
			Target2xx: new(requests - errors), HealthyHosts: healthy,
			Latency: []slipway.LatencyBucket{{Bucket: new(int32(slipway.LatencyBucketOf(latency))),
				Count: &requests}}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) statistics(name string, from time.Time, periods int, period time.Duration,
	dimensions ...Dimension) []Point {
	w.t.Helper()
	points, _, err := w.Statistics(w.t.Context(), ID{LoadBalancers, name, dimensions}, from,
		from.Add(time.Duration(periods)*period), period)
	if err != nil {
		w.t.Fatal(err)
	}
	return points
}

var ofGroup, ofBalancer = Dimension{"TargetGroup", "targetgroup/blue/73e2d6bc24d8a067"}, Dimension{"LoadBalancer",
	"app/shop/50dc6c495c0c9188"}

func TestWhatRoutersReport(t *testing.T) {
	w := open(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	start := w.now.read()
	for i := range 120 {
		w.sample(10, int64(i/60), 100*time.Millisecond, nil)
		w.now.set(w.now.read().Add(time.Second))
	}
	w.sample(1, 0, time.Second, new(int32(3)))
	check := func(when string) {
		t.Helper()
		for _, dimensions := range [][]Dimension{{ofGroup}, {ofBalancer}, {ofGroup, ofBalancer},
			{ofBalancer, ofGroup}} {
			got := w.statistics("RequestCount", start, 2, time.Minute, dimensions...)
			if len(got) != 2 || got[0].Sum != 600 || got[1].Sum != 600 || got[1].Max != 1 ||
				!got[1].Time.Equal(start.Add(time.Minute)) {
				t.Fatalf("%s: %v: %+v", when, dimensions, got)
			}
		}
		// A count of zero is not reported.
		if got := w.statistics("HTTPCode_Target_5XX_Count", start, 2, time.Minute, ofGroup); len(got) != 1 ||
			got[0].Sum != 60 || !got[0].Time.Equal(start.Add(time.Minute)) {
			t.Errorf("%s: %+v", when, got)
		}
		got := w.statistics("TargetResponseTime", start, 1, time.Minute, ofGroup)
		if p99, ok := got[0].Quantile(0.99); !ok || math.Abs(p99-0.1) > 0.003 ||
			math.Abs(got[0].Average()-0.1) > 0.003 || got[0].Count != 600 {
			t.Errorf("%s: %v %+v", when, p99, got[0].Summary)
		}
		if got := w.statistics("RequestCount", start, 2, time.Minute, ofGroup,
			Dimension{"LoadBalancer", "app/other/1"}); got != nil {
			t.Errorf("%s: of another load balancer: %+v", when, got)
		}
		if got := w.statistics("RequestCount", start, 2, time.Minute); got != nil {
			t.Errorf("%s: without dimensions: %+v", when, got)
		}
	}
	check("in memory")
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("written down as well")
	w.again()
	check("after a restart")
	for range 60 {
		w.sample(10, 0, 100*time.Millisecond, nil)
		w.now.set(w.now.read().Add(time.Second))
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.statistics("RequestCount", start, 3, time.Minute, ofGroup); len(got) != 3 || got[2].Sum != 601 {
		t.Errorf("half from the database, half from memory: %+v", got)
	}
	window, err := w.Window(t.Context(), group, start, start.Add(2*time.Minute))
	if err != nil || window.Requests != 1200 || window.Errors() != 60 {
		t.Errorf("%+v %v", window, err)
	}
	steps, err := w.Windows(t.Context(), group, start, start.Add(3*time.Minute), time.Minute)
	if err != nil || len(steps) != 3 || steps[1].Errors() != 60 {
		t.Errorf("%+v %v", steps, err)
	}
}

func TestGaugesStay(t *testing.T) {
	w := open(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	start := w.now.read()
	w.sample(1, 0, time.Millisecond, new(int32(2)))
	w.now.set(start.Add(150 * time.Second))
	w.sample(1, 0, time.Millisecond, new(int32(0)))
	w.now.set(start.Add(210 * time.Second))
	got := w.statistics("HealthyHostCount", start, 5, time.Minute, ofGroup)
	var low []float64
	for _, p := range got {
		low = append(low, p.Min)
	}
	if len(low) != 4 || low[0] != 2 || low[1] != 2 || low[2] != 0 || got[2].Max != 2 || low[3] != 0 || got[3].Max != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhatClientsPut(t *testing.T) {
	w := open(t, storetest.Postgres(t).Database(t))
	id := ID{"Shop", "Orders", []Dimension{{"Region", "north"}, {"Kind", "book"}}}
	put := func(values ...Value) {
		t.Helper()
		if err := w.Put(t.Context(), []Datum{{id, w.now.read(), Summarise(values)}}); err != nil {
			t.Fatal(err)
		}
	}
	start := w.now.read()
	put(Value{3, 1}, Value{-1, 2}, Value{5, 0})
	w.again() // what was acknowledged is there
	w.now.set(start.Add(20 * time.Second))
	put(Value{10, 1})
	// An order of dimensions is no difference.
	same := ID{"Shop", "Orders", []Dimension{{"Kind", "book"}, {"Region", "north"}}}
	got, _, err := w.Statistics(t.Context(), same, start, start.Add(time.Minute), time.Minute)
	if err != nil || len(got) != 1 || got[0].Count != 4 || got[0].Sum != 11 || got[0].Min != -1 || got[0].Max != 10 {
		t.Fatalf("%+v %v", got, err)
	}
	if p50, _ := got[0].Quantile(0.5); p50 != -1 {
		t.Errorf("p50 = %v", p50)
	}
	if ids := w.IDs(start); len(ids) != 1 || ids[0].Key() != id.Key() {
		t.Errorf("%+v", ids)
	}
}

func TestOldRowsGo(t *testing.T) {
	w := open(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	for range 10 {
		w.sample(1, 0, time.Millisecond, nil)
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.now.set(w.now.read().Add(time.Hour))
	}
	w.now.set(w.now.read().Add(Kept))
	for range 20 { // each flush deletes a little
		w.sample(1, 0, time.Millisecond, nil)
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.now.set(w.now.read().Add(flushEvery))
	}
	var rows int
	if err := w.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM metric_rows`).Scan(&rows); err != nil || rows != 20 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := open(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	w.now.set(w.now.read().Add(slot * time.Second))
	for i := range maxSeconds + 100 {
		at := w.now.read().Add(-time.Duration(i%10000) * time.Second)
		_ = w.Sample(t.Context(),
			[]slipway.RouterSample{{TargetGroupArn: new(group + string(rune('a'+i/10000))),
				LoadBalancerArn: new(balancer), Time: awsproto.At(at), Requests: new(int64(1))}})
	}
	held := 0
	for _, l := range w.traffic {
		held += len(l.seconds)
	}
	if held > maxSeconds || held != w.held {
		t.Errorf("%d seconds in memory, %d counted", held, w.held)
	}
	for i := range MaxSeries + 10 {
		_ = w.Sample(t.Context(),
			[]slipway.RouterSample{{TargetGroupArn: new(group + string(rune(i))), LoadBalancerArn: new(balancer),
				Time: awsproto.At(w.now.read()), Requests: new(int64(1))}})
	}
	if len(w.seen) > MaxSeries {
		t.Errorf("%d series", len(w.seen))
	}
	err := w.Put(t.Context(), []Datum{{ID{"Shop", "Orders", nil}, w.now.read(), Summary{Count: 1}}})
	if err != ErrTooMany {
		t.Errorf("%v", err)
	}
}

// TestQuantiles compares with counting one by one.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 2000).Draw(t, "values")
		var whole, left, right Summary
		for i, v := range values {
			one := Summarise([]Value{{v, 1}})
			whole.Add(one)
			if i%2 == 0 {
				left.Add(one)
			} else {
				right.Add(one)
			}
		}
		left.Add(right)
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		got, _ := whole.Quantile(q)
		again, _ := left.Quantile(q)
		below := 0
		for _, v := range values {
			if v <= got+math.Abs(got)*0.05 {
				below++
			}
		}
		if float64(below) < q*float64(len(values))-1e-6 || whole.Count != float64(len(values)) ||
			math.Abs(got-again) > math.Abs(got)*0.1 {
			t.Fatalf("quantile %v of %d is %v (%v put together otherwise): %d are not above it", q, len(values), got,
				again, below)
		}
	})
}
