package identity

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/store"
)

const (
	// flushUses is how long uses are gathered before they are written together.
	flushUses = time.Minute
	// signinUse is the service under which sign-ins with a password are kept.
	signinUse = "signin"
)

// use is when something was last used.
type use struct {
	at     time.Time
	region string
}

// uses are those that are not written yet.
type uses struct {
	mu      sync.Mutex
	waiting map[[2]string]use // by subject and service
}

// Used records that a caller asked a service. It is written later, with others.
func (s *Service) Used(c awsproto.Caller, service, region string) {
	now := s.Now()
	if c.AccessKeyID != "" && c.Session == nil {
		s.use(c.AccessKeyID, service, region, now)
	}
	subject := c.UserID
	if c.Session != nil && c.Session.RoleID != "" {
		subject = c.Session.RoleID
	}
	s.use(subject, service, region, now)
}

func (s *Service) use(subject, service, region string, now time.Time) {
	if subject == "" {
		return
	}
	s.used.mu.Lock()
	defer s.used.mu.Unlock()
	if s.used.waiting == nil {
		s.used.waiting = map[[2]string]use{}
		time.AfterFunc(flushUses, func() {
			ctx, cancel := context.WithTimeout(context.Background(), flushUses)
			defer cancel()
			_ = s.writeUses(ctx) // a use that is lost is no harm
		})
	}
	s.used.waiting[[2]string{subject, service}] = use{now, region}
}

// Flush writes what was recorded by Used and by Denied.
func (s *Service) Flush(ctx context.Context) error {
	return errors.Join(s.writeUses(ctx), s.writeDenials(ctx))
}

func (s *Service) writeUses(ctx context.Context) error {
	s.used.mu.Lock()
	waiting := s.used.waiting
	s.used.waiting = nil
	s.used.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for of, u := range waiting {
			if _, err := tx.Exec(ctx, `INSERT INTO identity_uses (subject, service, region, used)
				VALUES ($1, $2, $3, $4) ON CONFLICT (subject, service) DO UPDATE SET region = excluded.region,
				used = excluded.used WHERE excluded.used > identity_uses.used`,
				of[0], of[1], u.region, u.at.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
}

// lastUses returns when something was last used, by service.
func (s *Service) lastUses(ctx context.Context, subject string) (map[string]use, error) {
	all := map[string]use{}
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (bool, error) {
		var service, region string
		var used int64
		err := r.Scan(&service, &region, &used)
		all[service] = use{timeMS(used).time(), region}
		return true, err
	}, `SELECT service, region, used FROM identity_uses WHERE subject = $1`, subject)
	if err != nil {
		return nil, err
	}
	s.used.mu.Lock()
	defer s.used.mu.Unlock()
	for of, u := range s.used.waiting {
		if of[0] == subject {
			all[of[1]] = u
		}
	}
	return all, nil
}

// lastSignins returns when users last signed in by a password. Those who have none are not looked for.
func (s *Service) lastSignins(ctx context.Context, users []*user) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	args := []any{signinUse}
	var places []string
	for _, u := range users {
		if u.Login != nil {
			args = append(args, u.ID)
			places = append(places, "$"+strconv.Itoa(len(args)))
		}
	}
	if len(places) == 0 {
		return all, nil
	}
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (bool, error) {
		var subject string
		var used int64
		err := r.Scan(&subject, &used)
		all[subject] = timeMS(used).time()
		return true, err
	}, `SELECT subject, used FROM identity_uses WHERE service = $1 AND subject IN (`+strings.Join(places, ", ")+`)`,
		args...)
	if err != nil {
		return nil, err
	}
	s.used.mu.Lock()
	defer s.used.mu.Unlock()
	for _, u := range users {
		if waiting, ok := s.used.waiting[[2]string{u.ID, signinUse}]; ok {
			all[u.ID] = waiting.at
		}
	}
	return all, nil
}

// latest returns the newest use.
func latest(all map[string]use) (service string, last use, ok bool) {
	for name, u := range all {
		if name != signinUse && (!ok || u.at.After(last.at)) {
			service, last, ok = name, u, true
		}
	}
	return service, last, ok
}
