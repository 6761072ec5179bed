package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// coloured is a service on two blue and two green hosts behind a load balancer, with a blue/green deployment group.
type coloured struct {
	fleet
	balancers *elb.Client
	servers   []*served
	front     string // where users come
	listener  string
	groups    []string // ARNs: blue, green
}

// served is the service of a host: it says the version that is installed on it.
type served struct {
	*host
	agent   *agentProcess
	address string

	mu       sync.Mutex
	strayed  []string // requests of users while the host was down
	requests int
}

func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	version, err := os.ReadFile(filepath.Join(s.root, "srv/shop/version"))
	_, down := os.Stat(filepath.Join(s.root, "down"))
	if !strings.HasPrefix(r.UserAgent(), "ELB-HealthChecker") {
		s.mu.Lock()
		s.requests++
		if err != nil || down == nil {
			s.strayed = append(s.strayed, fmt.Sprintf("%s at %s", s.name, time.Now().Format(time.StampMilli)))
		}
		s.mu.Unlock()
	}
	if err != nil || down == nil {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write(version)
}

func newColoured(t testing.TB, tags string, change ...func(*codedeploy.CreateDeploymentGroupInput)) *coloured {
	t.Helper()
	i := prepare(t, tags)
	i.start()
	c := &coloured{fleet: fleet{instance: i, api: codedeploy.NewFromConfig(i.sdk())}, balancers: elb.NewFromConfig(i.sdk())}
	c.bucket("bundles", false)
	c.balance()
	for n := range 4 {
		side := []string{"blue", "green"}[n/2]
		h := c.host(fmt.Sprintf("%s%d", side, n%2+1), map[string]string{"side": side})
		s := &served{host: h}
		web := httptest.NewServer(s)
		t.Cleanup(web.Close)
		s.address = web.Listener.Addr().String()
		s.agent = i.keepAgent(h.name, h.root, []string{"AWS_ACCESS_KEY_ID=" + h.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + h.SecretAccessKey}, "--service", s.address)
		c.servers, c.hosts = append(c.servers, s), append(c.hosts, h)
	}
	ctx := t.Context()
	must(c.api.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop")}))(t)
	side := func(value string) []types.TagFilter {
		return []types.TagFilter{{Key: aws.String("side"), Value: &value, Type: types.TagFilterTypeKeyAndValue}}
	}
	in := &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), ServiceRoleArn: aws.String(role),
		DeploymentConfigName: aws.String("CodeDeployDefault.AllAtOnce"), OnPremisesTagSet: &types.OnPremisesTagSet{OnPremisesTagSetList: [][]types.TagFilter{side("blue"), side("green")}},
		DeploymentStyle:           &types.DeploymentStyle{DeploymentType: types.DeploymentTypeBlueGreen, DeploymentOption: types.DeploymentOptionWithTrafficControl},
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentFailure, types.AutoRollbackEventDeploymentStopOnRequest, types.AutoRollbackEventDeploymentStopOnAlarm}},
		LoadBalancerInfo: &types.LoadBalancerInfo{TargetGroupPairInfoList: []types.TargetGroupPairInfo{{TargetGroups: []types.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
			ProdTrafficRoute: &types.TrafficRoute{ListenerArns: []string{c.listener}}}}}}
	for _, f := range change {
		f(in)
	}
	must(c.api.CreateDeploymentGroup(ctx, in))(t)
	return c
}

// balance makes the load balancer, its two target groups and its listener.
func (c *coloured) balance() {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	lb := must(c.balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("shop")}))(t).LoadBalancers[0]
	var tuples []elbtypes.TargetGroupTuple
	for i, side := range []string{"blue", "green"} {
		g := must(c.balancers.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &side, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String("vpc-1"),
			TargetType: elbtypes.TargetTypeEnumIp, HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2)}))(t).TargetGroups[0]
		must(c.balancers.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: g.TargetGroupArn,
			Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("2")}}}))(t)
		c.groups = append(c.groups, *g.TargetGroupArn)
		tuples = append(tuples, elbtypes.TargetGroupTuple{TargetGroupArn: g.TargetGroupArn, Weight: aws.Int32(int32(1 - i))})
	}
	_, port, err := net.SplitHostPort(free(t))
	if err != nil {
		t.Fatal(err)
	}
	var n int32
	_, _ = fmt.Sscan(port, &n)
	l := must(c.balancers.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: &n,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: tuples}}}}))(t).Listeners[0]
	c.listener, c.front = *l.ListenerArn, "http://127.0.0.1:"+port+"/"
}

// marked is a revision whose host is down between ApplicationStop and ApplicationStart, and whose every script notes that it ran.
func (c *coloured) marked(version string, scripts map[string]string) *types.RevisionLocation {
	note := `echo "$DEPLOYMENT_ID $LIFECYCLE_EVENT" >> "$SLIPWAY_ROOT/ran"`
	all := map[string]string{"BeforeInstall": note + "\n" + `touch "$SLIPWAY_ROOT/down"`, "AfterInstall": note, "ApplicationStart": note + "\n" + `rm "$SLIPWAY_ROOT/down"`,
		"ApplicationStop": note, "ValidateService": note, "BeforeAllowTraffic": note, "AfterAllowTraffic": note, "BeforeBlockTraffic": note, "AfterBlockTraffic": note}
	for event, script := range scripts {
		all[event] += "\n" + script
	}
	return c.revision(version, all)
}

