package loadbalancer

import (
	"context"
	"encoding/json"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/contain"
	"slipway/internal/store"
)

// A router speaks to one of the servers that work on the database. The others hear of it by notices, and read its
// report from the database.

// routerNotice is the topic of these notices.
const routerNotice = "router"

// beats is how many notices of a held poll the others may miss before they take its router for silent.
const beats = 3

// presence is a notice of a router.
type presence struct {
	Router  string `json:"router"`
	Applied int64  `json:"applied"`
	Report  bool   `json:"report,omitempty"` // its report in the database is new
}

// pass tells the other servers that a router is there.
func (s *Service) pass(name string, applied int64) {
	if !s.db.Shared() {
		return
	}
	text, _ := json.Marshal(presence{Router: name, Applied: applied}) // a text and a number
	s.db.Notify(routerNotice, string(text))
}

// passReport gives the other servers a router's report.
func (s *Service) passReport(ctx context.Context, in *slipway.PutRouterReportInput) error {
	if !s.db.Shared() || in.Listeners == nil && in.Targets == nil {
		return nil
	}
	kept := *in
	kept.Samples = nil
	text, _ := json.Marshal(presence{Router: *in.Router, Applied: awsproto.Value(in.AppliedVersion), Report: true})
	return s.db.Write(ctx, func(tx store.Tx) error {
		tx.Notify(routerNotice, string(text))
		_, err := tx.Exec(ctx, `UPDATE lb_routers SET report = $2 WHERE name = $1`, *in.Router, store.JSON(&kept))
		return err
	})
}

// hearOfRouter hears what another server was told by a router.
func (s *Service) hearOfRouter(text string) {
	var p presence
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		s.Log.Error("hear of a router from another server", "error", err)
		return
	}
	a := s.routers.elsewhere(p.Router, p.Applied, s.Now())
	if a.applied && s.Applied != nil {
		s.Applied(p.Applied)
	}
	if p.Report || a.report {
		go s.readReport(p.Router)
	}
}

// readReport reads what a router reported to another server.
func (s *Service) readReport(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Silence)
	defer cancel()
	err := contain.Do(func() error {
		in, err := store.Document[slipway.PutRouterReportInput](ctx, s.db,
			`SELECT report FROM lb_routers WHERE name = $1 AND report <> ''`, name)
		if err != nil || in == nil {
			return err
		}
		_, groups := s.routers.report(in, s.Now())
		s.healthChanged(groups...)
		return nil
	})
	if err != nil {
		s.Log.Warn("read what a router reported to another server", "router", name, "error", err)
	}
}

// beat is when the next notice of a held poll is due; never where there is no other server.
func (s *Service) beat() <-chan time.Time {
	if !s.db.Shared() {
		return nil
	}
	return time.After(s.Silence / beats)
}
