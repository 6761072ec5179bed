package loadbalancer

import (
	"net/netip"
	"strings"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
)

// Fields of conditions.
const (
	fieldHost   = "host-header"
	fieldPath   = "path-pattern"
	fieldHeader = "http-header"
	fieldMethod = "http-request-method"
	fieldQuery  = "query-string"
	fieldSource = "source-ip"
)

const maxPattern = 128 // characters of a value of a condition

// normalConditions checks a rule's conditions and brings them into the form in which they are described.
func normalConditions(conditions []elb.RuleCondition) ([]elb.RuleCondition, error) {
	if len(conditions) == 0 {
		return nil, invalid("A rule must have at least one condition")
	}
	var normal []elb.RuleCondition
	values, wildcards, seen := 0, 0, map[string]int{}
	for _, c := range conditions {
		n, err := normalCondition(c)
		if err != nil {
			return nil, err
		}
		v := valuesOf(n)
		if len(v) == 0 {
			return nil, invalid("A condition value must be specified for the field '%s'", *n.Field)
		}
		values += len(v)
		for _, x := range v {
			if len(x) > maxPattern {
				return nil, invalid("A condition value can have %d characters at most", maxPattern)
			}
			wildcards += strings.Count(x, "*") + strings.Count(x, "?")
		}
		if seen[*n.Field]++; seen[*n.Field] > 1 && *n.Field != fieldHeader && *n.Field != fieldQuery {
			return nil, invalid("A rule can only have one '%s' condition", *n.Field)
		}
		normal = append(normal, n)
	}
	if values > limits.conditionValues {
		return nil, invalid("A rule can only have '%d' condition values", limits.conditionValues)
	}
	if wildcards > limits.wildcards {
		return nil, invalid("A rule can only have '%d' condition wildcards", limits.wildcards)
	}
	return normal, nil
}

// normalCondition checks a condition and writes it in one way: the values of a host or a path are in both places.
func normalCondition(c elb.RuleCondition) (elb.RuleCondition, error) {
	n := elb.RuleCondition{Field: new(awsproto.Value(c.Field))}
	if expressionsOf(&c) != nil {
		return n, refused("regular expressions in a condition; give it values, with * and ?")
	}
	configured, err := checkConfiguration(&c, *n.Field)
	if err != nil {
		return n, err
	}
	switch *n.Field {
	case fieldHost:
		n.Values = c.Values
		if configured {
			n.Values = c.HostHeaderConfig.Values
		}
		n.HostHeaderConfig = &elb.HostHeaderConditionConfig{Values: n.Values}
	case fieldPath:
		n.Values = c.Values
		if configured {
			n.Values = c.PathPatternConfig.Values
		}
		n.PathPatternConfig = &elb.PathPatternConditionConfig{Values: n.Values}
	case fieldHeader:
		n.HttpHeaderConfig = c.HttpHeaderConfig
		return n, checkHeaderName(awsproto.Value(c.HttpHeaderConfig.HttpHeaderName))
	case fieldMethod:
		n.HttpRequestMethodConfig = c.HttpRequestMethodConfig
		return n, checkMethods(c.HttpRequestMethodConfig.Values)
	case fieldQuery:
		n.QueryStringConfig = c.QueryStringConfig
	case fieldSource:
		n.SourceIpConfig = c.SourceIpConfig
		return n, checkSources(c.SourceIpConfig.Values)
	}
	return n, nil
}

// checkConfiguration refuses a condition whose configuration is not the one of its field, and reports whether it has
// one. Those of hosts and paths may have values instead.
func checkConfiguration(c *elb.RuleCondition, field string) (configured bool, err error) {
	given := map[string]bool{
		fieldHost:   c.HostHeaderConfig != nil,
		fieldPath:   c.PathPatternConfig != nil,
		fieldHeader: c.HttpHeaderConfig != nil,
		fieldMethod: c.HttpRequestMethodConfig != nil,
		fieldQuery:  c.QueryStringConfig != nil,
		fieldSource: c.SourceIpConfig != nil,
	}
	configured, known := given[field]
	if !known {
		return false, invalid(
			"Condition field '%s' must be one of '[path-pattern, host-header, http-header, http-request-method, "+
				"query-string, source-ip]'", field)
	}
	for other, is := range given {
		if is && other != field {
			return false, invalid(
				"The configuration of the condition field '%s' does not belong to a condition of the field '%s'",
				other, field)
		}
	}
	if !configured && field != fieldHost && field != fieldPath {
		return false, invalid("The condition field '%s' needs its configuration", field)
	}
	if configured && len(c.Values) > 0 {
		return false, invalid(
			"You must specify either the values or the configuration of the condition field '%s'", field)
	}
	return configured, nil
}

func checkMethods(methods []string) error {
	bad := func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' && r != '_' }
	for _, m := range methods {
		if len(m) > 40 || m == "" || strings.ContainsFunc(m, bad) {
			return invalid(
				"HTTP request method '%s' must be made of A-Z, hyphen (-) and underscore (_), 40 characters at most", m)
		}
	}
	return nil
}

func checkSources(networks []string) error {
	for _, n := range networks {
		if _, err := netip.ParsePrefix(n); err != nil {
			return invalid("The source IP '%s' must be in CIDR notation, such as 192.0.2.0/24", n)
		}
	}
	return nil
}

// expressionsOf are the regular expressions of a condition.
func expressionsOf(c *elb.RuleCondition) []string {
	switch {
	case c.HostHeaderConfig != nil && c.HostHeaderConfig.RegexValues != nil:
		return c.HostHeaderConfig.RegexValues
	case c.PathPatternConfig != nil && c.PathPatternConfig.RegexValues != nil:
		return c.PathPatternConfig.RegexValues
	case c.HttpHeaderConfig != nil && c.HttpHeaderConfig.RegexValues != nil:
		return c.HttpHeaderConfig.RegexValues
	}
	return c.RegexValues
}

func checkHeaderName(name string) error {
	bad := func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	}
	if name == "" || len(name) > 40 || strings.ContainsFunc(name, bad) {
		return invalid("HTTP header name '%s' must be a header's name of 1 to 40 characters", name)
	}
	return nil
}

// valuesOf are the values that a condition compares with.
func valuesOf(c elb.RuleCondition) []string {
	switch {
	case c.HttpHeaderConfig != nil:
		return c.HttpHeaderConfig.Values
	case c.HttpRequestMethodConfig != nil:
		return c.HttpRequestMethodConfig.Values
	case c.SourceIpConfig != nil:
		return c.SourceIpConfig.Values
	case c.QueryStringConfig != nil:
		var all []string
		for _, pair := range c.QueryStringConfig.Values {
			all = append(all, awsproto.Value(pair.Key)+awsproto.Value(pair.Value))
		}
		return all
	}
	return c.Values
}
