package router

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/api/slipway"
)

// plan is a table as requests meet it. It does not change once it is made; groups, targets and choices go on from plan
// to plan.
type plan struct {
	version   int64
	listeners map[string]*route
	groups    map[string]*group
	choices   map[string]*choice // of the forward actions, by the rule's ARN
}

// route is what a listener does with requests.
type route struct {
	slipway.TableListener
	rules []rule
	tls   *certificates
	settings
}

// settings are a listener's attributes, read.
type settings struct {
	idle, keepAlive time.Duration
	http2           bool
	server          bool // say who answers
	dropInvalid     bool // headers whose names are more than letters, digits and hyphens
	preserveHost    bool
	tlsHeaders      bool
	clientPort      bool // in X-Forwarded-For
	forwardedFor    string
}

// rule is one rule of a listener.
type rule struct {
	conditions []condition
	action     action
}

func (r *rule) matches(q *http.Request, client netip.Addr) bool {
	for _, c := range r.conditions {
		if !c(q, client) {
			return false
		}
	}
	return true
}

// match finds the rule that a request meets. The last one has no conditions.
func (r *route) match(q *http.Request, client netip.Addr) *action {
	for i := range r.rules {
		if r.rules[i].matches(q, client) {
			return &r.rules[i].action
		}
	}
	return &action{fixed: &fixedResponse{status: http.StatusNotFound}}
}

// action is what is done with a request: exactly one of its members.
type action struct {
	forward  *forward
	redirect *elb.RedirectActionConfig
	fixed    *fixedResponse
}

type fixedResponse struct {
	status            int
	contentType, body string
}

// forward sends requests to groups by weight.
type forward struct {
	groups []*group
	choice *choice
	sticky time.Duration // how long a client stays with a group; 0 for not at all
	rule   string
}

// newPlan makes a plan out of a table, going on from the plan before it.
// A table that this router does not wholly understand is an error: half of it would send requests astray.
func newPlan(t *slipway.Table, before *plan, newGroup func(arn string) *group) (*plan, error) {
	p := &plan{
		version:   t.Version,
		listeners: map[string]*route{},
		groups:    map[string]*group{},
		choices:   map[string]*choice{},
	}
	for i := range t.TargetGroups {
		arn := awsproto.Value(t.TargetGroups[i].TargetGroupArn)
		g := before.group(arn)
		if g == nil {
			g = newGroup(arn)
		}
		p.groups[arn] = g
	}
	for _, l := range t.Listeners {
		r := &route{TableListener: l, settings: readSettings(l.Attributes)}
		if l.Protocol == elb.ProtocolEnumHttps {
			var err error
			if r.tls, err = newCertificates(&l, t.Certificates); err != nil {
				return nil, fmt.Errorf("%s: %w", l.ListenerArn, err)
			}
		}
		for _, x := range l.Rules {
			read, err := p.readRule(x, before)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", awsproto.Value(x.RuleArn), err)
			}
			r.rules = append(r.rules, read)
		}
		p.listeners[l.ListenerArn] = r
	}
	return p, nil
}

func (p *plan) group(arn string) *group {
	if p == nil {
		return nil
	}
	return p.groups[arn]
}

func (p *plan) readRule(x elb.Rule, before *plan) (r rule, err error) {
	for _, c := range x.Conditions {
		read, err := newCondition(c)
		if err != nil {
			return r, err
		}
		r.conditions = append(r.conditions, read)
	}
	if len(x.Actions) != 1 {
		return r, fmt.Errorf("this router knows one action a rule, not %d", len(x.Actions))
	}
	switch a := x.Actions[0]; {
	case a.ForwardConfig != nil:
		r.action.forward, err = p.readForward(awsproto.Value(x.RuleArn), a.ForwardConfig, before)
	case a.RedirectConfig != nil:
		r.action.redirect = a.RedirectConfig
	case a.FixedResponseConfig != nil:
		f := &fixedResponse{contentType: awsproto.Value(a.FixedResponseConfig.ContentType),
			body: awsproto.Value(a.FixedResponseConfig.MessageBody)}
		f.status, err = strconv.Atoi(awsproto.Value(a.FixedResponseConfig.StatusCode))
		r.action.fixed = f
	default:
		err = fmt.Errorf("this router knows no action of the type %q", a.Type)
	}
	return r, err
}

func (p *plan) readForward(rule string, c *elb.ForwardActionConfig, before *plan) (*forward, error) {
	f := &forward{rule: rule}
	var weights []int
	key := rule
	for _, t := range c.TargetGroups {
		g := p.groups[awsproto.Value(t.TargetGroupArn)]
		if g == nil {
			return nil, fmt.Errorf("the table lacks the target group %s", awsproto.Value(t.TargetGroupArn))
		}
		f.groups = append(f.groups, g)
		weight := 1
		if t.Weight != nil {
			weight = int(*t.Weight)
		}
		weights = append(weights, weight)
		key += " " + awsproto.Value(t.TargetGroupArn)
	}
	if before != nil && before.choices[key].sameWeights(weights) {
		f.choice = before.choices[key]
	} else {
		f.choice = newChoice(weights)
	}
	p.choices[key] = f.choice
	if s := c.TargetGroupStickinessConfig; s != nil && s.Enabled != nil && *s.Enabled && s.DurationSeconds != nil {
		f.sticky = time.Duration(*s.DurationSeconds) * time.Second
	}
	return f, nil
}

func readSettings(attributes map[string]string) settings {
	return settings{
		idle:         seconds(attributes, "idle_timeout.timeout_seconds", 60),
		keepAlive:    seconds(attributes, "client_keep_alive.seconds", 3600),
		http2:        attributes["routing.http2.enabled"] != "false",
		server:       attributes["routing.http.response.server.enabled"] != "false",
		dropInvalid:  attributes["routing.http.drop_invalid_header_fields.enabled"] == "true",
		preserveHost: attributes["routing.http.preserve_host_header.enabled"] == "true",
		tlsHeaders:   attributes["routing.http.x_amzn_tls_version_and_cipher_suite.enabled"] == "true",
		clientPort:   attributes["routing.http.xff_client_port.enabled"] == "true",
		forwardedFor: attributes["routing.http.xff_header_processing.mode"],
	}
}

func seconds(attributes map[string]string, key string, otherwise int) time.Duration {
	n, err := strconv.Atoi(attributes[key])
	if err != nil {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// cookieKey reads the key under which cookies of stickiness are sealed.
func cookieKey(t *slipway.Table) []byte {
	key, err := base64.StdEncoding.DecodeString(t.CookieKey)
	if err != nil || len(key) != 32 {
		return nil
	}
	return key
}

// gone are the groups of the plan before that this one does not have.
func (p *plan) gone(before *plan) []*group {
	if before == nil {
		return nil
	}
	rest := maps.Clone(before.groups)
	for arn := range p.groups {
		delete(rest, arn)
	}
	var gone []*group
	for _, g := range rest {
		gone = append(gone, g)
	}
	return gone
}
