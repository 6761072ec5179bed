package loadbalancer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/api/slipway"
	"slipway/internal/store"
)

func (s *Service) version(ctx context.Context) (v int64, err error) {
	return v, s.db.QueryRow(ctx, `SELECT version FROM lb_version WHERE id = 1`).Scan(&v)
}

// encodedTable is the routers' table, built once a version.
func (s *Service) encodedTable(ctx context.Context) ([]byte, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	version, err := s.version(ctx)
	if err != nil {
		return nil, 0, err
	}
	for s.table == nil || s.at != version {
		t, err := s.readTable(ctx)
		if err != nil {
			return nil, 0, err
		}
		after, err := s.version(ctx)
		if err != nil {
			return nil, 0, err
		}
		if after != version { // what was read may be of both
			version = after
			continue
		}
		t.Version = version
		if s.table, err = json.Marshal(t); err != nil {
			return nil, 0, err
		}
		s.at = version
	}
	return s.table, s.at, nil
}

func (s *Service) readTable(ctx context.Context) (*slipway.Table, error) {
	sum := hmac.New(sha256.New, s.Seal.Key("router table"))
	_, _ = sum.Write([]byte("cookies of sticky sessions")) // never fails
	t := &slipway.Table{CookieKey: base64.StdEncoding.EncodeToString(sum.Sum(nil))}
	balancers, err := store.All(ctx, s.db, scanBalancer, balancerColumns)
	if err != nil {
		return nil, err
	}
	attributes := map[string]map[string]string{}
	for _, b := range balancers {
		attributes[*b.LoadBalancerArn] = b.attributes
	}
	rules, err := store.All(ctx, s.db, scanRule, ruleColumns+`ORDER BY priority`)
	if err != nil {
		return nil, err
	}
	ofListener := map[string][]*rule{}
	for _, r := range rules {
		ofListener[r.listener] = append(ofListener[r.listener], r)
	}
	listeners, err := store.All(ctx, s.db, scanListener, listenerColumns+`ORDER BY port`)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, l := range listeners {
		x := slipway.TableListener{ListenerArn: *l.ListenerArn, LoadBalancerArn: *l.LoadBalancerArn, Port: *l.Port,
			Protocol: l.Protocol, SslPolicy: awsproto.Value(l.SslPolicy),
			Certificates: l.certificates, Attributes: map[string]string{}}
		maps.Copy(x.Attributes, attributes[x.LoadBalancerArn])
		maps.Copy(x.Attributes, l.attributes)
		for _, r := range ofListener[x.ListenerArn] {
			x.Rules = append(x.Rules, r.shown())
		}
		for _, c := range l.certificates {
			used[c] = true
		}
		t.Listeners = append(t.Listeners, x)
	}
	if t.TargetGroups, err = s.tableGroups(ctx); err != nil {
		return nil, err
	}
	t.Certificates, err = s.tableCertificates(ctx, used)
	return t, err
}

// tableGroups are the groups that rules forward to.
func (s *Service) tableGroups(ctx context.Context) ([]slipway.TableTargetGroup, error) {
	balancers, err := balancersOf(ctx, s.db)
	if err != nil {
		return nil, err
	}
	targets, err := store.All(ctx, s.db, scanTarget, targetColumns+`ORDER BY target_group, id, port`)
	if err != nil {
		return nil, err
	}
	ofGroup := map[string][]slipway.TableTarget{}
	for _, x := range targets {
		target := slipway.TableTarget{Address: x.address()}
		if x.draining > 0 {
			target.Draining = &awsproto.Time{Time: time.UnixMilli(x.draining).UTC()}
		}
		ofGroup[x.group] = append(ofGroup[x.group], target)
	}
	groups, err := store.All(ctx, s.db, scanGroup, groupColumns+`ORDER BY arn`)
	if err != nil {
		return nil, err
	}
	var used []slipway.TableTargetGroup
	for _, g := range groups {
		if b := balancers[*g.TargetGroupArn]; b != "" {
			used = append(used,
				slipway.TableTargetGroup{
					TargetGroup:     g.TargetGroup,
					LoadBalancerArn: b,
					Attributes:      g.attributes,
					Targets:         ofGroup[*g.TargetGroupArn],
				})
		}
	}
	return used, nil
}

func (s *Service) tableCertificates(ctx context.Context, used map[string]bool) ([]slipway.TableCertificate, error) {
	if len(used) == 0 {
		return nil, nil
	}
	all, err := store.All(ctx, s.db, scanCertificate, certificateColumns+`ORDER BY arn`)
	if err != nil {
		return nil, err
	}
	var certificates []slipway.TableCertificate
	for _, c := range all {
		if !used[*c.Arn] {
			continue
		}
		key, err := s.tableKey(c)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates,
			slipway.TableCertificate{CertificateArn: *c.Arn, Chain: c.body + "\n" + c.chain, PrivateKey: key})
	}
	if len(certificates) != len(used) {
		return nil, fmt.Errorf("%d of %d certificates of listeners are there: %w", len(certificates), len(used),
			&iam.NoSuchEntityException{Message: "a certificate is missing"})
	}
	return certificates, nil
}
