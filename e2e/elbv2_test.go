package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func portOf(t testing.TB, address string) int32 {
	t.Helper()
	_, port, _ := strings.Cut(address, ":")
	return int32(must(strconv.Atoi(port))(t))
}

func fixed(body string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumFixedResponse,
		FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"),
			ContentType: aws.String("text/plain"), MessageBody: &body}}}
}

// TestLoadBalancerOperations drives every operation of Elastic Load Balancing.
func TestLoadBalancerOperations(t *testing.T) {
	t.Parallel()
	i := up(t, "--metrics", free(t))
	ctx, c := t.Context(), elb.NewFromConfig(i.sdk())

	lb := must(c.CreateLoadBalancer(ctx,
		&elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-1", "subnet-2"},
			SecurityGroups: []string{"sg-1"},
			Tags:           []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}}}))(t).LoadBalancers[0]
	if !strings.HasPrefix(*lb.LoadBalancerArn,
		"arn:aws:elasticloadbalancing:"+region+":"+account+":loadbalancer/app/web/") || *lb.DNSName != "127.0.0.1" ||
		len(lb.AvailabilityZones) != 2 ||
		lb.Type != types.LoadBalancerTypeEnumApplication || lb.Scheme != types.LoadBalancerSchemeEnumInternetFacing ||
		lb.CreatedTime == nil {
		t.Errorf("created %+v", lb)
	}
	again := must(c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web")}))(t).LoadBalancers[0]
	if *again.LoadBalancerArn != *lb.LoadBalancerArn {
		t.Error("a second load balancer of the name")
	}
	_, err := c.CreateLoadBalancer(ctx,
		&elb.CreateLoadBalancerInput{Name: aws.String("web"), Scheme: types.LoadBalancerSchemeEnumInternal})
	says(t, err, "DuplicateLoadBalancerName")
	for _, kind := range []types.LoadBalancerTypeEnum{types.LoadBalancerTypeEnumNetwork,
		types.LoadBalancerTypeEnumGateway} {
		_, err = c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("n"), Type: kind})
		says(t, err, "InvalidConfigurationRequest")
		says(t, err, "Slipway does not do this: a "+string(kind)+" load balancer")
	}
	for _, name := range []string{"-a", "a-", "a_b", strings.Repeat("a", 33), "internal-a"} {
		_, err = c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: &name})
		says(t, err, "ValidationError")
	}
	if err := elb.NewLoadBalancerAvailableWaiter(
		c, func(o *elb.LoadBalancerAvailableWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).Wait(ctx,
		&elb.DescribeLoadBalancersInput{Names: []string{"web"}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err = c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"web", "other"}})
	says(t, err, "LoadBalancerNotFound")
	operationsOnGroups(t, c, lb)
	operationsOnListeners(t, i, c, lb)
	operationsOnAttributes(t, c, lb)

	must(c.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
	must(c.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
	if err := elb.NewLoadBalancersDeletedWaiter(
		c, func(o *elb.LoadBalancersDeletedWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).Wait(ctx,
		&elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{*lb.LoadBalancerArn}}, time.Minute); err != nil {
		t.Error(err)
	}
	limits := must(c.DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{}))(t)
	if !slices.ContainsFunc(
		limits.Limits, func(l types.Limit) bool { return *l.Name == "target-groups" && *l.Max == "3000" }) {
		t.Errorf("limits %+v", limits.Limits)
	}
	policies := must(c.DescribeSSLPolicies(ctx,
		&elb.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-TLS13-1-2-2021-06"}}))(t)
	if len(policies.SslPolicies) != 1 || !slices.Contains(policies.SslPolicies[0].SslProtocols, "TLSv1.3") {
		t.Errorf("policies %+v", policies.SslPolicies)
	}
	_, err = c.DescribeSSLPolicies(ctx, &elb.DescribeSSLPoliciesInput{Names: []string{"none"}})
	says(t, err, "SSLPolicyNotFound")
}

func operationsOnGroups(t *testing.T, c *elb.Client, lb types.LoadBalancer) {
	ctx := t.Context()
	g := must(c.CreateTargetGroup(ctx,
		&elb.CreateTargetGroupInput{Name: aws.String("spare"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8000),
			TargetType: types.TargetTypeEnumIp, VpcId: aws.String("vpc-1")}))(t).TargetGroups[0]
	if *g.HealthCheckPath != "/" || *g.HealthCheckIntervalSeconds != 30 || *g.HealthCheckTimeoutSeconds != 5 ||
		*g.HealthyThresholdCount != 5 || *g.UnhealthyThresholdCount != 2 ||
		*g.Matcher.HttpCode != "200" || *g.HealthCheckPort != "traffic-port" || *g.ProtocolVersion != "HTTP1" ||
		len(g.LoadBalancerArns) != 0 {
		t.Errorf("not Elastic Load Balancing's defaults: %+v", g)
	}
	for _, in := range []elb.CreateTargetGroupInput{{TargetType: types.TargetTypeEnumInstance,
		Protocol: types.ProtocolEnumHttp}, {TargetType: types.TargetTypeEnumLambda},
		{TargetType: types.TargetTypeEnumAlb, Protocol: types.ProtocolEnumTcp},
		{Protocol: types.ProtocolEnumHttp}, {TargetType: types.TargetTypeEnumIp, Protocol: types.ProtocolEnumTcp},
		{TargetType: types.TargetTypeEnumIp, Protocol: types.ProtocolEnumGeneve}} {
		in.Name, in.Port = aws.String("refused"), aws.Int32(80)
		_, err := c.CreateTargetGroup(ctx, &in)
		says(t, err, "InvalidConfigurationRequest")
	}
	_, err := c.CreateTargetGroup(ctx,
		&elb.CreateTargetGroupInput{Name: aws.String("spare"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8001),
			TargetType: types.TargetTypeEnumIp})
	says(t, err, "DuplicateTargetGroupName")
	m := must(c.ModifyTargetGroup(ctx,
		&elb.ModifyTargetGroupInput{TargetGroupArn: g.TargetGroupArn, HealthCheckPath: aws.String("/health"),
			HealthCheckIntervalSeconds: aws.Int32(10), Matcher: &types.Matcher{HttpCode: aws.String("200-299")}}))(t)
	if *m.TargetGroups[0].HealthCheckPath != "/health" || *m.TargetGroups[0].HealthCheckTimeoutSeconds != 5 {
		t.Errorf("modified %+v", m.TargetGroups[0])
	}
	_, err = c.ModifyTargetGroup(ctx,
		&elb.ModifyTargetGroupInput{TargetGroupArn: g.TargetGroupArn,
			Matcher: &types.Matcher{HttpCode: aws.String("600")}})
	says(t, err, "ValidationError")

	must(c.RegisterTargets(ctx,
		&elb.RegisterTargetsInput{TargetGroupArn: g.TargetGroupArn,
			Targets: []types.TargetDescription{{Id: aws.String("127.0.0.1")},
				{Id: aws.String("127.0.0.1"), Port: aws.Int32(8002)}}}))(t)
	for _, id := range []string{"i-1234", "0.0.0.0", "::1", "host"} {
		_, err = c.RegisterTargets(ctx,
			&elb.RegisterTargetsInput{TargetGroupArn: g.TargetGroupArn, Targets: []types.TargetDescription{{Id: &id}}})
		says(t, err, "InvalidTarget")
	}
	h := must(c.DescribeTargetHealth(ctx,
		&elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn}))(t).TargetHealthDescriptions
	if len(h) != 2 || h[0].TargetHealth.State != types.TargetHealthStateEnumUnused ||
		h[0].TargetHealth.Reason != types.TargetHealthReasonEnumNotInUse || *h[1].HealthCheckPort != "8002" {
		t.Errorf("health of an unused group %+v", h)
	}
	h = must(c.DescribeTargetHealth(ctx,
		&elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn,
			Targets: []types.TargetDescription{{Id: aws.String("10.0.0.9")}}}))(t).TargetHealthDescriptions
	if len(h) != 1 || h[0].TargetHealth.Reason != types.TargetHealthReasonEnumNotRegistered {
		t.Errorf("health of a stranger %+v", h)
	}
	must(c.DeregisterTargets(ctx,
		&elb.DeregisterTargetsInput{TargetGroupArn: g.TargetGroupArn,
			Targets: []types.TargetDescription{{Id: aws.String("127.0.0.1")}, {Id: aws.String("10.0.0.9")}}}))(t)
	if h := must(c.DescribeTargetHealth(ctx,
		&elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn}))(t).TargetHealthDescriptions; len(h) != 0 {
		t.Errorf("left after deregistration: %+v", h)
	}

	for n := range 4 {
		must(c.CreateTargetGroup(ctx,
			&elb.CreateTargetGroupInput{Name: aws.String(fmt.Sprintf("page-%d", n)), Protocol: types.ProtocolEnumHttp,
				Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp}))(t)
	}
	pages, seen := 0, 0
	for p := elb.NewDescribeTargetGroupsPaginator(c,
		&elb.DescribeTargetGroupsInput{PageSize: aws.Int32(2)}); p.HasMorePages(); pages++ {
		seen += len(must(p.NextPage(ctx))(t).TargetGroups)
	}
	if pages != 3 || seen != 5 {
		t.Errorf("%d groups on %d pages", seen, pages)
	}
	must(c.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: g.TargetGroupArn}))(t)
	_, err = c.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{*g.TargetGroupArn}})
	says(t, err, "TargetGroupNotFound")
	_, err = c.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{*lb.LoadBalancerArn}})
	says(t, err, "is not a valid target group ARN")
}

