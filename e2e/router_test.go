package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// balanced is an instance with a load balancer.
type balanced struct {
	*instance
	elb      *elb.Client
	lb       string
	listener string
	address  string // of the listener
	metrics  string // address of the router's

	mark, markListener string // tells of what the router serves; see does
	marks              int
}

// balance makes a load balancer with a listener that answers "nobody".
func balance(t testing.TB) *balanced {
	t.Helper()
	b := &balanced{metrics: free(t)}
	b.instance = up(t, "--metrics", b.metrics)
	b.elb = elb.NewFromConfig(b.sdk())
	b.lb = *must(b.elb.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("web")}))(t).LoadBalancers[0].LoadBalancerArn
	b.listener, b.address = b.listen(types.ProtocolEnumHttp, fixed("nobody"))
	b.markListener, b.mark = b.listen(types.ProtocolEnumHttp, fixed(""))
	return b
}

func (b *balanced) listen(protocol types.ProtocolEnum, actions []types.Action, certificates ...string) (arn, address string) {
	b.t.Helper()
	address = free(b.t)
	in := &elb.CreateListenerInput{LoadBalancerArn: &b.lb, Port: aws.Int32(portOf(b.t, address)), Protocol: protocol, DefaultActions: actions}
	for n := range certificates[:min(1, len(certificates))] {
		in.Certificates = []types.Certificate{{CertificateArn: &certificates[n]}}
	}
	arn = *must(b.elb.CreateListener(b.t.Context(), in))(b.t).Listeners[0].ListenerArn
	for _, c := range certificates[min(1, len(certificates)):] {
		defer b.does(func() {})
		must(b.elb.AddListenerCertificates(b.t.Context(), &elb.AddListenerCertificatesInput{ListenerArn: &arn, Certificates: []types.Certificate{{CertificateArn: &c}}}))(b.t)
	}
	eventually(b.t, "the listener listens", func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	return arn, address
}

// group makes a target group of addresses.
func (b *balanced) group(name, version string, addresses ...string) string {
	b.t.Helper()
	in := &elb.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnumHttp, ProtocolVersion: &version, Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp, HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2)}
	if version == "GRPC" {
		in.Matcher = &types.Matcher{GrpcCode: aws.String("0-99")}
	}
	arn := *must(b.elb.CreateTargetGroup(b.t.Context(), in))(b.t).TargetGroups[0].TargetGroupArn
	for _, a := range addresses {
		b.register(arn, a)
	}
	return arn
}

func target(t testing.TB, address string) []types.TargetDescription {
	return []types.TargetDescription{{Id: aws.String("127.0.0.1"), Port: aws.Int32(portOf(t, address))}}
}

func (b *balanced) register(group, address string) {
	b.t.Helper()
	must(b.elb.RegisterTargets(b.t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: target(b.t, address)}))(b.t)
}

func (b *balanced) deregister(group, address string) {
	b.t.Helper()
	must(b.elb.DeregisterTargets(b.t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: target(b.t, address)}))(b.t)
}

func (b *balanced) set(group string, attributes ...string) {
	b.t.Helper()
	in := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &group}
	for n := 0; n < len(attributes); n += 2 {
		in.Attributes = append(in.Attributes, types.TargetGroupAttribute{Key: &attributes[n], Value: &attributes[n+1]})
	}
	must(b.elb.ModifyTargetGroupAttributes(b.t.Context(), in))(b.t)
}

// does makes changes and waits until the router serves them. Tables are served whole and in order, so that a mark that was made after them
// tells.
func (b *balanced) does(change func()) {
	b.t.Helper()
	change()
	b.marks++
	mark := fmt.Sprint("mark ", b.marks)
	must(b.elb.ModifyListener(b.t.Context(), &elb.ModifyListenerInput{ListenerArn: &b.markListener, DefaultActions: fixed(mark)}))(b.t)
	eventually(b.t, "the router serves the change", func() error {
		if _, now := ask(b.t, http.DefaultClient, "GET", "http://"+b.mark); now != mark {
			return errors.New("it is at " + now)
		}
		return nil
	})
}

func (b *balanced) forward(listener string, actions ...types.Action) {
	b.t.Helper()
	b.does(func() {
		must(b.elb.ModifyListener(b.t.Context(), &elb.ModifyListenerInput{ListenerArn: &listener, DefaultActions: actions}))(b.t)
	})
}

