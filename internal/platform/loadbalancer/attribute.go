package loadbalancer

import (
	"slices"
	"strconv"
	"strings"
)

// attribute is one setting of a load balancer, a listener or a target group.
type attribute struct {
	key, value string // its default
	check      func(value string) bool
	takes      string // in words
}

// attributes are all settings of a kind of resource, as Elastic Load Balancing names them.
type attributes []attribute

func oneOf(values ...string) (func(string) bool, string) {
	return func(v string) bool { return slices.Contains(values, v) }, strings.Join(values, ", ")
}

func between(least, most int) (func(string) bool, string) {
	return func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && n >= least && n <= most && strconv.Itoa(n) == v
	}, strconv.Itoa(least) + " to " + strconv.Itoa(most)
}

func option(key, value string, check func(string) bool, takes string) attribute {
	return attribute{key, value, check, takes}
}

func choice(key, value string, others ...string) attribute {
	check, takes := oneOf(append([]string{value}, others...)...)
	return option(key, value, check, takes)
}

func number(key, value string, least, most int) attribute {
	check, takes := between(least, most)
	return option(key, value, check, takes)
}

// fixed is a setting that Slipway knows and has no choice of.
func fixed(key, value string) attribute { return choice(key, value) }

var balancerAttributes = attributes{
	fixed("access_logs.s3.enabled", "false"), fixed("access_logs.s3.bucket", ""), fixed("access_logs.s3.prefix", ""),
	number("client_keep_alive.seconds", "3600", 60, 604800),
	fixed("connection_logs.s3.enabled", "false"), fixed("connection_logs.s3.bucket", ""),
	fixed("connection_logs.s3.prefix", ""),
	choice("deletion_protection.enabled", "false", "true"),
	number("idle_timeout.timeout_seconds", "60", 1, 4000),
	fixed("load_balancing.cross_zone.enabled", "true"),
	choice("routing.http.desync_mitigation_mode", "defensive", "strictest"), // what is ambiguous is refused either way
	choice("routing.http.drop_invalid_header_fields.enabled", "false", "true"),
	choice("routing.http.preserve_host_header.enabled", "false", "true"),
	choice("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", "true"),
	choice("routing.http.xff_client_port.enabled", "false", "true"),
	choice("routing.http.xff_header_processing.mode", "append", "preserve", "remove"),
	choice("routing.http2.enabled", "true", "false"),
	fixed("waf.fail_open.enabled", "false"),
	fixed("zonal_shift.config.enabled", "false"),
}

var groupAttributes = attributes{
	number("deregistration_delay.timeout_seconds", "300", 0, 3600),
	fixed("load_balancing.algorithm.anomaly_mitigation", "off"),
	choice("load_balancing.algorithm.type", "round_robin", "least_outstanding_requests"),
	fixed("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
	fixed("slow_start.duration_seconds", "0"),
	option("stickiness.app_cookie.cookie_name", "", isCookieName,
		"the name of the application's cookie, not one of AWSALB, AWSALBAPP, AWSALBTG"),
	number("stickiness.app_cookie.duration_seconds", "86400", 1, 604800),
	choice("stickiness.enabled", "false", "true"),
	number("stickiness.lb_cookie.duration_seconds", "86400", 1, 604800),
	choice("stickiness.type", "lb_cookie", "app_cookie"),
	fixed("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
	fixed("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
	fixed("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
	fixed("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
}

var listenerAttributes = attributes{
	choice("routing.http.response.server.enabled", "true", "false"),
}

func isCookieName(name string) bool {
	if len(name) > 256 || strings.HasPrefix(name, "AWSALB") {
		return false
	}
	return strings.IndexFunc(
		name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }) < 0
}

// check refuses keys that are unknown, and values that a key does not take.
func (all attributes) check(what string, set map[string]string) error {
	for key, value := range set {
		i := slices.IndexFunc(all, func(a attribute) bool { return a.key == key })
		if i < 0 {
			return invalid("%s attribute key '%s' is not recognized", what, key)
		}
		if a := all[i]; !a.check(value) {
			if a.takes == a.value {
				return refused("the attribute '%s' with the value '%s'; it is always '%s' here", key, value, a.value)
			}
			return invalid("%s attribute '%s' cannot have the value '%s'; it takes %s", what, key, value, a.takes)
		}
	}
	return nil
}

// show lists all settings, those that were set with their value.
func show[T any](all attributes, set map[string]string, as func(key, value *string) T) []T {
	var shown []T
	for _, a := range all {
		if v, ok := set[a.key]; ok {
			a.value = v
		}
		shown = append(shown, as(&a.key, &a.value))
	}
	return shown
}

// value is what a setting is.
func (all attributes) value(set map[string]string, key string) string {
	if v, ok := set[key]; ok {
		return v
	}
	i := slices.IndexFunc(all, func(a attribute) bool { return a.key == key })
	return all[i].value
}
