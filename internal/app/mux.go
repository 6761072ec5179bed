package app

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
	"slipway/internal/build"
	"slipway/internal/fault"
	"slipway/internal/identity/issuer"
	"slipway/internal/notify"
	"slipway/internal/object/s3"
	"slipway/internal/pipeline/webhook"
	"slipway/internal/source/connection"
)

// mux dispatches the requests of the server's one address: S3 by its signature only, the JSON and Query services, Git,
// and the pages.
type mux struct {
	api  *awsproto.Server
	s3   http.Handler
	git  http.Handler
	logs http.Handler
	// files are what tests leave beside their results.
	files http.Handler
	// terminals connect people with the terminals of builds.
	terminals *build.Terminals
	// webhooks take what forges deliver.
	webhooks *build.Webhooks
	// triggers take what is posted to the webhooks of pipelines.
	triggers *webhook.Handler
	// forges are delivered to over connections.
	forges *connection.Service
	// badges show everybody the states of projects that have one.
	badges build.Badges
	// links are what subscribers of topics open.
	links notify.Links
	// issuer publishes the keys of identity tokens.
	issuer *issuer.Issuer
	pages  http.Handler
	hosts  hosts
	ready  func() error
	log    *slog.Logger

	polls    context.Context //nolint:containedctx // of the long polls
	endPolls context.CancelCauseFunc
}

// detached are the long polls of people's programs and commands, of which there may be many at a time.
var detached = []string{"WaitForChange", "ReadLog"}

// longPolls are the operations that wait for something to happen.
var longPolls = []string{"PollBuild", "PollCommandExecution", "PollTerminal", "PollRouter", "WaitForChange", "ReadLog",
	"PollHostCommand"}

// waits reports whether a request is a long poll. Long polls end before other requests when the server begins to stop.
func waits(q *http.Request) bool {
	if target := q.Header.Get("X-Amz-Target"); target != "" {
		return slices.Contains(longPolls, target[strings.LastIndexByte(target, '.')+1:])
	}
	if q.URL.Path == slipway.LogPath || (*build.Terminals)(nil).Accepts(q) {
		return true
	}
	if _, operation, ok := strings.Cut(q.URL.Path, "/operation/"); ok { // of a request in CBOR
		return slices.Contains(longPolls, operation)
	}
	return strings.HasPrefix(q.Header.Get("Accept"), "text/event-stream")
}

// recovered answers a request whose handler panicked with the status 500, and logs the panic.
func (m *mux) recovered(w http.ResponseWriter, q *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p) //nolint:forbidigo // net/http's own way to drop a connection
	}
	m.log.Error(
		"a request panicked",
		"method",
		q.Method,
		"path",
		q.URL.Path,
		"target",
		q.Header.Get("X-Amz-Target"),
		"panic",
		p,
		"stack",
		string(debug.Stack()),
	)
	http.Error(w, "The request failed inside the server; its log says why.", http.StatusInternalServerError)
}

func (m *mux) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	defer m.recovered(w, q)
	fault.Panic("request." + q.URL.Path)
	if waits(q) {
		ctx, cancel := context.WithCancelCause(q.Context())
		defer cancel(nil)
		defer context.AfterFunc(m.polls, func() { cancel(context.Cause(m.polls)) })()
		q = q.WithContext(ctx)
	}
	switch q.URL.Path { // for probes, which ask by whatever address
	case "/healthz":
		_, _ = w.Write([]byte("ok\n"))
		return
	case "/readyz":
		if err := m.ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
		return
	}
	switch {
	case !m.hosts.serves(q):
		http.Error(
			w,
			fmt.Sprintf(
				"This server does not answer to the host name %.200q. If it should, start it with --hosts=%.200s, or "+
					"with the --url under which it is reached.",
				q.Host,
				hostOf(q.Host),
			),
			http.StatusMisdirectedRequest,
		)
	case m.api.Accepts(q):
		m.api.ServeHTTP(w, q)
	default:
		m.other(w, q.WithContext(awsproto.WithPeer(q)))
	}
}

// other dispatches what is no call of the API.
func (m *mux) other(w http.ResponseWriter, q *http.Request) {
	switch {
	case strings.HasPrefix(q.URL.Path, "/v1/repos/"):
		m.git.ServeHTTP(w, q)
	case q.URL.Path == slipway.LogPath:
		m.logs.ServeHTTP(w, q)
	case q.URL.Path == slipway.ReportFilePath:
		m.files.ServeHTTP(w, q)
	case m.terminals.Accepts(q):
		m.terminals.ServeHTTP(w, q)
	case m.issuer.Serves(q.URL.Path):
		m.issuer.ServeHTTP(w, q)
	case m.badges.Accepts(q):
		m.badges.ServeHTTP(w, q)
	case m.webhooks.Accepts(q):
		m.webhooks.ServeHTTP(w, q)
	case m.triggers.Accepts(q):
		m.triggers.ServeHTTP(w, q)
	case m.forges.Accepts(q):
		m.forges.ServeHTTP(w, q)
	case m.links.Accepts(q):
		m.links.ServeHTTP(w, q)
	case s3.Accepts(q):
		m.s3.ServeHTTP(w, q)
	case sigv4.Attempted(q):
		unknownService(w, q)
	default:
		m.pages.ServeHTTP(w, q)
	}
}

// unknownService answers a signed request for a service that is not implemented. The answer has a form that the client
// can read, never a page.
func unknownService(w http.ResponseWriter, q *http.Request) {
	_, service := sigv4.Scope(q)
	message := fmt.Sprintf(
		"Slipway does not implement the service %.100q. docs/compatibility.md lists what it does.",
		service,
	)
	if service == "" {
		message = "The request carries a part of an AWS signature, and no service in its scope."
	}
	code := "NotImplementedException"
	w.Header().Set("X-Amzn-Requestid", awsproto.NewRequestID())
	w.Header().Set("X-Amzn-Errortype", code)
	if strings.Contains(q.Header.Get("Accept"), "xml") || service == "route53" || service == "cloudfront" {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusNotImplemented)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Code    string   `xml:"Error>Code"`
			Message string   `xml:"Error>Message"`
		}{Code: code, Message: message})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotImplemented)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}
