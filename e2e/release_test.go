package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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

// backend is an application on a host: it answers as it is told to.
type backend struct {
	side    string
	address string
	failing atomic.Int64 // of 100 requests
	latency atomic.Int64 // nanoseconds
	served  atomic.Int64
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		return
	}
	if d := time.Duration(b.latency.Load()); d > 0 {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
	}
	w.Header().Set("Side", b.side)
	if b.served.Add(1)%100 < b.failing.Load() {
		http.Error(w, "the application failed", http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, b.side)
}

// shop is an application on a blue and on a green host behind a load balancer, with users who never stop.
type shop struct {
	*fleet
	url      string
	listener string
	groups   map[string]string // blue and green, as ARNs
	sides    map[string]*backend
	users    *users
}

func newShop(t testing.TB, tags string, change ...func(*codedeploy.CreateDeploymentGroupInput)) *shop {
	t.Helper()
	i := prepare(t, tags)
	i.env = []string{"SLIPWAY_METRICS=" + free(t)}
	i.start()
	s := &shop{fleet: &fleet{instance: i, api: codedeploy.NewFromConfig(i.sdk())}, groups: map[string]string{}, sides: map[string]*backend{}}
	s.bucket("bundles", false)
	for _, side := range []string{"blue", "green"} {
		s.serve(side)
	}
	s.balance()
	must(s.api.CreateApplication(t.Context(), &codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop")}))(t)
	in := &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), ServiceRoleArn: aws.String(role), DeploymentConfigName: aws.String("CodeDeployDefault.AllAtOnce"),
		DeploymentStyle: &types.DeploymentStyle{DeploymentType: types.DeploymentTypeBlueGreen, DeploymentOption: types.DeploymentOptionWithTrafficControl},
		LoadBalancerInfo: &types.LoadBalancerInfo{TargetGroupPairInfoList: []types.TargetGroupPairInfo{{TargetGroups: []types.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
			ProdTrafficRoute: &types.TrafficRoute{ListenerArns: []string{s.listener}}}}},
		OnPremisesTagSet: &types.OnPremisesTagSet{OnPremisesTagSetList: [][]types.TagFilter{side("blue"), side("green")}}}
	for _, c := range change {
		c(in)
	}
	must(s.api.CreateDeploymentGroup(t.Context(), in))(t)
	if d := s.over(s.deploy(s.revision("v1", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	s.users = newUsers(t, s.url)
	return s
}

func side(name string) []types.TagFilter {
	return []types.TagFilter{{Key: aws.String("side"), Value: &name, Type: types.TagFilterTypeKeyAndValue}}
}

// serve starts a side's application and the agent of its host.
func (s *shop) serve(name string) {
	s.t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(s.t)
	b := &backend{side: name, address: l.Addr().String()}
	server := &http.Server{Handler: b}
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { _ = server.Close() })
	s.sides[name] = b
	h := s.host(name+"1", map[string]string{"side": name})
	h.service = b.address
	s.run(h)
	s.hosts = append(s.hosts, h)
}

// balance makes the load balancer: all traffic goes to blue.
func (s *shop) balance() {
	s.t.Helper()
	ctx, api := s.t.Context(), elb.NewFromConfig(s.sdk())
	lb := must(api.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("shop"), Subnets: []string{"subnet-1", "subnet-2"}}))(s.t).LoadBalancers[0]
	for _, name := range []string{"blue", "green"} {
		g := must(api.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String("vpc-1"), TargetType: elbtypes.TargetTypeEnumIp,
			HealthCheckPath: aws.String("/health"), HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2)}))(s.t)
		s.groups[name] = *g.TargetGroups[0].TargetGroupArn
		must(api.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: aws.String(s.groups[name]),
			Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("5")}}}))(s.t)
	}
	_, port, _ := net.SplitHostPort(free(s.t))
	number := must(strconv.Atoi(port))(s.t)
	weight := func(name string, w int32) elbtypes.TargetGroupTuple {
		return elbtypes.TargetGroupTuple{TargetGroupArn: aws.String(s.groups[name]), Weight: &w}
	}
	l := must(api.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(int32(number)),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: []elbtypes.TargetGroupTuple{weight("blue", 100), weight("green", 0)}}}}}))(s.t)
	s.listener, s.url = *l.Listeners[0].ListenerArn, "http://127.0.0.1:"+port
}

// users ask again and again, sixteen at a time, and count what they get.
type users struct {
	mu     sync.Mutex
	got    map[string]int // by side and status
	broken map[string]int // what no application answered
	end    func()
}

