package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	cd "slipway/api/codedeploy"
	cmd "slipway/api/codedeploycommand"
	"slipway/api/slipway"
	"slipway/api/sts"
	"slipway/internal/agent"
	"slipway/internal/deploy"
	"slipway/internal/deploy/server"
	"slipway/internal/event"
	"slipway/internal/identity"
	"slipway/internal/identity/access"
	"slipway/internal/journal"
	"slipway/internal/object"
	"slipway/internal/object/s3"
	"slipway/internal/quarantine"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

// The services as their clients meet them.
type (
	hostPart  = server.Service
	deployAPI struct {
		*deploy.Service
		*hostPart
		cd.Unimplemented
	}
	hostAPI struct {
		*hostPart
		slipway.Unimplemented
	}
	identityAPI struct {
		*identity.Service
		sts.Unimplemented
	}
)

const (
	region  = "eu-central-1"
	account = "123456789012"
	patient = 30 * time.Second
)

// clock is the server's: the real one, that a test can put forward.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// world is a server with its clients.
type world struct {
	t        *testing.T
	db       *store.Store
	service  *deploy.Service
	hosts    *server.Service
	identity *identity.Service
	objects  *object.Store
	journal  *journal.Journal
	clock    *clock
	url      string
	admin    identity.Key
	api      *codedeploy.Client
	slipway  slipway.API
	ended    chan event.Ended
	down     func(bool) // whether the server answers 503
	balancer *balancer
	releases *releases
	alarms   alarms
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T) *world {
	return newWorldAt(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
}

func newWorldAt(t *testing.T, dsn string) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, clock: &clock{}, ended: make(chan event.Ended, 100), alarms: alarms{},
		balancer: &balancer{members: map[string]map[string]bool{}, sick: map[string]bool{}}}
	w.releases = &releases{w, make(chan deploy.Shift, 10), make(chan string, 10)}
	w.db = storetest.OpenDSN(t, dsn, identity.Migrations(), object.Migrations(), deploy.Migrations())
	sealer := must[*seal.Sealer](t)(seal.Open(filepath.Join(t.TempDir(), "seal")))
	w.identity = must[*identity.Service](t)(identity.New(ctx, w.db,
		identity.Config{Region: region, Account: account, Now: time.Now, Seal: sealer}))
	w.objects = must[*object.Store](t)(object.Open(ctx, w.db,
		object.Config{Now: time.Now, Blobs: must[object.Folder](t)(object.NewFolder(
			filepath.Join(t.TempDir(), "objects"), quarantine.Place{Now: time.Now}))}))
	w.journal = must[*journal.Journal](t)(journal.Open(filepath.Join(t.TempDir(), "journal")))
	t.Cleanup(func() { _ = w.journal.Close() })
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	w.openServices(log)
	event.DeploymentEnded.Subscribe(w.db, "test", func(_ context.Context, _ string, e event.Ended) error {
		w.ended <- e
		return nil
	})
	w.admin = identity.NewKey()
	if err := w.identity.EnsureUser(ctx, "admin", identity.Administrator); err != nil {
		t.Fatal(err)
	}
	if err := w.identity.AddKey(ctx, "admin", w.admin); err != nil {
		t.Fatal(err)
	}
	if err := w.objects.CreateBucket(ctx, "bundles"); err != nil {
		t.Fatal(err)
	}
	w.serve(log)
	storetest.Work(t, w.db)
	w.api = codedeploy.New(codedeploy.Options{Region: region, BaseEndpoint: &w.url,
		Credentials: credentials.NewStaticCredentialsProvider(w.admin.ID, w.admin.Secret, "")})
	w.slipway = slipway.Client{Client: w.client(w.admin)}
	return w
}

// openServices makes the services of deployments and of their hosts.
func (w *world) openServices(log *slog.Logger) {
	pager := awsproto.Pager{Key: []byte("k")}
	platform := server.NewPlatform(w.db, w.clock.now, w.balancer)
	w.service = deploy.New(w.db, deploy.Config{
		Region:    region,
		Account:   account,
		Now:       w.clock.now,
		Log:       log,
		Pager:     pager,
		Logs:      w.journal,
		Platforms: map[cd.ComputePlatform]deploy.Platform{cd.ComputePlatformServer: platform},
		Balancer:  w.balancer,
		Releases:  w.releases,
		Alarms:    w.alarms,
	})
	w.hosts = server.New(platform, w.service, server.Config{
		Region:  region,
		Account: account,
		Now:     w.clock.now,
		Log:     log,
		Pager:   pager,
		Hosts:   w.identity,
		Bundles: w.objects,
		KeyDir:  filepath.Join(w.t.TempDir(), "keys"),
	})
	w.balancer.changed = func() {
		if err := w.service.Look(context.Background()); err != nil {
			log.Error("look at what the load balancer changed", "error", err)
		}
	}
}

func (w *world) client(k identity.Key) *awsproto.Client {
	return &awsproto.Client{Endpoint: w.url, Region: region,
		Credentials: sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}}
}

