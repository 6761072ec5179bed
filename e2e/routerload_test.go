package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	concurrency = 16
	atLeast     = 5000 // requests during each event
)

// load is requests that are sent by a number of connections. Nothing is sent twice: what is not answered with 200 has
// failed.
type load struct {
	address string
	began   atomic.Int64
	until   int64 // requests to begin with at least
	stop    atomic.Bool
	done    sync.WaitGroup

	mu       sync.Mutex
	answers  map[string]int
	failures []string
}

// send begins a load of n requests; it goes on until stop, if more is true.
func send(address string, n int64, more bool) *load {
	l := &load{address: address, until: n, answers: map[string]int{}}
	l.stop.Store(!more)
	for range concurrency {
		l.done.Go(l.connection)
	}
	return l
}

func (l *load) connection() {
	var c net.Conn
	var r *bufio.Reader
	for {
		n := l.began.Add(1)
		if n > l.until && l.stop.Load() {
			break
		}
		path := "/"
		if n%200 == 0 {
			path = "/slow"
		}
		var err error
		if c == nil {
			if c, err = net.Dial("tcp", l.address); err != nil {
				l.note("", err)
				continue
			}
			r = bufio.NewReader(c)
		}
		body, again, err := exchange(c, r, path)
		if l.note(body, err); err != nil || !again {
			_ = c.Close()
			c = nil
		}
	}
	if c != nil {
		_ = c.Close()
	}
}

func exchange(c net.Conn, r *bufio.Reader, path string) (body string, again bool, err error) {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: load.test\r\n\r\n"); err != nil {
		return "", false, err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", false, err
	}
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(text), !resp.Close, err
}

func (l *load) note(body string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures = append(l.failures, err.Error())
		return
	}
	l.answers[body]++
}

// middle waits until part of the requests have begun.
func (l *load) middle(t testing.TB) {
	t.Helper()
	eventually(t, "requests are under way", func() error {
		if l.began.Load() < l.until/4 {
			return errors.New("not yet")
		}
		return nil
	})
}

// end ends the load, and returns how many requests it had.
func (l *load) end() (requests int) {
	l.stop.Store(true)
	l.done.Wait()
	for _, n := range l.answers {
		requests += n
	}
	return requests + len(l.failures)
}

// during does something under load, and fails if any request failed.
func (b *balanced) during(what string, event func()) {
	b.t.Helper()
	l := send(b.address, atLeast, true)
	l.middle(b.t)
	event()
	if n := l.end(); len(l.failures) > 0 || n < atLeast {
		b.t.Errorf("%s: %d of %d requests failed, first with: %s", what, len(l.failures), n,
			strings.Join(l.failures[:min(3, len(l.failures))], "; "))
	}
}

// split checks over 1,000 requests that follow on another how many a group got.
func (b *balanced) split(names []string, percent int) {
	b.t.Helper()
	l := send(b.address, 1000, false)
	l.end()
	got := 0
	for _, name := range names {
		got += l.answers[name]
	}
	if got < 10*percent-10 || got > 10*percent+10 || len(l.failures) > 0 {
		b.t.Errorf("%d of 1000 requests went to the group of weight %d; %d failed", got, percent, len(l.failures))
	}
}