func operationsOnListeners(t *testing.T, i *instance, c *elb.Client, lb types.LoadBalancer) {
	ctx, port := t.Context(), portOf(t, free(t))
	group := must(c.DescribeTargetGroups(ctx,
		&elb.DescribeTargetGroupsInput{Names: []string{"page-0"}}))(t).TargetGroups[0]
	forward := []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group.TargetGroupArn}}
	l := must(c.CreateListener(ctx,
		&elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: &port, Protocol: types.ProtocolEnumHttp,
			DefaultActions: forward}))(t).Listeners[0]
	if a := l.DefaultActions[0]; *a.TargetGroupArn != *group.TargetGroupArn || len(a.ForwardConfig.TargetGroups) != 1 ||
		*a.ForwardConfig.TargetGroups[0].Weight != 1 || *a.ForwardConfig.TargetGroupStickinessConfig.Enabled {
		t.Errorf("a forward action as described: %+v", a)
	}
	_, err := c.CreateListener(ctx,
		&elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: &port, Protocol: types.ProtocolEnumHttp,
			DefaultActions: forward})
	says(t, err, "DuplicateListener")
	_, err = c.CreateListener(ctx,
		&elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: aws.Int32(1),
			Protocol: types.ProtocolEnumTcp, DefaultActions: forward})
	says(t, err, "listeners of the protocol TCP")
	_, err = c.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: group.TargetGroupArn})
	says(t, err, "ResourceInUse")
	other := must(c.CreateLoadBalancer(ctx,
		&elb.CreateLoadBalancerInput{Name: aws.String("other")}))(t).LoadBalancers[0]
	_, err = c.CreateListener(ctx,
		&elb.CreateListenerInput{LoadBalancerArn: other.LoadBalancerArn, Port: aws.Int32(2),
			Protocol: types.ProtocolEnumHttp, DefaultActions: forward})
	says(t, err, "TargetGroupAssociationLimit")
	must(c.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: other.LoadBalancerArn}))(t)
	if got := must(c.DescribeTargetGroups(ctx,
		&elb.DescribeTargetGroupsInput{LoadBalancerArn: lb.LoadBalancerArn}))(t).TargetGroups; len(got) != 1 ||
		got[0].LoadBalancerArns[0] != *lb.LoadBalancerArn {
		t.Errorf("groups of the load balancer: %+v", got)
	}

	first, _ := i.upload("first", "first.example.com")
	second, _ := i.upload("second", "second.example.com")
	m := must(c.ModifyListener(ctx,
		&elb.ModifyListenerInput{ListenerArn: l.ListenerArn, Protocol: types.ProtocolEnumHttps,
			Certificates: []types.Certificate{{CertificateArn: &first}}, DefaultActions: fixed("hello")}))(
		t).Listeners[0]
	if *m.SslPolicy != "ELBSecurityPolicy-TLS13-1-2-2021-06" || *m.Certificates[0].CertificateArn != first ||
		m.DefaultActions[0].Type != types.ActionTypeEnumFixedResponse {
		t.Errorf("modified %+v", m)
	}
	_, err = c.ModifyListener(ctx,
		&elb.ModifyListenerInput{ListenerArn: l.ListenerArn,
			Certificates: []types.Certificate{{CertificateArn: aws.String("arn:aws:acm:eu-north-1:1:certificate/x")}}})
	says(t, err, "CertificateNotFound")
	must(c.AddListenerCertificates(ctx,
		&elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
			Certificates: []types.Certificate{{CertificateArn: &second}}}))(t)
	_, err = iam.NewFromConfig(i.sdk()).DeleteServerCertificate(ctx,
		&iam.DeleteServerCertificateInput{ServerCertificateName: aws.String("second")})
	says(t, err, "DeleteConflict")
	certificates := must(c.DescribeListenerCertificates(ctx,
		&elb.DescribeListenerCertificatesInput{ListenerArn: l.ListenerArn}))(t).Certificates
	if len(certificates) != 2 || !*certificates[0].IsDefault || *certificates[1].CertificateArn != second {
		t.Errorf("certificates %+v", certificates)
	}
	must(c.RemoveListenerCertificates(ctx,
		&elb.RemoveListenerCertificatesInput{ListenerArn: l.ListenerArn,
			Certificates: []types.Certificate{{CertificateArn: &second}}}))(t)
	_, err = c.RemoveListenerCertificates(ctx,
		&elb.RemoveListenerCertificatesInput{ListenerArn: l.ListenerArn,
			Certificates: []types.Certificate{{CertificateArn: &first}}})
	says(t, err, "OperationNotPermitted")
	operationsOnRules(t, c, l)

	a := must(c.ModifyListenerAttributes(ctx,
		&elb.ModifyListenerAttributesInput{ListenerArn: l.ListenerArn,
			Attributes: []types.ListenerAttribute{{Key: aws.String("routing.http.response.server.enabled"),
				Value: aws.String("false")}}}))(t)
	b := must(c.DescribeListenerAttributes(ctx, &elb.DescribeListenerAttributesInput{ListenerArn: l.ListenerArn}))(t)
	if *a.Attributes[0].Value != "false" || *b.Attributes[0].Value != "false" {
		t.Errorf("attributes %+v %+v", a.Attributes, b.Attributes)
	}
	must(c.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: l.ListenerArn}))(t)
	_, err = c.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{*l.ListenerArn}})
	says(t, err, "ListenerNotFound")
	if left := must(c.DescribeListeners(ctx,
		&elb.DescribeListenersInput{LoadBalancerArn: lb.LoadBalancerArn}))(t).Listeners; len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

