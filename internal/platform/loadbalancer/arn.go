package loadbalancer

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"slipway/api/awsproto"
)

// newID is 16 hexadecimal digits, as in the ARNs of Elastic Load Balancing.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return hex.EncodeToString(b[:])
}

func (s *Service) arn(resource string) string {
	return "arn:aws:elasticloadbalancing:" + s.Region + ":" + s.Account + ":" + resource
}

// Kinds of resources, as their ARNs begin.
const (
	kindBalancer = "loadbalancer"
	kindListener = "listener"
	kindRule     = "listener-rule"
	kindGroup    = "targetgroup"
)

// child makes the ARN of a listener of a load balancer, or of a rule of a listener.
func child(parent, from, to string) string {
	return strings.Replace(parent, ":"+from+"/", ":"+to+"/", 1) + "/" + newID()
}

// kindOf tells of what kind the resource of an ARN is; "" if it is none of this server's.
func (s *Service) kindOf(arn string) string {
	rest, ok := strings.CutPrefix(arn, s.arn(""))
	if !ok {
		return ""
	}
	kind, _, _ := strings.Cut(rest, "/")
	return kind
}

var called = map[string]string{
	kindBalancer: "load balancer",
	kindListener: "listener",
	kindRule:     "listener rule",
	kindGroup:    "target group",
}

// check refuses what is no ARN of a kind.
func (s *Service) check(kind string, arns ...string) error {
	for _, arn := range arns {
		if s.kindOf(arn) != kind {
			return invalid("'%s' is not a valid %s ARN", arn, called[kind])
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return &awsproto.Error{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}