func newUsers(t testing.TB, url string) *users {
	u := &users{got: map[string]int{}, broken: map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience}
	for range 16 {
		all.Go(func() {
			pause := time.NewTicker(20 * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				u.ask(client, url)
				<-pause.C
			}
		})
	}
	u.end = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(u.end)
	return u
}

func (u *users) ask(client *http.Client, url string) {
	resp, err := client.Get(url)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		u.broken[err.Error()]++
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if side := resp.Header.Get("Side"); side != "" {
		u.got[side+" "+resp.Status[:3]]++
		return
	}
	u.broken[resp.Status]++
}

// failed tells what no application answered: nothing may be lost on the way.
func (u *users) failed(t testing.TB) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.broken) > 0 {
		t.Errorf("requests were lost: %v; answered were %v", u.broken, u.got)
	}
}

func (s *shop) call(operation string, in any) string {
	s.t.Helper()
	out, err := s.slipway("api", "slipway", operation, string(must(json.Marshal(in))(s.t)))
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", operation, err, out)
	}
	return out
}

// releaseView is what GetRelease answers.
type releaseView struct {
	Status, Message string
	Percent         int
	Steps           []struct {
		Percent int
		Verdict *struct {
			Decision, Text string
		}
	}
}

func (s *shop) releaseOf(id string) (r releaseView, err error) {
	out, err := s.slipway("api", "slipway", "GetRelease", `{"deploymentId": "`+id+`"}`)
	if err != nil {
		return r, errors.New(out)
	}
	var answer struct{ Release releaseView }
	err = json.Unmarshal([]byte(out), &answer)
	return answer.Release, err
}

// carries waits until requests go to one side alone.
func (s *shop) carries(name string) {
	s.t.Helper()
	eventually(s.t, name+" gets all of the traffic", func() error {
		for range 20 {
			resp, err := http.Get(s.url)
			if err != nil {
				return err
			}
			_ = resp.Body.Close()
			if got := resp.Header.Get("Side"); got != name {
				return fmt.Errorf("%q answers, %s", got, resp.Status)
			}
		}
		return nil
	})
}

// policy has steps of 10 % and 50 %, each judged after some seconds.
func policy(seconds int) map[string]any {
	return map[string]any{"applicationName": "shop", "deploymentGroupName": "prod", "policy": map[string]any{
		"steps":      []map[string]any{{"percent": 10, "waitSeconds": seconds}, {"percent": 50, "waitSeconds": seconds}, {"percent": 100}},
		"thresholds": map[string]any{"maxErrorPercent": 5}, "comparison": map[string]any{"minimumRequests": 20}, "onUncertain": "PROMOTE"}}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", rollBack(types.AutoRollbackEventDeploymentFailure))
	s.call("PutReleasePolicy", policy(3))
	s.carries("blue")
	// A good version goes to everybody, step by step.
	id := s.deploy(s.revision("v2", nil))
	if d := s.over(id); d.Status != types.DeploymentStatusSucceeded {
		r, err := s.releaseOf(id)
		t.Fatalf("%+v\n%+v %v", *d.ErrorInformation.Message, r, err)
	}
	s.carries("green")
	r := must(s.releaseOf(id))(t)
	if r.Status != "PROMOTED" || r.Percent != 100 || len(r.Steps) != 3 || r.Steps[0].Verdict == nil || r.Steps[1].Verdict.Decision == "ROLL_BACK" {
		t.Errorf("%+v", r)
	}
	s.users.failed(t)
	// A bad one is taken back by what its users got.
	s.sides["blue"].failing.Store(60)
	id = s.deploy(s.revision("v3", nil))
	d := s.over(id)
	if d.Status != types.DeploymentStatusFailed || !strings.Contains(*d.ErrorInformation.Message, "failed on the canary") || d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%s %+v", d.Status, d.ErrorInformation)
	}
	s.over(*d.RollbackInfo.RollbackDeploymentId)
	s.carries("green")
	if r := must(s.releaseOf(id))(t); r.Status != "ROLLED_BACK" || r.Steps[0].Verdict.Decision != "ROLL_BACK" || r.Steps[1].Verdict != nil {
		t.Errorf("%+v", r)
	}
	s.users.failed(t)
	var traffic struct {
		IntervalSeconds int
		Points          []struct {
			Baseline, Canary struct{ Percent, Requests, Errors int64 }
		}
	}
	if err := json.Unmarshal([]byte(s.call("GetReleaseTraffic", map[string]any{"deploymentId": id, "points": 60})), &traffic); err != nil {
		t.Fatal(err)
	}
	var requests, failures, most int64
	for _, p := range traffic.Points {
		requests, failures, most = requests+p.Canary.Requests, failures+p.Canary.Errors, max(most, p.Canary.Percent)
	}
	if requests == 0 || failures == 0 || most != 10 || len(traffic.Points) > 60 {
		t.Errorf("%d requests and %d errors at %d %% in %d points", requests, failures, most, len(traffic.Points))
	}
}

func TestAlarmTakesTheTrafficBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", rollBack(types.AutoRollbackEventDeploymentStopOnAlarm), func(in *codedeploy.CreateDeploymentGroupInput) {
		in.AlarmConfiguration = &types.AlarmConfiguration{Enabled: true, IgnorePollAlarmFailure: true, Alarms: []types.Alarm{{Name: aws.String("errors")}}}
	})
	_, balancer, _ := strings.Cut(s.listener, ":listener/")
	dimension := balancer[:strings.LastIndex(balancer, "/")]
	must(cloudwatch.NewFromConfig(s.sdk()).PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("errors"), Namespace: aws.String("AWS/ApplicationELB"), MetricName: aws.String("HTTPCode_Target_5XX_Count"),
		Dimensions: []cwtypes.Dimension{{Name: aws.String("LoadBalancer"), Value: &dimension}}, Statistic: cwtypes.StatisticSum, Period: aws.Int32(1), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(3),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching")}))(t)
	s.call("PutReleasePolicy", map[string]any{"applicationName": "shop", "deploymentGroupName": "prod", "policy": map[string]any{"steps": []map[string]any{{"percent": 50, "waitSeconds": 600}, {"percent": 100}}}})
	s.sides["green"].failing.Store(50)
	id := s.deploy(s.revision("v2", nil))
	d := s.over(id)
	if d.Status != types.DeploymentStatusStopped || d.ErrorInformation.Code != types.ErrorCodeAlarmActive || d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%s %+v", d.Status, d.ErrorInformation)
	}
	s.carries("blue")
	s.over(*d.RollbackInfo.RollbackDeploymentId)
	s.users.failed(t)
}

// survives waits until a deployment has ended, whether or not the server answers meanwhile.
func (s *shop) survives(id string) (d *types.DeploymentInfo) {
	s.t.Helper()
	eventually(s.t, "the deployment "+id+" ends", func() error {
		out, err := s.api.GetDeployment(s.t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return err
		}
		if d = out.DeploymentInfo; d.CompleteTime == nil {
			return errors.New(string(d.Status))
		}
		return nil
	})
	return d
}

// TestKillInTraffic kills the server at each fault point on the way of a release, forth and back, and looks whether the traffic ends where it
// belongs. Users lose nothing: the router serves on.
func TestKillInTraffic(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := newShop(t, "slipway_fault", rollBack(types.AutoRollbackEventDeploymentFailure))
	s.call("PutReleasePolicy", policy(3))
	s.users.end()
	serves, version := "blue", 1
	for _, point := range []string{"release.begin", "release.change", "loadbalancer.weighed", "traffic.before-step", "traffic.after-move"} {
		for _, nth := range []int{1, 2} {
			name := fmt.Sprintf("%s:%d", point, nth)
			version++
			good := version%3 != 0
			other := map[string]string{"blue": "green", "green": "blue"}[serves]
			ok := t.Run(name, func(t *testing.T) {
				s.t = t
				mark := filepath.Join(folder(t), "died")
				s.stop()
				s.env = append(s.env[:1:1], "SLIPWAY_FAULT="+name, "SLIPWAY_FAULT_FILE="+mark)
				s.start()
				s.carries(serves)
				s.users = newUsers(t, s.url)
				s.sides[other].failing.Store(map[bool]int64{true: 0, false: 70}[good])
				r := s.revision(fmt.Sprintf("v%d", version), nil)
				var id string
				eventually(t, "the deployment begins", func() error {
					out, err := s.api.CreateDeployment(t.Context(), &codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), Revision: r})
					if err == nil {
						id = *out.DeploymentId
					}
					return err
				})
				d := s.survives(id)
				switch {
				case good && d.Status == types.DeploymentStatusSucceeded:
					serves = other
				case !good && d.Status == types.DeploymentStatusFailed && d.RollbackInfo.RollbackDeploymentId != nil:
					s.survives(*d.RollbackInfo.RollbackDeploymentId)
				default:
					t.Fatalf("good: %v, and it ended as %s %+v", good, d.Status, d.ErrorInformation)
				}
				s.carries(serves)
				s.users.failed(t)
				if _, err := os.Stat(mark); err != nil && nth == 1 {
					t.Errorf("nobody came by %s: it is no point on this way", name)
				}
			})
			s.t = t
			if !ok {
				return
			}
		}
	}
}
