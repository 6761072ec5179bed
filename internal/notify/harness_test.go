package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	api "slipway/api/sns"
	"slipway/internal/key"
	"slipway/internal/notify"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

type house struct {
	*sns.Client
	t       *testing.T
	db      *store.Store
	service *notify.Service
	keys    *key.Service
	url     string
	topic   *string
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func open(t *testing.T, change ...func(*notify.Config)) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t, notify.Migrations(), key.Migrations())}
	sealer, err := seal.Open(t.TempDir() + "/seal")
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	h.url = server.URL
	pager := awsproto.Pager{Key: []byte("key")}
	h.keys = key.New(h.db, key.Config{Region: "eu-central-1", Account: "123456789012", Seal: sealer, Now: time.Now,
		Pager: pager})
	c := notify.Config{Region: "eu-central-1", Account: "123456789012", URL: h.url, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Pager: pager, Seal: sealer, Keys: h.keys, Networks: loopback}
	for _, f := range change {
		f(&c)
	}
	h.service = notify.New(h.db, c)
	storetest.Work(t, h.db)
	wire := &awsproto.Server{Region: "eu-central-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: "secret"}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) { return awsproto.Caller{}, nil }}
	wire.Add(api.New(awsproto.Hooks{}, struct {
		*notify.Service
		api.Unimplemented
	}{h.service, api.Unimplemented{}}))
	links := notify.Links{Service: h.service}
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if links.Accepts(r) {
			links.ServeHTTP(w, r)
			return
		}
		wire.ServeHTTP(w, r)
	})
	h.Client = sns.New(sns.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")})
	out, err := h.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: new("topic")})
	if err != nil {
		t.Fatal(err)
	}
	h.topic = out.TopicArn
	return h
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

// endpoint is a subscriber that hands over what it gets, and answers with a status for each.
type endpoint struct {
	*httptest.Server
	got chan request
}

type request struct {
	head http.Header
	body string
}

func (r request) member(t *testing.T, name string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(r.body), &all); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return fmt.Sprint(all[name])
}

func listen(t *testing.T, answer func(n int, w http.ResponseWriter)) *endpoint {
	t.Helper()
	e := &endpoint{got: make(chan request, 100)}
	n := 0
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if answer != nil {
			answer(n, w)
		}
		n++
		e.got <- request{r.Header, string(text)}
	}))
	t.Cleanup(e.Close)
	return e
}

// next waits for what the endpoint gets next.
func (e *endpoint) next(t *testing.T) request {
	t.Helper()
	select {
	case r := <-e.got:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("nothing comes")
	}
	return request{}
}

// subscribe subscribes an endpoint and confirms it by the link that it gets.
func (h *house) subscribe(e *endpoint, attributes map[string]string) *string {
	h.t.Helper()
	out, err := h.Subscribe(h.t.Context(), &sns.SubscribeInput{TopicArn: h.topic, Protocol: new("http"),
		Endpoint: &e.URL, Attributes: attributes, ReturnSubscriptionArn: true})
	if err != nil {
		h.t.Fatal(err)
	}
	h.visit(e.next(h.t).member(h.t, "SubscribeURL"), http.StatusOK)
	return out.SubscriptionArn
}

// visit opens a link as a subscriber does.
func (h *house) visit(link string, want int) string {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, link, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		h.t.Errorf("%s: %d %s, %v", link, resp.StatusCode, text, err)
	}
	return string(text)
}

func (h *house) publish(text string) {
	h.t.Helper()
	if _, err := h.Publish(h.t.Context(), &sns.PublishInput{TopicArn: h.topic, Message: &text}); err != nil {
		h.t.Fatal(err)
	}
}

// dead waits for the reason of the only dead job.
func (h *house) dead() string {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		all, err := h.db.Jobs(h.t.Context(), true, "", "")
		if err != nil {
			h.t.Fatal(err)
		}
		if len(all) == 1 {
			return all[0].Failures[len(all[0].Failures)-1].Error
		}
	}
	h.t.Fatal("no job is dead")
	return ""
}

// mailServer takes mails, and hands them over.
func mailServer(t *testing.T) (address string, mails chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	mails = make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go takeMail(conn, mails)
		}
	}()
	return l.Addr().String(), mails
}

func takeMail(conn net.Conn, mails chan<- string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 here")
	var mail strings.Builder
	for inData := false; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch {
		case inData && line == ".\r\n":
			inData = false
			mails <- mail.String()
			say("250 taken")
		case inData:
			mail.WriteString(line)
		case strings.HasPrefix(line, "DATA"):
			inData = true
			say("354 go on")
		case strings.HasPrefix(line, "RCPT TO:<nobody@"):
			say("550 nobody here")
		case strings.HasPrefix(line, "QUIT"):
			say("221 bye")
			return
		default:
			mail.WriteString(line)
			say("250 yes")
		}
	}
}
