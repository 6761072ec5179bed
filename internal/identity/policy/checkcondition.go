package policy

import (
	"slices"
	"strings"

	"slipway/internal/identity/policy/catalogue"
)

// globalKeys are the keys that all requests can have. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var globalKeys = strings.Fields(`aws:AssumedRoot aws:CalledVia aws:CalledViaFirst aws:CalledViaLast aws:CurrentTime
	aws:Ec2InstanceSourcePrivateIPv4 aws:Ec2InstanceSourceVpc aws:EpochTime aws:FederatedProvider
	aws:MultiFactorAuthAge aws:MultiFactorAuthPresent aws:PrincipalAccount aws:PrincipalArn aws:PrincipalIsAWSService
	aws:PrincipalOrgID aws:PrincipalOrgPaths aws:PrincipalServiceName aws:PrincipalServiceNamesList
	aws:PrincipalTag/${TagKey} aws:PrincipalType aws:referer aws:RequestedRegion aws:ResourceAccount aws:ResourceOrgID
	aws:ResourceOrgPaths aws:SecureTransport aws:SourceAccount aws:SourceArn aws:SourceIdentity aws:SourceIp
	aws:SourceOrgID aws:SourceOrgPaths aws:SourceVpc aws:SourceVpcArn aws:SourceVpce aws:TokenIssueTime aws:UserAgent
	aws:userid aws:username aws:ViaAWSService aws:VpceAccount aws:VpceOrgID aws:VpceOrgPaths aws:VpcSourceIp
	slipway:Deploys`)

// listKeys are global keys that can have several values.
var listKeys = strings.Fields(`aws:calledvia aws:principalorgpaths aws:principalservicenameslist aws:resourceorgpaths
	aws:sourceorgpaths aws:tagkeys aws:vpceorgpaths`)

func (c *checker) conditions(n *node, a *named, allow bool) {
	for i := range n.members {
		m := &n.members[i]
		op, ok := parseOperator(m.name)
		if !ok || m.value.kind != object {
			continue
		}
		for j := range m.value.members {
			k := &m.value.members[j]
			c.key(k, a)
			c.references(k, op, m.name, a, allow)
			c.set(k, op, m.name, n, allow)
			c.values(k, op, m.name)
		}
	}
}

// references warns of an Allow that no push meets: before its references are known, a push is asked for without them.
func (c *checker) references(k *member, op condition, name string, a *named, allow bool) {
	if !allow || op.ifExists || op.operator.null || op.operator.negated || lowerKey(k.name) != "codecommit:references" {
		return
	}
	push := func(e catalogue.Entry) bool { return e.Service == "codecommit" && e.Name == "GitPush" }
	if slices.ContainsFunc(a.entries, push) {
		c.warn(k.at, "No push meets this: codecommit:GitPush is asked for first without references.",
			"Write "+name+"IfExists.")
	}
}

// key warns of a condition key that no action of the statement has.
func (c *checker) key(k *member, a *named) {
	name := lowerKey(k.name)
	if c.kind == Trust || isKey(name, globalKeys) || !a.whole || len(a.entries) == 0 {
		if strings.HasPrefix(name, "aws:") && !isKey(name, globalKeys) && !isKey(name, tagKeys) {
			c.unknownKey(k, append(slices.Clone(globalKeys), tagKeys...))
		}
		return
	}
	var all []string
	for i := range a.entries {
		all = append(all, a.entries[i].Keys...)
		for _, t := range a.entries[i].Types {
			all = append(all, t.Keys...)
		}
	}
	if !isKey(name, all) && !isMember(name) {
		c.unknownKey(k, append(all, globalKeys...))
	}
}

// tagKeys are the keys that requests have for the resources and tags that they name.
var tagKeys = []string{"aws:ResourceTag/${TagKey}", "aws:RequestTag/${TagKey}", "aws:TagKeys"}

func (c *checker) unknownKey(k *member, known []string) {
	hint := "The condition is decided as for a request without it."
	if s := nearest(k.name, known); s != "" {
		hint = "Did you mean " + s + "?"
	}
	c.warn(k.at, "No action of the statement has the condition key "+k.name+".", hint)
}

// isMember reports whether a key is a member of CodeBuild's requests, which all can be keys.
func isMember(key string) bool { return strings.HasPrefix(key, "codebuild:") }

// isKey reports whether a key is one of a list whose names can end with something that is free: ${TagKey}, <key>.
func isKey(key string, known []string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		if i := strings.IndexAny(k, "$<"); i >= 0 {
			return len(key) > i && strings.EqualFold(key[:i], k[:i])
		}
		return strings.EqualFold(key, k)
	})
}

// set warns of conditions on several values that do not mean what they seem to.
func (c *checker) set(k *member, op condition, name string, all *node, allow bool) {
	lower := lowerKey(k.name)
	several := slices.Contains(listKeys, lower)
	switch {
	case several && op.set == single && !op.operator.null:
		c.warn(k.at, k.name+" can have several values, with which "+name+" does not hold.",
			"Write ForAnyValue:"+name+" or ForAllValues:"+name+".")
	case op.set == allValues && allow && !hasNull(all, lower):
		c.warn(k.at, name+" also holds if the request has no "+k.name+".",
			`Add "Null": {"`+k.name+`": "false"}, so that the key must be there.`)
	}
}

// hasNull reports whether a condition asks that a key is there.
func hasNull(all *node, key string) bool {
	for i := range all.members {
		m := &all.members[i]
		for j := range m.value.members {
			if m.name == "Null" && lowerKey(m.value.members[j].name) == key {
				return true
			}
		}
	}
	return false
}

// values warns of values that never match.
func (c *checker) values(k *member, op condition, name string) {
	values := listOf(&k.value)
	if len(values) == 0 {
		c.warn(k.value.start, "A condition without values never holds.", "Name a value, or remove the condition.")
	}
	for _, v := range values {
		if strings.Contains(v.text, "${") && !c.variables {
			c.warn(v.start, "Variables are text in this version of the language.", `Write "Version": "2012-10-17".`)
			continue
		}
		c.value(v, op, name)
	}
}

func (c *checker) value(v *node, op condition, name string) {
	switch o := op.operator.compile(v.text, true).(type) {
	case *numberOperand:
		c.unless(o.valid, v, "is no number")
	case *binaryOperand:
		c.unless(o.valid, v, "is not in base64")
	case *addressOperand:
		c.unless(o.valid, v, "is no IP address and no network, as in 203.0.113.0/24")
	case *boolOperand:
		c.unless(o.variables || isBool(v.text), v, "is neither true nor false")
	case *arnOperand:
		c.unless(o.pattern.any || o.pattern.count > 0, v, "is no ARN of six parts")
	case *textOperand:
		if !strings.Contains(name, "Like") && strings.ContainsAny(v.text, "*?") && !o.variables {
			c.warn(v.start, name+" takes * and ? as they are.", "Use StringLike for wildcards.")
		}
	}
}

func (c *checker) unless(valid bool, v *node, what string) {
	if !valid {
		c.warn(v.start, quoted(v.text)+" "+what+"; it matches nothing.", "")
	}
}

// nearest returns the name that differs from a word by at most a third of its letters, "" for none.
func nearest(word string, names []string) string {
	best, limit := "", len(word)/3+1
	for _, n := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(n), limit); d < limit {
			best, limit = n, d
		}
	}
	return best
}

// distance is how many letters must be changed, added or removed to make b of a; limit if it is more.
func distance(a, b string, limit int) int {
	if len(a) > len(b)+limit || len(b) > len(a)+limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
