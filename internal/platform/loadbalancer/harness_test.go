package loadbalancer_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/elbv2"
	"slipway/api/iam"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

// The service as each of its clients meets it.
type (
	routerAPI struct {
		*loadbalancer.Service
		slipway.Unimplemented
	}
	balancerAPI struct {
		*loadbalancer.Service
		elbv2.Unimplemented
	}
	certificateAPI struct {
		*loadbalancer.Service
		iam.Unimplemented
	}
)

const (
	region  = "eu-north-1"
	account = "123456789012"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is the service with the SDK's client over the wire.
type world struct {
	t       *testing.T
	db      *store.Store
	service *loadbalancer.Service
	router  *slipway.Service // as routers call it
	sdk     *elb.Client
	wire    *awsproto.Server
	config  aws.Config
	clock   *clock
	applied chan int64
	health  chan string
	samples chan []slipway.RouterSample
	refuse  error // of the sink
	open    func() *loadbalancer.Service
}

func (w *world) Sample(_ context.Context, samples []slipway.RouterSample) error {
	w.samples <- samples
	return w.refuse
}

func start(t *testing.T) *world {
	t.Helper()
	return on(t, storetest.Open(t, loadbalancer.Migrations()))
}

func on(t *testing.T, db *store.Store) *world {
	t.Helper()
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "seal"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, clock: &clock{t: time.Now()}, applied: make(chan int64, 100),
		health: make(chan string, 100), samples: make(chan []slipway.RouterSample, 100)}
	w.open = func() *loadbalancer.Service {
		s, err := loadbalancer.New(t.Context(), db,
			loadbalancer.Config{Region: region, Account: account, Host: "lb.example.com", Now: w.clock.now,
				Log: slog.New(slog.DiscardHandler), Hints: event.NewHints(nil),
				Pager: awsproto.Pager{Key: sealer.Key("page tokens")}, Seal: sealer, Sink: w,
				Applied: func(v int64) { w.applied <- v }, HealthChanged: func(g string) { w.health <- g }})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	w.service = w.open()
	storetest.Work(t, db)
	w.router = slipway.New(awsproto.Hooks{}, routerAPI{w.service, slipway.Unimplemented{}})
	api := &awsproto.Server{Region: region, Account: account, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: "secret"}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) {
			return awsproto.Caller{Account: account}, nil
		}}
	api.Add(elbv2.New(awsproto.Hooks{}, balancerAPI{w.service, elbv2.Unimplemented{}}),
		iam.New(awsproto.Hooks{}, certificateAPI{w.service, iam.Unimplemented{}}))
	w.wire = api
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	w.config = aws.Config{Region: region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""), RetryMaxAttempts: 1}
	w.sdk = elb.NewFromConfig(w.config)
	return w
}

// must takes the value of a call that must not fail.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// balanced makes a load balancer with a listener on a port that forwards to two groups.
func (w *world) balanced(name string, port int32) (balancer, listener, blue, green string) {
	w.t.Helper()
	ctx := w.t.Context()
	balancer = *must(w.sdk.CreateLoadBalancer(ctx,
		&elb.CreateLoadBalancerInput{Name: &name}))(w.t).LoadBalancers[0].LoadBalancerArn
	blue, green = w.group(name+"-blue"), w.group(name+"-green")
	listener = *must(w.sdk.CreateListener(ctx,
		&elb.CreateListenerInput{LoadBalancerArn: &balancer, Port: &port, Protocol: types.ProtocolEnumHttp,
			DefaultActions: []types.Action{forward(blue, 100, green, 0)}}))(w.t).Listeners[0].ListenerArn
	return balancer, listener, blue, green
}

func (w *world) group(name string) string {
	w.t.Helper()
	return *must(w.sdk.CreateTargetGroup(w.t.Context(),
		&elb.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8000),
			TargetType: types.TargetTypeEnumIp}))(w.t).
		TargetGroups[0].TargetGroupArn
}

func forward(blue string, n int32, green string, m int32) types.Action {
	return types.Action{Type: types.ActionTypeEnumForward,
		ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{
			{TargetGroupArn: &blue, Weight: &n}, {TargetGroupArn: &green, Weight: &m}}}}
}

var hooks awsproto.Hooks

// code is an error's on the wire, of the SDK's or of the service's.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return awsproto.Code(err)
}
