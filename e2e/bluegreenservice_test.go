package e2e

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// blueGreen is a service on two blue and two green hosts behind a load balancer, with a blue/green deployment group.
type blueGreen struct {
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
	failing atomic.Int64 // of 100 requests of users

	mu       sync.Mutex
	strayed  []string // requests of users while the host was down
	requests int64
}

func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	version, err := os.ReadFile(filepath.Join(s.root, "srv/shop/version"))
	_, down := os.Stat(filepath.Join(s.root, "down"))
	check, n := strings.HasPrefix(r.UserAgent(), "ELB-HealthChecker"), int64(0)
	if !check {
		s.mu.Lock()
		s.requests++
		n = s.requests
		if err != nil || down == nil {
			s.strayed = append(s.strayed, fmt.Sprintf("%s at %s", s.name, time.Now().Format(time.StampMilli)))
		}
		s.mu.Unlock()
	}
	if err != nil || down == nil {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Side", strings.TrimRight(s.name, "12"))
	if !check && n%100 < s.failing.Load() {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = w.Write(version)
}

func newBlueGreen(t testing.TB, tags string, change ...func(*codedeploy.CreateDeploymentGroupInput)) *blueGreen {
	t.Helper()
	i := prepare(t, tags)
	i.env = []string{"SLIPWAY_METRICS=" + free(t)}
	i.start()
	c := &blueGreen{fleet: fleet{instance: i, api: codedeploy.NewFromConfig(i.sdk())},
		balancers: elb.NewFromConfig(i.sdk())}
	c.bucket("bundles", false)
	c.balance()
	for n := range 4 {
		side := []string{"blue", "green"}[n/2]
		h := c.host(fmt.Sprintf("%s%d", side, n%2+1), map[string]string{"side": side})
		s := &served{host: h}
		web := httptest.NewServer(s)
		t.Cleanup(web.Close)
		s.address = web.Listener.Addr().String()
		s.agent = i.keepAgent(h.name, h.root,
			[]string{"AWS_ACCESS_KEY_ID=" + h.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + h.SecretAccessKey}, "--service",
			s.address)
		c.servers, c.hosts = append(c.servers, s), append(c.hosts, h)
	}
	ctx := t.Context()
	must(c.api.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop")}))(t)
	side := func(value string) []types.TagFilter {
		return []types.TagFilter{{Key: aws.String("side"), Value: &value, Type: types.TagFilterTypeKeyAndValue}}
	}
	in := &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"),
		DeploymentGroupName: aws.String("prod"), ServiceRoleArn: aws.String(role),
		DeploymentConfigName: aws.String("CodeDeployDefault.AllAtOnce"),
		OnPremisesTagSet: &types.OnPremisesTagSet{OnPremisesTagSetList: [][]types.TagFilter{side("blue"),
			side("green")}},
		DeploymentStyle: &types.DeploymentStyle{DeploymentType: types.DeploymentTypeBlueGreen,
			DeploymentOption: types.DeploymentOptionWithTrafficControl},
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true,
			Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentFailure,
				types.AutoRollbackEventDeploymentStopOnRequest, types.AutoRollbackEventDeploymentStopOnAlarm}},
		LoadBalancerInfo: &types.LoadBalancerInfo{
			TargetGroupPairInfoList: []types.TargetGroupPairInfo{
				{TargetGroups: []types.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
					ProdTrafficRoute: &types.TrafficRoute{ListenerArns: []string{c.listener}}},
			},
		}}
	for _, f := range change {
		f(in)
	}
	must(c.api.CreateDeploymentGroup(ctx, in))(t)
	return c
}

// balance makes the load balancer, its two target groups and its listener.
func (c *blueGreen) balance() {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	lb := must(c.balancers.CreateLoadBalancer(ctx,
		&elb.CreateLoadBalancerInput{Name: aws.String("shop")}))(t).LoadBalancers[0]
	var tuples []elbtypes.TargetGroupTuple
	for i, side := range []string{"blue", "green"} {
		g := must(c.balancers.CreateTargetGroup(ctx,
			&elb.CreateTargetGroupInput{Name: &side, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
				VpcId:      aws.String("vpc-1"),
				TargetType: elbtypes.TargetTypeEnumIp, HealthCheckIntervalSeconds: aws.Int32(5),
				HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2),
				UnhealthyThresholdCount: aws.Int32(2)}))(t).TargetGroups[0]
		must(c.balancers.ModifyTargetGroupAttributes(ctx,
			&elb.ModifyTargetGroupAttributesInput{TargetGroupArn: g.TargetGroupArn,
				Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"),
					Value: aws.String("2")}}}))(t)
		c.groups = append(c.groups, *g.TargetGroupArn)
		tuples = append(tuples,
			elbtypes.TargetGroupTuple{TargetGroupArn: g.TargetGroupArn, Weight: aws.Int32(int32(1 - i))})
	}
	_, port, err := net.SplitHostPort(free(t))
	if err != nil {
		t.Fatal(err)
	}
	var n int32
	_, _ = fmt.Sscan(port, &n)
	l := must(c.balancers.CreateListener(ctx,
		&elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: &n,
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward,
				ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: tuples}}}}))(t).Listeners[0]
	c.listener, c.front = *l.ListenerArn, "http://127.0.0.1:"+port+"/"
}

