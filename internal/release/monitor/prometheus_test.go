package monitor_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	cw "slipway/api/cloudwatch"
)

// gauge is a program with one metric, which a Prometheus reads each second.
type gauge struct{ value chan float64 }

func (g gauge) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	v := <-g.value
	g.value <- v
	fmt.Fprintf(w, "# TYPE shop_queue gauge\nshop_queue{shard=\"a\"} %v\nshop_queue{shard=\"b\"} 0\n", v)
}

func (g gauge) set(v float64) {
	<-g.value
	g.value <- v
}

// startPrometheus starts a real Prometheus that reads g; the test is skipped where there is none.
func startPrometheus(t *testing.T, g gauge) (address *url.URL, stop func()) {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("SKIPPED: no prometheus here. Install it with: apt-get install -y --no-install-recommends prometheus")
	}
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	target := &http.Server{Handler: g}
	go func() { _ = target.Serve(l) }()
	t.Cleanup(func() { _ = target.Close() })
	free := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	listen := free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	config := fmt.Sprintf(
		"global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: shop\n    static_configs: [{targets: [%q]}]\n",
		l.Addr())
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+listen, "--log.level=error")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}
	t.Cleanup(stop)
	u := &url.URL{Scheme: "http", Host: listen}
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	for {
		resp, err := http.Get(u.JoinPath("-/ready").String())
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return u, stop
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("prometheus does not answer: %v", err)
		}
	}
}

func promQL(name, query string, pending, recovery int32) *sdk.PutMetricAlarmInput {
	return &sdk.PutMetricAlarmInput{AlarmName: &name, EvaluationInterval: aws.Int32(1),
		EvaluationCriteria: &types.EvaluationCriteriaMemberPromQLCriteria{
			Value: types.AlarmPromQLCriteria{Query: &query, PendingPeriod: &pending, RecoveryPeriod: &recovery},
		}}
}

func TestAlarmOnPrometheus(t *testing.T) {
	t.Parallel()
	g := gauge{make(chan float64, 1)}
	g.value <- 3
	address, stop := startPrometheus(t, g)
	w := newWorld(t, func(w *world) { w.prometheus = address })
	w.put(promQL("queue", "shop_queue > 5", 2, 2))
	if a := w.alarm("queue"); a.StateValue != types.StateValueOk || *a.EvaluationInterval != 1 {
		t.Errorf("%+v: a PromQL alarm begins as OK", a)
	}
	if c, ok := w.alarm("queue").EvaluationCriteria.(*types.EvaluationCriteriaMemberPromQLCriteria); !ok ||
		*c.Value.Query != "shop_queue > 5" || *c.Value.PendingPeriod != 2 {
		t.Errorf("%+v", w.alarm("queue").EvaluationCriteria)
	}
	if _, err := exec.LookPath("aws"); err == nil { // the CLI takes no interval below CloudWatch's
		w.cli("aws", "put-metric-alarm", "--alarm-name", "ten", "--evaluation-interval", "10", "--evaluation-criteria",
			`{"PromQLCriteria": {"Query": "shop_queue > 5", "PendingPeriod": 2, "RecoveryPeriod": 2}}`)
		if out := w.cli("aws", "describe-alarms", "--alarm-names", "ten"); !strings.Contains(out,
			`"Query": "shop_queue > 5"`) {
			t.Errorf("%s", out)
		}
	}
	g.set(7)
	w.wait("queue", cw.StateValueAlarm)
	if a := w.alarm("queue"); !strings.HasPrefix(*a.StateReason,
		`1 time series breaches: {__name__="shop_queue",instance=`) ||
		!strings.HasSuffix(*a.StateReason, `job="shop",shard="a"} = 7.0`) {
		t.Errorf("%s", *a.StateReason)
	}
	g.set(4)
	w.wait("queue", cw.StateValueOk)

	w.put(promQL("broken", "shop_queue >", 0, 0))
	w.wait("broken", cw.StateValueInsufficientData)
	if a := w.alarm("broken"); a.EvaluationState != types.EvaluationStateEvaluationError ||
		!strings.Contains(*a.StateReason, "bad_data: ") {
		t.Errorf("%s %s", a.EvaluationState, *a.StateReason)
	}
	w.put(promQL("scalar", "1", 0, 0))
	w.wait("scalar", cw.StateValueInsufficientData)
	if a := w.alarm(
		"scalar"); *a.StateReason !=
		"The query could not be evaluated: the query returns a scalar, and must return a vector" {
		t.Errorf("%s", *a.StateReason)
	}
	stop()
	w.wait("queue", cw.StateValueInsufficientData)
	if a := w.alarm("queue"); a.EvaluationState != types.EvaluationStateEvaluationFailure ||
		!strings.Contains(*a.StateReason, address.Host) {
		t.Errorf("%s %s", a.EvaluationState, *a.StateReason)
	}
}

// TestAnswersOfNoPrometheus lets something else answer, slowly, hugely, or nonsense: the alarm says so.
func TestAnswersOfNoPrometheus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		says   string
	}{
		"a page": {func(w http.ResponseWriter) { http.Error(w, "<html>not here", http.StatusNotFound) },
			"what answered 404 is no Prometheus: \"<html>not here\""},
		"too much": {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 5<<20)) },
			"the answer is larger than 4 MiB"},
		"a wrong vector": {func(w http.ResponseWriter) {
			_, _ = w.Write(
				[]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}`))
		}, "a value is x"},
		"overload": {func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(`{"status":"error","errorType":"timeout","error":"too slow"}`))
		}, "Prometheus answered timeout: too slow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
			server := &http.Server{
				Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }),
			}
			go func() { _ = server.Serve(l) }()
			t.Cleanup(func() { _ = server.Close() })
			w := newWorld(t, func(w *world) {
				w.prometheus = &url.URL{Scheme: "http", Host: l.Addr().String(),
					User: url.UserPassword("reader", "hunter2")}
			})
			w.put(promQL("a", "up == 0", 0, 0))
			w.wait("a", cw.StateValueInsufficientData)
			if a := w.alarm("a"); !strings.Contains(*a.StateReason, c.says) ||
				strings.Contains(*a.StateReason, "hunter2") {
				t.Errorf("%s, want %s", *a.StateReason, c.says)
			}
			_ = server.Close()
		})
	}
}
