package monitor_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	cw "slipway/api/cloudwatch"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/release/metric"
	"slipway/internal/release/monitor"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

const (
	region   = "eu-central-1"
	account  = "123456789012"
	keyID    = "AKIAIOSFODNN7EXAMPLE"
	secret   = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	patient  = 30 * time.Second
	group    = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/green/73e2d6bc24d8a067"
	balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188"
)

type change struct {
	name  string
	state cw.StateValue
}

// world is a server with its clients.
type world struct {
	t          *testing.T
	dsn        string
	db         *store.Store
	service    *monitor.Service
	prometheus *url.URL
	url        string
	api        *sdk.Client
	changes    chan change
	stop       func()
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T, options ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "slipway.db"), changes: make(chan change, 1000)}
	for _, o := range options {
		o(w)
	}
	w.start()
	return w
}

func (w *world) start() {
	t := w.t
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	w.db = storetest.OpenDSN(t, w.dsn, metric.Migrations(), monitor.Migrations())
	metrics := must[*metric.Store](t)(metric.Open(t.Context(), w.db, log, time.Now))
	w.service = monitor.New(w.db,
		monitor.Config{Region: region, Account: account, Now: time.Now, Log: log,
			Pager: awsproto.Pager{Key: []byte("k")}, Metrics: metrics, Prometheus: w.prometheus})
	event.AlarmChanged.Subscribe(w.db, "test", func(_ context.Context, _ string, a event.Alarm) error {
		w.changes <- change{a.Name, cw.StateValue(a.State)}
		return nil
	})
	s := &awsproto.Server{Region: region, Account: account, Now: time.Now, Log: log,
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: secret}, true, nil
		},
		Caller: func(_ context.Context, id, _ string) (awsproto.Caller, error) {
			return awsproto.Caller{Name: "admin", AccessKeyID: id}, nil
		}}
	s.Add(cw.New(awsproto.Hooks{}, w.service))
	server := httptest.NewServer(s)
	w.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var jobs sync.WaitGroup
		jobs.Go(func() { _ = w.db.Work(ctx) })
		defer jobs.Wait()
		if err := w.service.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	w.stop = sync.OnceFunc(func() { server.Close(); cancel(); <-done })
	t.Cleanup(func() { w.stop() })
	w.api = sdk.NewFromConfig(aws.Config{Region: region, BaseEndpoint: &w.url,
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		Retryer:     func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) }})
}

// restart ends the server and starts another on the same database.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// cli runs an aws CLI; the test is skipped where there is none.
func (w *world) cli(program string, args ...string) string {
	w.t.Helper()
	c := exec.Command(program, append([]string{"cloudwatch"}, args...)...)
	c.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+w.url, "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_SESSION_TOKEN=", "AWS_DEFAULT_REGION="+region,
		"AWS_REGION="+region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_OUTPUT=json", "HOME="+w.t.TempDir())
	if strings.HasPrefix(program, "/usr/bin") { // 2.9 knows no AWS_ENDPOINT_URL
		c.Args = append(c.Args, "--endpoint-url", w.url)
	}
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, out)
	}
	return string(out)
}

// wait waits until an alarm changes into a state.
func (w *world) wait(name string, state cw.StateValue) {
	w.t.Helper()
	deadline := time.After(patient)
	for {
		select {
		case c := <-w.changes:
			if c.name == name && c.state == state {
				return
			}
		case <-deadline:
			w.t.Fatalf("%s is not %s within %s; it is %+v", name, state, patient, w.alarm(name).StateValue)
		}
	}
}

func (w *world) alarm(name string) types.MetricAlarm {
	w.t.Helper()
	out := must[*sdk.DescribeAlarmsOutput](w.t)(w.api.DescribeAlarms(w.t.Context(),
		&sdk.DescribeAlarmsInput{AlarmNames: []string{name}}))
	if len(out.MetricAlarms) != 1 {
		w.t.Fatalf("%d alarms of the name %s", len(out.MetricAlarms), name)
	}
	return out.MetricAlarms[0]
}

// traffic reports requests of a second that lies a while back.
func (w *world) traffic(back time.Duration, requests, errors int64, latency time.Duration) {
	w.t.Helper()
	bucket := []slipway.LatencyBucket{{Bucket: new(int32(slipway.LatencyBucketOf(latency))), Count: &requests}}
	err := w.service.Sample(w.t.Context(),
		[]slipway.RouterSample{{TargetGroupArn: new(group), LoadBalancerArn: new(balancer),
			Time: awsproto.At(time.Now().Add(-back)), Requests: &requests,
			Target2xx: new(requests - errors), Target5xx: &errors, Latency: bucket}})
	if err != nil {
		w.t.Fatal(err)
	}
}
