package network

import (
	"cmp"
	"context"
	"database/sql"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/ec2"
	"slipway/internal/store"
)

func port(p *int32) string {
	if p == nil {
		return "-1"
	}
	return strconv.Itoa(int(*p))
}

// peer is whom a rule lets through.
func peer(r *ec2.SecurityGroupRule) string {
	switch {
	case r.CidrIpv4 != nil:
		return *r.CidrIpv4
	case r.CidrIpv6 != nil:
		return *r.CidrIpv6
	case r.PrefixListId != nil:
		return *r.PrefixListId
	case r.ReferencedGroupInfo != nil:
		return awsproto.Value(r.ReferencedGroupInfo.GroupId)
	}
	return ""
}

// identity is what makes two rules of a group the same: all but the description.
func identity(r *ec2.SecurityGroupRule) string {
	parts := []string{strconv.FormatBool(*r.IsEgress), *r.IpProtocol, port(r.FromPort), port(r.ToPort), peer(r)}
	return strings.Join(parts, " ")
}

func (s *Service) addRule(ctx context.Context, tx store.Tx, grp string, r *ec2.SecurityGroupRule) error {
	r.SecurityGroupRuleId, r.GroupId, r.GroupOwnerId = new(newID("sgr")), &grp, &s.Account
	r.SecurityGroupRuleArn = new(s.arn("security-group-rule/" + *r.SecurityGroupRuleId))
	tags := r.Tags
	r.Tags = nil
	inserted, err := tx.Exec(ctx, `INSERT INTO ec2_rules (id, grp, identity, doc) VALUES ($1, $2, $3, $4)
		ON CONFLICT (grp, identity) DO NOTHING`, *r.SecurityGroupRuleId, grp, identity(r), store.JSON(r))
	if err != nil {
		return err
	}
	if n, err := inserted.RowsAffected(); err != nil || n == 0 {
		return cmp.Or(err, fault("InvalidPermission.Duplicate",
			"the specified rule \"peer: %s, %s, from port: %s, to port: %s, ALLOW\" already exists", peer(r),
			strings.ToUpper(*r.IpProtocol), port(r.FromPort), port(r.ToPort)))
	}
	r.Tags = tags
	return putTags(ctx, tx, *r.SecurityGroupRuleId, tags)
}

// rules reads rules, in the order in which they are listed.
func (s *Service) rules(ctx context.Context, q store.Queryer, where string,
	args ...any) ([]ec2.SecurityGroupRule, error) {
	return store.All(ctx, q, func(r *sql.Rows) (x ec2.SecurityGroupRule, err error) {
		return x, r.Scan(store.JSON(&x))
	}, `SELECT doc FROM ec2_rules `+where+` ORDER BY grp, identity`, args...)
}

// permissions groups rules by their protocol and ports, as DescribeSecurityGroups shows them.
func permissions(rules []ec2.SecurityGroupRule) (in, out []ec2.IpPermission) {
	in, out = []ec2.IpPermission{}, []ec2.IpPermission{}
	for _, r := range rules {
		list := &in
		if *r.IsEgress {
			list = &out
		}
		i := slices.IndexFunc(*list, func(p ec2.IpPermission) bool {
			return *p.IpProtocol == *r.IpProtocol && (*r.IpProtocol == "-1" ||
				port(p.FromPort) == port(r.FromPort) && port(p.ToPort) == port(r.ToPort))
		})
		if i < 0 {
			p := ec2.IpPermission{IpProtocol: r.IpProtocol, IpRanges: []ec2.IpRange{}, Ipv6Ranges: []ec2.Ipv6Range{},
				PrefixListIds: []ec2.PrefixListId{}, UserIdGroupPairs: []ec2.UserIdGroupPair{}}
			if *r.IpProtocol != "-1" {
				p.FromPort, p.ToPort = r.FromPort, r.ToPort
			}
			*list = append(*list, p)
			i = len(*list) - 1
		}
		addPeer(&(*list)[i], &r)
	}
	return in, out
}

func addPeer(p *ec2.IpPermission, r *ec2.SecurityGroupRule) {
	switch {
	case r.CidrIpv4 != nil:
		p.IpRanges = append(p.IpRanges, ec2.IpRange{CidrIp: r.CidrIpv4, Description: r.Description})
	case r.CidrIpv6 != nil:
		p.Ipv6Ranges = append(p.Ipv6Ranges, ec2.Ipv6Range{CidrIpv6: r.CidrIpv6, Description: r.Description})
	case r.PrefixListId != nil:
		p.PrefixListIds = append(p.PrefixListIds, ec2.PrefixListId{PrefixListId: r.PrefixListId,
			Description: r.Description})
	case r.ReferencedGroupInfo != nil:
		p.UserIdGroupPairs = append(p.UserIdGroupPairs, ec2.UserIdGroupPair{GroupId: r.ReferencedGroupInfo.GroupId,
			UserId: r.ReferencedGroupInfo.UserId, Description: r.Description})
	}
}