// serves waits until users get one version, and only that.
func (c *coloured) serves(version string) {
	c.t.Helper()
	eventually(c.t, "users get "+version, func() error {
		for range 8 {
			got, err := c.ask()
			if err != nil || got != version {
				return fmt.Errorf("they get %q: %w", got, err)
			}
		}
		return nil
	})
}

func (c *coloured) ask() (string, error) {
	resp, err := http.Get(c.front)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return "", errors.Join(err, errors.New(resp.Status))
	}
	return string(body), err
}

// strays fails if a host got a request of a user while it was down.
func (c *coloured) strays() {
	c.t.Helper()
	for _, s := range c.servers {
		s.mu.Lock()
		if len(s.strayed) > 0 {
			c.t.Errorf("%d requests of users came to a host that was down, the first to %s", len(s.strayed), s.strayed[0])
			s.strayed = nil
		}
		s.mu.Unlock()
	}
}

// once fails if a script of a deployment ran twice on a host.
func (c *coloured) once() {
	c.t.Helper()
	for _, s := range c.servers {
		text, err := os.ReadFile(filepath.Join(s.root, "ran"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		slices.Sort(lines)
		for i := range lines[1:] {
			if lines[i] == lines[i+1] {
				c.t.Errorf("%s ran twice: %s", s.name, lines[i])
			}
		}
	}
}

// policy makes the group's releases move in steps: percent and seconds, percent and seconds, …
func (c *coloured) policy(steps ...int) {
	c.t.Helper()
	var all []map[string]int
	for i := 0; i < len(steps); i += 2 {
		all = append(all, map[string]int{"percent": steps[i], "waitSeconds": steps[i+1]})
	}
	in := must(json.Marshal(map[string]any{"applicationName": "shop", "deploymentGroupName": "prod", "policy": map[string]any{"steps": all}}))(c.t)
	if out, err := c.slipway("api", "slipway", "PutReleasePolicy", string(in)); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
}

// release is the state of a deployment's release.
func (c *coloured) release(id string) (r struct {
	Status  string
	Percent int
}) {
	c.t.Helper()
	out, err := c.slipway("api", "slipway", "GetRelease", `{"deploymentId": "`+id+`"}`)
	if err != nil {
		return r
	}
	var answer struct {
		Release *struct {
			Status  string
			Percent int
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		c.t.Fatal(err)
	}
	return *answer.Release
}

// at waits until a release has so much on the replacement.
func (c *coloured) at(id string, percent int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d %% are on the replacement", percent), func() error {
		if r := c.release(id); r.Percent != percent || r.Status == "SHIFTING" {
			return fmt.Errorf("%+v, the deployment is %s", r, c.deployment(id).Status)
		}
		return nil
	})
}

// load has users ask all the time; it returns how often, and the requests that failed.
func (c *coloured) load(users int) (stop func() (int, []string)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed []string
	asked, quit := 0, make(chan struct{})
	for range users {
		all.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				_, err := c.ask()
				mu.Lock()
				asked++
				if err != nil {
					failed = append(failed, err.Error())
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []string) {
		close(quit)
		all.Wait()
		return asked, failed
	}
}

func TestBlueGreenUnderLoad(t *testing.T) {
	c := newColoured(t, "")
	ctx := t.Context()
	if d := c.over(c.deploy(c.marked("one", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	c.serves("one")
	stop := c.load(4)

	// A canary in steps.
	c.policy(10, 1, 50, 1, 100, 0)
	second := c.deploy(c.marked("two", nil))
	c.at(second, 10)
	if d := c.over(second); d.Status != types.DeploymentStatusSucceeded || d.DeploymentOverview.Succeeded != 4 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	c.serves("two")

	// Stopped in the middle: the traffic goes back, and a rollback is a deployment of its own.
	c.policy(30, 3600, 100, 0)
	third := c.deploy(c.marked("three", nil))
	c.at(third, 30)
	must(c.api.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &third, AutoRollbackEnabled: aws.Bool(true)}))(t)
	d := c.over(third)
	if d.Status != types.DeploymentStatusStopped || d.RollbackInfo == nil || d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.RollbackInfo)
	}
	if r := c.release(third); r.Status != "ROLLED_BACK" || r.Percent != 0 {
		t.Errorf("%+v", r)
	}
	if back := c.over(*d.RollbackInfo.RollbackDeploymentId); back.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", back.ErrorInformation)
	}
	c.serves("two")

	// A hook that fails after all traffic had moved.
	c.policy(50, 0, 100, 0)
	fourth := c.deploy(c.marked("four", map[string]string{"AfterAllowTraffic": "exit 3"}))
	if d := c.over(fourth); d.Status != types.DeploymentStatusFailed || d.RollbackInfo == nil {
		t.Fatalf("%+v", d.ErrorInformation)
	} else if back := c.over(*d.RollbackInfo.RollbackDeploymentId); back.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", back.ErrorInformation)
	}
	c.serves("two")

	asked, failed := stop()
	t.Logf("%d requests of users", asked)
	if len(failed) > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", len(failed), asked, failed[0])
	}
	c.strays()
	c.once()
}

