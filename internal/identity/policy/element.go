package policy

import (
	"fmt"
	"strings"
)

// either returns the element or its negation.
func (e elements) either(name string) (m *member, not bool) {
	if m = e[name]; m != nil {
		return m, false
	}
	return e["Not"+name], true
}

func (p *parser) actions(e elements, statement *node, s *statement) {
	m, not := e.either("Action")
	var items []node
	if m != nil {
		items = p.texts(m.name, &m.value)
		if m.value.kind == list && len(m.value.items) == 0 {
			p.faults.add(rankActions, m.value.start, actionsMissing, "the list is empty")
		}
	} else {
		p.faults.add(rankActions, statement.start, actionsMissing, "add Action")
	}
	s.notAction = not && m != nil
	for i := range items {
		p.action(&items[i])
		s.actions = append(s.actions, parseGlob(items[i].text, grammar{wildcards: true, lower: true}))
	}
}

func (p *parser) action(n *node) {
	vendor, name, ok := strings.Cut(n.text, ":")
	switch {
	case n.text == "*" && p.kind != Trust:
		return
	case p.kind == Trust && !strings.EqualFold(vendor, "sts"):
		p.faults.add(rankVendor, n.start, assumeOnly, fmt.Sprintf("%q is no action of STS", n.text))
	case !ok || vendor == "" && name == "":
		hint := fmt.Sprintf("%q has no service prefix, as in s3:GetObject", n.text)
		p.faults.add(rankVendor, n.start, vendorMissing, hint)
	case strings.Contains(name, ":"):
		p.faults.add(rankVendor, n.start, oneColon, fmt.Sprintf("%q has more than one colon", n.text))
	case !isVendor(vendor):
		p.faults.add(rankVendor, n.start, "Vendor "+vendor+" is not valid",
			"a service prefix has letters, digits, dots and hyphens")
	}
}

func isVendor(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("-._*?", c)
	}) < 0
}

func (p *parser) resources(e elements, statement *node, s *statement) {
	m, not := e.either("Resource")
	if p.kind == Trust {
		if m != nil {
			hint := "a trust policy is for its role alone; remove it"
			p.faults.add(rankSyntax, m.at, "Has prohibited field "+m.name, hint)
		}
		return
	}
	if m == nil {
		if p.kind == Identity {
			p.faults.add(rankResources, statement.start, resourceMissing, `add Resource; "*" is for all`)
		}
		return
	}
	s.notResource = not
	items := p.texts(m.name, &m.value)
	if m.value.kind == list && len(m.value.items) == 0 {
		p.faults.add(rankResources, m.value.start, resourceMissing, "the list is empty")
	}
	for i := range items {
		n := &items[i]
		p.resource(n)
		pad := p.kind == Identity || strings.ContainsAny(n.text, "*?")
		s.resources = append(s.resources, parseARN(n.text, p.variables, pad))
	}
}

// resource checks the form of an ARN as AWS does.
func (p *parser) resource(n *node) {
	t := n.text
	if t == "*" {
		return
	}
	a := splitARN(t)
	bad := func(r rank, message, hint string) { p.faults.add(r, n.start, message, fmt.Sprintf("%q: %s", t, hint)) }
	switch {
	case a.count < 2:
		bad(rankResource, "Resource "+t+` must be in ARN format or "*".`, "write arn:aws:SERVICE:REGION:ACCOUNT:NAME")
	case !isPartition(a.part[1]):
		for ; a.count < arnParts; a.count++ {
			a.part[a.count] = "*"
		}
		full := "arn:" + strings.Join(a.part[1:], ":")
		bad(rankResource, fmt.Sprintf(`Partition "%s" is not valid for resource "%s".`, a.part[1], full),
			"the partition is aws")
	case a.count == 2:
		bad(rankResource, vendorPattern, "name the service after the partition")
	case a.part[2] == "":
		bad(rankLegacy, legacyParsing, "the service is missing")
	case a.count < arnParts && a.count > 3 && !strings.ContainsAny(t, "*?"):
		bad(rankLegacy, legacyParsing, fmt.Sprintf("an ARN has six parts, this has %d", a.count))
	case strings.ContainsAny(a.part[2], "*?") && a.count == arnParts:
		bad(rankResource, vendorPattern, "name one service")
	case a.count == arnParts:
		p.global(n, a)
	}
}

// iamPaths are how the resources of IAM begin.
var iamPaths = []string{"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/",
	"server-certificate/", "policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"}

// global checks the ARNs of S3 and IAM, which have no region. Access points of S3 have one, and an account.
func (p *parser) global(n *node, a parts) {
	service, region, account, resource := a.part[2], a.part[3], a.part[4], a.part[5]
	if service != "iam" && (service != "s3" || account != "") {
		return
	}
	if region != "" && region != "*" {
		p.region(n, service)
		return
	}
	if service == "s3" || strings.ContainsAny(resource, "*?$") || resource == "root" {
		return
	}
	for _, path := range iamPaths {
		if strings.HasPrefix(resource, path) {
			return
		}
	}
	p.faults.add(rankResource, n.start,
		`IAM resource path must either be "*" or start with `+strings.Join(iamPaths, ", ")+".",
		fmt.Sprintf("%q is no resource of IAM", resource))
}

