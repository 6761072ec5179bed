// Package event carries what happened from one stage to those that asked for it. An event is a job: it is written in
// the transaction of what it tells, and is delivered at least once.
package event

import (
	"context"

	"slipway/internal/store"
)

// Topics.
const (
	// Push is a branch or tag that moved: a source.Push.
	Push = "push"
	// BuildEnded is a build that ended; its key is the build's ID.
	BuildEnded = "build-ended"
	// DeploymentEnded is a deployment that ended; its key is the deployment's ID.
	DeploymentEnded = "deployment-ended"
)

const parallel = 8

// Publish tells, with the writes of tx, that something happened. Two events of the same topic and key that were not yet
// delivered are one.
func Publish(ctx context.Context, tx store.Tx, topic, key string, payload any) error {
	return tx.Enqueue(ctx, store.Job{Kind: "event." + topic, Key: key, Payload: payload})
}

// Subscribe says what is done with the events of a topic: one subscriber a topic, before the store works.
func Subscribe[T any](db *store.Store, topic string, f func(ctx context.Context, key string, payload T) error) {
	db.Handle("event."+topic,
		store.Limits{Parallel: parallel,
			Attempts: store.Tireless}, func(ctx context.Context, j store.Running) (store.Outcome, error) {
			var payload T
			if err := j.Decode(&payload); err != nil {
				return store.Undecodable(err), nil
			}
			return store.Done, f(ctx, j.Key, payload)
		})
}