// TestKillBlueGreen kills the server, the router or an agent at a random moment, in fifty blue/green deployments.
func TestKillBlueGreen(t *testing.T) {
	c := newColoured(t, "slipway_fault")
	if d := c.over(c.deploy(c.marked("v0", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	c.policy(50, 0, 100, 0)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	good := "v0"
	for run := range 50 {
		victim := []string{"server", "router", "agent"}[r.IntN(3)]
		host, after := r.IntN(len(c.servers)), time.Duration(r.IntN(1500))*time.Millisecond
		version := fmt.Sprintf("v%d", run+1)
		ok := t.Run(fmt.Sprintf("%d %s after %s", run, victim, after), func(t *testing.T) {
			c.t = t
			revision := c.marked(version, nil)
			id := c.deploy(revision)
			stop := c.load(1)
			killed := make(chan struct{})
			time.AfterFunc(after, func() {
				defer close(killed)
				if victim == "agent" {
					c.servers[host].agent.kill()
					return
				}
				c.killProcess(victim)
			})
			<-killed
			good = c.settles(id, good, version)
			stop() // a router that is dead answers nobody
			c.serves(good)
			c.strays()
			c.once()
		})
		if !ok {
			break
		}
	}
	c.t = t
}

// killProcess kills a process of `up`, which starts it again.
func (i *instance) killProcess(name string) {
	text, err := os.ReadFile(filepath.Join(i.data, "locks", name))
	var h struct{ PID int }
	if err == nil && json.Unmarshal(text, &h) == nil && h.PID > 1 {
		_ = syscall.Kill(h.PID, syscall.SIGKILL)
	}
}

// settles waits until a deployment and what rolls it back have ended, and returns the version that must be served now.
func (c *coloured) settles(id, before, version string) string {
	c.t.Helper()
	var d *types.DeploymentInfo
	ended := func(id string) {
		c.t.Helper()
		eventually(c.t, "the end of "+id, func() error {
			out, err := c.api.GetDeployment(c.t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
			if err != nil {
				return err
			}
			if d = out.DeploymentInfo; d.CompleteTime == nil {
				return fmt.Errorf("it is %s: %+v", d.Status, *d.DeploymentOverview)
			}
			return nil
		})
	}
	ended(id)
	if d.Status == types.DeploymentStatusSucceeded {
		return version
	}
	if d.RollbackInfo != nil && d.RollbackInfo.RollbackDeploymentId != nil {
		ended(*d.RollbackInfo.RollbackDeploymentId)
		if d.Status != types.DeploymentStatusSucceeded {
			c.t.Logf("the rollback is %s: %s", d.Status, aws.ToString(d.ErrorInformation.Message))
		}
	}
	return before
}

// TestKillAtEveryTrafficPoint kills the process that reaches a fault point of a blue/green deployment.
func TestKillAtEveryTrafficPoint(t *testing.T) {
	c := newColoured(t, "slipway_fault")
	if d := c.over(c.deploy(c.marked("v0", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	c.policy(50, 0, 100, 0)
	all := slices.DeleteFunc(points(t), func(p string) bool { return !inTraffic(p) })
	good := "v0"
	for n, point := range all {
		ok := t.Run(point, func(t *testing.T) {
			c.t = t
			mark := filepath.Join(folder(t), "died")
			c.stop()
			c.env = []string{"SLIPWAY_FAULT=" + point + ":1", "SLIPWAY_FAULT_FILE=" + mark}
			c.start()
			version := fmt.Sprintf("p%d", n)
			scripts := map[string]string{}
			if strings.Contains(point, "undo") { // the way back is taken after a failure alone
				scripts["AfterAllowTraffic"] = "exit 1"
			}
			var id string
			revision := c.marked(version, scripts)
			eventually(t, "the deployment begins", func() error {
				out, err := c.api.CreateDeployment(t.Context(), &codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), Revision: revision})
				if err == nil {
					id = *out.DeploymentId
				}
				return err
			})
			good = c.settles(id, good, version)
			if _, err := os.Stat(mark); err != nil {
				t.Errorf("nobody came by %s: it is no point on this way", point)
			}
			if len(scripts) == 0 && good != version {
				t.Errorf("the deployment %s did not succeed: %+v", id, c.deployment(id).ErrorInformation)
			}
			c.serves(good)
			c.strays()
			c.once()
		})
		if !ok {
			break
		}
	}
	c.t = t
}
