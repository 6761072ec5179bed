package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestRouterRules(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	group := b.group("blue", "HTTP1", blue.address)
	values := func(v ...string) []string { return v }
	rules := []types.RuleCondition{
		{Field: aws.String("path-pattern"),
			PathPatternConfig: &types.PathPatternConditionConfig{Values: values("/api/*")}},
		{Field: aws.String("host-header"),
			HostHeaderConfig: &types.HostHeaderConditionConfig{Values: values("*.example.com")}},
		{Field: aws.String("http-header"),
			HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String("Cookie"),
				Values: values("*canary=yes*")}},
		{Field: aws.String("http-request-method"),
			HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: values("PUT")}},
		{Field: aws.String("query-string"),
			QueryStringConfig: &types.QueryStringConditionConfig{
				Values: []types.QueryStringKeyValuePair{{Key: aws.String("version"), Value: aws.String("v2")}},
			}},
	}
	b.does(func() {
		for n, c := range rules {
			must(b.elb.CreateRule(t.Context(),
				&elb.CreateRuleInput{ListenerArn: &b.listener, Priority: aws.Int32(int32(n + 1)),
					Conditions: []types.RuleCondition{c}, Actions: fixed(*c.Field)}))(t)
		}
		must(b.elb.CreateRule(t.Context(),
			&elb.CreateRuleInput{ListenerArn: &b.listener, Priority: aws.Int32(20), Actions: fixed("never"),
				Conditions: []types.RuleCondition{{Field: aws.String("source-ip"),
					SourceIpConfig: &types.SourceIpConditionConfig{Values: values("192.0.2.0/24")}}}}))(t)
		must(b.elb.CreateRule(t.Context(),
			&elb.CreateRuleInput{ListenerArn: &b.listener, Priority: aws.Int32(21),
				Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: values("/old")}},
				Actions: []types.Action{{Type: types.ActionTypeEnumRedirect,
					RedirectConfig: &types.RedirectActionConfig{Protocol: aws.String("HTTPS"), Port: aws.String("443"),
						Path: aws.String("/new/#{path}"), StatusCode: types.RedirectActionStatusCodeEnumHttp301}}}}))(t)
	})
	b.forward(b.listener, weights(group, 1))
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	u := "http://" + b.address
	for _, x := range []struct {
		want, method, path string
		header             []string
	}{
		{"path-pattern", "GET", "/api/x", nil}, {"host-header", "GET", "/", []string{"Host", "WWW.Example.com:80"}},
		{"http-header", "GET", "/", []string{"Cookie", "a=b; canary=yes"}},
		{"http-request-method", "PUT", "/", nil}, {"query-string", "GET", "/?a=b&Version=V2", nil},
		{"blue", "GET", "/?version=v3", []string{"Cookie", "canary=no"}}, {"blue", "GET", "/API/x", nil},
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
	_, body := ask(t, c, "GET", u+"/request?x=%2F", "X-Forwarded-For", "192.0.2.7", "Connection", "X-Hop", "X-Hop", "1",
		"Host", "web.test")
	for _, want := range []string{"GET /request?x=%2F HTTP/1.1\nHost: web.test:" + port + "\n",
		"X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n", "X-Forwarded-Proto: http\r\n",
		"X-Forwarded-Port: " + port + "\r\n", "X-Amzn-Trace-Id: Root=1-"} {
		if !strings.Contains(body, want) {
			t.Errorf("the target did not get %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "X-Hop") {
		t.Errorf("a header of one connection was passed on:\n%s", body)
	}
}

func TestRouterStickiness(t *testing.T) {
	t.Parallel()
	b := balance(t)
	apps := []*application{newApplication(t, "a"), newApplication(t, "b"), newApplication(t, "c"),
		newApplication(t, "d")}
	blue, green := b.group("blue", "HTTP1", apps[0].address, apps[1].address), b.group("green", "HTTP1",
		apps[2].address, apps[3].address)
	sticky := weights(blue, 50, green, 50)
	sticky.ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true),
		DurationSeconds: aws.Int32(60)}
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
			b.set(g, "stickiness.enabled", "true", "stickiness.type", "lb_cookie",
				"stickiness.lb_cookie.duration_seconds", "60")
		})
	}
	c := client()
	by := served(c, "/")
	if len(by) != 1 {
		t.Errorf("a client of one target was served by %v", by)
	}
	// A cookie that was made up, and one that was changed, bind nobody.
	for _, value := range []string{"made-up", "AAAA" + strings.Repeat("A", 60)} {
		if resp, _ := ask(t, http.DefaultClient, "GET", u.String(), "Cookie",
			"AWSALB="+value+"; AWSALBTG="+value); resp.StatusCode != 200 {
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
		b.set(blue, "stickiness.enabled", "true", "stickiness.type", "app_cookie", "stickiness.app_cookie.cookie_name",
			"SESSION")
	})
	b.forward(b.listener, weights(blue, 1))
	c = client()
	if resp, _ := ask(t, c, "GET", u.String()+"/"); strings.Contains(fmt.Sprint(resp.Header["Set-Cookie"]),
		"AWSALBAPP") {
		t.Error("bound before the application began a session")
	}
	if resp, _ := ask(t, c, "GET", u.String()+"/session"); !strings.Contains(fmt.Sprint(resp.Header["Set-Cookie"]),
		"AWSALBAPP-0=") {
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
		if resp, body := ask(t, http.DefaultClient, "GET", "http://"+b.address); resp.StatusCode != 200 ||
			body != "good" {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	b.is(group, l.Addr().String(), "unhealthy Target.ResponseCodeMismatch")
	b.is(group, nobody, "unhealthy Target.FailedHealthChecks")
	d := must(b.elb.DescribeTargetHealth(t.Context(),
		&elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: target(t, l.Addr().String())}))(
		t).TargetHealthDescriptions[0]
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
		if resp, _ := ask(t, http.DefaultClient, "GET",
			"http://"+b.address); resp.StatusCode != http.StatusServiceUnavailable {
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
