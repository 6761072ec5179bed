package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"slipway/api/elbv2"
	"slipway/api/slipway"
)

const (
	routerClients = 16
	routerRounds  = 5
	routerRound   = 2 * time.Second
)

// proxy is a reverse proxy before the same target.
type proxy struct {
	address string
	pids    []int
	rates   []float64 // requests a second, by round
	cpu     time.Duration
	served  int64
}

// throughput sends requests through the router, through the standard library's proxy and, where it is installed,
// through nginx, in turns, with nothing else changed.
func throughput(ctx context.Context, b *bench) (string, error) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer target.Close()
	go answerAll(target)
	peers := []peer{{name: "httputil.ReverseProxy", start: b.startReverseProxy}}
	text := ""
	if _, err := exec.LookPath("nginx"); err == nil {
		peers = append(peers, peer{name: "nginx with keepalive to its target", start: b.startNginx})
	} else {
		text = "; no nginx here: apt-get install -y nginx-light"
	}
	router, stop, err := b.startRouter(ctx, target.Addr().String())
	if err != nil {
		return "", err
	}
	defer stop()
	for i := range peers {
		p, stop, err := peers[i].start(ctx, target.Addr().String())
		if err != nil {
			return "", err
		}
		defer stop()
		peers[i].proxy = p
	}
	for range routerRounds {
		if err := router.round(ctx); err != nil {
			return "", err
		}
		for i := range peers {
			if err := peers[i].round(ctx); err != nil {
				return "", err
			}
			peers[i].ratios = append(peers[i].ratios, last(router.rates)/last(peers[i].rates))
		}
	}
	lines := []string{"router " + router.String()}
	for _, p := range peers {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "; ") + text, nil
}

// peer is a proxy that the router is compared with.
type peer struct {
	name  string
	start func(ctx context.Context, target string) (*proxy, func(), error)
	*proxy
	ratios []float64 // the router's rate by this one's, by round
}

func (p peer) String() string {
	slices.Sort(p.ratios)
	middle, n := p.ratios[len(p.ratios)/2], len(p.ratios)
	return fmt.Sprintf("%.2f × %s (%.2f to %.2f, %d rounds), which does %s",
		middle, p.name, p.ratios[0], p.ratios[n-1], n, p.proxy)
}

func last[T any](all []T) T { return all[len(all)-1] }

func (p *proxy) String() string {
	slices.Sort(p.rates)
	return fmt.Sprintf("%.0f requests/s at %.1f µs of processor each", p.rates[len(p.rates)/2],
		float64(p.cpu.Microseconds())/float64(p.served))
}

// answerAll is the target: it answers each request with the same few bytes, as cheaply as can be.
func answerAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				for { // a request ends with an empty line
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) <= 2 {
						break
					}
				}
				if _, err := io.WriteString(c,
					"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
					return
				}
			}
		}()
	}
}

// startRouter starts a router that has its table on its disk already.
func (b *bench) startRouter(ctx context.Context, target string) (*proxy, func(), error) {
	address, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	_, port, _ := strings.Cut(address, ":")
	n, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return nil, nil, err
	}
	group := "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/bench/0000000000000000"
	table := slipway.Table{Version: 1,
		Listeners: []slipway.TableListener{{ListenerArn: "listener", Port: int32(n), Protocol: elbv2.ProtocolEnumHttp,
			Rules: []elbv2.Rule{{RuleArn: new("rule"),
				Actions: []elbv2.Action{{Type: elbv2.ActionTypeEnumForward,
					ForwardConfig: &elbv2.ForwardActionConfig{
						TargetGroups: []elbv2.TargetGroupTuple{{TargetGroupArn: &group, Weight: new(int32(1))}},
					}}}}}}},
		TargetGroups: []slipway.TableTargetGroup{
			{TargetGroup: elbv2.TargetGroup{TargetGroupArn: &group, Protocol: elbv2.ProtocolEnumHttp,
				HealthCheckPath: new("/"), HealthCheckPort: new("traffic-port"),
				Matcher: &elbv2.Matcher{HttpCode: new("200")}}, Targets: []slipway.TableTarget{{Address: target}}},
		}}
	text, err := json.Marshal(table)
	if err != nil {
		return nil, nil, err
	}
	data := filepath.Join(b.dir, "router-data")
	if err := os.MkdirAll(filepath.Join(data, "router"), 0o700); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(filepath.Join(data, "router", "table.json"), text, 0o600); err != nil {
		return nil, nil, err
	}
	c := exec.Command(b.program, "router", "--data", data, "--endpoint", "http://127.0.0.1:1", "--metrics", "")
	c.Env = append(os.Environ(), "SLIPWAY_ACCESS_KEY_ID="+keyID, "SLIPWAY_SECRET_ACCESS_KEY="+secret)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return startProxy(ctx, c, address)
}

// startNginx starts nginx as a plain reverse proxy that keeps its connections to the target, as the router does.
func (b *bench) startNginx(ctx context.Context, target string) (*proxy, func(), error) {
	address, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	config := fmt.Sprintf(`worker_processes auto; daemon off; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log;
events {}
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  upstream target { server %[2]s; keepalive 64; }
  server {
    listen %[3]s; keepalive_requests 1000000000;
    location / {
      proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port;
    }
  }
}
`, b.dir, target, address)
	path := filepath.Join(b.dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, nil, err
	}
	c := exec.Command("nginx", "-c", path)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return startProxy(ctx, c, address)
}

func startProxy(ctx context.Context, c *exec.Cmd, address string) (*proxy, func(), error) {
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
	err := until(ctx, func() (bool, error) {
		resp, err := http.Get("http://" + address)
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		stop()
		return nil, nil, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", c.Process.Pid))
	p := &proxy{address: address, pids: []int{c.Process.Pid}}
	for child := range strings.FieldsSeq(string(children)) {
		if pid, perr := strconv.Atoi(child); perr == nil {
			p.pids = append(p.pids, pid)
		}
	}
	return p, stop, err
}

// round sends requests on all connections for a time.
func (p *proxy) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, routerRound)
	defer cancel()
	var served atomic.Int64
	var all sync.WaitGroup
	errs := make(chan error, routerClients)
	before, began := p.used(), time.Now()
	for range routerClients {
		all.Go(func() { errs <- askOn(ctx, p.address, &served) })
	}
	all.Wait()
	took := time.Since(began)
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	p.rates = append(p.rates, float64(served.Load())/took.Seconds())
	p.cpu, p.served = p.cpu+p.used()-before, p.served+served.Load()
	return nil
}

// askOn sends one request after the other on a connection.
func askOn(ctx context.Context, address string, served *atomic.Int64) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for ctx.Err() == nil {
		if _, err := io.WriteString(c,
			"GET / HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"); err != nil {
			return err
		}
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(line), "HTTP/1.1 200") {
			return errors.New("answered with " + string(line))
		}
		for len(line) > 2 {
			if line, err = r.ReadSlice('\n'); err != nil {
				return err
			}
		}
		if _, err := r.Discard(len("hello")); err != nil {
			return err
		}
		served.Add(1)
	}
	return nil
}

// used is the processor time of the proxy so far.
func (p *proxy) used() (all time.Duration) {
	for _, pid := range p.pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, f := range fields[11:13] { // utime and stime, in hundredths
			n, err := strconv.ParseInt(f, 10, 64)
			if err == nil {
				all += time.Duration(n) * 10 * time.Millisecond
			}
		}
	}
	return all
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