// weights is a forward action: groups and their weights in turn.
func weights(groups ...any) types.Action {
	f := &types.ForwardActionConfig{}
	for n := 0; n < len(groups); n += 2 {
		f.TargetGroups = append(f.TargetGroups, types.TargetGroupTuple{TargetGroupArn: aws.String(groups[n].(string)), Weight: aws.Int32(int32(groups[n+1].(int)))})
	}
	return types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: f}
}

// health is the state of a group's only target, with the reason.
func (b *balanced) health(group, address string) string {
	b.t.Helper()
	h := must(b.elb.DescribeTargetHealth(b.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: target(b.t, address)}))(b.t).TargetHealthDescriptions[0].TargetHealth
	return strings.TrimSpace(string(h.State) + " " + string(h.Reason))
}

func (b *balanced) is(group, address, state string) {
	b.t.Helper()
	eventually(b.t, "the target is "+state, func() error {
		if now := b.health(group, address); now != state {
			return errors.New("it is " + now)
		}
		return nil
	})
}

// ask sends one request and returns the answer's status and body.
func ask(t testing.TB, c *http.Client, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), method, url, nil))(t)
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	resp := must(c.Do(r))(t)
	defer resp.Body.Close()
	return resp, string(must(io.ReadAll(resp.Body))(t))
}

