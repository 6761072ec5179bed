package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

// running is a server that serves in this process.
type running struct {
	*server
	url     string
	address net.Listener
	stop    context.CancelFunc
	ended   chan error
}

func run(t *testing.T, s *server) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{server: s, url: "http://" + listener.Addr().String(), address: listener, stop: cancel,
		ended: make(chan error, 1)}
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.ended <- s.serve(ctx, listener)
	}()
	t.Cleanup(func() { cancel(); <-over }) // or it would write into a folder that goes
	return r
}

// client is an API client with the administrator's key.
func (r *running) client(t *testing.T) *awsproto.Client {
	t.Helper()
	key, ok, err := r.Data.ReadKey("administrator")
	if err != nil || !ok {
		t.Fatalf("the administrator has no key: %v", err)
	}
	return &awsproto.Client{Endpoint: r.url, Region: r.Place.Region,
		Credentials: sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}}
}

func get(client *http.Client, url string) (status int, body string, err error) {
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// slow stands in for the pages: /live waits for its end, as live updates do, and all others until they are released.
type slow struct{ entered, released chan struct{} }

func (p slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.entered <- struct{}{}
	if r.URL.Path == "/live" {
		<-r.Context().Done()
		_, _ = io.WriteString(w, context.Cause(r.Context()).Error())
		return
	}
	<-p.released
	_, _ = io.WriteString(w, "done")
}

// ask sends a request that takes long, and returns what is answered.
func (r *running) ask(t *testing.T, path, accept string) <-chan string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", accept)
	answer := make(chan string, 1)
	go func() {
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		answer <- string(text) + errorText(err)
	}()
	return answer
}

// A server stops in order: its address is closed and long polls end, requests in flight are answered, and only then is
// its work cancelled.
func TestServerStopsInOrder(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	began, working := make(chan struct{}), make(chan error, 1)
	s.db.Handle("test", store.Limits{}, func(ctx context.Context, _ store.Running) (store.Outcome, error) {
		close(began)
		<-ctx.Done()
		working <- context.Cause(ctx)
		return store.Done, ctx.Err()
	})
	pages := slow{make(chan struct{}), make(chan struct{})}
	s.handler.pages = pages
	r := run(t, s)
	if status, body, err := get(http.DefaultClient, r.url+"/readyz"); status != http.StatusOK || body != "ok\n" {
		t.Fatalf("readyz: got %d %q, %v", status, body, err)
	}
	err := s.db.Write(t.Context(), func(tx store.Tx) error {
		return tx.Enqueue(t.Context(), store.Job{Kind: "test", Key: "one"})
	})
	if err != nil {
		t.Fatal(err)
	}
	within(t, began, "the job")
	polled := r.ask(t, "/live", "text/event-stream")
	within(t, pages.entered, "the long poll")
	page := r.ask(t, "/board", "text/html")
	within(t, pages.entered, "the request of a page")

	r.stop()
	if got := within(t, polled, "the end of the long poll"); got != errStopping.Error() {
		t.Errorf("the long poll ended with %q, want %q", got, errStopping)
	}
	if err := r.address.(*net.TCPListener).SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the address of a server that stops is open (%v)", err)
	}
	select {
	case err := <-working:
		t.Errorf("work was cancelled (%v) while a request was in flight", err)
	default:
	}
	close(pages.released)
	if got := within(t, page, "the answer"); got != "done" {
		t.Errorf("the request in flight: got %q, want done", got)
	}
	if cause := within(t, working, "the end of the work"); !errors.Is(cause, errStopping) {
		t.Errorf("work ended with the cause %v, want %v", cause, errStopping)
	}
	if err := within(t, r.ended, "the end of the server"); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The death of a part ends the server, with the part's name.
func TestServerEndsWithAPart(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(t *testing.T, r *running){
		"http": func(_ *testing.T, r *running) { _ = r.address.Close() },
		"jobs": func(_ *testing.T, r *running) {}, // two handlers of one kind, see below
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogged()
			o := newOptions(t)
			o.Log = l.logger()
			s := newServer(t, o)
			if name == "jobs" {
				tellDeployments(s.db, s.deployments)
			}
			r := run(t, s)
			l.wait(t, "slipway serves")
			kill(t, r)
			says(t, "the end", within(t, r.ended, "the end of the server"), name+": ")
			l.wait(t, "the server ends since a part of it died")
		})
	}
}

