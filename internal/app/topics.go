package app

import (
	"context"
	"errors"
	"net/netip"

	"slipway/api/awsproto"
	"slipway/internal/event"
	"slipway/internal/identity/access"
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

// bucketService is S3 as policies name it.
const bucketService = "s3.amazonaws.com"

// publish tells a topic a message of a bucket, whose service must be let by the topic's policy.
func (t *telling) publish(ctx context.Context, bucket, topic, text string) error {
	source := s3.Right{Bucket: bucket}.ARN()
	if err := t.rights.authority.Service(ctx, bucketService, source, publishes, topic, false); err != nil {
		return err
	}
	return t.topics.Tell(ctx, topic, s3.Subject, text)
}

// objectTopics checks that S3 may tell a topic of a bucket, by telling it.
func (t *telling) objectTopics(ctx context.Context, bucket, topic, message string) error {
	err := t.publish(ctx, bucket, topic, message)
	if _, denied := errors.AsType[*access.Denied](err); !denied {
		return err
	}
	if _, exists, err := t.topics.ResourcePolicy(ctx, topic); err != nil || !exists {
		return t.topics.Tell(ctx, topic, s3.Subject, message) // says that it does not exist
	}
	return errors.New("the permissions on the destination topic do not allow S3 to publish notifications from this " +
		"bucket. This statement in the topic's policy allows it: " + letS3(bucket, topic))
}

// letS3 is the statement that lets S3 tell a topic of a bucket.
func letS3(bucket, topic string) string {
	return `{"Effect":"Allow","Principal":{"Service":"` + bucketService + `"},"Action":"` + publishes +
		`","Resource":"` + topic + `","Condition":{"ArnEquals":{"aws:SourceArn":"` + s3.Right{Bucket: bucket}.ARN() + `"}}}`
}

const publishes = "sns:Publish"

// telling tells topics what alarms, deployments, approvals and buckets say, with the rights of whoever says it.
type telling struct {
	*ground
	*storage
	rights *rights
}

// tellTopics tells topics of changes of objects in buckets that ask for it, and what alarms, deployments and approvals
// say.
func tellTopics(g *ground, st *storage, r *rights) {
	t := &telling{g, st, r}
	event.Noticed.Subscribe(g.db, toTopics, func(ctx context.Context, key string, n event.Notice) error {
		err := t.mayTell(ctx, n)
		if err == nil {
			err = st.topics.Tell(ctx, n.Topic, n.Subject, n.Text)
		}
		return known(g, key, n.Topic, err)
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
				err := t.publish(ctx, c.Bucket, n.Topic, s3.Message(c, g.Place.Region, g.Place.Account, n.ID))
				if err := known(g, "notification of bucket "+c.Bucket, n.Topic, err); err != nil {
					return err
				}
			}
			return nil
		})
}

// mayTell asks whether a notice may be published. CodeDeploy and CodePipeline publish with the roles that they were
// given; CloudWatch by itself, for the account that has the alarm.
func (t *telling) mayTell(ctx context.Context, n event.Notice) error {
	switch {
	case n.Service == "": // a version before left it in the queue, in which nothing was asked
		return nil
	case n.Role == "":
		return t.rights.authority.Service(ctx, n.Service, n.Source, publishes, n.Topic, true)
	}
	acting, err := serviceRoles{t.identity, n.Service, t.rights}.Act(ctx, n.Role, n.OwnRole, n.Session)
	if err != nil {
		return err
	}
	return t.rights.mayTell(acting, n.Topic)
}

// mayTell asks for the right of a role to publish to a topic.
func (s *rights) mayTell(ctx context.Context, topic string) error {
	return s.askARN(ctx, publishes, topic)
}

// known logs that a topic cannot be told, for it is not there or lacks a right, and returns other errors.
func known(g *ground, what, topic string, err error) error {
	switch awsproto.Code(err) {
	case "NotFound", "InvalidParameter":
		g.Log.Warn("a topic is not told: it does not exist", "what", what, "topic", topic)
		return nil
	case "AccessDenied", "AccessDeniedException":
		g.Log.Warn("a topic is not told: a right is missing", "what", what, "topic", topic, "reason", err)
		return nil
	}
	return err
}
