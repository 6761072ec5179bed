package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"slipway/api/sns"
	"slipway/internal/store"
)

// Protocols of subscriptions.
const (
	protocolHTTP      = "http"
	protocolHTTPS     = "https"
	protocolEmail     = "email"
	protocolEmailJSON = "email-json"
)

// Attributes of subscriptions.
const (
	attributeRaw         = "RawMessageDelivery"
	attributeFilter      = "FilterPolicy"
	attributeFilterScope = "FilterPolicyScope"
)

// tokenLife is how long a subscription can be confirmed, as at AWS.
const tokenLife = 48 * time.Hour

// subscription is a subscription as it is kept.
type subscription struct {
	id, topic, protocol, endpoint string
	confirmed, guarded            bool
	attributes                    map[string]string
}

const subscriptionColumns = `SELECT id, topic, protocol, endpoint, confirmed, guarded, attributes FROM sns_subscriptions `

func scanSubscription(r *sql.Rows) (*subscription, error) {
	x := &subscription{}
	var confirmed, guarded int64
	err := r.Scan(&x.id, &x.topic, &x.protocol, &x.endpoint, &confirmed, &guarded, store.JSON(&x.attributes))
	x.confirmed, x.guarded = confirmed == 1, guarded == 1
	return x, err
}

// subscription finds one, or returns an error.
func (s *Service) subscription(ctx context.Context, q store.Queryer, id string) (*subscription, error) {
	all, err := store.All(ctx, q, scanSubscription, subscriptionColumns+`WHERE id = $1`, id)
	if err == nil && len(all) == 0 {
		err = noSubscription()
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// isMail reports whether a subscription's messages are mails.
func isMail(protocol string) bool { return protocol == protocolEmail || protocol == protocolEmailJSON }

// checkEndpoint refuses an endpoint that a protocol cannot reach.
func (s *Service) checkEndpoint(protocol, endpoint string) error {
	switch protocol {
	case protocolHTTP, protocolHTTPS:
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != protocol || u.Hostname() == "" || len(endpoint) > 2048 {
			return invalid("Endpoint must match the specified protocol")
		}
		if u.Fragment != "" {
			return invalid("Endpoint Reason: a fragment is not sent")
		}
	case protocolEmail, protocolEmailJSON:
		if s.Mail == nil {
			return refused("subscriptions by mail without a mail server; start the server with --smtp")
		}
		a, err := mail.ParseAddress(endpoint)
		if err != nil || a.Address != endpoint {
			return invalid("Email address")
		}
	case "sqs", "lambda", "sms", "application", "firehose":
		return refused("subscriptions of the protocol " + protocol + "; http, https, email and email-json are there")
	default:
		return invalid("Amazon SNS does not support this protocol string: %.60s", protocol)
	}
	return nil
}

// checkSubscription refuses an attribute that is not a subscription's, or that is not done here.
func checkSubscription(protocol, name, value string) error {
	switch name {
	case attributeRaw:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return invalid("RawMessageDelivery Reason: it is true or false")
		}
		if b && isMail(protocol) {
			return invalid("Attributes Reason: RawMessageDelivery: Invalid value [true]. Must be [false] for %s.",
				protocol)
		}
	case attributeFilter:
		if value == "" {
			return nil
		}
		if _, err := parseFilter(value); err != nil {
			return invalid("Attributes Reason: FilterPolicy: %v", err)
		}
	case attributeFilterScope:
		if value != scopeAttributes && value != scopeBody {
			return invalid("FilterPolicyScope Reason: it is MessageAttributes or MessageBody")
		}
	case attributeDelivery:
		return checkDelivery(value)
	case "RedrivePolicy":
		return refused("redrive policies; a delivery that fails for good is a dead job, which slipway:ListJobs lists")
	default:
		return refused("the attribute " + name + " of subscriptions")
	}
	return nil
}

// Subscribe implements sns:Subscribe. The endpoint is asked to confirm it, by a message with a link.
func (s *Service) Subscribe(ctx context.Context, in *sns.SubscribeInput) (*sns.SubscribeOutput, error) {
	name, err := s.topicOf(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	if in.Endpoint == nil {
		return nil, invalid("Endpoint Reason: Endpoint is required")
	}
	if err := s.checkEndpoint(*in.Protocol, *in.Endpoint); err != nil {
		return nil, err
	}
	for k, v := range in.Attributes {
		if err := checkSubscription(*in.Protocol, k, v); err != nil {
			return nil, err
		}
	}
	token := newToken()
	var x *subscription
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.topic(ctx, tx, name); err != nil {
			return err
		}
		x, err = s.subscribe(ctx, tx, name, in, token)
		return err
	})
	if err != nil {
		return nil, err
	}
	arn := s.subscriptionARN(name, x.id)
	if !x.confirmed && (in.ReturnSubscriptionArn == nil || !*in.ReturnSubscriptionArn) {
		arn = "pending confirmation"
	}
	return &sns.SubscribeOutput{SubscriptionArn: &arn}, nil
}

