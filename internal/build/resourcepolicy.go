package build

import (
	"context"
	"database/sql"
	"strings"
	"sync"

	"slipway/internal/store"
)

// policyNotice says to the other servers that a resource policy was changed.
const policyNotice = "build.policies"

// resourcePolicies are all that there are, kept in memory until somebody changes one: each right that somebody needs
// asks for one.
type resourcePolicies struct {
	mu    sync.Mutex
	byARN map[string]resourcePolicy // nil if they are not known
}

type resourcePolicy struct {
	text     string
	modified int64
}

func (p *resourcePolicies) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byARN = nil
}

// of returns the policy of a resource. It is read under the lock, so that a change that is committed meanwhile is
// forgotten after it.
func (p *resourcePolicies) of(ctx context.Context, q store.Queryer, arn string) (resourcePolicy, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byARN == nil {
		all := map[string]resourcePolicy{}
		_, err := store.All(ctx, q, func(r *sql.Rows) (struct{}, error) {
			var arn string
			var x resourcePolicy
			err := r.Scan(&arn, &x.text, &x.modified)
			all[arn] = x
			return struct{}{}, err
		}, `SELECT arn, policy, modified FROM resource_policies`)
		if err != nil {
			return resourcePolicy{}, false, err
		}
		p.byARN = all
	}
	x, ok := p.byARN[arn]
	return x, ok, nil
}

// ResourcePolicy returns the policy of a project or report group, for who decides on rights. A report group that was
// deleted and made again has not the policy of the old one.
func (s *Service) ResourcePolicy(ctx context.Context, arn string) (text string, ok bool, err error) {
	x, ok, err := s.policies.of(ctx, s.db, arn)
	if err != nil || !ok || !strings.HasPrefix(arn, s.arn("report-group", "")) {
		return x.text, ok, err
	}
	made, there, err := s.Reports.Group(ctx, s.db, arn)
	return x.text, there && made.UnixMilli() <= x.modified, err
}

func (s *Service) policiesChanged(tx store.Tx) {
	tx.Notify(policyNotice, "")
	tx.AfterCommit(s.policies.forget)
}
