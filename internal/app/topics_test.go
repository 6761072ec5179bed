package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"slipway/api/cloudwatch"
	"slipway/api/sns"
	"slipway/internal/deploy"
	"slipway/internal/event"
	"slipway/internal/object"
	"slipway/internal/object/setting"
	"slipway/internal/pipeline"
	"slipway/internal/store/storetest"
)

// subscriber is a web address that hands over the messages that it gets.
func subscriber(t *testing.T, s *server, topic string) <-chan string {
	t.Helper()
	got := make(chan string, 10)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- string(text)
	}))
	t.Cleanup(web.Close)
	ctx := t.Context()
	created, err := s.topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: &topic})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: created.TopicArn, Protocol: new("http"),
		Endpoint: &web.URL, Attributes: map[string]string{"RawMessageDelivery": "true"}}); err != nil {
		t.Fatal(err)
	}
	var asked struct{ Token string }
	if err := json.Unmarshal([]byte(within(t, got, "the question")), &asked); err != nil {
		t.Fatal(err)
	}
	if _, err := s.topics.ConfirmSubscription(ctx, &sns.ConfirmSubscriptionInput{TopicArn: created.TopicArn,
		Token: &asked.Token}); err != nil {
		t.Fatal(err)
	}
	return got
}

// letAlarms is the statement of a topic's default policy that lets CloudWatch tell it alarms of the account.
func letAlarms(topic string) string {
	return `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"SNS:Publish","Resource":"` + topic +
		`","Condition":{"StringEquals":{"AWS:SourceOwner":"111122223333"}}}`
}

// letPublish gives a topic a policy.
func (s *server) letPublish(t *testing.T, topic string, statements ...string) {
	t.Helper()
	text := `{"Version":"2008-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	if _, err := s.topics.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &topic,
		AttributeName: new("Policy"), AttributeValue: &text}); err != nil {
		t.Fatal(err)
	}
}

// Who tells a topic needs a right: S3 and CloudWatch by the topic's policy, CodeDeploy and CodePipeline by their roles.
func TestWhoMayTellATopic(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	ctx, told := t.Context(), &telling{s.ground, s.storage, s.rights}
	created, err := s.topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: new("topic")})
	if err != nil {
		t.Fatal(err)
	}
	topic := *created.TopicArn
	const alarm = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:errors"
	byAlarm := event.Notice{Topic: topic, Service: "cloudwatch.amazonaws.com", Source: alarm}
	says(t, "an alarm, with the default policy", told.mayTell(ctx, byAlarm), "")
	says(t, "a bucket, with the default policy", told.objectTopics(ctx, "bucket", topic, "{}"),
		`do not allow S3 to publish notifications from this bucket. This statement in the topic's policy allows it: `+
			letS3("bucket", topic))
	says(t, "a bucket, without a topic", told.objectTopics(ctx, "bucket", topic+"2", "{}"), "Topic does not exist")
	s.letPublish(t, topic, letS3("bucket", topic))
	says(t, "a bucket that the policy names", told.objectTopics(ctx, "bucket", topic, "{}"), "")
	says(t, "another bucket", told.objectTopics(ctx, "bucket2", topic, "{}"), "do not allow S3")
	says(t, "an alarm that no policy lets", told.mayTell(ctx, byAlarm),
		"cloudwatch.amazonaws.com is not authorized to perform: sns:Publish on resource: "+topic)
	s.letPublish(t, topic, `{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish",`+
		`"Resource":"`+topic+`","Condition":{"ArnLike":{"aws:SourceArn":"`+alarm+`"}}}`)
	says(t, "an alarm that the policy names", told.mayTell(ctx, byAlarm), "")
	byAlarm.Source += "2"
	says(t, "another alarm", told.mayTell(ctx, byAlarm), "not authorized")
	byRole := event.Notice{Topic: topic, Service: deploy.RolePrincipal, Session: "d-1",
		Role: s.trusting(t, "teller", deploy.RolePrincipal)}
	says(t, "a role without the right", told.mayTell(ctx, byRole),
		`assumed-role/teller/d-1 is not authorized to perform: sns:Publish on resource: `+topic)
	s.grant(t, "teller", `{"Effect":"Allow","Action":"sns:Publish","Resource":"`+topic+`"}`)
	says(t, "a role with the right", told.mayTell(ctx, byRole), "")
	byRole.Service = pipeline.RolePrincipal
	says(t, "a role of another service", told.mayTell(ctx, byRole), "does not let codepipeline.amazonaws.com assume it")
}

// A change of an object is told to the topic that its bucket names, and a state of an alarm to the alarm's.
func TestTopicsAreTold(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	storetest.Work(t, s.db)
	ctx, arn := t.Context(), "arn:aws:sns:eu-central-1:111122223333:topic"
	got := subscriber(t, s, "topic")
	s.letPublish(t, arn, letS3("bucket", arn), letAlarms(arn))
	n := &setting.Notification{Topics: []setting.TopicNotification{{ID: "zips", Topic: arn,
		Events: []string{"s3:ObjectCreated:*"}, Filter: &setting.NotificationFilter{}}}}
	n.Topics[0].Filter.Key.Rules = []setting.FilterRule{{Name: "suffix", Value: ".zip"}}
	if err := s.objects.CreateBucket(ctx, "bucket", object.Settings{object.Notifications: setting.Text(n)}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a.txt", "a b.zip"} {
		if _, err := s.objects.Put(ctx, "bucket", key, strings.NewReader("x"), &object.Meta{}, object.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	told := within(t, got, "the notification")
	if !strings.Contains(told, `"key":"a+b.zip"`) || !strings.Contains(told, `"eventName":"ObjectCreated:Put"`) ||
		!strings.Contains(told, `"configurationId":"zips"`) {
		t.Errorf("the topic is told %s", told)
	}
	if _, err := s.monitor.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: new("errors"), Namespace: new("n"), MetricName: new("m"), Period: new(int32(3600)),
		Statistic: cloudwatch.StatisticSum, EvaluationPeriods: new(int32(1)), Threshold: new(1.0),
		ComparisonOperator: cloudwatch.ComparisonOperatorGreaterThanThreshold,
		AlarmActions:       []string{"arn:aws:sns:eu-central-1:111122223333:none", arn},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.monitor.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: new("errors"),
		StateValue: cloudwatch.StateValueAlarm, StateReason: new("because")}); err != nil {
		t.Fatal(err)
	}
	told = within(t, got, "the alarm")
	if !strings.Contains(told, `"NewStateValue":"ALARM"`) || !strings.Contains(told, `"NewStateReason":"because"`) {
		t.Errorf("the topic is told %s", told)
	}
}