// subscribe finds a subscription or makes it. One that is not confirmed is asked again, with a new token.
func (s *Service) subscribe(ctx context.Context, tx store.Tx, name string, in *sns.SubscribeInput,
	token string) (*subscription, error) {
	all, err := store.All(ctx, tx, scanSubscription,
		subscriptionColumns+`WHERE topic = $1 AND protocol = $2 AND endpoint = $3`, name, *in.Protocol, *in.Endpoint)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	x := &subscription{id: uuid.NewString(), topic: name, protocol: *in.Protocol, endpoint: *in.Endpoint,
		attributes: map[string]string{}}
	for k, v := range in.Attributes {
		x.attributes[k] = v
	}
	if len(all) > 0 {
		x = all[0]
		for k, v := range in.Attributes {
			if x.attributes[k] != v {
				return nil, invalid("Attributes Reason: Subscription already exists with different attributes")
			}
		}
		if x.confirmed {
			return x, nil
		}
		if _, err := tx.Exec(ctx, `UPDATE sns_subscriptions SET token = $2, expires = $3 WHERE id = $1`, x.id,
			hashed(token), now.Add(tokenLife).UnixMilli()); err != nil {
			return nil, err
		}
	} else if _, err := tx.Exec(ctx, `INSERT INTO sns_subscriptions (id, topic, protocol, endpoint, confirmed, token,
		expires, attributes, created) VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8)`, x.id, name, x.protocol, x.endpoint,
		hashed(token), now.Add(tokenLife).UnixMilli(), store.JSON(x.attributes), now.UnixMilli()); err != nil {
		return nil, err
	}
	if err := tx.Enqueue(ctx, store.Job{Kind: pendingJob, Key: x.id, RunAt: now.Add(tokenLife)}); err != nil {
		return nil, err
	}
	m := message{ID: uuid.NewString(), Type: typeConfirm, At: now.UnixMilli(), Token: token,
		Text: "You have chosen to subscribe to the topic " + s.arn(name) +
			".\nTo confirm the subscription, visit the SubscribeURL included in this message."}
	return x, s.enqueue(ctx, tx, x, m)
}

func newToken() string {
	raw := make([]byte, 64)
	_, _ = rand.Read(raw) // never fails: it ends the process instead
	return hex.EncodeToString(raw)
}