func TestRouterRules(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	group := b.group("blue", "HTTP1", blue.address)
	values := func(v ...string) []string { return v }
	rules := []types.RuleCondition{
		{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: values("/api/*")}},
		{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: values("*.example.com")}},
		{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String("Cookie"), Values: values("*canary=yes*")}},
		{Field: aws.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: values("PUT")}},
		{Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Key: aws.String("version"), Value: aws.String("v2")}}}},
	}
	b.does(func() {
		for n, c := range rules {
			must(b.elb.CreateRule(t.Context(), &elb.CreateRuleInput{ListenerArn: &b.listener, Priority: aws.Int32(int32(n + 1)), Conditions: []types.RuleCondition{c}, Actions: fixed(*c.Field)}))(t)
		}
		must(b.elb.CreateRule(t.Context(), &elb.CreateRuleInput{ListenerArn: &b.listener, Priority: aws.Int32(20), Actions: fixed("never"),
			Conditions: []types.RuleCondition{{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: values("192.0.2.0/24")}}}}))(t)
		must(b.elb.CreateRule(t.Context(), &elb.CreateRuleInput{ListenerArn: &b.listener, Priority: aws.Int32(21), Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: values("/old")}},
			Actions: []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{Protocol: aws.String("HTTPS"), Port: aws.String("443"), Path: aws.String("/new/#{path}"), StatusCode: types.RedirectActionStatusCodeEnumHttp301}}}}))(t)
	})
	b.forward(b.listener, weights(group, 1))
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	u := "http://" + b.address
	for _, x := range []struct {
		want, method, path string
		header             []string
	}{
		{"path-pattern", "GET", "/api/x", nil}, {"host-header", "GET", "/", []string{"Host", "WWW.Example.com:80"}}, {"http-header", "GET", "/", []string{"Cookie", "a=b; canary=yes"}},
		{"http-request-method", "PUT", "/", nil}, {"query-string", "GET", "/?a=b&Version=V2", nil}, {"blue", "GET", "/?version=v3", []string{"Cookie", "canary=no"}}, {"blue", "GET", "/API/x", nil},
	} {
		eventually(t, x.want, func() error {
			if resp, body := ask(t, c, x.method, u+x.path, x.header...); resp.StatusCode != 200 || body != x.want {
				return fmt.Errorf("%s %s: %d %q", x.method, x.path, resp.StatusCode, body)
			}
			return nil
		})
	}
	resp, _ := ask(t, c, "GET", u+"/old?a=b", "Host", "web.test")
	if to := resp.Header.Get("Location"); resp.StatusCode != 301 || to != "https://web.test:443/new/old?a=b" {
		t.Errorf("redirected with %d to %s", resp.StatusCode, to)
	}
	_, port, _ := net.SplitHostPort(b.address)
	_, body := ask(t, c, "GET", u+"/request?x=%2F", "X-Forwarded-For", "192.0.2.7", "Connection", "X-Hop", "X-Hop", "1", "Host", "web.test")
	for _, want := range []string{"GET /request?x=%2F HTTP/1.1\nHost: web.test:" + port + "\n", "X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Port: " + port + "\r\n", "X-Amzn-Trace-Id: Root=1-"} {
		if !strings.Contains(body, want) {
			t.Errorf("the target did not get %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "X-Hop") {
		t.Errorf("a header of one connection was passed on:\n%s", body)
	}
}

func TestRouterProtocols(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	one, two := b.group("one", "HTTP1", blue.address), b.group("two", "HTTP2", blue.address)
	b.forward(b.listener, weights(one, 1))
	u := "http://" + b.address

	t.Run("bodies", func(t *testing.T) {
		big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
		for name, body := range map[string]io.Reader{"small": strings.NewReader("small"), "big": strings.NewReader(big), "of unknown length": io.MultiReader(strings.NewReader(big), strings.NewReader("end"))} {
			resp := must(http.Post(u+"/echo", "text/plain", body))(t)
			got := must(io.ReadAll(resp.Body))(t)
			_ = resp.Body.Close()
			if want := map[string]string{"small": "small", "big": big, "of unknown length": big + "end"}[name]; string(got) != want {
				t.Errorf("%s: %d bytes came back, want %d", name, len(got), len(want))
			}
		}
		resp := must(http.Get(u + "/trailer"))(t)
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); err != nil || resp.Trailer.Get("X-End") != "reached" {
			t.Errorf("trailer %v, %v", resp.Trailer, err)
		}
		if resp := must(http.Head(u + "/"))(t); resp.StatusCode != 200 || resp.ContentLength != 4 {
			t.Errorf("HEAD: %+v", resp)
		}
	})
	t.Run("stream", func(t *testing.T) {
		stream := newApplication(t, "stream")
		l, address := b.listen(types.ProtocolEnumHttp, []types.Action{weights(b.group("stream", "HTTP1", stream.address), 1)})
		_ = l
		resp := must(http.Get("http://" + address + "/stream"))(t)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for n := range 3 { // each arrives before the next is written
			if !lines.Scan() || lines.Text() != fmt.Sprintf("event %d", n) {
				t.Fatalf("event %d: %q, %v", n, lines.Text(), lines.Err())
			}
			stream.goOn <- struct{}{}
		}
	})
	t.Run("websocket", func(t *testing.T) {
		c, _, err := websocket.Dial(t.Context(), "ws://"+b.address+"/websocket", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{"hello", strings.Repeat("x", 30_000)} {
			if err := c.Write(t.Context(), websocket.MessageText, []byte(m)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(t.Context()); err != nil || string(got) != "blue "+m {
				t.Fatalf("%.20q, %v", got, err)
			}
		}
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	})
	t.Run("HTTP/2 without TLS, to both kinds of targets", func(t *testing.T) {
		var only http.Protocols
		only.SetUnencryptedHTTP2(true)
		c := &http.Client{Transport: &http.Transport{Protocols: &only}}
		for group, want := range map[string]string{one: "HTTP/1.1", two: "HTTP/2.0"} {
			b.forward(b.listener, weights(group, 1))
			if resp, body := ask(t, c, "GET", u+"/request"); resp.ProtoMajor != 2 || !strings.Contains(body, want) {
				t.Errorf("%s: %s", resp.Proto, body)
			}
			if resp, body := ask(t, http.DefaultClient, "GET", u+"/request"); resp.ProtoMajor != 1 || !strings.Contains(body, want) {
				t.Errorf("%s: %s", resp.Proto, body)
			}
		}
	})
	t.Run("TLS and SNI", func(t *testing.T) {
		first, firstPEM := b.upload("first", "first.example.com")
		second, secondPEM := b.upload("second", "second.example.com")
		_, address := b.listen(types.ProtocolEnumHttps, []types.Action{weights(one, 1)}, first, second)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(firstPEM + secondPEM))
		for host, proto := range map[string]string{"first.example.com": "h2", "second.example.com": "http/1.1"} {
			c := must(tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{proto}}))(t)
			if got := c.ConnectionState(); got.NegotiatedProtocol != proto || got.PeerCertificates[0].DNSNames[0] != host {
				t.Errorf("%s: %s, %v", host, got.NegotiatedProtocol, got.PeerCertificates[0].DNSNames)
			}
			_ = c.Close()
		}
		if _, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "first.example.com", MaxVersion: tls.VersionTLS11}); err == nil {
			t.Error("TLS 1.1 was taken")
		}
		for _, h2 := range []bool{true, false} {
			tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "second.example.com"}, ForceAttemptHTTP2: h2}
			resp, body := ask(t, &http.Client{Transport: tr}, "GET", "https://"+address+"/request")
			if (resp.ProtoMajor == 2) != h2 || !strings.Contains(body, "X-Forwarded-Proto: https\r\n") {
				t.Errorf("%s: %s", resp.Proto, body)
			}
		}
		text := must(os.ReadFile(filepath.Join(b.data, "router", "table.json")))(t)
		info := must(os.Stat(filepath.Join(b.data, "router", "table.json")))(t)
		if !strings.Contains(string(text), "PRIVATE KEY") || info.Mode().Perm() != 0o600 {
			t.Errorf("the table with the keys: %v", info.Mode())
		}
		if database := must(os.ReadFile(filepath.Join(b.data, "slipway.db")))(t); strings.Contains(string(database), "PRIVATE KEY") {
			t.Error("a private key lies in the database in clear")
		}
	})
	t.Run("gRPC", func(t *testing.T) { grpcThrough(t, b) })
}

