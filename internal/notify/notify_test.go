package notify_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"slipway/internal/notify"
	"slipway/internal/store/storetest"
)

// verify checks a message's signature as AWS's guide tells subscribers to.
func (h *house) verify(r request, names ...string) {
	h.t.Helper()
	var text strings.Builder
	for _, name := range names {
		text.WriteString(name + "\n" + r.member(h.t, name) + "\n")
	}
	block, _ := pem.Decode([]byte(h.visit(r.member(h.t, "SigningCertURL"), http.StatusOK)))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(r.member(h.t, "Signature"))
	if err != nil {
		h.t.Fatal(err)
	}
	hash, sum := crypto.SHA1, sha1.Sum([]byte(text.String()))
	digest := sum[:]
	if r.member(h.t, "SignatureVersion") == "2" {
		sum := sha256.Sum256([]byte(text.String()))
		hash, digest = crypto.SHA256, sum[:]
	}
	if err := rsa.VerifyPKCS1v15(c.PublicKey.(*rsa.PublicKey), hash, digest, signature); err != nil {
		h.t.Errorf("the signature of %s: %v", text.String(), err)
	}
}

// A subscriber is asked first, gets signed messages once it has confirmed, and none once it has ended it.
func TestSubscription(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, e := t.Context(), listen(t, nil)
	out, err := h.Subscribe(ctx, &sns.SubscribeInput{TopicArn: h.topic, Protocol: new("http"), Endpoint: &e.URL})
	if err != nil || *out.SubscriptionArn != "pending confirmation" {
		t.Fatalf("%+v, %v", out, err)
	}
	asked := e.next(t)
	if asked.head.Get("X-Amz-Sns-Message-Type") != "SubscriptionConfirmation" {
		t.Errorf("%+v", asked)
	}
	h.verify(asked, "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
	h.publish("before") // which nobody wants yet
	h.visit(strings.Replace(asked.member(t, "SubscribeURL"), "Token=", "Token=0", 1), http.StatusBadRequest)
	if text := h.visit(asked.member(t, "SubscribeURL"), http.StatusOK); !strings.Contains(text, *h.topic+":") {
		t.Errorf("the link answers %s", text)
	}
	if _, err := h.Publish(ctx, &sns.PublishInput{TopicArn: h.topic, Message: new("hello <&>"), Subject: new("a subject"),
		MessageAttributes: map[string]types.MessageAttributeValue{"n": {DataType: new("Number"), StringValue: new("7")}}}); err != nil {
		t.Fatal(err)
	}
	got := e.next(t)
	if got.member(t, "Message") != "hello <&>" || got.member(t, "MessageAttributes") != "map[n:map[Type:Number Value:7]]" ||
		got.head.Get("Content-Type") != "text/plain; charset=UTF-8" {
		t.Errorf("%+v", got)
	}
	h.verify(got, "Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
	if _, err := h.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: h.topic,
		AttributeName: new("SignatureVersion"), AttributeValue: new("2")}); err != nil {
		t.Fatal(err)
	}
	h.publish("two")
	second := e.next(t)
	h.verify(second, "Message", "MessageId", "Timestamp", "TopicArn", "Type")
	attributes, err := h.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: h.topic})
	if err != nil || attributes.Attributes["SubscriptionsConfirmed"] != "1" {
		t.Errorf("%+v, %v", attributes, err)
	}
	h.visit(second.member(t, "UnsubscribeURL"), http.StatusOK)
	list, err := h.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: h.topic})
	if err != nil || len(list.Subscriptions) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A delivery that fails is tried again, unless the endpoint says that it is the sender's fault; then it is dead.
