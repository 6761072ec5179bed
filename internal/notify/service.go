// Package notify is topics and their subscriptions, with the Simple Notification Service API over them. What is
// published goes to web addresses and mail addresses by jobs, which try again for a while. A delivery that failed for
// good is a dead job, which slipway:ListJobs lists and slipway:RetryJob tries again.
package notify

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/sns"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("notify", migrations) }

// Keys encrypt messages of topics that name a key of KMS, while they wait.
type Keys interface {
	SealBytes(ctx context.Context, key string, plain []byte, bound map[string]string) ([]byte, error)
	OpenBytes(ctx context.Context, blob []byte, bound map[string]string) ([]byte, error)
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	URL             string // under which subscribers reach this server
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Seal            *seal.Sealer
	Keys            Keys
	Mail            *Mail // nil if there is no mail server
	// Networks are those that endpoints may be in besides the public ones.
	Networks []netip.Prefix
}

// Service implements the Simple Notification Service.
type Service struct {
	Config
	db     *store.Store
	client *http.Client

	mu     sync.Mutex
	signer *signer // made when the first message is sent
}

// Jobs. Their names are stored.
const (
	deliverJob = "notify.deliver" // one message goes to one subscriber
	pendingJob = "notify.pending" // a subscription was not confirmed in time
)

// parallel is how many messages are delivered at the same time.
const parallel = 16

// New returns the service and registers its jobs.
func New(db *store.Store, c Config) *Service {
	s := &Service{Config: c, db: db}
	s.client = newClient(c.Networks)
	db.Handle(deliverJob, store.Limits{Parallel: parallel, Time: time.Minute}, s.deliver)
	db.Handle(pendingJob, store.Limits{}, s.forget)
	return s
}

func (s *Service) arn(topic string) string {
	return "arn:aws:sns:" + s.Region + ":" + s.Account + ":" + topic
}

func (s *Service) subscriptionARN(topic, id string) string { return s.arn(topic) + ":" + id }

func invalid(format string, args ...any) error {
	return &sns.InvalidParameterException{Message: "Invalid parameter: " + fmt.Sprintf(format, args...)}
}

func refused(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
		Message: "Slipway does not implement " + what + ". docs/compatibility.md lists what it does."}
}

func noTopic() error { return &sns.NotFoundException{Message: "Topic does not exist"} }

func noSubscription() error { return &sns.NotFoundException{Message: "Subscription does not exist"} }

// topicOf is the name of the topic that an ARN means.
func (s *Service) topicOf(arn string) (string, error) {
	name, ok := strings.CutPrefix(arn, s.arn(""))
	switch {
	case ok && !strings.Contains(name, ":") && name != "":
		return name, nil
	case strings.HasPrefix(arn, "arn:aws:sns:"):
		return "", noTopic()
	}
	return "", invalid("TopicArn Reason: An ARN must have at least 6 elements, not %.300q", arn)
}

// subscriptionOf is the ID of the subscription that an ARN means.
func (s *Service) subscriptionOf(arn string) (string, error) {
	rest, ok := strings.CutPrefix(arn, s.arn(""))
	_, id, hasID := strings.Cut(rest, ":")
	if !ok || !hasID || id == "" {
		return "", invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not %.300q", arn)
	}
	return id, nil
}

// TopicOfSubscription is the ARN of the topic that a subscription is of.
func (s *Service) TopicOfSubscription(arn string) (string, bool) {
	i := strings.LastIndex(arn, ":")
	if _, err := s.subscriptionOf(arn); err != nil {
		return "", false
	}
	return arn[:i], true
}

// ResourcePolicy is the policy of a topic.
func (s *Service) ResourcePolicy(ctx context.Context, arn string) (text string, ok bool, err error) {
	name, err := s.topicOf(arn)
	if err != nil {
		return "", false, nil
	}
	t, err := s.topic(ctx, s.db, name)
	if awsproto.Code(err) == "NotFound" {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return t.attributes[attributePolicy], true, nil
}

// Tags are the tags of a topic.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	name, err := s.topicOf(arn)
	if err != nil {
		return nil, nil
	}
	all, err := tags.List(ctx, s.db, name, "", maxTags)
	of := make(map[string]string, len(all))
	for _, t := range all {
		of[t.Key] = t.Value
	}
	return of, err
}
