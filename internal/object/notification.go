package object

import (
	"context"

	"slipway/internal/event"
	"slipway/internal/object/setting"
	"slipway/internal/store"
)

// Told are the notifications that a bucket has asked for of a change of an object.
func (s *Store) Told(ctx context.Context, q store.Queryer, c event.ObjectChange) ([]setting.TopicNotification, error) {
	var n setting.Notification
	ok, err := document(ctx, q, c.Bucket, Notifications, &n)
	if err != nil || !ok {
		return nil, err
	}
	return n.Told(c.Event, c.Key), nil
}