func operationsOnRules(t *testing.T, c *elb.Client, l types.Listener) {
	ctx := t.Context()
	path := func(p string) []types.RuleCondition {
		return []types.RuleCondition{{Field: aws.String("path-pattern"),
			PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{p}}}}
	}
	one := must(c.CreateRule(ctx,
		&elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(10), Conditions: path("/a/*"),
			Actions: fixed("a")}))(t).Rules[0]
	two := must(c.CreateRule(ctx,
		&elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(20), Conditions: path("/b/*"),
			Actions: fixed("b")}))(t).Rules[0]
	if *one.Priority != "10" || *one.IsDefault || !slices.Equal(one.Conditions[0].Values, []string{"/a/*"}) ||
		len(one.Conditions[0].PathPatternConfig.Values) != 1 {
		t.Errorf("created %+v", one)
	}
	_, err := c.CreateRule(ctx,
		&elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(10), Conditions: path("/c/*"),
			Actions: fixed("c")})
	says(t, err, "PriorityInUse")
	_, err = c.CreateRule(ctx,
		&elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(11), Conditions: path("/c/*"),
			Actions: []types.Action{{Type: types.ActionTypeEnumAuthenticateOidc,
				AuthenticateOidcConfig: &types.AuthenticateOidcActionConfig{
					AuthorizationEndpoint: aws.String("https://a"), ClientId: aws.String("c"), Issuer: aws.String("i"),
					TokenEndpoint: aws.String("t"), UserInfoEndpoint: aws.String("u"),
				}}}})
	says(t, err, "actions of the type authenticate-oidc")
	_, err = c.CreateRule(ctx,
		&elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(11), Conditions: path("/c/*"),
			Actions:    fixed("c"),
			Transforms: []types.RuleTransform{{Type: types.TransformTypeEnumUrlRewrite}}})
	says(t, err, "Slipway does not do this: transforms of a rule")
	_, err = c.CreateRule(ctx,
		&elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(11), Actions: fixed("c"),
			Conditions: []types.RuleCondition{
				{Field: aws.String("path-pattern"),
					PathPatternConfig: &types.PathPatternConditionConfig{RegexValues: []string{"^/c"}}}}})
	says(t, err, "Slipway does not do this: regular expressions in a condition")
	_, err = c.SetRulePriorities(ctx,
		&elb.SetRulePrioritiesInput{
			RulePriorities: []types.RulePriorityPair{{RuleArn: one.RuleArn, Priority: aws.Int32(20)}},
		})
	says(t, err, "PriorityInUse")
	must(c.SetRulePriorities(ctx,
		&elb.SetRulePrioritiesInput{
			RulePriorities: []types.RulePriorityPair{{RuleArn: one.RuleArn, Priority: aws.Int32(20)},
				{RuleArn: two.RuleArn, Priority: aws.Int32(10)}},
		}))(t)
	rules := must(c.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn}))(t).Rules
	if len(rules) != 3 || *rules[0].RuleArn != *two.RuleArn || *rules[2].Priority != "default" || !*rules[2].IsDefault {
		t.Errorf("rules %+v", rules)
	}
	m := must(c.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: one.RuleArn, Conditions: path("/z/*")}))(t).Rules[0]
	if m.Conditions[0].Values[0] != "/z/*" || *m.Actions[0].FixedResponseConfig.MessageBody != "a" ||
		*m.Priority != "20" {
		t.Errorf("modified %+v", m)
	}
	_, err = c.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: rules[2].RuleArn, Conditions: path("/z/*")})
	says(t, err, "OperationNotPermitted")
	_, err = c.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: rules[2].RuleArn})
	says(t, err, "OperationNotPermitted")
	must(c.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: one.RuleArn}))(t)
	_, err = c.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{*one.RuleArn}})
	says(t, err, "RuleNotFound")
}

