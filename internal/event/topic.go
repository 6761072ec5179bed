// Package event tells what happened. Facts are delivered to each of their subscribers at least once, and are written in
// the transaction of what they announce; see Topic. Hints may be lost and have no content. They tell pages and long
// polls what to read again; see Hints.
package event

import (
	"context"

	"slipway/internal/store"
)

// parallel is how many facts a subscriber handles at the same time.
const parallel = 8

// Topic is a kind of fact with the payload T. It has any number of subscribers, each with a job of its own.
type Topic[T any] struct{ name string }

// prefix is the beginning of the kinds of the topic's jobs. The subscriber's name follows.
func (t Topic[T]) prefix() string { return "event." + t.name + "." }

// Publish adds a job for every subscriber to the writes of tx. If a subscriber has not yet handled an earlier fact of
// the same topic and key, the two become one, with the payload of the second.
func (t Topic[T]) Publish(ctx context.Context, tx store.Tx, key string, payload T) error {
	return tx.EnqueueAll(ctx, t.prefix(), key, payload)
}

// Subscribe calls f for each fact of the topic, at least once, until it returns nil. It is called before the store
// works. Two subscribers with one name are an error of store.Work.
func (t Topic[T]) Subscribe(db *store.Store, subscriber string,
	f func(ctx context.Context, key string, payload T) error) {
	t.SubscribeTo(db, subscriber, nil, f)
}

// SubscribeTo is Subscribe for the facts that the subscriber wants. wants is called in the transaction of the fact, so
// that a fact that no subscriber wants costs no job.
func (t Topic[T]) SubscribeTo(db *store.Store, subscriber string,
	wants func(ctx context.Context, q store.Queryer, payload T) (bool, error),
	f func(ctx context.Context, key string, payload T) error) {
	limits := store.Limits{Parallel: parallel, Attempts: store.Tireless}
	if wants != nil {
		limits.Wants = func(ctx context.Context, q store.Queryer, payload any) (bool, error) {
			return wants(ctx, q, payload.(T))
		}
	}
	db.Handle(t.prefix()+subscriber, limits, func(ctx context.Context, j store.Running) (store.Outcome, error) {
		var payload T
		if err := j.Decode(&payload); err != nil {
			return store.Undecodable(err), nil
		}
		return store.Done, f(ctx, j.Key, payload)
	})
}
