package build

import (
	"encoding/json"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/store"
)

// Topics of notices to the other servers that work on the database. A runner polls one of them, and a build may be
// started, stopped or shown at another.
const (
	queueNotice    = "build.queue"    // a waiting: a build waits for a runner
	runnerNotice   = "build.runner"   // the runner of this name is to look
	presenceNotice = "build.presence" // a presence
	progressNotice = "build.progress" // a progressOf
	endNotice      = "build.end"      // the build with this ID ended
)

// presence is what the others need to know of a runner that polls here.
type presence struct {
	Runner  string   `json:"runner"`
	Refuses string   `json:"refuses,omitempty"`
	Labels  []string `json:"labels,omitempty"`
}

// progressOf is the progress of a build.
type progressOf struct {
	ID       string           `json:"id"`
	Progress slipway.Progress `json:"progress"`
}

func (s *Service) listenToPeers() {
	s.db.OnNotice(queueNotice, func(text string) {
		if !strings.HasPrefix(text, "{") { // of a server without fleets, which tells the need alone
			s.runners.wakeFor(waiting{Need: text})
			return
		}
		var w waiting
		if s.readNotice(text, &w) {
			s.runners.wakeFor(w)
		}
	})
	s.db.OnNotice(runnerNotice, s.runners.wake)
	s.db.OnNotice(presenceNotice, func(text string) {
		var p presence
		if s.readNotice(text, &p) {
			s.runners.elsewhere(p, s.Now())
		}
	})
	s.db.OnNotice(progressNotice, func(text string) {
		var p progressOf
		if s.readNotice(text, &p) {
			s.progresses.set(p.ID, p.Progress)
		}
	})
	s.db.OnNotice(endNotice, s.progresses.forget)
	s.db.OnNotice(imageNotice, func(string) { s.images.Forget() })
	s.db.OnNotice(policyNotice, func(string) { s.policies.forget() })
	s.db.OnNotice(fleetNotice, func(string) { s.readFleetsAnew() })
	s.db.OnGap(func() {
		s.images.Forget()
		s.policies.forget()
		s.fleets.forget()
		s.runners.wakeAll()
	})
}

func (s *Service) readNotice(text string, v any) bool {
	err := json.Unmarshal([]byte(text), v)
	if err != nil {
		s.Log.Error("hear of a build from another server", "error", err)
	}
	return err == nil
}

// tell passes something on to the other servers.
func (s *Service) tell(topic string, v any) {
	if !s.db.Shared() {
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		s.Log.Error("tell other servers of a build", "error", err)
		return
	}
	s.db.Notify(topic, string(text))
}

// waiting is a build in the queue, as runners that might take it are told of it.
type waiting struct {
	Need  string `json:"need,omitempty"`  // "" is any
	Fleet string `json:"fleet,omitempty"` // the name of its fleet
}

// waitingFor is what runners are told of a build.
func waitingFor(need, fleetARN string) waiting { return waiting{need, fleetName(fleetARN)} }

// text is a waiting as a notice.
func (w waiting) text() string {
	text, _ := json.Marshal(w) //nolint:errchkjson // two texts
	return string(text)
}

// letLook lets runners that might take a build look into the queue, wherever they poll, once tx is committed.
func (s *Service) letLook(tx store.Tx, w waiting) {
	tx.Notify(queueNotice, w.text())
	tx.AfterCommit(func() { s.runners.wakeFor(w) })
}

// queued lets runners look that might take a build which waits.
func (s *Service) queued(tx store.Tx, r *row) { s.letLook(tx, waitingFor(r.needs, r.fleet)) }

// wake lets a runner look, wherever it polls, once tx is committed.
func (s *Service) wake(tx store.Tx, runner string) {
	tx.Notify(runnerNotice, runner)
	tx.AfterCommit(func() { s.runners.wake(runner) })
}
