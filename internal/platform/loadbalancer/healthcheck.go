package loadbalancer

import (
	"regexp"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
)

// setHealthCheck overlays a group's health check with what is given; what never was gets Elastic Load Balancing's
// defaults.
func setHealthCheck(g *elb.TargetGroup, in elb.ModifyTargetGroupInput) {
	grpc := awsproto.Value(g.ProtocolVersion) == versionGRPC
	path := "/"
	if grpc {
		path = "/AWS.ALB/healthcheck"
	}
	if g.HealthCheckProtocol == "" {
		g.HealthCheckProtocol = elb.ProtocolEnumHttp
		if grpc {
			g.HealthCheckProtocol = g.Protocol
		}
	}
	if in.HealthCheckProtocol != "" {
		g.HealthCheckProtocol = in.HealthCheckProtocol
	}
	overlay(&g.HealthCheckPort, in.HealthCheckPort, "traffic-port")
	overlay(&g.HealthCheckPath, in.HealthCheckPath, path)
	overlay(&g.HealthCheckEnabled, in.HealthCheckEnabled, true)
	overlay(&g.HealthCheckIntervalSeconds, in.HealthCheckIntervalSeconds, 30)
	overlay(&g.HealthCheckTimeoutSeconds, in.HealthCheckTimeoutSeconds, 5)
	overlay(&g.HealthyThresholdCount, in.HealthyThresholdCount, 5)
	overlay(&g.UnhealthyThresholdCount, in.UnhealthyThresholdCount, 2)
	matcher := elb.Matcher{HttpCode: new("200")}
	if grpc {
		matcher = elb.Matcher{GrpcCode: new("12")}
	}
	overlay(&g.Matcher, in.Matcher, matcher)
}

// overlay sets a value to the one given, or to its default if it has none yet.
func overlay[T any](at **T, given *T, otherwise T) {
	switch {
	case given != nil:
		*at = given
	case *at == nil:
		*at = &otherwise
	}
}

func checkHealthCheck(g *elb.TargetGroup) error {
	switch {
	case g.HealthCheckProtocol != elb.ProtocolEnumHttp && g.HealthCheckProtocol != elb.ProtocolEnumHttps:
		return refused("health checks of the protocol %s; HTTP and HTTPS are there", g.HealthCheckProtocol)
	case !*g.HealthCheckEnabled:
		return invalid("Health check enabled must be true for target groups with target type 'ip'")
	case *g.HealthCheckTimeoutSeconds >= *g.HealthCheckIntervalSeconds:
		return invalid("Health check interval must be greater than the timeout")
	case !strings.HasPrefix(*g.HealthCheckPath, "/") ||
		strings.ContainsFunc(*g.HealthCheckPath, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return invalid("Health check path '%s' must begin with a '/' character and hold no spaces", *g.HealthCheckPath)
	}
	if *g.HealthCheckPort != "traffic-port" {
		if n, err := strconv.Atoi(*g.HealthCheckPort); err != nil || n < 1 || n > 65535 {
			return invalid("Health check port '%s' must be 'traffic-port' or a port from 1 to 65535",
				*g.HealthCheckPort)
		}
	}
	return checkMatcher(g)
}

// checkMatcher checks which codes of a response are healthy.
func checkMatcher(g *elb.TargetGroup) error {
	codes, least, most, kind := g.Matcher.HttpCode, 200, 499, "HTTP"
	if *g.ProtocolVersion == versionGRPC {
		codes, least, most, kind = g.Matcher.GrpcCode, 0, 99, "gRPC"
	}
	if g.Matcher.HttpCode != nil && g.Matcher.GrpcCode != nil || codes == nil {
		return invalid("A matcher for a target group with protocol version '%s' must have a %s code, and nothing else",
			*g.ProtocolVersion, kind)
	}
	if !matcherOK(*codes, least, most) {
		return invalid("%s codes '%s' must be values or ranges between %d and %d, such as '%d,%d-%d'", kind, *codes,
			least, most, least, least+1, least+9)
	}
	return nil
}

var matcher = regexp.MustCompile(`^\d{1,3}(-\d{1,3})?(,\d{1,3}(-\d{1,3})?)*$`)

func matcherOK(codes string, least, most int) bool {
	if !matcher.MatchString(codes) {
		return false
	}
	for part := range strings.SplitSeq(codes, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < least || b > most || a > b {
			return false
		}
	}
	return true
}