// marked is a revision whose host is down between ApplicationStop and ApplicationStart, and whose every script notes
// that it ran.
func (c *blueGreen) marked(version string, scripts map[string]string) *types.RevisionLocation {
	note := `echo "$DEPLOYMENT_ID $LIFECYCLE_EVENT" >> "$SLIPWAY_ROOT/ran"`
	all := map[string]string{"BeforeInstall": note + "\n" + `touch "$SLIPWAY_ROOT/down"`, "AfterInstall": note,
		"ApplicationStart": note + "\n" + `rm "$SLIPWAY_ROOT/down"`,
		"ApplicationStop":  note, "ValidateService": note, "BeforeAllowTraffic": note, "AfterAllowTraffic": note,
		"BeforeBlockTraffic": note, "AfterBlockTraffic": note}
	for event, script := range scripts {
		all[event] += "\n" + script
	}
	return c.revision(version, all)
}

// first deploys a first version, to the blue side.
func (c *blueGreen) first() {
	c.t.Helper()
	if d := c.over(c.deploy(c.marked("v0", nil))); d.Status != types.DeploymentStatusSucceeded {
		c.t.Fatalf("%+v", d.ErrorInformation)
	}
	c.carries("blue")
}

// serves waits until users get one version, and only that.
func (c *blueGreen) serves(version string) {
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

func (c *blueGreen) ask() (string, error) {
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
func (c *blueGreen) strays() {
	c.t.Helper()
	for _, s := range c.servers {
		s.mu.Lock()
		if len(s.strayed) > 0 {
			c.t.Errorf("%d requests of users came to a host that was down, the first to %s", len(s.strayed),
				s.strayed[0])
			s.strayed = nil
		}
		s.mu.Unlock()
	}
}

// once fails if a script of a deployment ran twice on a host.
func (c *blueGreen) once() {
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
func (c *blueGreen) policy(steps ...int) {
	c.t.Helper()
	var all []map[string]int
	for i := 0; i < len(steps); i += 2 {
		all = append(all, map[string]int{"percent": steps[i], "waitSeconds": steps[i+1]})
	}
	c.call("PutReleasePolicy",
		map[string]any{"applicationName": "shop", "deploymentGroupName": "prod",
			"policy": map[string]any{"steps": all}})
}

// at waits until a release has so much on the replacement.
func (c *blueGreen) at(id string, percent int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d %% are on the replacement", percent), func() error {
		if r, err := c.releaseOf(id); err != nil || r.Percent != percent || r.Status == "SHIFTING" {
			return fmt.Errorf("%+v (%w), the deployment is %s", r, err, c.deployment(id).Status)
		}
		return nil
	})
}

// fails makes so many of 100 requests to a side fail.
func (c *blueGreen) fails(side string, of100 int64) {
	for _, s := range c.servers {
		if strings.HasPrefix(s.name, side) {
			s.failing.Store(of100)
		}
	}
}

// settles waits until a deployment and what rolls it back have ended, and returns the version that must be served now.
func (c *blueGreen) settles(id, before, version string) string {
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

// alarm sets an alarm off that nobody heeds.
func (c *blueGreen) alarm() {
	c.t.Helper()
	ctx, api := c.t.Context(), cloudwatch.NewFromConfig(c.sdk())
	eventually(c.t, "the alarm goes off", func() error {
		_, err := api.PutMetricAlarm(ctx,
			&cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("bell"), Namespace: aws.String("Test"),
				MetricName: aws.String("Rings"), Statistic: cwtypes.StatisticSum,
				Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1),
				ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
				TreatMissingData:   aws.String("ignore")})
		if err != nil {
			return err
		}
		_, err = api.SetAlarmState(ctx,
			&cloudwatch.SetAlarmStateInput{AlarmName: aws.String("bell"), StateValue: cwtypes.StateValueAlarm,
				StateReason: aws.String("a test")})
		return err
	})
}
