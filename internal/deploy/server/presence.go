package server

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"slipway/internal/store"
)

// hostNotice tells the other servers that work on the database of a host that was heard of here.
const hostNotice = "host"

// noteEvery bounds how often the database learns that a host was heard of.
const noteEvery = 15 * time.Second

// presence knows how many polls of each host are held, and when it was heard of last.
type presence struct {
	mu    sync.Mutex
	hosts map[string]*present
}

type present struct {
	polls int // that are held
	seen  time.Time
	noted time.Time // the seen that the database knows
}

func newPresence() *presence { return &presence{hosts: map[string]*present{}} }

func (p *presence) of(host string) *present {
	h := p.hosts[host]
	if h == nil {
		h = &present{}
		p.hosts[host] = h
	}
	return h
}

// heard notes that a host was heard of now, and reports whether the database should know.
func (p *presence) heard(host string, now time.Time, polls int) (note bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.of(host)
	h.polls += polls
	h.seen = now
	if polls < 0 || now.Sub(h.noted) < noteEvery {
		return false
	}
	h.noted = now
	return true
}

// sighted records that a host was heard of. polls is +1 when a poll begins to be held, -1 when it ends.
func (p *Platform) sighted(ctx context.Context, host string, polls int) error {
	now := p.now()
	p.db.Notify(hostNotice, host)
	if !p.presence.heard(host, now, polls) {
		return nil
	}
	return p.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE deploy_instances SET seen = $2 WHERE name = $1`, host, now.UnixMilli())
		return err
	})
}

// seen is when a host was heard of last; zero for never.
func (p *Platform) seen(ctx context.Context, host string) (time.Time, error) {
	all, err := p.hostsSeen(ctx, []string{host})
	return all[host], err
}

// hostsSeen is when each of the hosts named was heard of last; those never heard of are left out. A host whose poll is
// held is heard of now.
func (p *Platform) hostsSeen(ctx context.Context, names []string) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	if len(names) == 0 {
		return all, nil
	}
	_, err := store.All(ctx, p.db, func(r *sql.Rows) (struct{}, error) {
		var name string
		var at int64
		err := r.Scan(&name, &at)
		if at > 0 {
			all[name] = time.UnixMilli(at)
		}
		return struct{}{}, err
	}, `SELECT name, seen FROM deploy_instances WHERE name IN `+store.In(1, len(names)),
		store.Args(names)...)
	p.presence.mu.Lock()
	defer p.presence.mu.Unlock()
	for _, name := range names {
		h := p.presence.hosts[name]
		switch {
		case h == nil:
		case h.polls > 0:
			all[name] = p.now()
		case h.seen.After(all[name]):
			all[name] = h.seen
		}
	}
	return all, err
}
