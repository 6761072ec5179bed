package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
)

// TestKillBlueGreen kills the server, the router or an agent at a random moment, in fifty blue/green deployments.
func TestKillBlueGreen(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "slipway_fault")
	c.first()
	c.call("PutReleasePolicy",
		map[string]any{"applicationName": "shop", "deploymentGroupName": "prod", "policy": map[string]any{
			"steps":      []map[string]any{{"percent": 50, "waitSeconds": 1}, {"percent": 100}},
			"comparison": map[string]any{}, "onUncertain": "PROMOTE"}})
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	good := "v0"
	for run := range rounds(12, 50) {
		victim := []string{"server", "router", "agent"}[r.IntN(3)]
		host, after := r.IntN(len(c.servers)), time.Duration(r.IntN(1500))*time.Millisecond
		version := fmt.Sprintf("v%d", run+1)
		ok := t.Run(fmt.Sprintf("%d %s after %s", run, victim, after), func(t *testing.T) {
			c.t = t
			revision := c.marked(version, nil)
			id := c.deploy(revision)
			users := newUsers(t, c.front)
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
			users.end() // a router that is dead answers nobody
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

// TestKillAtEveryTrafficPoint kills the process that reaches a fault point of a blue/green deployment.
func TestKillAtEveryTrafficPoint(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "slipway_fault")
	c.first()
	c.policy(50, 0, 100, 0)
	all := slices.DeleteFunc(points(t), func(p string) bool { return !inTraffic(p) })
	good := "v0"
	for n, point := range all {
		ok := t.Run(point, func(t *testing.T) {
			c.t = t
			mark := filepath.Join(folder(t), "died")
			c.stop()
			c.env = append(c.env[:1:1], "SLIPWAY_FAULT="+point+":1", "SLIPWAY_FAULT_FILE="+mark)
			c.start()
			version := fmt.Sprintf("p%d", n)
			scripts := map[string]string{}
			if strings.Contains(point, "undo") { // the way back is taken after a failure alone
				scripts["AfterAllowTraffic"] = "exit 1"
			}
			var id string
			revision := c.marked(version, scripts)
			eventually(t, "the deployment begins", func() error {
				out, err := c.api.CreateDeployment(t.Context(),
					&codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"),
						DeploymentGroupName: aws.String("prod"), Revision: revision})
				if err == nil {
					id = *out.DeploymentId
				}
				return err
			})
			if strings.HasPrefix(point, "monitor.") {
				c.alarm()
			}
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
