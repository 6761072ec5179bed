package build

import (
	"encoding/json"

	"slipway/api/slipway"
	"slipway/internal/store"
)

// Topics of notices to the other servers that work on the database. A runner polls one of them, and a build may be
// started, stopped or shown at another.
const (
	queueNotice    = "build.queue"    // a build with this need waits for a runner
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
	s.db.OnNotice(queueNotice, s.runners.wakeOne)
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
	s.db.OnNotice(imageNotice, func(string) { s.images.forget() })
	s.db.OnNotice(policyNotice, func(string) { s.policies.forget() })
	s.db.OnGap(func() {
		s.images.forget()
		s.policies.forget()
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

// queued lets a runner that meets a need look into the queue, wherever it polls, once tx is committed.
func (s *Service) queued(tx store.Tx, need string) {
	tx.Notify(queueNotice, need)
	tx.AfterCommit(func() { s.runners.wakeOne(need) })
}

// wake lets a runner look, wherever it polls, once tx is committed.
func (s *Service) wake(tx store.Tx, runner string) {
	tx.Notify(runnerNotice, runner)
	tx.AfterCommit(func() { s.runners.wake(runner) })
}