// checker is a gRPC service.
type checker struct {
	healthpb.UnimplementedHealthServer
}

func (checker) Check(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if in.Service == "fail" {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("why", "asked-for"))
		return nil, status.Error(14, "as asked")
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

func (checker) Watch(_ *healthpb.HealthCheckRequest, s grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	for n := range 3 {
		if err := s.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(n)}); err != nil {
			return err
		}
	}
	return nil
}

func grpcThrough(t *testing.T, b *balanced) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, checker{})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	group := b.group("grpc", "GRPC", l.Addr().String())
	_, address := b.listen(types.ProtocolEnumHttp, []types.Action{weights(group, 1)})
	b.is(group, l.Addr().String(), "healthy")
	conn := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))(t)
	defer conn.Close()
	c := healthpb.NewHealthClient(conn)
	if out, err := c.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || out.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", out, err)
	}
	var trailer metadata.MD
	_, err := c.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "fail"}, grpc.Trailer(&trailer))
	if status.Code(err) != 14 || len(trailer.Get("why")) != 1 {
		t.Errorf("%v, %v", err, trailer)
	}
	stream := must(c.Watch(t.Context(), &healthpb.HealthCheckRequest{}))(t)
	for n := range 3 {
		if m, err := stream.Recv(); err != nil || int(m.Status) != n {
			t.Errorf("message %d: %v, %v", n, m, err)
		}
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
}