// What a server acknowledged is there when its folder is opened again.
func TestServerOpensItsFolderAgain(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	r := run(t, newServer(t, o))
	repositories := &cc.Client{Client: r.client(t)}
	in := &cc.CreateRepositoryInput{RepositoryName: new("greeter")}
	if _, err := repositories.CreateRepository(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if err := within(t, r.ended, "the end of the server"); err != nil {
		t.Fatal(err)
	}
	r.close()

	var err error
	if o.Place, err = o.Data.Place("", ""); err != nil {
		t.Fatal(err)
	}
	again := run(t, newServer(t, o))
	repositories = &cc.Client{Client: again.client(t)}
	out, err := repositories.GetRepository(t.Context(), &cc.GetRepositoryInput{RepositoryName: new("greeter")})
	if err != nil {
		t.Fatal(err)
	}
	const want = "arn:aws:codecommit:eu-central-1:111122223333:greeter"
	if got := *out.RepositoryMetadata.Arn; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Serve holds the folder's lock, listens, and is reached by TLS with the folder's own authority.
func TestServe(t *testing.T) {
	t.Parallel()
	l := newLogged()
	o := newOptions(t)
	o.Listen, o.TLS, o.Log = freeAddress(t), TLS{Own: true}, l.logger()
	o.URL = URL("", o.Listen, true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, o) }()
	l.wait(t, "slipway serves")

	says(t, "a second server", Serve(ctx, o), "another process holds the lock")
	elsewhere := newOptions(t)
	elsewhere.Listen = o.Listen
	says(t, "a server at the same address", Serve(ctx, elsewhere), "Choose another address with --listen")

	text, err := os.ReadFile(o.Data.AuthorityFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	if status, _, err := get(&http.Client{Transport: transport}, o.URL+"/healthz"); status != http.StatusOK {
		t.Errorf("by TLS: got %d, %v", status, err)
	}
	cancel()
	if err := within(t, ended, "the end of the server"); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	lock, err := o.Data.Lock("server", "")
	if err != nil {
		t.Fatalf("a server that ended holds its lock: %v", err)
	}
	lock.Release()
}

// What keeps a server from starting is said, and closes the database again.
func TestServerThatCannotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, o *Options)
		want   string
	}{
		"prometheus": {func(_ *testing.T, o *Options) { o.Prometheus = "127.0.0.1:9090" }, "--prometheus must be"},
		"database":   {func(_ *testing.T, o *Options) { o.Database = "mysql://there" }, "open database"},
		"tls":        {func(_ *testing.T, o *Options) { o.TLS = TLS{Cert: "a"} }, "must be given together"},
		"objects": {func(t *testing.T, o *Options) {
			t.Helper()
			write(t, o.Data.Objects(), "")
		}, "objects"},
		"key": {func(t *testing.T, o *Options) {
			t.Helper()
			if err := os.Mkdir(filepath.Join(o.Data.Keys(), "runner"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "runner"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOptions(t)
			c.change(t, &o)
			says(t, "the start", Serve(t.Context(), o), c.want)
		})
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given, listen string
		secure        bool
		want          string
	}{
		{"", "127.0.0.1:8080", false, "http://127.0.0.1:8080"},
		{"", "127.0.0.1:8443", true, "https://127.0.0.1:8443"},
		{"", ":8080", false, "http://127.0.0.1:8080"},
		{"", "0.0.0.0:8080", false, "http://127.0.0.1:8080"},
		{"", "[::]:8080", false, "http://127.0.0.1:8080"},
		{"", "[::1]:8080", false, "http://[::1]:8080"},
		{"", "ci.example.com:80", false, "http://ci.example.com:80"},
		{"", "nonsense", false, "http://nonsense"},
		{"https://ci.example.com/", "127.0.0.1:8080", false, "https://ci.example.com"},
	} {
		if got := URL(c.given, c.listen, c.secure); got != c.want {
			t.Errorf("URL(%q, %q, %t): got %s, want %s", c.given, c.listen, c.secure, got, c.want)
		}
	}
}

// Listeners of load balancers are reached where the server is.
func TestHost(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://10.0.0.1:8080":    "10.0.0.1",
		"https://ci.example.com":  "ci.example.com",
		"":                        "localhost",
		"http://[::1]:8080":       "::1",
		"http://bad host/%zz:foo": "localhost",
	} {
		if got := (&ground{Options: Options{URL: url}}).host(); got != want {
			t.Errorf("host of %q: got %s, want %s", url, got, want)
		}
	}
}

// Administrator, runner and router get a key each, which stays until another is given.
func TestKeys(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	keys := func(o Options) map[string]Key {
		s, err := open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		all := map[string]Key{}
		for _, name := range []string{"administrator", "runner", "router"} {
			k, ok, err := o.Data.ReadKey(name)
			if err != nil || !ok {
				t.Fatalf("no key of %s: %v", name, err)
			}
			all[name] = k
			caller, err := s.identity.Caller(t.Context(), k.ID, "")
			if err != nil || caller.Name != name {
				t.Errorf("the key of %s: got %+v, %v", name, caller, err)
			}
		}
		if o.Place, err = o.Data.Place("", ""); err != nil {
			t.Fatal(err)
		}
		return all
	}
	first := keys(o)
	o.Place, _ = o.Data.Place("", "")
	if second := keys(o); second["runner"] != first["runner"] || second["administrator"] != first["administrator"] {
		t.Errorf("keys changed: %v, then %v", first, second)
	}
	o.Administrator = Key{ID: "AKIAGIVENGIVENGIVEN1", Secret: "given"}
	third := keys(o)
	if third["administrator"] != o.Administrator || third["router"] != first["router"] {
		t.Errorf("with a given key: got %v", third)
	}
	o.Administrator = Key{}
	if fourth := keys(o); fourth["administrator"] != third["administrator"] {
		t.Errorf("the given key was not kept: got %v", fourth)
	}
}
