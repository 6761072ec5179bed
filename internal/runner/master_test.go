package runner

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
	"slipway/internal/journal"
)

// master is a server with one queue of builds, which keeps the rules of the runner's protocol.
type master struct {
	slipway.Unimplemented
	mu      sync.Mutex
	changed chan struct{} // closed and replaced
	queue   []slipway.Order
	offered map[string]slipway.Order
	acked   map[string]int
	stops   []string
	told    map[string]int // the poll in which a stop was said last
	results map[string]slipway.Result
	doubled []string
	running []string
	polls   int
	// elsewhere is a build that another runner has.
	elsewhere string
	away      bool
	journal   *journal.Journal
}

func newMaster(t *testing.T) (*master, string) {
	m := &master{changed: make(chan struct{}), offered: map[string]slipway.Order{}, acked: map[string]int{},
		told: map[string]int{}, results: map[string]slipway.Result{}}
	var err error
	if m.journal, err = journal.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.journal.Close() })
	s := &awsproto.Server{Region: "us-east-1", Account: "123456789012", Now: time.Now,
		Lookup: func(_ context.Context, id, _ string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: testKey.SecretAccessKey}, id == testKey.AccessKeyID, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) { return awsproto.Caller{}, nil }}
	s.Add(slipway.New(awsproto.Hooks{}, m))
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return m, server.URL
}

func (m *master) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// wait returns when a condition holds.
func (m *master) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		m.mu.Lock()
		done, changed := ok(), m.changed
		m.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

var errAway = &awsproto.Error{Code: "ServiceUnavailable", Status: 503, Message: "away"}

func (m *master) PollBuild(ctx context.Context, in *slipway.PollBuildInput) (*slipway.PollBuildOutput, error) {
	var this int
	m.change(func() {
		m.polls++
		this = m.polls
		m.running = in.Running
		for id, o := range m.offered { // one that was assigned and of which the runner knows nothing
			if m.acked[id] == 0 && !slices.Contains(in.Running, id) {
				m.queue = append(m.queue, o)
				delete(m.offered, id)
			}
		}
	})
	for {
		m.mu.Lock()
		out, changed, away := &slipway.PollBuildOutput{}, m.changed, m.away
		if m.polls != this { // the runner has given it up
			m.mu.Unlock()
			return out, nil
		}
		if len(m.queue) > 0 && *in.Free > 0 && !away {
			o := m.queue[0]
			m.queue = m.queue[1:]
			m.offered[*o.Build.Id] = o
			text, _ := json.Marshal(o)
			out.Build = &slipway.BuildOrder{Id: o.Build.Id, Order: text}
		}
		for _, id := range m.stops { // said until it has stopped: an answer can be lost
			if _, ended := m.results[id]; !ended && m.told[id] < this {
				out.Stop, m.told[id] = append(out.Stop, id), this
			}
		}
		m.mu.Unlock()
		if away {
			return nil, errAway
		}
		if out.Build != nil || len(out.Stop) > 0 {
			return out, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Second):
			return out, nil
		}
	}
}

func (m *master) AcknowledgeBuild(_ context.Context,
	in *slipway.AcknowledgeBuildInput) (*slipway.AcknowledgeBuildOutput, error) {
	n, away := 0, false
	m.change(func() {
		if away = m.away; !away {
			m.acked[*in.Id]++
			n = m.acked[*in.Id]
		}
	})
	if away {
		return nil, errAway
	}
	return &slipway.AcknowledgeBuildOutput{Run: new(n == 1), Credentials: testCredentials()}, nil
}

// testCredentials are the same for each build, and last an hour.
func testCredentials() *slipway.BuildCredentials {
	return &slipway.BuildCredentials{
		AccessKeyId:     &testKey.AccessKeyID,
		SecretAccessKey: &testKey.SecretAccessKey,
		Expiration:      awsproto.At(time.Now().Add(time.Hour)),
	}
}

// GetBuildCredentials implements slipway.API.
func (m *master) GetBuildCredentials(context.Context,
	*slipway.GetBuildCredentialsInput) (*slipway.GetBuildCredentialsOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	return &slipway.GetBuildCredentialsOutput{Credentials: testCredentials()}, nil
}

func (m *master) UpdateBuild(_ context.Context, in *slipway.UpdateBuildInput) (*slipway.UpdateBuildOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &slipway.UpdateBuildOutput{Stop: new(*in.Id == m.elsewhere)}, nil
}

// AppendLog keeps what a runner hands over, as the server does.
func (m *master) AppendLog(_ context.Context, in *slipway.AppendLogInput) (*slipway.AppendLogOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	_, stream, _ := strings.Cut(*in.Id, ":")
	w, err := m.journal.Append(journal.Name{Group: "/aws/codebuild/web", Stream: stream})
	if errors.Is(err, journal.ErrComplete) {
		return &slipway.AppendLogOutput{Offset: in.Offset, Complete: new(true)}, nil
	} else if err != nil {
		return nil, err
	}
	if skip := w.Offset() - *in.Offset; skip >= 0 && skip < int64(len(in.Data)) {
		_, err = w.Write(in.Data[skip:])
	}
	out := &slipway.AppendLogOutput{Offset: new(w.Offset()), Complete: in.Complete}
	if value(in.Complete) {
		return out, errors.Join(err, w.Close())
	}
	return out, errors.Join(err, w.Release())
}

func (m *master) CompleteBuild(_ context.Context,
	in *slipway.CompleteBuildInput) (*slipway.CompleteBuildOutput, error) {
	var r slipway.Result
	if err := json.Unmarshal(in.Result, &r); err != nil {
		return nil, err
	}
	away := false
	m.change(func() {
		if away = m.away; away {
			return
		}
		if _, twice := m.results[*in.Id]; twice {
			m.doubled = append(m.doubled, *in.Id)
			return
		}
		m.results[*in.Id] = r
	})
	if away {
		return nil, errAway
	}
	return &slipway.CompleteBuildOutput{}, nil
}

func (m *master) start(o slipway.Order) string {
	m.change(func() { m.queue = append(m.queue, o) })
	return *o.Build.Id
}

func (m *master) result(t *testing.T, id string) slipway.Result {
	t.Helper()
	m.wait(t, "the result of "+id, func() bool { _, ok := m.results[id]; return ok })
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[id]
}

func (m *master) logOf(t *testing.T, o slipway.Order) journal.Page {
	t.Helper()
	p, err := m.journal.Read(t.Context(), journal.Name{Group: o.Group, Stream: o.Stream}, journal.Query{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
