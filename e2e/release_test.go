package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

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

func (c *blueGreen) call(operation string, in any) string {
	c.t.Helper()
	out, err := c.slipway("api", "slipway", operation, string(must(json.Marshal(in))(c.t)))
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", operation, err, out)
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

func (c *blueGreen) releaseOf(id string) (r releaseView, err error) {
	out, err := c.slipway("api", "slipway", "GetRelease", `{"deploymentId": "`+id+`"}`)
	if err != nil {
		return r, errors.New(out)
	}
	var answer struct{ Release releaseView }
	err = json.Unmarshal([]byte(out), &answer)
	return answer.Release, err
}

// carries waits until requests go to one side alone.
func (c *blueGreen) carries(name string) {
	c.t.Helper()
	eventually(c.t, name+" gets all of the traffic", func() error {
		for range 20 {
			resp, err := http.Get(c.front)
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
		"steps": []map[string]any{{"percent": 10, "waitSeconds": seconds}, {"percent": 50, "waitSeconds": seconds},
			{"percent": 100}},
		"thresholds": map[string]any{"maxErrorPercent": 5}, "comparison": map[string]any{"minimumRequests": 20},
		"onUncertain": "PROMOTE"}}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "", rollBack(types.AutoRollbackEventDeploymentFailure))
	c.call("PutReleasePolicy", policy(3))
	c.first()
	users := newUsers(t, c.front)
	// A good version goes to everybody, step by step.
	id := c.deploy(c.revision("v2", nil))
	if d := c.over(id); d.Status != types.DeploymentStatusSucceeded {
		r, err := c.releaseOf(id)
		t.Fatalf("%+v\n%+v %v", *d.ErrorInformation.Message, r, err)
	}
	c.carries("green")
	r := must(c.releaseOf(id))(t)
	if r.Status != "PROMOTED" || r.Percent != 100 || len(r.Steps) != 3 || r.Steps[0].Verdict == nil ||
		r.Steps[1].Verdict.Decision == "ROLL_BACK" {
		t.Errorf("%+v", r)
	}
	users.failed(t)
	// A bad one is taken back by what its users got.
	c.fails("blue", 60)
	id = c.deploy(c.revision("v3", nil))
	d := c.over(id)
	if d.Status != types.DeploymentStatusFailed || !strings.Contains(*d.ErrorInformation.Message, "failed") ||
		d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%s %+v", d.Status, d.ErrorInformation)
	}
	c.over(*d.RollbackInfo.RollbackDeploymentId)
	c.carries("green")
	if r := must(c.releaseOf(id))(t); r.Status != "ROLLED_BACK" || r.Steps[0].Verdict.Decision != "ROLL_BACK" ||
		r.Steps[1].Verdict != nil {
		t.Errorf("%+v", r)
	}
	users.failed(t)
	var traffic struct {
		IntervalSeconds int
		Points          []struct {
			Baseline, Canary struct{ Percent, Requests, Errors int64 }
		}
	}
	if err := json.Unmarshal([]byte(c.call("GetReleaseTraffic", map[string]any{"deploymentId": id, "points": 60})),
		&traffic); err != nil {
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

// TestEqualVersionsArePromoted: the same application again, under load and compared, goes to everybody without anybody
// being asked.
func TestEqualVersionsArePromoted(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "", rollBack(types.AutoRollbackEventDeploymentFailure))
	equal := policy(20)
	equal["policy"].(map[string]any)["onUncertain"] = "ASK"
	c.call("PutReleasePolicy", equal)
	c.first()
	users := newUsers(t, c.front)
	id := c.deploy(c.revision("v2", nil))
	if d := c.over(id); d.Status != types.DeploymentStatusSucceeded {
		t.Errorf("%s %+v", d.Status, d.ErrorInformation)
	}
	r := must(c.releaseOf(id))(t)
	for n, step := range r.Steps[:2] {
		if step.Verdict == nil || step.Verdict.Decision != "PROMOTE" {
			t.Errorf("step %d: %+v", n+1, step.Verdict)
		}
	}
	users.failed(t)
}

func TestAlarmTakesTheTrafficBack(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "",
		rollBack(types.AutoRollbackEventDeploymentStopOnAlarm), func(in *codedeploy.CreateDeploymentGroupInput) {
			in.AlarmConfiguration = &types.AlarmConfiguration{Enabled: true, IgnorePollAlarmFailure: true,
				Alarms: []types.Alarm{{Name: aws.String("errors")}}}
		})
	_, balancer, _ := strings.Cut(c.listener, ":listener/")
	dimension := balancer[:strings.LastIndex(balancer, "/")]
	must(cloudwatch.NewFromConfig(c.sdk()).PutMetricAlarm(t.Context(),
		&cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("errors"), Namespace: aws.String("AWS/ApplicationELB"),
			MetricName: aws.String("HTTPCode_Target_5XX_Count"),
			Dimensions: []cwtypes.Dimension{{Name: aws.String("LoadBalancer"), Value: &dimension}},
			Statistic:  cwtypes.StatisticSum, Period: aws.Int32(1), EvaluationPeriods: aws.Int32(1),
			Threshold:          aws.Float64(3),
			ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
			TreatMissingData:   aws.String("notBreaching")}))(t)
	c.call("PutReleasePolicy",
		map[string]any{"applicationName": "shop", "deploymentGroupName": "prod",
			"policy": map[string]any{"steps": []map[string]any{{"percent": 50, "waitSeconds": 600}, {"percent": 100}}}})
	c.first()
	users := newUsers(t, c.front)
	c.fails("green", 50)
	id := c.deploy(c.revision("v2", nil))
	d := c.over(id)
	if d.Status != types.DeploymentStatusStopped || d.ErrorInformation.Code != types.ErrorCodeAlarmActive ||
		d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%s %+v", d.Status, d.ErrorInformation)
	}
	c.carries("blue")
	c.over(*d.RollbackInfo.RollbackDeploymentId)
	users.failed(t)
}
