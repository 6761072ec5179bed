// Package network is the network that clients of EC2 expect: one VPC with a subnet in each of three zones, which are
// names alone, and security groups, which are kept. No traffic passes through any of it: load balancers listen where
// their router does, and who may reach them is the host's firewall's to say.
package network

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/ec2"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("network", migrations) }

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Pager           awsproto.Pager
}

// Service implements EC2, as far as it is about the network.
type Service struct {
	Config
	db *store.Store
}

// New returns the service, with the default security group.
func New(ctx context.Context, db *store.Store, c Config) (*Service, error) {
	s := &Service{c, db}
	return s, db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.group(ctx, tx, s.defaultGroup()); awsproto.Code(err) != groupNotFound {
			return err
		}
		return s.addGroup(ctx, tx, s.defaultGroup(), "default", "default VPC security group", true)
	})
}

// id is the ID of a thing of the account, which does not change.
func (s *Service) id(kind, name string) string {
	sum := sha256.Sum256([]byte(s.Account + " " + s.Region + " " + kind + " " + name))
	return kind + "-" + hex.EncodeToString(sum[:])[:17]
}

func (s *Service) arn(resource string) string {
	return "arn:aws:ec2:" + s.Region + ":" + s.Account + ":" + resource
}

// VPC is the ID of the VPC.
func (s *Service) VPC() string { return s.id("vpc", "default") }

func (s *Service) defaultGroup() string { return s.id("sg", "default") }

const vpcBlock = "172.31.0.0/16"

// zones are the letters of the zones, each with its subnet's addresses.
var zones = []struct{ letter, block string }{{"a", "172.31.0.0/20"}, {"b", "172.31.16.0/20"}, {"c", "172.31.32.0/20"}}

func (s *Service) zone(letter string) string { return s.Region + letter }

func (s *Service) subnet(letter string) string { return s.id("subnet", letter) }

// Zone is the zone of a subnet. ok is false for one that is not there.
func (s *Service) Zone(subnet string) (zone string, ok bool) {
	for _, z := range zones {
		if s.subnet(z.letter) == subnet {
			return s.zone(z.letter), true
		}
	}
	return "", false
}

func fault(code, format string, args ...any) error {
	return &awsproto.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// dry answers a request that asks only whether it may be made.
func dry(asked *bool) error {
	if asked != nil && *asked {
		return &awsproto.Error{Code: "DryRunOperation", Status: http.StatusPreconditionFailed,
			Message: "Request would have succeeded, but DryRun flag is set."}
	}
	return nil
}

// facts are what filters look at, by name.
type facts map[string][]string

// tagged adds the tags of a resource.
func (f facts) tagged(tags []ec2.Tag) facts {
	for _, t := range tags {
		f["tag:"+*t.Key] = []string{*t.Value}
		f["tag-key"] = append(f["tag-key"], *t.Key)
	}
	return f
}

// choose returns whether something is among the IDs that were asked for, if any, and passes all filters.
func choose(id string, ids []string, filters []ec2.Filter, f facts) (bool, error) {
	if len(ids) > 0 && !slices.Contains(ids, id) {
		return false, nil
	}
	for _, filter := range filters {
		name := awsproto.Value(filter.Name)
		values, known := f[name]
		if !known && name != "tag-key" && !strings.HasPrefix(name, "tag:") {
			return false, fault("InvalidParameterValue", "The filter '%.100s' is invalid", name)
		}
		if !slices.ContainsFunc(filter.Values, func(pattern string) bool {
			return slices.ContainsFunc(values, func(v string) bool { return glob(pattern, v) })
		}) {
			return false, nil
		}
	}
	return true, nil
}

// glob matches * and ?, in time that is linear for each *.
func glob(pattern, text string) bool {
	star, from := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t] && pattern[p] != '*'):
			p, t = p+1, t+1
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// missing returns an error for the first ID that was asked for and is not known.
func missing(code, what string, asked []string, known func(string) bool) error {
	for _, id := range asked {
		if !known(id) {
			return fault(code, "The %s ID '%.100s' does not exist", what, id)
		}
	}
	return nil
}

// page cuts a list to a page.
func page[T any](s *Service, op string, all []T, most *int32, token *string) (some []T, next *string, err error) {
	from := 0
	if !s.Pager.Place(op, nil, token, &from) || from > len(all) {
		return nil, nil, fault("InvalidParameterValue", "The token is not one of this list.")
	}
	all = all[from:]
	if most == nil || int(*most) >= len(all) || *most <= 0 {
		return all, nil, nil
	}
	return all[:*most], s.Pager.Token(op, nil, from+int(*most)), nil
}
