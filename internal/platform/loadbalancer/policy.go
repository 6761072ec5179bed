package loadbalancer

import (
	"context"
	"fmt"
	"slices"

	elb "slipway/api/elbv2"
)

// defaultPolicy is what an HTTPS listener gets that names none. (AWS's own default for its API is older and takes TLS
// 1.0.)
const defaultPolicy = "ELBSecurityPolicy-TLS13-1-2-2021-06"

var (
	oldCiphers = []string{"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA",
		"ECDHE-RSA-AES256-SHA"}
	tls12 = []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-RSA-AES256-GCM-SHA384"}
	tls13 = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
)

// policies are the security policies that there are, with the versions and ciphers that routers really take under
// their names.
var policies = []elb.SslPolicy{
	policy("ELBSecurityPolicy-TLS13-1-3-2021-06", []string{"TLSv1.3"}, tls13),
	policy(defaultPolicy, []string{"TLSv1.2", "TLSv1.3"}, tls13, tls12),
	policy("ELBSecurityPolicy-TLS-1-2-2017-01", []string{"TLSv1.2"}, tls12),
	policy("ELBSecurityPolicy-2016-08", []string{"TLSv1", "TLSv1.1", "TLSv1.2"}, tls12, oldCiphers),
}

func policy(name string, protocols []string, ciphers ...[]string) elb.SslPolicy {
	p := elb.SslPolicy{Name: &name, SslProtocols: protocols, SupportedLoadBalancerTypes: []string{"application"}}
	for i, c := range slices.Concat(ciphers...) {
		p.Ciphers = append(p.Ciphers, elb.Cipher{Name: &c, Priority: new(int32(i + 1))})
	}
	return p
}

func policyOf(name string) *elb.SslPolicy {
	for i := range policies {
		if *policies[i].Name == name {
			return &policies[i]
		}
	}
	return nil
}

func noPolicy(name string) error {
	return &elb.SSLPolicyNotFoundException{
		Message: fmt.Sprintf("SSL policy '%s' not found; DescribeSSLPolicies lists those that are there", name),
	}
}

// DescribeSSLPolicies implements elbv2:DescribeSSLPolicies; they fit on one page.
func (s *Service) DescribeSSLPolicies(_ context.Context,
	in *elb.DescribeSSLPoliciesInput) (*elb.DescribeSSLPoliciesOutput, error) {
	out := &elb.DescribeSSLPoliciesOutput{SslPolicies: []elb.SslPolicy{}}
	if in.LoadBalancerType != "" && in.LoadBalancerType != elb.LoadBalancerTypeEnumApplication {
		return out, nil
	}
	if len(in.Names) == 0 {
		out.SslPolicies = policies
		return out, nil
	}
	for _, name := range in.Names {
		p := policyOf(name)
		if p == nil {
			return nil, noPolicy(name)
		}
		out.SslPolicies = append(out.SslPolicies, *p)
	}
	return out, nil
}
