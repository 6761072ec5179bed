package setting

import (
	"errors"
	"strings"
	"testing"
)

// An element that Slipway does not know is refused, wherever it stands: it would not be done.
func TestUnknownElements(t *testing.T) {
	for name, text := range map[string]string{
		"at the root": `<LifecycleConfiguration><Rules/></LifecycleConfiguration>`,
		"inside": `<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Colour/></Filter>` +
			`<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`,
	} {
		err := Read([]byte(text), &Lifecycle{})
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != "MalformedXML" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The text that is kept has S3's namespace, and reads back.
func TestText(t *testing.T) {
	var in, out Lifecycle
	text := `<LifecycleConfiguration xmlns="` + Namespace + `"><Rule><Filter/><Status>Enabled</Status><Expiration>` +
		`<Days>1</Days></Expiration></Rule></LifecycleConfiguration>`
	if err := Read([]byte(text), &in); err != nil {
		t.Fatal(err)
	}
	kept := Text(&in)
	if err := Parse(kept, &out); err != nil || out.Rules[0].ID == "" || *out.Rules[0].Expiration.Days != 1 ||
		strings.Count(kept, "xmlns") != 1 {
		t.Errorf("%s, %v", kept, err)
	}
}

func TestTold(t *testing.T) {
	n := Notification{Topics: []TopicNotification{{ID: "a", Topic: "arn:aws:sns:r:1:t",
		Events: []string{"s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"}, Filter: &NotificationFilter{}}}}
	n.Topics[0].Filter.Key.Rules = []FilterRule{{"Prefix", "in/"}, {"suffix", ".zip"}}
	for _, x := range []struct {
		event, key string
		want       int
	}{
		{"ObjectCreated:Put", "in/a.zip", 1},
		{"ObjectCreated:Copy", "in/a.tar", 0},
		{"ObjectCreated:Copy", "out/a.zip", 0},
		{"ObjectRemoved:Delete", "in/a.zip", 1},
		{"ObjectRemoved:DeleteMarkerCreated", "in/a.zip", 0},
	} {
		if got := n.Told(x.event, x.key); len(got) != x.want {
			t.Errorf("%s of %s is told %d times, want %d", x.event, x.key, len(got), x.want)
		}
	}
}

func TestPublicPolicy(t *testing.T) {
	statement := func(rest string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*",` + rest + `}}`
	}
	for text, want := range map[string]bool{
		statement(`"Principal":"*"`):                                                           true,
		statement(`"Principal":{"AWS":["arn:aws:iam::1:root","*"]}`):                           true,
		statement(`"NotPrincipal":{"AWS":"arn:aws:iam::1:root"}`):                              true,
		statement(`"Principal":{"AWS":"arn:aws:iam::1:root"}`):                                 false,
		statement(`"Principal":{"Service":"cloudfront.amazonaws.com"}`):                        false,
		statement(`"Principal":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`):    false,
		statement(`"Principal":"*","Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}`):      true,
		statement(`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`):    true,
		statement(`"Principal":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`): true,
		strings.Replace(statement(`"Principal":"*"`), "Allow", "Deny", 1):                      false,
		statement(`"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`):       true,
	} {
		if got := IsPublicPolicy(text); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestCORSMatch(t *testing.T) {
	c := CORS{Rules: []CORSRule{{AllowedMethods: []string{"PUT"}, AllowedOrigins: []string{"https://*.example.com"},
		AllowedHeaders: []string{"X-Amz-*"}}}}
	if c.Match("https://a.example.com", "PUT", []string{"x-amz-date"}) == nil {
		t.Error("the rule fits")
	}
	if c.Match("https://a.example.com", "GET", nil) != nil || c.Match("https://example.org", "PUT", nil) != nil ||
		c.Match("https://a.example.com", "PUT", []string{"cookie"}) != nil {
		t.Error("the rule does not fit")
	}
}
