package app

import (
	"context"
	"strings"
	"testing"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/api/iam"
	"slipway/api/logs"
	"slipway/internal/build"
	"slipway/internal/deploy"
)

// trusting makes a role that a service may assume, without any rights, and returns its ARN.
func (s *server) trusting(t *testing.T, name, service string) string {
	t.Helper()
	trust := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "` + service +
		`"}, "Action": "sts:AssumeRole"}}`
	out, err := s.identity.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name,
		AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Role.Arn
}

// grant gives a role a statement.
func (s *server) grant(t *testing.T, role, statement string) {
	t.Helper()
	doc := `{"Version": "2012-10-17", "Statement": [` + statement + `]}`
	if _, err := s.identity.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: new("p"),
		PolicyDocument: &doc}); err != nil {
		t.Fatal(err)
	}
}

// actAs is the context of a service with a role.
func (s *server) actAs(t *testing.T, role, service string) context.Context {
	t.Helper()
	ctx, err := serviceRoles{s.identity, service, s.rights}.Act(t.Context(), role, "", "test")
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// forwarding makes a listener and a rule of it that forward to two target groups.
func (s *server) forwarding(t *testing.T) (listener, rule, blue, green string) {
	t.Helper()
	ctx := t.Context()
	lb, err := s.balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: new("web")})
	if err != nil {
		t.Fatal(err)
	}
	var tuples []elb.TargetGroupTuple
	for i, name := range []string{"blue", "green"} {
		out, err := s.balancers.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name,
			Protocol: elb.ProtocolEnumHttp, Port: new(int32(80)), VpcId: new("vpc-1"),
			TargetType: elb.TargetTypeEnumIp})
		if err != nil {
			t.Fatal(err)
		}
		tuples = append(tuples, elb.TargetGroupTuple{TargetGroupArn: out.TargetGroups[0].TargetGroupArn,
			Weight: new(int32(1 - i))})
	}
	forward := func() []elb.Action {
		return []elb.Action{{Type: elb.ActionTypeEnumForward,
			ForwardConfig: &elb.ForwardActionConfig{TargetGroups: tuples}}}
	}
	l, err := s.balancers.CreateListener(ctx, &elb.CreateListenerInput{Protocol: elb.ProtocolEnumHttp,
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: new(int32(8080)), DefaultActions: forward()})
	if err != nil {
		t.Fatal(err)
	}
	listener = *l.Listeners[0].ListenerArn
	r, err := s.balancers.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: &listener, Priority: new(int32(1)),
		Actions: forward(), Conditions: []elb.RuleCondition{{Field: new("path-pattern"), Values: []string{"/shop"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return listener, *r.Rules[0].RuleArn, *tuples[0].TargetGroupArn, *tuples[1].TargetGroupArn
}

// The traffic of a release moves with the rights of the deployment group's role: each listener and rule that changes is
// asked for, and the refusal has the statement that mends it.
func TestReleaseMovesTrafficAsTheRole(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	listener, rule, blue, green := s.forwarding(t)
	both := []string{listener, rule}
	traffic := actingBalancer{s.balancers, s.rights}
	acting := s.actAs(t, s.trusting(t, "narrow", deploy.RolePrincipal), deploy.RolePrincipal)
	moved := map[string]int{blue: 90, green: 10}
	err := traffic.Weigh(acting, both, moved)
	allows := `{"Effect":"Allow","Action":"elasticloadbalancing:ModifyListener","Resource":"` + listener + `"}`
	if awsproto.Code(err) != "AccessDeniedException" ||
		!strings.Contains(err.Error(), "assumed-role/narrow/test is not authorized to perform: "+
			"elasticloadbalancing:ModifyListener on resource: "+listener+" because no identity-based policy allows") ||
		!strings.HasSuffix(err.Error(), allows) {
		t.Fatalf("got %v", err)
	}
	if err := traffic.Weigh(acting, both, map[string]int{blue: 1, green: 0}); err != nil {
		t.Errorf("what is so already is refused: %v", err)
	}
	s.grant(t, "narrow", allows)
	says(t, "a rule without its right", traffic.Weigh(acting, both, moved),
		"elasticloadbalancing:ModifyRule on resource: "+rule)
	if differing, err := s.balancers.Differing(t.Context(), both, moved); err != nil || len(differing) != 2 {
		t.Errorf("a refused move changed something: %v differ, error %v", differing, err)
	}
	s.grant(t, "narrow", allows+`, {"Effect": "Allow", "Action": "elasticloadbalancing:ModifyRule", "Resource": "`+
		rule+`"}`)
	says(t, "with both rights", traffic.Weigh(acting, both, moved), "")
	ready := s.actAs(t, "arn:aws:iam::111122223333:role/slipway-deploy", deploy.RolePrincipal)
	says(t, "the ready-made role", traffic.Weigh(ready, both, map[string]int{blue: 0, green: 1}), "")
}

// A build's role needs the rights to make its log and to write to it. That on the group is needed only where there is
// none yet.
func TestBuildLogsAsTheRole(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	roles := serviceRoles{s.identity, build.RolePrincipal, s.rights}
	narrow := s.trusting(t, "narrow", build.RolePrincipal)
	may := func(role string) error { return roles.MayLog(t.Context(), role, "b", "/aws/codebuild/web", "stream") }
	const group = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/codebuild/web"
	says(t, "a role without rights", may(narrow), "assumed-role/narrow/b is not authorized to perform: "+
		"logs:CreateLogGroup on resource: "+group)
	streams := `{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"` + group + `:*"}`
	s.grant(t, "narrow", streams)
	says(t, "a role that cannot make the group", may(narrow), "logs:CreateLogGroup")
	if _, err := s.logs.CreateLogGroup(t.Context(), &logs.CreateLogGroupInput{
		LogGroupName: new("/aws/codebuild/web")}); err != nil {
		t.Fatal(err)
	}
	says(t, "a role that may write to the group that there is", may(narrow), "")
	s.grant(t, "narrow", strings.Replace(streams, `,"logs:PutLogEvents"`, "", 1))
	says(t, "a role that may not write", may(narrow), "logs:PutLogEvents on resource: "+group+":log-stream:stream")
	says(t, "the ready-made role", may("arn:aws:iam::111122223333:role/slipway-build"), "")
}