func TestRouterStickiness(t *testing.T) {
	t.Parallel()
	b := balance(t)
	apps := []*application{newApplication(t, "a"), newApplication(t, "b"), newApplication(t, "c"), newApplication(t, "d")}
	blue, green := b.group("blue", "HTTP1", apps[0].address, apps[1].address), b.group("green", "HTTP1", apps[2].address, apps[3].address)
	sticky := weights(blue, 50, green, 50)
	sticky.ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)}
	client := func() *http.Client { return &http.Client{Jar: must(cookiejar.New(nil))(t)} }
	u := must(url.Parse("http://" + b.address))(t)
	served := func(c *http.Client, path string) map[string]int {
		by := map[string]int{}
		for range 12 {
			_, body := ask(t, c, "GET", u.String()+path)
			by[body]++
		}
		return by
	}
	b.forward(b.listener, sticky)
	groups := map[bool]bool{}
	for range 4 {
		c := client()
		by := served(c, "/")
		inBlue := by["a"]+by["b"] > 0
		if groups[inBlue] = true; inBlue && by["c"]+by["d"] > 0 || len(by) != 2 {
			t.Errorf("a client of one group was served by %v", by)
		}
		names := map[string]string{}
		for _, k := range c.Jar.Cookies(u) {
			names[k.Name] = k.Value
		}
		if v := names["AWSALBTG"]; v == "" || strings.Contains(v, "blue") || len(names) > 2 {
			t.Errorf("cookies %v", names)
		}
	}
	if len(groups) != 2 {
		t.Error("all clients were bound to the same group")
	}

	for _, g := range []string{blue, green} {
		b.does(func() {
			b.set(g, "stickiness.enabled", "true", "stickiness.type", "lb_cookie", "stickiness.lb_cookie.duration_seconds", "60")
		})
	}
	c := client()
	by := served(c, "/")
	if len(by) != 1 {
		t.Errorf("a client of one target was served by %v", by)
	}
	// A cookie that was made up, and one that was changed, bind nobody.
	for _, value := range []string{"made-up", "AAAA" + strings.Repeat("A", 60)} {
		if resp, _ := ask(t, http.DefaultClient, "GET", u.String(), "Cookie", "AWSALB="+value+"; AWSALBTG="+value); resp.StatusCode != 200 {
			t.Errorf("%d with the cookie %s", resp.StatusCode, value)
		}
	}
	// A target that is gone lets its clients go elsewhere.
	for name := range by {
		for n, a := range apps {
			if a.name == name {
				b.does(func() { b.deregister([]string{blue, green}[n/2], a.address) })
			}
		}
	}
	after := served(c, "/")
	if len(after) != 1 {
		t.Errorf("afterwards it was served by %v", after)
	}
	for name := range by {
		if after[name] > 0 {
			t.Error("a target that is deregistered was asked")
		}
	}

	b.does(func() {
		b.set(blue, "stickiness.enabled", "true", "stickiness.type", "app_cookie", "stickiness.app_cookie.cookie_name", "SESSION")
	})
	b.forward(b.listener, weights(blue, 1))
	c = client()
	if resp, _ := ask(t, c, "GET", u.String()+"/"); strings.Contains(fmt.Sprint(resp.Header["Set-Cookie"]), "AWSALBAPP") {
		t.Error("bound before the application began a session")
	}
	if resp, _ := ask(t, c, "GET", u.String()+"/session"); !strings.Contains(fmt.Sprint(resp.Header["Set-Cookie"]), "AWSALBAPP-0=") {
		t.Errorf("not bound to the session: %v", resp.Header["Set-Cookie"])
	}
	if by := served(c, "/"); len(by) != 1 {
		t.Errorf("a client of one session was served by %v", by)
	}
}

func TestRouterHealth(t *testing.T) {
	t.Parallel()
	b := balance(t)
	good, bad := newApplication(t, "good"), http.Server{Handler: http.NotFoundHandler()}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	go func() { _ = bad.Serve(l) }()
	t.Cleanup(func() { _ = bad.Close() })
	nobody := free(t)
	group := b.group("g", "HTTP1", good.address, l.Addr().String(), nobody)
	if now := b.health(group, good.address); now != "unused Target.NotInUse" {
		t.Errorf("a group without a listener is %s", now)
	}
	b.forward(b.listener, weights(group, 1))
	b.is(group, good.address, "healthy")
	for range 20 { // those that failed no check yet, or too many, get none
		if resp, body := ask(t, http.DefaultClient, "GET", "http://"+b.address); resp.StatusCode != 200 || body != "good" {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	b.is(group, l.Addr().String(), "unhealthy Target.ResponseCodeMismatch")
	b.is(group, nobody, "unhealthy Target.FailedHealthChecks")
	d := must(b.elb.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: target(t, l.Addr().String())}))(t).TargetHealthDescriptions[0]
	if *d.TargetHealth.Description != "Health checks failed with these codes: [404]" {
		t.Errorf("described as %s", *d.TargetHealth.Description)
	}
	// Where no target is healthy all get requests.
	b.does(func() { b.deregister(group, good.address) })
	resp, _ := ask(t, http.DefaultClient, "GET", "http://"+b.address)
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("%d; the target that is not healthy was to answer", resp.StatusCode)
	}
	b.does(func() { b.deregister(group, l.Addr().String()) })
	if resp, _ := ask(t, http.DefaultClient, "GET", "http://"+b.address); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("%d; nobody takes the connection", resp.StatusCode)
	}
	b.does(func() { b.deregister(group, nobody) })
	eventually(t, "no target is left", func() error {
		if resp, _ := ask(t, http.DefaultClient, "GET", "http://"+b.address); resp.StatusCode != http.StatusServiceUnavailable {
			return errors.New(resp.Status)
		}
		return nil
	})
}

