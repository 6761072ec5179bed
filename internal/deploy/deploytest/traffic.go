package deploytest

import (
	"context"
	"sync"
	"testing"

	"slipway/api/elbv2"
	"slipway/internal/deploy"
	"slipway/internal/store"
)

// Releases are deploy.Releases that move all traffic as soon as they are asked to, unless they are held.
type Releases struct {
	t       *testing.T
	db      *store.Store
	service *deploy.Service

	mu    sync.Mutex
	held  bool
	begun chan deploy.Shift
	back  chan string // IDs of deployments whose traffic goes back
}

// Attach lets deployments of a service move their traffic with releases of its own, and returns these.
func Attach(t *testing.T, db *store.Store, s *deploy.Service) *Releases {
	r := &Releases{t: t, db: db, service: s, begun: make(chan deploy.Shift, 100), back: make(chan string, 100)}
	s.Releases = r
	return r
}

// Hold lets releases that begin from now on wait until they are rolled back.
func (r *Releases) Hold(held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = held
}

// Begin implements deploy.Releases.
func (r *Releases) Begin(_ context.Context, tx store.Tx, s deploy.Shift) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.held
	tx.AfterCommit(func() {
		r.begun <- s
		if !held {
			go r.end(s.DeploymentID, deploy.Released{Shifted: true})
		}
	})
	return nil
}

// RollBack implements deploy.Releases.
func (r *Releases) RollBack(_ context.Context, tx store.Tx, id, reason string) error {
	tx.AfterCommit(func() {
		r.back <- id
		go r.end(id, deploy.Released{Reason: reason})
	})
	return nil
}

// GroupRenamed implements deploy.Releases. There are no release policies to rename.
func (r *Releases) GroupRenamed(context.Context, store.Tx, string, string, string, string) error {
	return nil
}

// GroupDeleted implements deploy.Releases. There are no release policies to delete.
func (r *Releases) GroupDeleted(context.Context, store.Tx, string, string) error { return nil }

func (r *Releases) end(id string, how deploy.Released) {
	ctx := r.t.Context()
	err := r.db.Write(ctx, func(tx store.Tx) error { return r.service.ReleaseEnded(ctx, tx, id, how) })
	if err != nil && ctx.Err() == nil {
		r.t.Error(err)
	}
}

// TargetGroups is a deploy.Balancer that has every target group.
type TargetGroups struct{}

// DescribeTargetGroups implements deploy.Balancer.
func (TargetGroups) DescribeTargetGroups(_ context.Context,
	in *elbv2.DescribeTargetGroupsInput) (*elbv2.DescribeTargetGroupsOutput, error) {
	out := &elbv2.DescribeTargetGroupsOutput{}
	for _, name := range in.Names {
		arn := "arn:aws:elasticloadbalancing:r:1:targetgroup/" + name + "/0"
		out.TargetGroups = append(out.TargetGroups, elbv2.TargetGroup{TargetGroupName: &name, TargetGroupArn: &arn})
	}
	return out, nil
}
