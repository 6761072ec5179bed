package router

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
)

// condition reports whether a request meets one condition of a rule.
type condition func(r *http.Request, client netip.Addr) bool

// newCondition makes a condition, by the semantics of Application Load Balancers' rules: paths are compared with
// regard to case, hosts, headers and query strings without.
func newCondition(c elb.RuleCondition) (condition, error) {
	switch field := awsproto.Value(c.Field); {
	case field == "path-pattern" && c.PathPatternConfig != nil:
		patterns := c.PathPatternConfig.Values
		return func(r *http.Request, _ netip.Addr) bool {
			path := rawPath(r)
			return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, path) })
		}, nil
	case field == "host-header" && c.HostHeaderConfig != nil:
		patterns := lower(c.HostHeaderConfig.Values)
		return func(r *http.Request, _ netip.Addr) bool {
			host := withoutPort(r.Host)
			return slices.ContainsFunc(patterns, func(p string) bool { return globFold(p, host) })
		}, nil
	case field == "http-header" && c.HttpHeaderConfig != nil:
		name, patterns := textproto.CanonicalMIMEHeaderKey(awsproto.Value(c.HttpHeaderConfig.HttpHeaderName)), lower(
			c.HttpHeaderConfig.Values)
		return func(r *http.Request, _ netip.Addr) bool {
			values := r.Header[name]
			if name == "Host" {
				values = []string{r.Host}
			}
			return slices.ContainsFunc(values, func(v string) bool {
				return slices.ContainsFunc(patterns, func(p string) bool { return globFold(p, v) })
			})
		}, nil
	case field == "http-request-method" && c.HttpRequestMethodConfig != nil:
		methods := c.HttpRequestMethodConfig.Values
		return func(r *http.Request, _ netip.Addr) bool { return slices.Contains(methods, r.Method) }, nil
	case field == "query-string" && c.QueryStringConfig != nil:
		return queryCondition(c.QueryStringConfig.Values), nil
	case field == "source-ip" && c.SourceIpConfig != nil:
		return sourceCondition(c.SourceIpConfig.Values)
	default:
		return nil, fmt.Errorf("this router knows no condition of the field %q", field)
	}
}

func sourceCondition(values []string) (condition, error) {
	var networks []netip.Prefix
	for _, v := range values {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return nil, fmt.Errorf("source IP: %w", err)
		}
		networks = append(networks, p.Masked())
	}
	return func(_ *http.Request, client netip.Addr) bool {
		return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(client) })
	}, nil
}

func queryCondition(pairs []elb.QueryStringKeyValuePair) condition {
	type pair struct{ key, value string }
	var wanted []pair
	for _, p := range pairs {
		wanted = append(wanted, pair{strings.ToLower(awsproto.Value(p.Key)), strings.ToLower(awsproto.Value(p.Value))})
	}
	return func(r *http.Request, _ netip.Addr) bool {
		for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
			key, value, _ := strings.Cut(part, "=")
			key, value = unescape(key), unescape(value)
			if slices.ContainsFunc(
				wanted, func(p pair) bool {
					return (p.key == "" || globFold(p.key, key)) &&
						globFold(p.value, value)
				}) {
				return true
			}
		}
		return false
	}
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// rawPath is the path as the client sent it.
func rawPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	return r.URL.EscapedPath()
}

func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

func lower(all []string) []string {
	var low []string
	for _, s := range all {
		low = append(low, strings.ToLower(s))
	}
	return low
}
