package app

import (
	"context"
	"net/netip"

	"slipway/api/awsproto"
	"slipway/internal/event"
	"slipway/internal/object/s3"
	"slipway/internal/store"
)

const toTopics = "topics"

// loopbackNetworks are the addresses of this machine itself.
var loopbackNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// notifyNetworks are those that messages of topics may go to besides the public ones. Who reaches a server at a
// loopback address is on its machine anyway.
func (g *ground) notifyNetworks() []netip.Prefix {
	if loopback(g.Listen) {
		return append(loopbackNetworks, g.NotifyNetworks...)
	}
	return g.NotifyNetworks
}

// objectTopics tells a topic about a bucket.
func (st *storage) objectTopics(ctx context.Context, _, topic, message string) error {
	return st.topics.Tell(ctx, topic, s3.Subject, message)
}

// tellTopics tells topics of changes of objects in buckets that ask for it, and what alarms, deployments and approvals
// say.
func tellTopics(g *ground, st *storage) {
	event.Noticed.Subscribe(g.db, toTopics, func(ctx context.Context, key string, n event.Notice) error {
		return known(g, key, n.Topic, st.topics.Tell(ctx, n.Topic, n.Subject, n.Text))
	})
	event.ObjectChanged.SubscribeTo(g.db, toTopics,
		func(ctx context.Context, q store.Queryer, c event.ObjectChange) (bool, error) {
			told, err := st.objects.Told(ctx, q, c)
			return len(told) > 0, err
		},
		func(ctx context.Context, _ string, c event.ObjectChange) error {
			told, err := st.objects.Told(ctx, g.db, c)
			if err != nil {
				return err
			}
			for _, n := range told {
				err := st.topics.Tell(ctx, n.Topic, s3.Subject, s3.Message(c, g.Place.Region, g.Place.Account, n.ID))
				if err := known(g, "notification of bucket "+c.Bucket, n.Topic, err); err != nil {
					return err
				}
			}
			return nil
		})
}

// known logs that a topic cannot be told, for it is not there, and returns other errors.
func known(g *ground, what, topic string, err error) error {
	switch awsproto.Code(err) {
	case "NotFound", "InvalidParameter":
		g.Log.Warn("a topic is not told: it does not exist", "what", what, "topic", topic)
		return nil
	}
	return err
}
