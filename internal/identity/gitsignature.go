package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
)

// gitHost is CodeCommit's own host name, which carries the region that a helper signed for.
var gitHost = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^git-codecommit(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com`)
})

// knownRegions are AWS's regions. They are tried for passwords that do not name the region they were signed for.
var knownRegions = []string{
	"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
	"ap-south-2", "ap-southeast-1",
	"ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-7", "ca-central-1",
	"ca-west-1", "cn-north-1",
	"cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1",
	"eu-west-2", "eu-west-3",
	"il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2",
	"us-gov-east-1", "us-gov-west-1",
	"us-west-1", "us-west-2",
}

// Git verifies the user name and password of a Git request. Clients of CodeCommit use one of three: a static Git
// credential, a password signed by `aws codecommit credential-helper`, or one signed by git-remote-codecommit. path is
// the path in the repository's URL: /v1/repos/NAME.
func (s *Service) Git(ctx context.Context, username, password, host, path string) (awsproto.Caller, bool, error) {
	if c, ok := s.gitPassword(username, password); ok {
		return c, true, nil
	}
	id, token, _ := strings.Cut(username, "%")
	secret, ok, err := s.Lookup(ctx, id, token)
	if _, refused := errors.AsType[*sigv4.Error](err); refused {
		return awsproto.Caller{}, false, nil
	}
	if err != nil || !ok || subtle.ConstantTimeCompare([]byte(secret.SessionToken), []byte(token)) != 1 {
		return awsproto.Caller{}, false, err
	}
	regions := []string{s.Region}
	if m := gitHost().FindStringSubmatch(host); m != nil {
		regions = []string{m[1]}
	} else if s.Regions != nil { // the password does not say which region it was signed for
		regions = append(regions,
			slices.DeleteFunc(slices.Clone(knownRegions), func(r string) bool { return !s.Regions(r) })...)
	}
	stamp, signature, _ := strings.Cut(password, "Z")
	// The CLI's helper signs the host without its port, git-remote-codecommit signs it with the port.
	hosts := []string{host}
	if bare, _, err := net.SplitHostPort(host); err == nil {
		hosts = append(hosts, bare)
	}
	for _, region := range regions {
		for _, h := range hosts {
			if sigv4.VerifyGitPassword(secret.Key, stamp, signature, h, path, region, s.Now()) {
				c, err := s.Caller(ctx, id, token)
				return c, err == nil, err
			}
		}
	}
	return awsproto.Caller{}, false, nil
}
