package metric

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"slipway/api/slipway"
	"slipway/internal/contain"
	"slipway/internal/store"
)

// Topics of notices to the other servers that work on the database. Each server keeps in memory what all of them were
// told, and writes down what it was told itself.
const (
	trafficNotice = "metric.traffic" // a sample of a router
	customNotice  = "metric.custom"  // a Datum
)

// begin begins the memory of a process: what was measured before is read from the database.
func (s *Store) begin() {
	s.began = s.now().Unix()
	s.traffic, s.custom, s.held = map[string]*line[Traffic]{}, map[string]*line[Summary]{}, 0
	s.writer = uuid.NewString()[:8] + "-"
}

// tell passes on what this server was told.
func (s *Store) tell(topic string, v any) {
	if !s.db.Shared() {
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		s.log.Error("tell other servers of a measurement", "error", err)
		return
	}
	s.db.Notify(topic, string(text))
}

func (s *Store) hearTraffic(text string) {
	var r slipway.RouterSample
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		s.log.Error("hear of a measurement from another server", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Time == nil || r.TargetGroupArn == nil || r.LoadBalancerArn == nil:
	case s.remembers(r.Time.Unix()):
		s.sampled(r)
	default:
		s.admit(pair{*r.TargetGroupArn, *r.LoadBalancerArn}.series())
	}
}

// remembers reports whether what others measured at a time is kept in memory. The slot in which this process began is
// in part before that, so that all of it is read from the database.
func (s *Store) remembers(at int64) bool { return at >= s.began-s.began%slot+slot }

func (s *Store) hearCustom(text string) {
	var d Datum
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		s.log.Error("hear of a measurement from another server", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if series := d.Sorted().series(); s.admit(series) && s.remembers(d.Time.Unix()) {
		remember(s, s.custom, series, d.Time.Unix(), d.Summary, (*Summary).Add)
	}
}

// missed begins with an empty memory once notices of other servers were lost: the database has what they were of.
func (s *Store) missed() {
	ctx := context.Background()
	err := contain.Do(func() error { return errors.Join(s.flush(ctx, true), s.readSeries(ctx)) })
	if err != nil && !errors.Is(err, store.ErrClosed) {
		s.log.Error("begin to keep measurements anew", "error", err)
	}
}
