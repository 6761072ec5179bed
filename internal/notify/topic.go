package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"slipway/api/sns"
	"slipway/internal/identity/policy"
	"slipway/internal/store"
)

const (
	attributePolicy    = "Policy"
	attributeName      = "DisplayName"
	attributeDelivery  = "DeliveryPolicy"
	attributeKey       = "KmsMasterKeyId"
	attributeSignature = "SignatureVersion"
	attributeTracing   = "TracingConfig"
)

// topic is a topic as it is kept.
type topic struct {
	name       string
	attributes map[string]string
	deleted    int
}

func (s *Service) topic(ctx context.Context, q store.Queryer, name string) (*topic, error) {
	t := &topic{name: name}
	ok, err := store.Find(ctx, q, []any{store.JSON(&t.attributes), &t.deleted},
		`SELECT attributes, deleted FROM sns_topics WHERE name = $1`, name)
	if err == nil && !ok {
		err = noTopic()
	}
	return t, err
}

var topicName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`) })

// CreateTopic implements sns:CreateTopic. A topic that exists with the same attributes and tags is no error.
func (s *Service) CreateTopic(ctx context.Context, in *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
	name := *in.Name
	if strings.HasSuffix(name, ".fifo") || in.Attributes["FifoTopic"] == "true" {
		return nil, refused("FIFO topics")
	}
	if !topicName().MatchString(name) {
		return nil, invalid("Topic Name")
	}
	if in.DataProtectionPolicy != nil {
		return nil, refused("data protection policies of topics")
	}
	attributes := map[string]string{}
	for k, v := range in.Attributes {
		if k == "FifoTopic" {
			continue
		}
		if err := s.checkAttribute(k, v); err != nil {
			return nil, err
		}
		attributes[k] = v
	}
	if attributes[attributePolicy] == "" {
		attributes[attributePolicy] = s.defaultPolicy(name)
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		before, err := s.topic(ctx, tx, name)
		if err == nil {
			return sameTopic(ctx, tx, before, in)
		}
		if _, gone := err.(*sns.NotFoundException); !gone {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO sns_topics (name, attributes, created) VALUES ($1, $2, $3)`, name,
			store.JSON(attributes), s.Now().UnixMilli()); err != nil {
			return err
		}
		return putTags(ctx, tx, name, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &sns.CreateTopicOutput{TopicArn: new(s.arn(name))}, nil
}

// sameTopic returns an error if a topic that exists is not what a request would create.
func sameTopic(ctx context.Context, tx store.Tx, t *topic, in *sns.CreateTopicInput) error {
	for k, v := range in.Attributes {
		if k != "FifoTopic" && t.attributes[k] != v {
			return invalid("Attributes Reason: Topic already exists with different attributes")
		}
	}
	has, err := tags.List(ctx, tx, t.name, "", maxTags)
	if err != nil || len(in.Tags) == 0 {
		return err
	}
	given := map[string]string{}
	for _, tag := range in.Tags {
		given[*tag.Key] = *tag.Value
	}
	kept := map[string]string{}
	for _, tag := range has {
		kept[tag.Key] = tag.Value
	}
	if !maps.Equal(given, kept) {
		return invalid("Tags Reason: Topic already exists with different tags")
	}
	return nil
}

// defaultPolicy lets the account use the topic, as AWS's does.
func (s *Service) defaultPolicy(name string) string {
	return fmt.Sprintf(`{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID",`+
		`"Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes",`+
		`"SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic",`+
		`"SNS:Publish"],"Resource":%q,"Condition":{"StringEquals":{"AWS:SourceOwner":%q}}}]}`, s.arn(name), s.Account)
}

// checkAttribute refuses an attribute that is not a topic's, or that is not done here.
func (s *Service) checkAttribute(name, value string) error {
	switch name {
	case attributeName:
		if len(value) > 100 {
			return invalid("DisplayName Reason: it has at most 100 characters")
		}
	case attributePolicy:
		if _, err := policy.Parse(policy.Resource, value); err != nil {
			return invalid("Policy Error: %v", err)
		}
	case attributeDelivery:
		return checkDelivery(value)
	case attributeKey:
		if value != "" && s.Keys == nil {
			return refused("topics that are encrypted with a key of KMS")
		}
	case attributeSignature:
		if value != "1" && value != "2" {
			return invalid("SignatureVersion Reason: it is 1 or 2")
		}
	case attributeTracing:
		if value != "PassThrough" {
			return refused("active tracing of topics")
		}
	default:
		return refused("the attribute " + name + " of topics")
	}
	return nil
}

// checkDelivery refuses a delivery policy that is no JSON.
func checkDelivery(text string) error {
	if text != "" && !json.Valid([]byte(text)) {
		return invalid("DeliveryPolicy: it is not JSON")
	}
	return nil
}

