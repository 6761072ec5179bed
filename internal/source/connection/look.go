package connection

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// Jobs of this package. A look asks a repository that pipelines watch for its branches and tags, and so finds pushes
// that no delivery told of.
const (
	lookAllJob = "connection.look-all"
	lookJob    = "connection.look" // the key is the connection's ID and the repository
)

// seen is a repository as it was seen last.
type seen struct {
	Name    string            `json:"name"`
	Refs    map[string]string `json:"refs"`
	Message string            `json:"message,omitzero"` // why the last look failed
}

// watched is the payload of a look.
type watched struct {
	Connection string `json:"connection"` // its ID
	Repository string `json:"repository"`
}

// lookAll asks for a look at each repository that pipelines watch, again and again.
func (s *Service) lookAll(ctx context.Context, _ store.Running) (store.Outcome, error) {
	all, err := s.Watched(ctx)
	if err != nil {
		return store.Done, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		for _, w := range all {
			id := s.idOf("connection", w.ARN)
			if id == "" {
				continue
			}
			job := store.Job{Kind: lookJob, Key: id + "/" + strings.ToLower(w.Repository),
				Payload: watched{id, w.Repository}}
			if err := tx.Enqueue(ctx, job); err != nil {
				return err
			}
		}
		return nil
	})
	return store.Again(s.Now().Add(s.Look)), err
}

// look compares a repository with what was seen of it last. A forge that cannot be asked is asked again at the next
// look.
func (s *Service) look(ctx context.Context, j store.Running) (store.Outcome, error) {
	var w watched
	if err := j.Decode(&w); err != nil {
		return store.Undecodable(err), nil
	}
	c, err := s.available(ctx, s.place(newName)+"connection/"+w.Connection)
	if awsproto.Code(err) != "" {
		return store.Done, nil // it was deleted, or waits for a token
	}
	if err != nil {
		return store.Done, err
	}
	if checkRepository(w.Repository) != nil {
		return store.Done, nil
	}
	refs, err := s.remote(c, w.Repository).Refs(ctx)
	if failed, ok := errors.AsType[*forge.RemoteError](err); ok {
		return store.Done, s.looked(ctx, w, func(_ store.Tx, x *seen) error {
			x.Message = failed.Message
			return nil
		})
	}
	if err != nil {
		return store.Done, err
	}
	return store.Done, s.looked(ctx, w, func(tx store.Tx, x *seen) error {
		before := x.Refs
		x.Message, x.Refs = "", refs
		if before == nil {
			return nil // the first look: what is there was there before
		}
		return s.missed(ctx, tx, w, before, refs)
	})
}

// missed takes the pushes that no delivery told of.
func (s *Service) missed(ctx context.Context, tx store.Tx, w watched, before, refs map[string]string) error {
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if refs[ref] == before[ref] {
			continue
		}
		a := &arrival{connection: w.Connection, event: forge.Event{
			Kind:       forge.Push,
			What:       "push",
			Repository: forge.Repository{Name: w.Repository},
			Ref:        ref,
			Before:     before[ref],
			After:      refs[ref],
		}}
		a.describe("")
		maps.Copy(a.keys, a.marks)
		a.delivery.Event = new("PUSH (found by a look)")
		if _, err := s.record(ctx, tx, a); err != nil {
			return err
		}
	}
	return nil
}

// looked changes what is known of a repository.
func (s *Service) looked(ctx context.Context, w watched, change func(tx store.Tx, x *seen) error) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		x, err := s.seen(ctx, tx, w.Connection, w.Repository)
		if err != nil {
			return err
		}
		if x == nil {
			x = &seen{}
		}
		x.Name = w.Repository
		if err := change(tx, x); err != nil {
			return err
		}
		return s.saveSeen(ctx, tx, w.Connection, x)
	})
}

func (s *Service) seen(ctx context.Context, q store.Queryer, id, repository string) (*seen, error) {
	return store.Document[seen](ctx, q,
		`SELECT doc FROM connection_repositories WHERE connection = $1 AND repository = $2`, id,
		strings.ToLower(repository))
}

func (s *Service) saveSeen(ctx context.Context, tx store.Tx, id string, x *seen) error {
	_, err := tx.Exec(ctx, `INSERT INTO connection_repositories (connection, repository, looked, doc)
		VALUES ($1, $2, $3, $4) ON CONFLICT (connection, repository) DO UPDATE
		SET looked = excluded.looked, doc = excluded.doc`, id, strings.ToLower(x.Name), s.Now().UnixMilli(),
		store.JSON(x))
	return err
}

// seenRef remembers where a push has moved a reference, and reports whether a look has found it there already. A
// repository that was never looked at is not remembered.
func (s *Service) seenRef(ctx context.Context, tx store.Tx, id string, e *forge.Event) (bool, error) {
	x, err := s.seen(ctx, tx, id, e.Repository.Name)
	if err != nil || x == nil || x.Refs == nil {
		return false, err
	}
	if e.After != "" && x.Refs[e.Ref] == e.After && e.Repository.ID != "" {
		return true, nil
	}
	if e.After == "" {
		delete(x.Refs, e.Ref)
	} else {
		x.Refs[e.Ref] = e.After
	}
	return false, s.saveSeen(ctx, tx, id, x)
}

// GetConnectionDetails implements slipway:GetConnectionDetails: what AWS's operations do not show of a connection.
func (s *Service) GetConnectionDetails(ctx context.Context,
	in *slipway.ConnectionInput) (*slipway.GetConnectionDetailsOutput, error) {
	c, err := s.named(ctx, s.db, *in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	out := &slipway.GetConnectionDetailsOutput{
		ConnectionArn: c.doc.ConnectionArn,
		Account:       given(c.doc.Account),
		Address:       given(c.address()),
		Message:       given(c.doc.Message),
		Repositories:  []slipway.ConnectedRepository{},
	}
	if c.path != "" {
		out.PayloadUrl = new(s.payloadURL(c))
	}
	all, err := s.Watched(ctx)
	for _, w := range all {
		if s.idOf("connection", w.ARN) != c.id || err != nil {
			continue
		}
		r := slipway.ConnectedRepository{FullRepositoryId: new(w.Repository), Pipelines: w.Pipelines}
		if err = s.lookedAt(ctx, c.id, &r); err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, r)
	}
	return out, err
}

// lookedAt adds when a repository was looked at, and why that failed.
func (s *Service) lookedAt(ctx context.Context, id string, r *slipway.ConnectedRepository) error {
	var looked int64
	var x seen
	ok, err := store.Find(ctx, s.db, []any{&looked, store.JSON(&x)},
		`SELECT looked, doc FROM connection_repositories WHERE connection = $1 AND repository = $2`, id,
		strings.ToLower(*r.FullRepositoryId))
	if err == nil && ok {
		r.LookedTime, r.Message = awsproto.At(time.UnixMilli(looked)), given(x.Message)
	}
	return err
}