func operationsOnAttributes(t *testing.T, c *elb.Client, lb types.LoadBalancer) {
	ctx := t.Context()
	get := func() map[string]string {
		all := map[string]string{}
		for _, a := range must(c.DescribeLoadBalancerAttributes(ctx,
			&elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn}))(t).Attributes {
			all[*a.Key] = *a.Value
		}
		return all
	}
	set := func(key, value string) error {
		_, err := c.ModifyLoadBalancerAttributes(ctx,
			&elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn,
				Attributes: []types.LoadBalancerAttribute{{Key: &key, Value: &value}}})
		return err
	}
	if a := get(); a["idle_timeout.timeout_seconds"] != "60" || a["deletion_protection.enabled"] != "false" {
		t.Errorf("defaults %v", a)
	}
	for key, value := range map[string]string{"idle_timeout.timeout_seconds": "5000", "nonsense": "1",
		"routing.http.xff_header_processing.mode": "maybe"} {
		says(t, set(key, value), "ValidationError")
	}
	says(t, set("access_logs.s3.enabled", "true"), "InvalidConfigurationRequest")
	for _, v := range []string{"true", "false"} {
		if err := set("deletion_protection.enabled", v); err != nil {
			t.Fatal(err)
		}
		if v == "true" {
			_, err := c.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
			says(t, err, "OperationNotPermitted")
		}
	}
	group := must(c.DescribeTargetGroups(ctx,
		&elb.DescribeTargetGroupsInput{Names: []string{"page-1"}}))(t).TargetGroups[0]
	must(c.ModifyTargetGroupAttributes(ctx,
		&elb.ModifyTargetGroupAttributesInput{TargetGroupArn: group.TargetGroupArn,
			Attributes: []types.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"),
				Value: aws.String("7")}}}))(t)
	found := false
	for _, a := range must(c.DescribeTargetGroupAttributes(ctx,
		&elb.DescribeTargetGroupAttributesInput{TargetGroupArn: group.TargetGroupArn}))(t).Attributes {
		found = found || *a.Key == "deregistration_delay.timeout_seconds" && *a.Value == "7"
	}
	if !found {
		t.Error("an attribute was not kept")
	}
	_, err := c.ModifyTargetGroupAttributes(ctx,
		&elb.ModifyTargetGroupAttributesInput{TargetGroupArn: group.TargetGroupArn,
			Attributes: []types.TargetGroupAttribute{{Key: aws.String("slow_start.duration_seconds"),
				Value: aws.String("30")}}})
	says(t, err, "InvalidConfigurationRequest")

	must(c.AddTags(ctx,
		&elb.AddTagsInput{ResourceArns: []string{*lb.LoadBalancerArn, *group.TargetGroupArn},
			Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("prod")}}}))(t)
	must(c.RemoveTags(ctx,
		&elb.RemoveTagsInput{ResourceArns: []string{*lb.LoadBalancerArn}, TagKeys: []string{"team"}}))(t)
	tags := must(c.DescribeTags(ctx,
		&elb.DescribeTagsInput{ResourceArns: []string{*lb.LoadBalancerArn, *group.TargetGroupArn}}))(t).TagDescriptions
	if len(tags) != 2 || len(tags[0].Tags) != 1 || *tags[0].Tags[0].Key != "stage" ||
		*tags[1].ResourceArn != *group.TargetGroupArn {
		t.Errorf("tags %+v", tags)
	}
}