func (w *world) serve(log *slog.Logger) {
	authority := &access.Authority{Region: region, Account: account, Now: time.Now, Principal: access.Of(w.identity)}
	hooks := awsproto.Hooks{Authorize: authority.Operation, May: func(ctx context.Context, action, resource string) bool {
		return authority.May(ctx, action, "arn:aws:slipway:"+region+":"+account+":"+resource)
	}}
	api := &awsproto.Server{Region: region, Account: account, Lookup: w.identity.Lookup, Caller: w.identity.Caller,
		Now: time.Now, Log: log}
	api.Add(
		cd.New(hooks, deployAPI{w.service, w.hosts, cd.Unimplemented{}}),
		cmd.New(hooks, w.hosts),
		slipway.New(hooks, hostAPI{w.hosts, slipway.Unimplemented{}}),
		sts.New(hooks, identityAPI{w.identity, sts.Unimplemented{}}),
	)
	bucket := &s3.Handler{Objects: w.objects, Region: region, Account: account, Lookup: w.identity.Lookup,
		Caller: w.identity.Caller, Now: time.Now, Log: log,
		Authorize: func(context.Context, s3.Right) error {
			return nil
		}}
	var mu sync.Mutex
	var isDown bool
	w.down = func(down bool) { mu.Lock(); defer mu.Unlock(); isDown = down }
	h := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		refused := isDown
		mu.Unlock()
		switch {
		case refused:
			http.Error(rw, "starting", http.StatusServiceUnavailable)
		case s3.Accepts(r):
			bucket.ServeHTTP(rw, r)
		default:
			api.ServeHTTP(rw, r)
		}
	}))
	w.t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	w.url = h.URL
}

// run does a job at once that waits for a time.
func (w *world) run(kind, key string) {
	w.t.Helper()
	err := w.db.Write(w.t.Context(), func(tx store.Tx) error {
		return tx.Enqueue(w.t.Context(), store.Job{Kind: kind, Key: key})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// host is a host with its agent.
type host struct {
	name, root, arn string
	s3              string // where its bundles come from; "" for the server
	key             identity.Key
	stop            func() error
}

// newHost makes a host without an agent.
func (w *world) newHost(name string, tags map[string]string) *host {
	w.t.Helper()
	out, err := w.slipway.CreateHost(w.t.Context(), &slipway.CreateHostInput{Name: &name, Tags: tags})
	if err != nil {
		w.t.Fatal(err)
	}
	return &host{name: name, root: filepath.Join(w.t.TempDir(), name), arn: *out.IamUserArn,
		key: identity.Key{ID: *out.AccessKeyId, Secret: *out.SecretAccessKey}}
}

// start runs a host's agent.
func (w *world) start(h *host) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	c := agent.Config{Endpoint: w.url, Region: region, Name: h.name,
		Credentials: sigv4.Credentials{AccessKeyID: h.key.ID, SecretAccessKey: h.key.Secret}, Root: h.root,
		S3Endpoint: h.s3}
	if testing.Verbose() {
		c.Log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("agent", h.name)
	}
	go func() { done <- agent.Run(ctx, c) }()
	h.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Second):
			return fmt.Errorf("the agent of %s did not end within ten seconds", h.name)
		}
	})
	w.t.Cleanup(func() {
		if err := h.stop(); err != nil {
			w.t.Error(err)
		}
	})
}

// fleet makes hosts web1, web2, … with agents.
func (w *world) fleet(n int) []*host {
	var all []*host
	for i := range n {
		h := w.newHost(fmt.Sprintf("web%d", i+1), map[string]string{"role": "web"})
		w.start(h)
		all = append(all, h)
	}
	return all
}

// group makes an application and a group of all hosts with the tag role=web.
func (w *world) group(config string, change ...func(*codedeploy.CreateDeploymentGroupInput)) {
	w.t.Helper()
	ctx := w.t.Context()
	if _, err := w.api.CreateApplication(ctx,
		&codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop")}); err != nil {
		w.t.Fatal(err)
	}
	in := &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"),
		DeploymentGroupName: aws.String("prod"), ServiceRoleArn: aws.String("arn:aws:iam::123456789012:role/deploy"),
		DeploymentConfigName: &config,
		OnPremisesInstanceTagFilters: []types.TagFilter{{Key: aws.String("role"), Value: aws.String("web"),
			Type: types.TagFilterTypeKeyAndValue}}}
	for _, f := range change {
		f(in)
	}
	if _, err := w.api.CreateDeploymentGroup(ctx, in); err != nil {
		w.t.Fatal(err)
	}
}

// group2 makes another group of the same hosts.
func (w *world) group2(name string) func(*codedeploy.CreateDeploymentInput) {
	w.t.Helper()
	in := &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: &name,
		ServiceRoleArn:       aws.String("arn:aws:iam::123456789012:role/deploy"),
		DeploymentConfigName: aws.String("CodeDeployDefault.AllAtOnce"),
		OnPremisesInstanceTagFilters: []types.TagFilter{{Key: aws.String("role"), Value: aws.String("web"),
			Type: types.TagFilterTypeKeyAndValue}}}
	if _, err := w.api.CreateDeploymentGroup(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
	return func(in *codedeploy.CreateDeploymentInput) { in.DeploymentGroupName = &name }
}

// waitAll waits until all of several deployments have ended, in whichever order.
func (w *world) waitAll(ids ...string) {
	w.t.Helper()
	timeout := time.After(patient)
	for left := slices.Clone(ids); len(left) > 0; {
		select {
		case e := <-w.ended:
			left = slices.DeleteFunc(left, func(id string) bool { return id == e.ID })
		case <-timeout:
			w.t.Fatalf("%v have not ended", left)
		}
	}
}

func rollBack(events ...types.AutoRollbackEvent) func(*codedeploy.CreateDeploymentGroupInput) {
	return func(in *codedeploy.CreateDeploymentGroupInput) {
		in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true, Events: events}
	}
}
