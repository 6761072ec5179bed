package deploy_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy"
	"slipway/internal/deploy/deploytest"
	"slipway/internal/deploy/rollout"
	"slipway/internal/journal"
	"slipway/internal/store/storetest"
)

// memory is a platform of units in memory. Its events take two calls of Act each: the first begins the event, the
// second finds it done.
type memory struct {
	mu      sync.Mutex
	begun   map[string]bool // deployment/unit/event
	ran     []string        // unit:event
	targets []deploy.Target
	listed  func() // called once after targets were listed; nil for nothing
	look    func() // tells the deployments that an event is done
}

func newMemory() *memory {
	m := &memory{begun: map[string]bool{}}
	for i, side := range []deploy.Side{deploy.Blue, deploy.Blue, deploy.Green, deploy.Green} {
		name := fmt.Sprintf("unit%d", i+1)
		m.targets = append(m.targets, deploy.Target{
			Name:    name,
			ARN:     "arn:aws:memory:r:1:" + name,
			Sides:   []deploy.Side{side},
			Install: []string{rollout.ApplicationStop, rollout.Install},
			Driven:  true,
		})
	}
	return m
}

func (m *memory) Check(g *cd.DeploymentGroupInfo, _ *cd.RevisionLocation) error {
	if g.DeploymentStyle.DeploymentType == cd.DeploymentTypeBlueGreen {
		return deploy.CheckBlueGreen(g)
	}
	return nil
}

func (m *memory) Targets(_ context.Context, groups ...*cd.DeploymentGroupInfo) ([][]deploy.Target, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listed != nil {
		defer func(f func()) { f() }(m.listed)
		m.listed = nil
	}
	lists := make([][]deploy.Target, len(groups))
	for i, g := range groups {
		lists[i] = m.targets
		if g.DeploymentStyle.DeploymentType == cd.DeploymentTypeInPlace {
			green := func(t deploy.Target) bool { return t.Sides[0] == deploy.Green }
			lists[i] = slices.DeleteFunc(slices.Clone(m.targets), green)
		}
	}
	return lists, nil
}

func (m *memory) Act(_ context.Context, w deploy.Work) (deploy.Progress, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := w.Deployment.ID + "/" + w.Unit.Name + "/" + w.Event
	if !m.begun[key] {
		m.begun[key] = true
		go m.look()
		return deploy.Progress{}, nil
	}
	m.ran = append(m.ran, w.Unit.Name+":"+w.Event)
	if w.Event == rollout.Install && *w.Deployment.Info.Revision.S3Location.Key == "bad" {
		return deploy.Progress{Failed: "it does not fit"}, nil
	}
	return deploy.Progress{Done: true}, nil
}

func (m *memory) Show(_ context.Context, units []*rollout.Unit) ([]cd.DeploymentTarget, error) {
	var all []cd.DeploymentTarget
	for _, u := range units {
		all = append(all, cd.DeploymentTarget{InstanceTarget: &cd.InstanceTarget{
			DeploymentId:    &u.Deployment,
			TargetId:        &u.Name,
			Status:          u.Status,
			InstanceLabel:   u.Label,
			LifecycleEvents: u.Events,
		}})
	}
	return all, nil
}

func (m *memory) Late(_ context.Context, u rollout.Unit) (string, error) {
	return u.Name + " is late.", nil
}

// newDeployments makes a deploy service whose servers and ECS services are in memory.
func newDeployments(t *testing.T, m *memory) (*deploy.Service, *deploytest.Releases) {
	db := storetest.Open(t, deploy.Migrations())
	logs, err := journal.Open(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logs.Close() })
	s := deploy.New(db, deploy.Config{
		Region:    "eu-central-1",
		Account:   "123456789012",
		Now:       time.Now,
		Log:       slog.New(slog.DiscardHandler),
		Pager:     awsproto.Pager{Key: []byte("k")},
		Logs:      logs,
		Platforms: map[cd.ComputePlatform]deploy.Platform{cd.ComputePlatformServer: m, cd.ComputePlatformEcs: m},
		Balancer:  deploytest.TargetGroups{},
	})
	m.look = func() {
		if err := s.Look(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	}
	releases := deploytest.Attach(t, db, s)
	storetest.Work(t, db)
	return s, releases
}

func bundle(key string) *cd.RevisionLocation {
	at := &cd.S3Location{Bucket: new("bundles"), Key: &key, BundleType: cd.BundleTypeZip}
	return &cd.RevisionLocation{RevisionType: cd.RevisionLocationTypeS3, S3Location: at}
}

// TestPlatform adds a platform in this file alone and takes it through deployments in place and blue/green, stops and
// rollbacks.
func TestPlatform(t *testing.T) {
	deploytest.Run(t, func(t *testing.T) deploytest.Subject {
		s, releases := newDeployments(t, newMemory())
		version := 0
		return deploytest.Subject{
			Service:   s,
			Releases:  releases,
			InPlace:   deploytest.Kind{Platform: cd.ComputePlatformServer},
			BlueGreen: deploytest.Kind{Platform: cd.ComputePlatformEcs},
			Good:      func() *cd.RevisionLocation { version++; return bundle(fmt.Sprint("v", version)) },
			Bad:       func() *cd.RevisionLocation { return bundle("bad") },
		}
	})
}

// TestTheOrderOfUnits: one at a time, each event after the one before.
func TestTheOrderOfUnits(t *testing.T) {
	m := newMemory()
	s, _ := newDeployments(t, m)
	oneAtATime := cd.CreateDeploymentGroupInput{DeploymentConfigName: new("CodeDeployDefault.OneAtATime")}
	x := deploytest.NewGroup(t, s, deploytest.Kind{Platform: cd.ComputePlatformServer, Group: oneAtATime})
	x.Ends(x.Deploy(bundle("v1")), cd.DeploymentStatusSucceeded)
	want := []string{"unit1:ApplicationStop", "unit1:Install", "unit2:ApplicationStop", "unit2:Install"}
	if !slices.Equal(m.ran, want) {
		t.Errorf("ran %v, want %v", m.ran, want)
	}
}

// TestATargetThatIsRemovedWhileItsDeploymentBegins is not waited for.
func TestATargetThatIsRemovedWhileItsDeploymentBegins(t *testing.T) {
	m := newMemory()
	s, _ := newDeployments(t, m)
	oneAtATime := cd.CreateDeploymentGroupInput{DeploymentConfigName: new("CodeDeployDefault.OneAtATime")}
	x := deploytest.NewGroup(t, s, deploytest.Kind{Platform: cd.ComputePlatformServer, Group: oneAtATime})
	m.listed = func() { m.targets = append(m.targets[:1:1], m.targets[2:]...) }
	id := x.Deploy(bundle("v1"))
	x.Ends(id, cd.DeploymentStatusSucceeded)
	if got := x.Targets(id)["unit2"].Status; got != cd.TargetStatusFailed {
		t.Errorf("unit2 is %s", got)
	}
}
