// Package server deploys to hosts: CodeDeploy's compute platform Server for on-premises instances. Platform is what
// deployments act on. Service is the hosts' side: their registration, their identities, and the host-command protocol
// of CodeDeploy's agent.
//
// Its tables (deploy_instances, deploy_members) are in the migrations of package deploy.
package server

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/identity"
	"slipway/internal/store"
)

// Hosts keeps the identities of hosts; an *identity.Service is one. What takes a transaction counts once that is
// committed and Reload was called.
type Hosts interface {
	UserARN(name string) string
	PutHost(ctx context.Context, tx store.Tx, name string, k identity.Key) error
	EnsureHostUser(ctx context.Context, tx store.Tx, arn string) (ours bool, err error)
	EndKeys(ctx context.Context, tx store.Tx, arn string) error
	Reload(ctx context.Context) error
}

// Queue has the commands of deployments, as hosts ask for them; a *deploy.Service is one.
type Queue interface {
	Waiting(host string) (woken <-chan struct{}, stop func())
	Take(ctx context.Context, host string) (*deploy.Command, time.Time, error)
	Acknowledge(ctx context.Context, c deploy.Command) (cd.LifecycleEventStatus, error)
	Complete(ctx context.Context, c deploy.Command, succeeded bool, d *cd.Diagnostics) error
	Print(ctx context.Context, c deploy.Command, offset int64, data []byte) (next int64, err error)
}

// Deployments are those that hosts have parts in; a *deploy.Service is one.
type Deployments interface {
	Queue
	// Part returns a deployment and the unit of a host in it; nil for none.
	Part(ctx context.Context, deploymentID, host string) (deploy.Deployment, *rollout.Unit, error)
	// Revisions are those of the deployments in progress that a host has a part in.
	Revisions(ctx context.Context, host string) ([]cd.RevisionLocation, error)
	// Abandon ends the parts of a host in deployments in progress.
	Abandon(ctx context.Context, tx store.Tx, host, reason string) error
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Hosts           Hosts
	Bundles         Bundles        // nil if they lie elsewhere; then their content is not bound to what hosts are told
	Networks        []netip.Prefix // whose addresses hosts may publish besides their own
	KeyDir          string         // of the key that signs deployment specifications
	Hold            time.Duration  // how long a poll is held; 0 for 50 s. AWS's agent waits 80 s.
}

// Service implements the host-command protocol, CodeDeploy's operations for on-premises instances, and those of hosts
// in package slipway.
type Service struct {
	Config
	db          *store.Store
	platform    *Platform
	deployments Deployments
	signer      func() (*signer, error)
	digests     digests
}

// New returns the service of a platform.
func New(p *Platform, d Deployments, c Config) *Service {
	if c.Hold == 0 {
		c.Hold = 50 * time.Second
	}
	s := &Service{Config: c, db: p.db, platform: p, deployments: d}
	s.signer = sync.OnceValues(func() (*signer, error) { return openSigner(c.KeyDir, c.Now()) })
	return s
}

func (s *Service) arn(kind, name string) string {
	return "arn:aws:codedeploy:" + s.Region + ":" + s.Account + ":" + kind + name
}

// unsupported answers what can't be carried out: HTTP 501, never a pretended success.
func unsupported(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: 501, Message: "Slipway does not implement " + what}
}
