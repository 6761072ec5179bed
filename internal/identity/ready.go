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
func trustIn(kind string, names ...string) string {
	var principals any = names
	if len(names) == 1 {
		principals = names[0]
	}
	text, _ := json.Marshal(map[string]any{ // texts alone
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect":    "Allow",
			"Principal": map[string]any{kind: principals},
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
			services = append(s.trustedServices(r), service)
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

// upgradedRole describes the roles of EnsureServiceRole.
const upgradedRole = "Made when Slipway was upgraded, for what names it"

// trustedServices are those that a role's trust policy names.
func (s *Service) trustedServices(r *role) (services []string) {
	p := s.read.read(policy.Trust, r.Trust)
	if p == nil {
		return nil
	}
	for _, n := range p.Principals() {
		if n.Type == "Service" {
			services = append(services, n.Value)
		}
	}
	return services
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