func TestRetries(t *testing.T) {
	t.Parallel()
	h := open(t)
	e := listen(t, func(n int, w http.ResponseWriter) {
		if n == 1 || n == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if n >= 4 {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	arn := h.subscribe(e, map[string]string{"RawMessageDelivery": "true"})
	h.publish("hello")
	for range 3 {
		if got := e.next(t); got.body != "hello" || got.head.Get("X-Amz-Sns-Rawdelivery") != "true" ||
			got.head.Get("X-Amz-Sns-Subscription-Arn") != *arn {
			t.Errorf("%+v", got)
		}
	}
	h.publish("refused")
	if got := h.dead(); !strings.Contains(got, "403") {
		t.Errorf("the dead delivery says %q", got)
	}
}

// A redirect is not followed: it could lead into the server's own network.
func TestRedirects(t *testing.T) {
	t.Parallel()
	h := open(t)
	elsewhere := listen(t, nil)
	e := listen(t, func(n int, w http.ResponseWriter) {
		if n > 0 {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	h.subscribe(e, nil)
	h.publish("hello")
	if got := h.dead(); !strings.Contains(got, "redirects are not followed") || len(elsewhere.got) > 0 {
		t.Errorf("the dead delivery says %q", got)
	}
}

// Addresses that are not public are dialled only where the server's settings say so.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"93.184.216.34":      true,
		"2606:2800:220:1::1": true,
		"127.0.0.1":          false,
		"10.1.2.3":           false,
		"10.7.0.1":           true, // named
		"192.168.0.1":        false,
		"169.254.169.254":    false,
		"100.64.0.1":         false,
		"0.0.0.0":            false,
		"::":                 false,
		"::1":                false,
		"::ffff:127.0.0.1":   false,
		"fe80::1":            false,
		"fd00:ec2::254":      false,
		"64:ff9b::7f00:1":    false,
		"224.0.0.1":          false,
		"255.255.255.255":    false,
		"2002:7f00:1::":      false,
	} {
		err := notify.Reachable(netip.MustParseAddr(address), []netip.Prefix{netip.MustParsePrefix("10.7.0.0/16")})
		if (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	h := open(t, func(c *notify.Config) { c.Networks = nil })
	e := listen(t, nil)
	if _, err := h.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: h.topic, Protocol: new("http"),
		Endpoint: &e.URL}); err != nil {
		t.Fatal(err)
	}
	for failed := false; !failed; {
		all, err := h.db.Jobs(t.Context(), false, "", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range all {
			for _, f := range j.Failures {
				failed = strings.Contains(f.Error, "no public address")
			}
		}
	}
	if len(e.got) > 0 {
		t.Error("the endpoint was reached")
	}
}

// A subscription's filter decides which messages it gets.
func TestFilters(t *testing.T) {
	t.Parallel()
	h := open(t)
	e := listen(t, nil)
	arn := h.subscribe(e, map[string]string{"FilterPolicy": `{"kind":["build"]}`})
	publish := func(kind, text string) {
		t.Helper()
		if _, err := h.Publish(t.Context(), &sns.PublishInput{TopicArn: h.topic, Message: &text,
			MessageAttributes: map[string]types.MessageAttributeValue{
				"kind": {DataType: new("String"), StringValue: &kind}}}); err != nil {
			t.Fatal(err)
		}
	}
	publish("deploy", "one")
	publish("build", "two")
	if got := e.next(t).member(t, "Message"); got != "two" {
		t.Errorf("got %s", got)
	}
	for name, value := range map[string]string{"FilterPolicyScope": "MessageBody", "FilterPolicy": `{"a":{"b":[1]}}`} {
		if _, err := h.SetSubscriptionAttributes(t.Context(), &sns.SetSubscriptionAttributesInput{SubscriptionArn: arn,
			AttributeName: &name, AttributeValue: &value}); err != nil {
			t.Fatal(err)
		}
	}
	h.publish(`{"a":{"b":2}}`)
	h.publish(`{"a":{"b":1}}`)
	if got := e.next(t).member(t, "Message"); got != `{"a":{"b":1}}` {
		t.Errorf("got %s", got)
	}
}

// Mails are handed to the mail server, with no line of a client's in their head.
func TestMail(t *testing.T) {
	t.Parallel()
	address, mails := mailServer(t)
	h := open(t, func(c *notify.Config) {
		m, err := notify.ParseMail("smtp://" + address + "?from=slipway@example.com")
		if err != nil {
			t.Fatal(err)
		}
		c.Mail = m
	})
	subscribe := func(to string) {
		t.Helper()
		if _, err := h.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: h.topic, Protocol: new("email"),
			Endpoint: &to}); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (*mail.Message, string) {
		t.Helper()
		text := <-mails
		_, text, _ = strings.Cut(text, "From: ")
		m, err := mail.ReadMessage(strings.NewReader("From: " + text))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		return m, string(body)
	}
	subscribe("ann@example.com")
	m, body := read()
	if m.Header.Get("To") != "<ann@example.com>" || !strings.Contains(body, "Action=ConfirmSubscription") {
		t.Errorf("%v %s", m.Header, body)
	}
	at := strings.Index(body, h.url)
	link, _, _ := strings.Cut(body[at:], "\n")
	h.visit(strings.TrimSpace(link), http.StatusOK)
	if _, err := h.Publish(t.Context(), &sns.PublishInput{TopicArn: h.topic, Message: new("Grüße"),
		Subject: new("Über\r\nBcc: x")}); code(err) != "InvalidParameter" {
		t.Errorf("a subject of two lines: %v", err)
	}
	if _, err := h.Publish(t.Context(), &sns.PublishInput{TopicArn: h.topic, Message: new("hello"),
		Subject: new("a subject")}); err != nil {
		t.Fatal(err)
	}
	if m, body = read(); m.Header.Get("Subject") != "a subject" || !strings.HasPrefix(body, "hello") {
		t.Errorf("%v %s", m.Header, body)
	}
	subscribe("nobody@example.com")
	if got := h.dead(); !strings.Contains(got, "nobody here") {
		t.Errorf("the dead delivery says %q", got)
	}
	if _, err := h.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: h.topic, Protocol: new("email"),
		Endpoint: new("a@b, c@d")}); code(err) != "InvalidParameter" {
		t.Errorf("two addresses: %v", err)
	}
}

// A topic that names a key has its messages encrypted while they wait.
func TestEncryptedTopic(t *testing.T) {
	t.Parallel()
	h := open(t)
	if _, err := h.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: h.topic,
		AttributeName: new("KmsMasterKeyId"), AttributeValue: new("alias/aws/sns")}); err != nil {
		t.Fatal(err)
	}
	e := listen(t, func(n int, w http.ResponseWriter) {
		if n == 1 {
			all, err := h.db.Jobs(t.Context(), false, "", "")
			if err != nil || len(all) == 0 {
				t.Errorf("%v, %v", all, err)
			}
			var payload string
			if err := h.db.QueryRow(t.Context(), `SELECT payload FROM jobs WHERE kind = 'notify.deliver'`).Scan(
				&payload); err != nil || strings.Contains(payload, "secret words") {
				t.Errorf("%v: %s", err, payload)
			}
		}
	})
	h.subscribe(e, nil)
	h.publish("secret words")
	if got := e.next(t).member(t, "Message"); got != "secret words" {
		t.Errorf("got %s", got)
	}
	if _, err := h.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: h.topic,
		AttributeName: new("KmsMasterKeyId"), AttributeValue: new("alias/none")}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Publish(t.Context(), &sns.PublishInput{TopicArn: h.topic, Message: new("x")}); code(err) != "KMSNotFound" {
		t.Errorf("a key that is not there: %v", err)
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	tags := []types.Tag{{Key: new("a"), Value: new("b")}}
	if _, err := h.TagResource(ctx, &sns.TagResourceInput{ResourceArn: h.topic, Tags: tags}); err != nil {
		t.Fatal(err)
	}
	if out, err := h.CreateTopic(ctx, &sns.CreateTopicInput{Name: new("topic"), Tags: tags}); err != nil || *out.TopicArn != *h.topic {
		t.Errorf("the same topic again: %v", err)
	}
	if _, err := h.CreateTopic(ctx, &sns.CreateTopicInput{Name: new("topic"),
		Attributes: map[string]string{"DisplayName": "x"}}); code(err) != "InvalidParameter" {
		t.Errorf("another topic of the name: %v", err)
	}
	for _, name := range []string{"a.fifo"} {
		if _, err := h.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name}); code(err) != "NotImplementedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for protocol, want := range map[string]string{"sqs": "NotImplementedException", "lambda": "NotImplementedException",
		"email": "NotImplementedException", "carrier": "InvalidParameter", "https": "InvalidParameter"} {
		if _, err := h.Subscribe(ctx, &sns.SubscribeInput{TopicArn: h.topic, Protocol: &protocol,
			Endpoint: new("http://example.com/")}); code(err) != want {
			t.Errorf("%s: %v, want %s", protocol, err, want)
		}
	}
	if _, err := h.AddPermission(ctx, &sns.AddPermissionInput{TopicArn: h.topic, Label: new("l"),
		AWSAccountId: []string{"111111111111"}, ActionName: []string{"Publish"}}); err != nil {
		t.Fatal(err)
	}
	text, ok, err := h.service.ResourcePolicy(ctx, *h.topic)
	if err != nil || !ok || !strings.Contains(text, "111111111111") {
		t.Errorf("%s, %v", text, err)
	}
	batch, err := h.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: h.topic,
		PublishBatchRequestEntries: []types.PublishBatchRequestEntry{{Id: new("1"), Message: new("m")},
			{Id: new("2"), Message: new("")}}})
	if err != nil || len(batch.Successful) != 1 || len(batch.Failed) != 1 {
		t.Errorf("%+v, %v", batch, err)
	}
	if _, err := h.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: h.topic}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Publish(ctx, &sns.PublishInput{TopicArn: h.topic, Message: new("x")}); code(err) != "NotFound" {
		t.Errorf("a topic that is gone: %v", err)
	}
}

// TestOnPostgreSQL repeats the tests that use the database.
func TestOnPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.OnPostgres(t, map[string]func(*testing.T){
		"Subscription":   TestSubscription,
		"Retries":        TestRetries,
		"Filters":        TestFilters,
		"Mail":           TestMail,
		"EncryptedTopic": TestEncryptedTopic,
		"Topics":         TestTopics,
	})
}
