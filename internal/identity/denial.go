package identity

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

const (
	// flushDenials is how long denials are gathered before they are written together.
	flushDenials = 5 * time.Second
	// maxDenials is how many denials are kept in all, and maxOfPrincipal how many of one principal: one that asks for
	// a thousand things must not push out what the others were denied.
	maxDenials     = 1000
	maxOfPrincipal = 200
	// maxDenied bounds the names that are kept of one denial, in bytes.
	maxDenied     = 2048
	denialsAPage  = 100
	beyondDenials = 1 << 30 // as many rows as there may be; an OFFSET needs a LIMIT
)

// Denial is a request that the policies refused.
type Denial struct {
	Caller           awsproto.Caller
	Action, Resource string
	Refusal
}

// Refusal is how a request was refused.
type Refusal struct {
	Session  string `json:"session,omitempty"` // the ARN of the role's session that asked
	Address  string `json:"address,omitempty"` // from where
	Reason   string `json:"reason"`            // in AWS's words
	Explicit bool   `json:"explicit,omitempty"`
	// Type is the kind of policy that denies, or that would have to allow.
	Type string `json:"type"`
	// What follows is of the statement that denies; empty if none does.
	PolicyARN  string `json:"policyArn,omitempty"`
	PolicyName string `json:"policy,omitempty"`
	Statement  int    `json:"statement,omitempty"` // its place in the policy, from one
	Sid        string `json:"sid,omitempty"`
}

// denialKey is what denials are counted by.
type denialKey struct{ principal, action, resource string }

func (k denialKey) id() string { return hashed(k.principal + "\x00" + k.action + "\x00" + k.resource) }

// denialCount is how often something was denied, and how the last time.
type denialCount struct {
	n           int64
	first, last int64 // Unix milliseconds
	refusal     Refusal
}

// denials are those that are not written yet.
type denials struct {
	mu      sync.Mutex
	waiting map[denialKey]denialCount
	writing sync.Mutex // one batch at a time
}

// Denied records that a request was refused. It is written later, with others. Of callers that are not known nothing
// is kept, so that strangers cost nothing.
func (s *Service) Denied(d *Denial) {
	principal := d.Caller.ARN
	if principal == "" {
		return
	}
	refusal := d.Refusal
	if in := d.Caller.Session; in != nil && in.RoleARN != "" {
		principal, refusal.Session = in.RoleARN, principal
	}
	now := s.Now().UnixMilli()
	key := denialKey{principal, d.Action, shortened(d.Resource)}
	s.denials.add(map[denialKey]denialCount{key: {n: 1, first: now, last: now, refusal: refusal}}, s.flushLater)
}

func shortened(name string) string {
	if len(name) > maxDenied {
		return name[:maxDenied] + "…"
	}
	return name
}

// add puts counts to those that wait. If none waited before, begin is called. Beyond the limit, only what is there
// already is counted; the server's log has every refusal.
func (d *denials) add(counts map[denialKey]denialCount, begin func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting = map[denialKey]denialCount{}
		begin()
	}
	for key, more := range counts {
		c, ok := d.waiting[key]
		switch {
		case !ok && len(d.waiting) >= maxDenials:
			continue
		case !ok:
			c = more
		default:
			c.n += more.n
			c.first = min(c.first, more.first)
			if more.last >= c.last {
				c.last, c.refusal = more.last, more.refusal
			}
		}
		d.waiting[key] = c
	}
}

func (s *Service) flushLater() {
	time.AfterFunc(flushDenials, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.writeDenials(ctx) // what could not be written waits for the next batch
	})
}

// writeDenials writes what was recorded by Denied. If that fails, it is kept for the next batch.
func (s *Service) writeDenials(ctx context.Context) error {
	s.denials.writing.Lock()
	defer s.denials.writing.Unlock()
	s.denials.mu.Lock()
	waiting := s.denials.waiting
	s.denials.waiting = nil
	s.denials.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	byID := func(a, b denialKey) int { return cmp.Compare(a.id(), b.id()) } // so that servers do not block each other
	keys := slices.SortedFunc(maps.Keys(waiting), byID)
	err := s.db.Write(ctx, func(tx store.Tx) error {
		for _, k := range keys {
			if err := writeDenial(ctx, tx, k, waiting[k]); err != nil {
				return err
			}
		}
		return boundDenials(ctx, tx)
	})
	if err != nil {
		s.denials.add(waiting, s.flushLater)
	}
	return err
}

