package identity

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"slipway/internal/identity/managed"
	"slipway/internal/identity/policy"
	"slipway/internal/store"
)

const (
	awsPolicies         = "arn:aws:iam::aws:policy/"
	administratorAccess = awsPolicies + "AdministratorAccess"
	slipwayPolicies     = awsPolicies + "slipway/"
)

// The services that take roles, and what a role needs for each.
var servicePolicies = map[string]string{
	"codebuild.amazonaws.com":    slipwayPolicies + "SlipwayBuildRole",
	"codepipeline.amazonaws.com": slipwayPolicies + "SlipwayPipelineRole",
	"codedeploy.amazonaws.com":   slipwayPolicies + "SlipwayDeployRole",
}

// readyRoles exist from the first start, so that a newcomer can name one.
var readyRoles = []struct {
	name, description string
	services          []string
}{
	{"slipway-build", "Builds of CodeBuild projects", []string{"codebuild.amazonaws.com"}},
	{"slipway-pipeline", "Pipelines and their actions", []string{"codepipeline.amazonaws.com"}},
	{"slipway-deploy", "Deployments of CodeDeploy", []string{"codedeploy.amazonaws.com"}},
	{"slipway", "Builds, pipelines and deployments: one role for all of them",
		[]string{"codebuild.amazonaws.com", "codepipeline.amazonaws.com", "codedeploy.amazonaws.com"}},
}

// readyVersion counts up when more is made ready. What was deleted since is not made again.
const readyVersion = 1

// upgrade brings an older or empty database to this version.
func (s *Service) upgrade(ctx context.Context, tx store.Tx, v *view) error {
	if err := s.upgradeTables(ctx, tx, v); err != nil {
		return err
	}
	a := edit(v.settings())
	if a.Ready >= readyVersion {
		return nil
	}
	for _, r := range managed.Groups() {
		g := &group{head: s.newHead("AGPA", "/", r.Name)}
		g.Attached = r.Policies
		if v.find(groupKind, g.key()) == nil {
			v.put(g)
		}
	}
	for _, r := range readyRoles {
		s.ensureRole(v, "/", r.name, r.description, r.services...)
	}
	a.Ready = readyVersion
	v.put(a)
	return nil
}

// ensureRole makes a role that services may assume, with the policies that they need, unless there is one of its name.
func (s *Service) ensureRole(v *view, path, name, description string, services ...string) {
	r := &role{head: s.newHead("AROA", path, name), Description: description, MaxSession: defaultMaxSession}
	if v.find(roleKind, r.key()) == nil {
		v.put(s.withServices(r, services))
	}
}

// serviceTrust is the trust policy of a role for services.
func serviceTrust(services ...string) string { return trustIn("Service", services...) }

// trustIn is a trust policy that lets principals of a kind assume a role.
func trustIn(kind string, names ...string) string { return trust(map[string][]string{kind: names}) }

// trust is a trust policy that lets principals assume a role, by their kinds.
func trust(byKind map[string][]string) string {
	principals := map[string]any{}
	for kind, names := range byKind {
		switch len(names) {
		case 0:
		case 1:
			principals[kind] = names[0]
		default:
			principals[kind] = names
		}
	}
	text, _ := json.Marshal(map[string]any{ // texts alone
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect":    "Allow",
			"Principal": principals,
			"Action":    "sts:AssumeRole",
		}},
	})
	return string(text)
}

// EnsureServiceRole makes the role of an ARN of this account for a service, with the policies that let it work, unless
// the role exists. It is for what was made by a version in which roles were names alone. It reports false for an ARN
// of another account.
func (s *Service) EnsureServiceRole(ctx context.Context, arn, service string) (bool, error) {
	full, ok := strings.CutPrefix(arn, s.arn("role/"))
	if !ok || full == "" || strings.HasSuffix(full, "/") {
		return false, nil
	}
	full = "/" + full
	at := strings.LastIndexByte(full, '/') + 1
	return true, s.change(ctx, func(v *view) error {
		services := []string{service}
		if r, ok := v.find(roleKind, strings.ToLower(full[at:])).(*role); ok {
			if r.Description != upgradedRole {
				return nil
			}
			services = append(s.trusted(r, "Service"), service)
			if len(services) > len(slices.Compact(slices.Sorted(slices.Values(services)))) {
				return nil
			}
			v.put(s.withServices(edit(r), services))
			return nil
		}
		s.ensureRole(v, full[:at], full[at:], upgradedRole, services...)
		return nil
	})
}

// EnsureTrustIn lets one role of this account assume another that EnsureServiceRole has made; others stay as they are.
func (s *Service) EnsureTrustIn(ctx context.Context, arn, by string) error {
	name := strings.ToLower(arn[strings.LastIndexByte(arn, '/')+1:])
	return s.change(ctx, func(v *view) error {
		r, ok := v.find(roleKind, name).(*role)
		if !ok || r.Description != upgradedRole {
			return nil
		}
		roles := s.trusted(r, "AWS")
		if slices.Contains(roles, by) {
			return nil
		}
		changed := edit(r)
		changed.Trust = trust(map[string][]string{"Service": s.trusted(r, "Service"), "AWS": append(roles, by)})
		v.put(changed)
		return nil
	})
}

// upgradedRole describes the roles of EnsureServiceRole.
const upgradedRole = "Made when Slipway was upgraded, for what names it"

// trusted are the principals of a kind that a role's trust policy names.
func (s *Service) trusted(r *role, kind string) (names []string) {
	p := s.read.read(policy.Trust, r.Trust)
	if p == nil {
		return nil
	}
	for _, n := range p.Principals() {
		if n.Type == kind {
			names = append(names, n.Value)
		}
	}
	return names
}

// withServices gives a role trust in services, and what it needs for them.
func (*Service) withServices(r *role, services []string) *role {
	r.Trust = serviceTrust(services...)
	for _, service := range services {
		if arn := servicePolicies[service]; arn != "" && !slices.Contains(r.Attached, arn) {
			r.Attached = append(r.Attached, arn)
		}
	}
	return r
}
