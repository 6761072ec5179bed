package policy

import "strings"

// arnParts is how many parts an ARN has: arn, partition, service, region, account and the resource, which may have
// colons of its own.
const arnParts = 6

// parts is an ARN taken apart. An ARN that is too short has fewer parts.
type parts struct {
	part  [arnParts]string
	count int
}

func splitARN(s string) parts {
	var p parts
	for p.count < arnParts-1 {
		i := strings.IndexByte(s, ':')
		if i < 0 {
			break
		}
		p.part[p.count] = s[:i]
		p.count++
		s = s[i+1:]
	}
	p.part[p.count] = s
	p.count++
	return p
}

// arnPattern matches ARNs part by part, so that a star crosses no colon but in the last part.
type arnPattern struct {
	any  bool // "*"
	part [arnParts]glob
	// count is 0 for what matches nothing: no ARN has as few parts.
	count int
}

// parseARN reads the pattern of an ARN. Wildcards mean nothing in the service, if more follows, and
// variables only in the last part. With
// pad, a pattern that is too short is filled up with stars.
func parseARN(s string, variables, pad bool) arnPattern {
	if s == "*" {
		return arnPattern{any: true}
	}
	var a arnPattern
	p := splitARN(s)
	endsWithService := p.count == 3 // as arn:aws:s3* does
	if p.count < arnParts && pad {
		for ; p.count < arnParts; p.count++ {
			p.part[p.count] = "*"
		}
	}
	if p.count < arnParts {
		return a
	}
	for i, text := range p.part {
		a.part[i] = parseGlob(text, grammar{
			wildcards: i != 2 || endsWithService,
			variables: variables && i == arnParts-1,
		})
	}
	a.count = arnParts
	return a
}

func (a *arnPattern) match(p *parts, c Context) bool {
	if a.any {
		return true
	}
	if a.count == 0 || p.count < arnParts {
		return false
	}
	// The last part and the service tell most ARNs apart.
	for _, i := range [...]int{2, 5, 3, 4, 1, 0} {
		g, ok := a.part[i].fill(c, false)
		if !ok || !g.all && !g.match(p.part[i]) {
			return false
		}
	}
	return true
}