func TestRouterDrain(t *testing.T) {
	t.Parallel()
	b := balance(t)
	old, next := newApplication(t, "old"), newApplication(t, "new")
	group := b.group("g", "HTTP1", old.address)
	b.forward(b.listener, weights(group, 1))
	b.is(group, old.address, "healthy")
	slow := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + b.address + "/slow")
		if err != nil {
			slow <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		slow <- fmt.Sprint(resp.StatusCode, " ", string(body), " ", err)
	}()
	eventually(t, "a slow request is in flight", func() error {
		if old.slow.Load() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	b.does(func() { b.register(group, next.address) })
	b.is(group, next.address, "healthy")
	b.does(func() { b.deregister(group, old.address) })
	for range 20 {
		if _, body := ask(t, http.DefaultClient, "GET", "http://"+b.address); body != "new" {
			t.Fatalf("a target that drains was asked: %s", body)
		}
	}
	b.is(group, old.address, "draining Target.DeregistrationInProgress")
	close(old.goOn)
	if got := <-slow; got != "200 old <nil>" {
		t.Errorf("the request in flight: %s", got)
	}
	b.is(group, old.address, "unused Target.NotRegistered")

	// What takes longer than the delay is cut off.
	b.does(func() { b.set(group, "deregistration_delay.timeout_seconds", "1") })
	cut := make(chan error, 1)
	go func() {
		r, err := http.NewRequest("POST", "http://"+b.address+"/slow", nil) // cannot be sent again
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(r); err == nil {
				_ = resp.Body.Close()
				err = errors.New(resp.Status)
			}
		}
		cut <- err
	}()
	eventually(t, "a slow request is in flight", func() error {
		if next.slow.Load() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	b.deregister(group, next.address)
	if err := <-cut; !strings.Contains(err.Error(), "502") {
		t.Errorf("a request longer than the delay: %v", err)
	}
	close(next.goOn)
	b.is(group, next.address, "unused Target.NotRegistered")
}

// TestRouterRefuses what a hostile client sends.
func TestRouterRefuses(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	b.forward(b.listener, weights(b.group("blue", "HTTP1", blue.address), 1))
	served := blue.served.Load()
	for request, want := range map[string]int{
		"GET / HTTP/1.1\r\n\r\n":                                                             400, // no host
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                       400,
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":                                                400,
		"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n":                                         400,
		"GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n":                                      400,
		"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n":                                       400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab":     400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na":                          400,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n":         501,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n": 501,
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n":                                          400,
		"GET / HTTP/3.0\r\nHost: a\r\n\r\n":                                                  400,
		"nonsense\r\n\r\n":                                                                   400,
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n":        431,
		"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n":                              417,
	} {
		c := must(net.Dial("tcp", b.address))(t)
		_, _ = io.WriteString(c, request)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != want || !resp.Close {
			t.Errorf("%.70q: %v, %v; want %d and the end of the connection", request, resp, err, want)
		}
		_ = c.Close()
	}
	if blue.served.Load() != served {
		t.Error("a target got some of it")
	}
	// A length beside chunks does not count: what follows the last chunk is a request of its own, of this client.
	c := must(net.Dial("tcp", b.address))(t)
	defer c.Close()
	_, _ = io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /request HTTP/1.1\r\nHost: a\r\n\r\n")
	r := bufio.NewReader(c)
	for _, want := range []string{"hello", "GET /request"} {
		resp := must(http.ReadResponse(r, nil))(t)
		if body := must(io.ReadAll(resp.Body))(t); !strings.HasPrefix(string(body), want) {
			t.Errorf("%q, want %q", body, want)
		}
	}
	// Who waits to be asked for the body is asked; who is slow to say what it wants is let go.
	_, _ = io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	_, _ = io.WriteString(c, "hello")
	resp := must(http.ReadResponse(r, nil))(t)
	if body := must(io.ReadAll(resp.Body))(t); string(body) != "hello" {
		t.Errorf("%q", body)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: slow")
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := r.ReadByte(); err != io.EOF && !strings.Contains(err.Error(), "reset") {
		t.Errorf("half a head is waited for: %v", err)
	}
}

// TestRouterPatience: who is silent for longer than the idle timeout is not waited for, and nobody works for a client that is gone.
func TestRouterPatience(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	two := newApplication(t, "two")
	groups := map[string]string{"HTTP/1": b.group("one", "HTTP1", blue.address), "HTTP/2": b.group("two", "HTTP2", two.address)}
	for kind, app := range map[string]*application{"HTTP/1": blue, "HTTP/2": two} {
		b.forward(b.listener, weights(groups[kind], 1))
		c := must(net.Dial("tcp", b.address))(t)
		_, _ = io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		eventually(t, "the request is at the target", func() error {
			if app.slow.Load() == 0 {
				return errors.New("not yet")
			}
			return nil
		})
		_ = c.Close()
		eventually(t, "the target hears that the client is gone", func() error {
			if app.left.Load() == 0 {
				return errors.New("not yet")
			}
			return nil
		})
	}
	b.does(func() {
		must(b.elb.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &b.lb,
			Attributes: []types.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("1")}}}))(t)
	})
	for kind, group := range groups {
		b.forward(b.listener, weights(group, 1))
		tr := &http.Transport{} // connections of its own: those of before keep the timeout that they had
		if resp, _ := ask(t, &http.Client{Transport: tr}, "GET", "http://"+b.address+"/slow"); resp.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("%s: %d for a target that does not answer", kind, resp.StatusCode)
		}
		tr.CloseIdleConnections()
	}
	c := must(net.Dial("tcp", b.address))(t)
	defer c.Close()
	_, _ = io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nnot all of it")
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a client that sends nothing more is waited for: %v", err)
	}
}