// numbers are the names of protocols that have ports, by their numbers.
var numbers = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}

// asked is what a request says of rules: a list, or one rule in members of its own.
type asked struct {
	permissions    []ec2.IpPermission
	cidr, protocol *string
	from, to       *int32
	group, owner   *string
}

// read makes the rules that a request means.
func (s *Service) read(ctx context.Context, q store.Queryer, egress bool, a asked) ([]ec2.SecurityGroupRule, error) {
	all := a.permissions
	if a.protocol != nil || a.cidr != nil || a.group != nil {
		p := ec2.IpPermission{IpProtocol: a.protocol, FromPort: a.from, ToPort: a.to}
		if a.cidr != nil {
			p.IpRanges = []ec2.IpRange{{CidrIp: a.cidr}}
		}
		if a.group != nil {
			p.UserIdGroupPairs = []ec2.UserIdGroupPair{{GroupName: a.group, UserId: a.owner}}
		}
		all = append(slices.Clone(all), p)
	}
	if len(all) == 0 {
		return nil, fault("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	var rules []ec2.SecurityGroupRule
	for _, p := range all {
		some, err := s.expand(ctx, q, egress, p)
		if err != nil {
			return nil, err
		}
		rules = append(rules, some...)
	}
	return rules, nil
}

// expand makes a rule of each peer of a permission.
func (s *Service) expand(ctx context.Context, q store.Queryer, egress bool,
	p ec2.IpPermission) ([]ec2.SecurityGroupRule, error) {
	protocol := strings.ToLower(awsproto.Value(p.IpProtocol))
	protocol = cmp.Or(numbers[protocol], protocol)
	base := ec2.SecurityGroupRule{IsEgress: &egress, IpProtocol: &protocol, FromPort: p.FromPort, ToPort: p.ToPort}
	if err := checkPorts(&base); err != nil {
		return nil, err
	}
	var rules []ec2.SecurityGroupRule
	for _, x := range p.IpRanges {
		r := base
		r.Description = x.Description
		var err error
		if r.CidrIpv4, err = block(x.CidrIp, true); err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	for _, x := range p.Ipv6Ranges {
		r := base
		r.Description = x.Description
		var err error
		if r.CidrIpv6, err = block(x.CidrIpv6, false); err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	for _, x := range p.UserIdGroupPairs {
		g, err := s.named(ctx, q, x.GroupId, x.GroupName)
		if err != nil {
			return nil, err
		}
		r := base
		r.Description = x.Description
		r.ReferencedGroupInfo = &ec2.ReferencedSecurityGroup{GroupId: &g.id, UserId: &s.Account}
		rules = append(rules, r)
	}
	if len(p.PrefixListIds) > 0 {
		return nil, fault("InvalidPrefixListID.NotFound", "The prefix list ID '%.100s' does not exist",
			awsproto.Value(p.PrefixListIds[0].PrefixListId))
	}
	if len(rules) == 0 {
		return nil, fault("MissingParameter", "A rule must have a peer: a range of addresses or a group.")
	}
	return rules, nil
}

// checkPorts completes the ports of a rule: a protocol without ports, and all protocols, have -1.
func checkPorts(r *ec2.SecurityGroupRule) error {
	switch *r.IpProtocol {
	case "":
		return fault("MissingParameter", "The request must contain the parameter ipProtocol")
	case "tcp", "udp":
		if r.FromPort == nil || r.ToPort == nil {
			return fault("InvalidParameterValue",
				"Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		if *r.FromPort < 0 || *r.ToPort > 65535 || *r.FromPort > *r.ToPort {
			return fault("InvalidParameterValue", "Invalid value '%d-%d' for portRange.", *r.FromPort, *r.ToPort)
		}
		return nil
	case "icmp", "icmpv6":
		if r.FromPort == nil {
			r.FromPort = new(int32(-1))
		}
		if r.ToPort == nil {
			r.ToPort = new(int32(-1))
		}
		return nil
	}
	if *r.IpProtocol != "-1" {
		if n, err := strconv.Atoi(*r.IpProtocol); err != nil || n < 0 || n > 255 {
			return fault("InvalidParameterValue", "Invalid value '%.40s' for IP protocol. Unknown protocol.",
				*r.IpProtocol)
		}
	}
	r.FromPort, r.ToPort = new(int32(-1)), new(int32(-1))
	return nil
}

// block reads a range of addresses in its canonical form.
func block(text *string, v4 bool) (*string, error) {
	p, err := netip.ParsePrefix(awsproto.Value(text))
	if err != nil || p.Addr().Is4() != v4 {
		return nil, fault("InvalidParameterValue", "CIDR block %.60s is malformed", awsproto.Value(text))
	}
	return new(p.Masked().String()), nil
}

// authorize adds rules to a group.
func (s *Service) authorize(ctx context.Context, id, name *string, egress bool, a asked,
	tags []ec2.Tag) (rules []ec2.SecurityGroupRule, err error) {
	return rules, s.db.Write(ctx, func(tx store.Tx) error {
		g, err := s.named(ctx, tx, id, name)
		if err != nil {
			return err
		}
		if rules, err = s.read(ctx, tx, egress, a); err != nil {
			return err
		}
		for i := range rules {
			rules[i].Tags = tags
			if err := s.addRule(ctx, tx, g.id, &rules[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// AuthorizeSecurityGroupIngress implements ec2:AuthorizeSecurityGroupIngress.
func (s *Service) AuthorizeSecurityGroupIngress(ctx context.Context,
	in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	rules, err := s.authorize(ctx, in.GroupId, in.GroupName, false, asked{in.IpPermissions, in.CidrIp, in.IpProtocol,
		in.FromPort, in.ToPort, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId},
		specified(in.TagSpecifications, "security-group-rule"))
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: new(true), SecurityGroupRules: rules}, nil
}

// AuthorizeSecurityGroupEgress implements ec2:AuthorizeSecurityGroupEgress.
func (s *Service) AuthorizeSecurityGroupEgress(ctx context.Context,
	in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	rules, err := s.authorize(ctx, in.GroupId, nil, true, asked{in.IpPermissions, in.CidrIp, in.IpProtocol, in.FromPort,
		in.ToPort, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId},
		specified(in.TagSpecifications, "security-group-rule"))
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: new(true), SecurityGroupRules: rules}, nil
}

// revoke takes rules from a group, by their IDs or by what they say.
func (s *Service) revoke(ctx context.Context, id, name *string, egress bool, a asked,
	ids []string) (gone []ec2.RevokedSecurityGroupRule, err error) {
	return gone, s.db.Write(ctx, func(tx store.Tx) error {
		gone = []ec2.RevokedSecurityGroupRule{}
		g, err := s.named(ctx, tx, id, name)
		if err != nil {
			return err
		}
		has, err := s.rules(ctx, tx, `WHERE grp = $1`, g.id)
		if err != nil {
			return err
		}
		same := func(r *ec2.SecurityGroupRule) bool { return slices.Contains(ids, *r.SecurityGroupRuleId) }
		want := len(ids)
		if want == 0 {
			named, err := s.read(ctx, tx, egress, a)
			if err != nil {
				return err
			}
			want = len(named)
			same = func(r *ec2.SecurityGroupRule) bool {
				is := identity(r)
				return slices.ContainsFunc(named, func(n ec2.SecurityGroupRule) bool { return identity(&n) == is })
			}
		}
		for _, r := range has {
			if *r.IsEgress != egress || !same(&r) {
				continue
			}
			if err := removeRule(ctx, tx, *r.SecurityGroupRuleId); err != nil {
				return err
			}
			gone = append(gone, revoked(&r))
		}
		if len(gone) < want {
			return fault("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		return nil
	})
}

func removeRule(ctx context.Context, tx store.Tx, id string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM ec2_tags WHERE resource = $1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM ec2_rules WHERE id = $1`, id)
	return err
}

func revoked(r *ec2.SecurityGroupRule) ec2.RevokedSecurityGroupRule {
	x := ec2.RevokedSecurityGroupRule{SecurityGroupRuleId: r.SecurityGroupRuleId, GroupId: r.GroupId,
		IsEgress: r.IsEgress, IpProtocol: r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort, CidrIpv4: r.CidrIpv4,
		CidrIpv6: r.CidrIpv6, PrefixListId: r.PrefixListId, Description: r.Description}
	if r.ReferencedGroupInfo != nil {
		x.ReferencedGroupId = r.ReferencedGroupInfo.GroupId
	}
	return x
}

// RevokeSecurityGroupIngress implements ec2:RevokeSecurityGroupIngress.
func (s *Service) RevokeSecurityGroupIngress(ctx context.Context,
	in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	gone, err := s.revoke(ctx, in.GroupId, in.GroupName, false, asked{in.IpPermissions, in.CidrIp, in.IpProtocol,
		in.FromPort, in.ToPort, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId}, in.SecurityGroupRuleIds)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupIngressOutput{Return: new(true), RevokedSecurityGroupRules: gone}, nil
}

// RevokeSecurityGroupEgress implements ec2:RevokeSecurityGroupEgress.
func (s *Service) RevokeSecurityGroupEgress(ctx context.Context,
	in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	gone, err := s.revoke(ctx, in.GroupId, nil, true, asked{in.IpPermissions, in.CidrIp, in.IpProtocol, in.FromPort,
		in.ToPort, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId}, in.SecurityGroupRuleIds)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupEgressOutput{Return: new(true), RevokedSecurityGroupRules: gone}, nil
}