func (p *parser) region(n *node, service string) {
	message := "Resource " + n.text + " can not contain region information."
	if service == "iam" {
		message = "IAM resource " + n.text + " cannot contain region information."
	}
	p.faults.add(rankResource, n.start, message, "leave the region empty: arn:aws:"+service+":::…")
}

func isPartition(s string) bool {
	for _, known := range [...]string{"aws", "aws-cn", "aws-us-gov"} {
		g := parseGlob(s, grammar{wildcards: true})
		if g.match(known) {
			return true
		}
	}
	return false
}

func (p *parser) principal(e elements, statement *node, s *statement) {
	m, not := e.either("Principal")
	if p.kind == Identity {
		if m != nil {
			p.faults.add(rankPrincipal, m.at, noPrincipal, "the policy is for whom it is attached to; remove it")
		}
		return
	}
	if m == nil {
		hint := "name who the statement is for"
		p.faults.add(rankPrincipal, statement.start, "Missing required field Principal", hint)
		return
	}
	if p.kind == Trust && not {
		p.faults.add(rankPrincipal, m.at, "Has prohibited field NotPrincipal", "a trust policy names who is trusted")
	}
	s.principals = &principals{not: not}
	v := &m.value
	if v.kind == text && v.text == "*" {
		s.principals.entries = []NamedPrincipal{{Value: "*", At: v.start, kind: anybody}}
		return
	}
	if v.kind != object || len(v.members) == 0 {
		p.syntax(v.start, `%s is "*" or an object such as {"AWS": "111122223333"}`, m.name)
		return
	}
	for i := range v.members {
		p.principalEntries(&v.members[i], s.principals)
	}
}

func (p *parser) principalEntries(m *member, out *principals) {
	if m.name != "AWS" && m.name != "Service" && m.name != "Federated" {
		hint := "principals are AWS, Service or Federated"
		if m.name == "CanonicalUser" {
			hint = "Slipway has no canonical user IDs; name the account with AWS"
		}
		p.faults.add(rankPrincipal, m.at, fmt.Sprintf(`Invalid principal in policy: "%s"`, m.name), hint)
		return
	}
	items := p.texts(m.name, &m.value)
	for i := range items {
		n, ok := parsePrincipal(m.name, items[i].text)
		if !ok {
			p.faults.add(rankPrincipal, items[i].start,
				fmt.Sprintf(`Invalid principal in policy: "%s":"%s"`, m.name, items[i].text), principalForms[m.name])
		}
		n.At = items[i].start
		out.entries = append(out.entries, n)
	}
}

var principalForms = map[string]string{
	"AWS":       "name an account, or the ARN of a user, a role or a session; only \"*\" alone is a wildcard",
	"Service":   "name a service, as in codebuild.amazonaws.com",
	"Federated": "name the ARN of an identity provider",
}

func (p *parser) conditions(n *node, s *statement) {
	if n.kind != object {
		p.syntax(n.start, "Condition is an object, this is %s", n.kind)
		return
	}
	for i := range n.members {
		m := &n.members[i]
		if m.value.kind != object {
			p.syntax(m.value.start, "what follows %s is an object of condition keys, this is %s", m.name, m.value.kind)
			continue
		}
		if len(m.value.members) == 0 {
			continue
		}
		c, ok := parseOperator(m.name)
		if !ok {
			p.syntax(m.at, "there is no condition operator %q", m.name)
			continue
		}
		for j := range m.value.members {
			p.condition(c, &m.value.members[j], s)
		}
	}
}

func (p *parser) condition(c condition, m *member, s *statement) {
	c.key, c.name = lowerKey(m.name), m.name
	items := []node{m.value}
	if m.value.kind == list {
		items = m.value.items
	}
	for i := range items {
		v := &items[i]
		if v.kind != text && v.kind != number && v.kind != boolean {
			p.syntax(v.start, "a value of a condition is a string, a number or a boolean, this is %s", v.kind)
			return
		}
		if c.operator.date {
			if _, ok := parseDate(v.text); !ok {
				hint := fmt.Sprintf("%q is no date, as in 2026-12-31T23:59:59Z", v.text)
				p.faults.add(rankLegacy, v.start, legacyParsing, hint)
			}
		}
		c.operands = append(c.operands, c.operator.compile(v.text, p.variables))
	}
	if c.key == "aws:principalarn" && !c.operator.negated && !c.operator.null && !c.ifExists {
		s.byPrincipalARN = true
	}
	s.conditions = append(s.conditions, c)
}