// TestRouterEdges are what HTTP/1 allows besides the usual.
func TestRouterEdges(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	b.forward(b.listener, weights(b.group("blue", "HTTP1", blue.address), 1))
	say := func(request string) *bufio.Reader {
		c := must(net.Dial("tcp", b.address))(t)
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		must(io.WriteString(c, request))(t)
		return bufio.NewReader(c)
	}
	t.Run("an HTTP/1.0 client gets no chunks", func(t *testing.T) {
		close(blue.goOn)
		text := string(must(io.ReadAll(say("GET /stream HTTP/1.0\r\n\r\n")))(t))
		if !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || strings.Contains(text, "chunked") || !strings.HasSuffix(text, "\r\n\r\nevent 0\nevent 1\nevent 2\n") {
			t.Errorf("%q", text)
		}
	})
	t.Run("requests that come at once are answered in order", func(t *testing.T) {
		r := say(strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 20) + "GET /request?last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		for n := range 21 {
			resp := must(http.ReadResponse(r, nil))(t)
			body := string(must(io.ReadAll(resp.Body))(t))
			if last := n == 20; last != strings.Contains(body, "/request?last") || resp.Close != last {
				t.Errorf("response %d: %q, close %v", n, body, resp.Close)
			}
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("after the last: %v", err)
		}
	})
	t.Run("hints go before the response", func(t *testing.T) {
		r := say("GET /hints HTTP/1.1\r\nHost: a\r\n\r\n")
		for _, want := range []int{103, 200} {
			resp := must(http.ReadResponse(r, nil))(t)
			if resp.StatusCode != want || want == 103 && resp.Header.Get("Link") == "" {
				t.Errorf("%+v, want %d", resp, want)
			}
		}
	})
	t.Run("a response that breaks off does not look whole", func(t *testing.T) {
		resp := must(http.ReadResponse(say("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n"), nil))(t)
		if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "only this" {
			t.Errorf("%q, %v", body, err)
		}
	})
	t.Run("an absolute address", func(t *testing.T) {
		resp := must(http.ReadResponse(say("GET http://web.test/request?a HTTP/1.1\r\nHost: other\r\n\r\n"), nil))(t)
		if body := string(must(io.ReadAll(resp.Body))(t)); !strings.HasPrefix(body, "GET /request?a HTTP/1.1\nHost: web.test") {
			t.Errorf("%q", body)
		}
	})
}