// TestRouterUnderLoad: no request fails while weights shift and roll back, tables are swapped and targets die.
func TestRouterUnderLoad(t *testing.T) {
	b := balance(t)
	blue := []*process{newProcess(t, "blue-1"), newProcess(t, "blue-2"), newProcess(t, "blue-3")}
	green := []*process{newProcess(t, "green-1"), newProcess(t, "green-2")}
	blueGroup := b.group("blue", "HTTP1", blue[0].address, blue[1].address, blue[2].address)
	greenGroup := b.group("green", "HTTP1", green[0].address, green[1].address)
	names := []string{"green-1", "green-2"}
	weigh := func(percent int) {
		b.forward(b.listener, weights(blueGroup, 100-percent, greenGroup, percent))
	}
	weigh(0)
	for _, p := range green {
		b.is(greenGroup, p.address, "healthy")
	}
	for _, p := range blue {
		b.is(blueGroup, p.address, "healthy")
	}
	for _, percent := range []int{1, 5, 10, 20, 33, 50, 67, 75, 90, 100} {
		b.during(fmt.Sprint("shift to ", percent), func() { weigh(percent) })
		b.split(names, percent)
	}
	for n := range 5 {
		weigh(10 + 20*n)
		b.during("rollback", func() { weigh(0) })
		b.split(names, 0)
	}
	weigh(25)
	b.during("reloads", func() {
		for n := range 20 {
			path := fmt.Sprintf("/nowhere/%d", n)
			must(b.elb.CreateRule(t.Context(),
				&elb.CreateRuleInput{ListenerArn: &b.listener, Priority: aws.Int32(int32(n + 1)), Actions: fixed("no"),
					Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{path}}}}))(t)
		}
		b.does(func() {})
	})
	b.split(names, 25)
	for n, p := range []*process{blue[1], green[0], blue[2]} {
		b.during("the death of "+p.name, func() {
			p.kill()
			if n == 0 { // while the others are still taken for healthy
				b.is(blueGroup, p.address, "unhealthy Target.FailedHealthChecks")
			}
		})
		b.during("the return of "+p.name, func() { p.start() })
	}
	b.during("a target that leaves and one that comes", func() {
		b.does(func() { b.deregister(blueGroup, blue[0].address) })
		b.is(blueGroup, blue[0].address, "unused Target.NotRegistered")
		b.does(func() { b.register(blueGroup, blue[0].address) })
	})
	b.split(names, 25)
	_, text := get(t, "http://"+b.metrics+"/metrics")
	if !strings.Contains(text, "slipway_router_response_seconds_bucket{target_group=\"targetgroup/green/") ||
		strings.Contains(text, "slipway_router_requests_total{target_group=\"targetgroup/blue/x") {
		t.Errorf("metrics:\n%s", text)
	}
}

// pid is the process of `up` that holds a lock.
func (i *instance) pid(name string) int {
	text, err := os.ReadFile(filepath.Join(i.data, "locks", name))
	if err != nil {
		return 0
	}
	var pid int
	_, _ = fmt.Sscanf(string(text), `{"pid":%d`, &pid)
	return pid
}

// TestRouterKill: the death of the server fails no request; that of the router those in flight alone; and a router
// starts without a server.
func TestRouterKill(t *testing.T) {
	b := balance(t)
	blue := newApplication(t, "blue")
	close(blue.goOn)
	group := b.group("blue", "HTTP1", blue.address)
	b.forward(b.listener, weights(group, 1))
	b.is(group, blue.address, "healthy")

	b.during("the death of the server", func() {
		before := b.pid("server")
		_ = syscall.Kill(before, syscall.SIGKILL)
		eventually(t, "another server", func() error {
			if now := b.pid("server"); now == before || now == 0 {
				return errors.New("not yet")
			}
			return nil
		})
		b.ready()
	})
	b.is(group, blue.address, "healthy") // the router told the new server
	b.during(
		"a change by the new server", func() {
			b.does(func() {
				b.set(group, "deregistration_delay.timeout_seconds",
					"5")
			})
		})

	l := send(b.address, atLeast, true)
	l.middle(t)
	before := b.pid("router")
	_ = syscall.Kill(before, syscall.SIGKILL)
	eventually(t, "another router", func() error {
		if now := b.pid("router"); now == before || now == 0 {
			return errors.New("not yet")
		}
		c, err := net.Dial("tcp", b.address)
		if err != nil {
			return err
		}
		return c.Close()
	})
	l.end()
	for _, f := range l.failures {
		if !strings.Contains(f, "reset") && !strings.Contains(f, "EOF") && !strings.Contains(f, "refused") &&
			!strings.Contains(f, "broken pipe") {
			t.Errorf("a request failed otherwise than by the death of the router: %s", f)
		}
	}
	b.during("what comes after the death of the router", func() {})

	took := b.stop()
	if took > 10*time.Second {
		t.Errorf("`up` took %s to end", took)
	}
	if c, err := net.Dial("tcp", b.address); err == nil {
		_ = c.Close()
		t.Error("the router lives on after `up`")
	}
	alone := exec.Command(b.program, "router", "--data", b.data, "--endpoint", b.url, "--region", region, "--metrics",
		"")
	alone.Env, alone.Stdout, alone.Stderr = environment(), b.log.file(t), b.log.file(t)
	if err := alone.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = alone.Wait(); close(ended) }()
	eventually(t, "a router without a server serves", func() error {
		resp, err := http.Get("http://" + b.address)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	b.during("a time without a server", func() {})
	l = send(b.address, atLeast, true)
	l.middle(t)
	_ = alone.Process.Signal(syscall.SIGTERM)
	<-ended
	l.end()
	for _, f := range l.failures { // what was sent to a router that had ended
		if _, err := strconv.Atoi(f[:3]); err == nil {
			t.Errorf("a request in flight was not finished: %s", f)
		}
	}
}