func writeDenial(ctx context.Context, tx store.Tx, k denialKey, c denialCount) error {
	_, err := tx.Exec(ctx, `INSERT INTO identity_denials
		(id, principal, action, resource, denied, first_time, last_time, document)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET
			denied = identity_denials.denied + excluded.denied,
			first_time = CASE WHEN excluded.first_time < identity_denials.first_time
				THEN excluded.first_time ELSE identity_denials.first_time END,
			last_time = CASE WHEN excluded.last_time >= identity_denials.last_time
				THEN excluded.last_time ELSE identity_denials.last_time END,
			document = CASE WHEN excluded.last_time >= identity_denials.last_time
				THEN excluded.document ELSE identity_denials.document END`,
		k.id(), k.principal, k.action, k.resource, c.n, c.first, c.last, store.JSON(c.refusal))
	return err
}

// boundDenials deletes the oldest of what is too much.
func boundDenials(ctx context.Context, tx store.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM identity_denials WHERE id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER
		(PARTITION BY principal ORDER BY last_time DESC, id DESC) AS place FROM identity_denials) AS placed
		WHERE place > $1)`, maxOfPrincipal)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM identity_denials WHERE id IN (SELECT id FROM identity_denials
		ORDER BY last_time DESC, id DESC LIMIT $1 OFFSET $2)`, beyondDenials, maxDenials)
	return err
}

// ExpireDenials deletes denials that were last met before a time, at most so many, and returns how many.
func (s *Service) ExpireDenials(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.db.Write(ctx, func(tx store.Tx) error {
		r, err := tx.Exec(ctx, `DELETE FROM identity_denials WHERE id IN (SELECT id FROM identity_denials
			WHERE last_time < $1 ORDER BY last_time LIMIT $2)`, before.UnixMilli(), limit)
		if err != nil {
			return err
		}
		deleted, err := r.RowsAffected()
		n = int(deleted)
		return err
	})
	return n, err
}

// denialMark is the denial after which a page begins.
type denialMark struct {
	Last int64
	ID   string
}

// ListDenials implements slipway:ListDenials: of a principal or of all, the newest first, a hundred a page.
func (s *Service) ListDenials(ctx context.Context, in *slipway.ListDenialsInput) (*slipway.ListDenialsOutput, error) {
	of := awsproto.Value(in.Principal)
	after := denialMark{Last: 1<<63 - 1}
	if !s.pager.Place("ListDenials", of, in.NextToken, &after) {
		return nil, &slipway.InvalidNextTokenException{Message: "The token is not one of this list."}
	}
	if err := s.writeDenials(ctx); err != nil { // so that the list has what happened just now
		return nil, err
	}
	var last denialMark
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (slipway.Denial, error) { return scanDenial(r, &last) },
		`SELECT id, principal, action, resource, denied, first_time, last_time, document FROM identity_denials
		WHERE ($1 = '' OR principal = $1) AND (last_time < $2 OR last_time = $2 AND id < $3)
		ORDER BY last_time DESC, id DESC LIMIT $4`, of, after.Last, after.ID, denialsAPage)
	if err != nil {
		return nil, err
	}
	out := &slipway.ListDenialsOutput{Denials: append([]slipway.Denial{}, all...)}
	if len(all) == denialsAPage {
		out.NextToken = s.pager.Token("ListDenials", of, last)
	}
	return out, nil
}

func scanDenial(r *sql.Rows, place *denialMark) (slipway.Denial, error) {
	var id, principal, action, resource string
	var n, first, last int64
	var how Refusal
	err := r.Scan(&id, &principal, &action, &resource, &n, &first, &last, store.JSON(&how))
	*place = denialMark{last, id}
	d := slipway.Denial{
		Principal:   &principal,
		LastSession: someText(how.Session),
		Action:      &action,
		Resource:    &resource,
		Count:       &n,
		FirstTime:   at(first),
		LastTime:    at(last),
		LastAddress: someText(how.Address),
		Reason:      &how.Reason,
		Explicit:    &how.Explicit,
		PolicyType:  &how.Type,
		PolicyArn:   someText(how.PolicyARN),
		PolicyName:  someText(how.PolicyName),
		StatementId: someText(how.Sid),
	}
	if how.Statement > 0 {
		d.Statement = new(int32(how.Statement))
	}
	return d, err
}