func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// ConfirmSubscription implements sns:ConfirmSubscription.
func (s *Service) ConfirmSubscription(ctx context.Context,
	in *sns.ConfirmSubscriptionInput) (*sns.ConfirmSubscriptionOutput, error) {
	name, err := s.topicOf(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	guarded := in.AuthenticateOnUnsubscribe != nil && strings.EqualFold(*in.AuthenticateOnUnsubscribe, "true")
	var id string
	err = s.db.Write(ctx, func(tx store.Tx) error {
		ok, err := store.Find(ctx, tx, []any{&id}, `SELECT id FROM sns_subscriptions WHERE topic = $1 AND token = $2
			AND (confirmed = 1 OR expires > $3)`, name, hashed(*in.Token), s.Now().UnixMilli())
		if err != nil {
			return err
		}
		if !ok {
			return invalid("Token")
		}
		if _, err := tx.Exec(ctx, `UPDATE sns_subscriptions SET confirmed = 1, guarded = $2 WHERE id = $1`, id,
			asNumber(guarded)); err != nil {
			return err
		}
		return tx.Cancel(ctx, pendingJob, id)
	})
	if err != nil {
		return nil, err
	}
	return &sns.ConfirmSubscriptionOutput{SubscriptionArn: new(s.subscriptionARN(name, id))}, nil
}

func asNumber(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// forget deletes a subscription that was not confirmed in time.
func (s *Service) forget(ctx context.Context, j store.Running) (store.Outcome, error) {
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sns_subscriptions WHERE id = $1 AND confirmed = 0 AND expires <= $2`, j.Key,
			s.Now().UnixMilli())
		return err
	})
}

// Unsubscribe implements sns:Unsubscribe. A subscription that is gone already is no error.
func (s *Service) Unsubscribe(ctx context.Context, in *sns.UnsubscribeInput) (*sns.UnsubscribeOutput, error) {
	id, err := s.subscriptionOf(*in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		x, err := s.subscription(ctx, tx, id)
		if _, gone := err.(*sns.NotFoundException); gone {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sns_subscriptions WHERE id = $1`, id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE sns_topics SET deleted = deleted + 1 WHERE name = $1`, x.topic)
		return err
	})
}

// GetSubscriptionAttributes implements sns:GetSubscriptionAttributes.
func (s *Service) GetSubscriptionAttributes(ctx context.Context,
	in *sns.GetSubscriptionAttributesInput) (*sns.GetSubscriptionAttributesOutput, error) {
	id, err := s.subscriptionOf(*in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	x, err := s.subscription(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"SubscriptionArn":              s.subscriptionARN(x.topic, x.id),
		"TopicArn":                     s.arn(x.topic),
		"Owner":                        s.Account,
		"Protocol":                     x.protocol,
		"Endpoint":                     x.endpoint,
		"PendingConfirmation":          strconv.FormatBool(!x.confirmed),
		"ConfirmationWasAuthenticated": strconv.FormatBool(x.guarded),
		"SubscriptionPrincipal":        "arn:aws:iam::" + s.Account + ":root",
		attributeRaw:                   "false",
	}
	for k, v := range x.attributes {
		if v != "" {
			all[k] = v
		}
	}
	if all[attributeFilter] != "" && all[attributeFilterScope] == "" {
		all[attributeFilterScope] = scopeAttributes
	}
	return &sns.GetSubscriptionAttributesOutput{Attributes: all}, nil
}

// SetSubscriptionAttributes implements sns:SetSubscriptionAttributes.
func (s *Service) SetSubscriptionAttributes(ctx context.Context,
	in *sns.SetSubscriptionAttributesInput) (*sns.SetSubscriptionAttributesOutput, error) {
	id, err := s.subscriptionOf(*in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	value := ""
	if in.AttributeValue != nil {
		value = *in.AttributeValue
	}
	if *in.AttributeName == attributeFilter && value == "{}" {
		value = "" // how clients take a filter away
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		x, err := s.subscription(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := checkSubscription(x.protocol, *in.AttributeName, value); err != nil {
			return err
		}
		x.attributes[*in.AttributeName] = value
		_, err = tx.Exec(ctx, `UPDATE sns_subscriptions SET attributes = $2 WHERE id = $1`, id, store.JSON(x.attributes))
		return err
	})
}

// ListSubscriptions implements sns:ListSubscriptions.
func (s *Service) ListSubscriptions(ctx context.Context,
	in *sns.ListSubscriptionsInput) (*sns.ListSubscriptionsOutput, error) {
	all, next, err := s.list(ctx, "ListSubscriptions", "", in.NextToken)
	return &sns.ListSubscriptionsOutput{Subscriptions: all, NextToken: next}, err
}

// ListSubscriptionsByTopic implements sns:ListSubscriptionsByTopic.
func (s *Service) ListSubscriptionsByTopic(ctx context.Context,
	in *sns.ListSubscriptionsByTopicInput) (*sns.ListSubscriptionsByTopicOutput, error) {
	name, err := s.topicOf(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	if _, err := s.topic(ctx, s.db, name); err != nil {
		return nil, err
	}
	all, next, err := s.list(ctx, "ListSubscriptionsByTopic", name, in.NextToken)
	return &sns.ListSubscriptionsByTopicOutput{Subscriptions: all, NextToken: next}, err
}

// list reads a page of subscriptions, of one topic or of all.
func (s *Service) list(ctx context.Context, op, topic string,
	token *string) (page []sns.Subscription, next *string, err error) {
	after := ""
	if !s.Pager.Place(op, topic, token, &after) {
		return nil, nil, invalid("NextToken")
	}
	where, args := `WHERE id > $1 ORDER BY id LIMIT $2`, []any{after, listPage + 1}
	if topic != "" {
		where, args = `WHERE id > $1 AND topic = $3 ORDER BY id LIMIT $2`, append(args, topic)
	}
	all, err := store.All(ctx, s.db, scanSubscription, subscriptionColumns+where, args...)
	if err != nil {
		return nil, nil, err
	}
	if len(all) > listPage {
		all = slices.Clip(all[:listPage])
		next = s.Pager.Token(op, topic, all[listPage-1].id)
	}
	page = []sns.Subscription{}
	for _, x := range all {
		arn := "PendingConfirmation"
		if x.confirmed {
			arn = s.subscriptionARN(x.topic, x.id)
		}
		page = append(page, sns.Subscription{SubscriptionArn: &arn, Owner: &s.Account, Protocol: &x.protocol,
			Endpoint: &x.endpoint, TopicArn: new(s.arn(x.topic))})
	}
	return page, next, nil
}