// DeleteTopic implements sns:DeleteTopic, with its subscriptions. A topic that is gone already is no error.
func (s *Service) DeleteTopic(ctx context.Context, in *sns.DeleteTopicInput) (*sns.DeleteTopicOutput, error) {
	name, err := s.topicOf(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		for _, table := range []string{"sns_subscriptions WHERE topic", "sns_tags WHERE topic",
			"sns_topics WHERE name"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` = $1`, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// GetTopicAttributes implements sns:GetTopicAttributes.
func (s *Service) GetTopicAttributes(ctx context.Context,
	in *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
	name, err := s.topicOf(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	t, err := s.topic(ctx, s.db, name)
	if err != nil {
		return nil, err
	}
	var confirmed, pending int
	if err := s.db.QueryRow(ctx, `SELECT COALESCE(SUM(confirmed), 0), COALESCE(SUM(1 - confirmed), 0)
		FROM sns_subscriptions WHERE topic = $1`, name).Scan(&confirmed, &pending); err != nil {
		return nil, err
	}
	all := map[string]string{
		"TopicArn":                s.arn(name),
		"Owner":                   s.Account,
		attributeName:             "",
		"SubscriptionsConfirmed":  strconv.Itoa(confirmed),
		"SubscriptionsPending":    strconv.Itoa(pending),
		"SubscriptionsDeleted":    strconv.Itoa(t.deleted),
		"EffectiveDeliveryPolicy": effectiveDelivery,
	}
	for k, v := range t.attributes {
		if v != "" || k == attributeName {
			all[k] = v
		}
	}
	return &sns.GetTopicAttributesOutput{Attributes: all}, nil
}

// effectiveDelivery says how deliveries are tried again here, in SNS's form: within about 45 minutes 49 times, ever
// longer apart.
const effectiveDelivery = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":60,` +
	`"numRetries":49,"numMaxDelayRetries":40,"numMinDelayRetries":0,"numNoDelayRetries":0,` +
	`"backoffFunction":"exponential"},"disableSubscriptionOverrides":false,` +
	`"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`

// SetTopicAttributes implements sns:SetTopicAttributes.
func (s *Service) SetTopicAttributes(ctx context.Context,
	in *sns.SetTopicAttributesInput) (*sns.SetTopicAttributesOutput, error) {
	value := ""
	if in.AttributeValue != nil {
		value = *in.AttributeValue
	}
	if err := s.checkAttribute(*in.AttributeName, value); err != nil {
		return nil, err
	}
	return nil, s.changeTopic(ctx, *in.TopicArn, func(t *topic) error {
		t.attributes[*in.AttributeName] = value
		return nil
	})
}

// changeTopic changes the attributes of a topic.
func (s *Service) changeTopic(ctx context.Context, arn string, f func(*topic) error) error {
	name, err := s.topicOf(arn)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		t, err := s.topic(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := f(t); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE sns_topics SET attributes = $2 WHERE name = $1`, name, store.JSON(t.attributes))
		return err
	})
}

// listPage is how many entries a page of a list has, as at AWS.
const listPage = 100

// ListTopics implements sns:ListTopics.
func (s *Service) ListTopics(ctx context.Context, in *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
	after := ""
	if !s.Pager.Place("ListTopics", nil, in.NextToken, &after) {
		return nil, invalid("NextToken")
	}
	names, err := store.Strings(ctx, s.db, `SELECT name FROM sns_topics WHERE name > $1 ORDER BY name LIMIT $2`, after,
		listPage+1)
	out := &sns.ListTopicsOutput{Topics: []sns.Topic{}}
	for i, name := range names {
		if i == listPage {
			out.NextToken = s.Pager.Token("ListTopics", nil, names[i-1])
			break
		}
		out.Topics = append(out.Topics, sns.Topic{TopicArn: new(s.arn(name))})
	}
	return out, err
}

// AddPermission implements sns:AddPermission: a statement with the label for some accounts in the topic's policy.
func (s *Service) AddPermission(ctx context.Context, in *sns.AddPermissionInput) (*sns.AddPermissionOutput, error) {
	return nil, s.changePolicy(ctx, *in.TopicArn, func(statements []map[string]any) ([]map[string]any, error) {
		if slices.ContainsFunc(statements, func(st map[string]any) bool { return st["Sid"] == *in.Label }) {
			return nil, invalid("Statement already exists")
		}
		var principals, actions []string
		for _, account := range in.AWSAccountId {
			principals = append(principals, "arn:aws:iam::"+account+":root")
		}
		for _, a := range in.ActionName {
			actions = append(actions, "SNS:"+a)
		}
		return append(statements, map[string]any{
			"Sid":       *in.Label,
			"Effect":    "Allow",
			"Principal": map[string]any{"AWS": principals},
			"Action":    actions,
			"Resource":  *in.TopicArn,
		}), nil
	})
}

// RemovePermission implements sns:RemovePermission. A label that is not there is no error.
func (s *Service) RemovePermission(ctx context.Context,
	in *sns.RemovePermissionInput) (*sns.RemovePermissionOutput, error) {
	return nil, s.changePolicy(ctx, *in.TopicArn, func(statements []map[string]any) ([]map[string]any, error) {
		return slices.DeleteFunc(statements, func(st map[string]any) bool { return st["Sid"] == *in.Label }), nil
	})
}

// changePolicy changes the statements of a topic's policy.
func (s *Service) changePolicy(ctx context.Context, arn string,
	f func([]map[string]any) ([]map[string]any, error)) error {
	return s.changeTopic(ctx, arn, func(t *topic) error {
		var document map[string]json.RawMessage
		if err := json.Unmarshal([]byte(t.attributes[attributePolicy]), &document); err != nil {
			return err
		}
		var statements []map[string]any
		if json.Unmarshal(document["Statement"], &statements) != nil {
			var one map[string]any
			if err := json.Unmarshal(document["Statement"], &one); err != nil {
				return err
			}
			statements = []map[string]any{one}
		}
		statements, err := f(statements)
		if err != nil {
			return err
		}
		if document["Statement"], err = json.Marshal(statements); err != nil {
			return err
		}
		text, err := json.Marshal(document)
		if err != nil {
			return err
		}
		if _, err := policy.Parse(policy.Resource, string(text)); err != nil {
			return invalid("Policy Error: %v", err)
		}
		t.attributes[attributePolicy] = string(text)
		return nil
	})
}
