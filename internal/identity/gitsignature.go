package identity

import (
	"context"
	"crypto/subtle"
	"net"
	"regexp"
	"strings"
	"sync"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
)

// gitHost is CodeCommit's own host name, which carries the region that a helper signed for.
var gitHost = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^git-codecommit(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com`)
})

// Git verifies the user name and password of a Git request, in each of the three ways in which clients of CodeCommit
// make them: a static Git credential, and the signed passwords of `aws codecommit credential-helper` and of
// git-remote-codecommit. path is the repository's path, as in its URL: /v1/repos/NAME.
func (s *Service) Git(ctx context.Context, username, password, host, path string) (awsproto.Caller, bool, error) {
	if c, ok, err := s.gitPassword(ctx, username, password); ok || err != nil {
		return c, ok, err
	}
	id, token, _ := strings.Cut(username, "%")
	secret, ok, err := s.Lookup(ctx, id)
	if err != nil || !ok || subtle.ConstantTimeCompare([]byte(secret.SessionToken), []byte(token)) != 1 {
		return awsproto.Caller{}, false, err
	}
	region := s.region
	if m := gitHost().FindStringSubmatch(host); m != nil {
		region = m[1]
	}
	stamp, signature, _ := strings.Cut(password, "Z")
	// The CLI's helper signs the host without its port, git-remote-codecommit with it.
	hosts := []string{host}
	if bare, _, err := net.SplitHostPort(host); err == nil {
		hosts = append(hosts, bare)
	}
	for _, h := range hosts {
		if sigv4.VerifyGitPassword(secret.Key, stamp, signature, h, path, region, s.now()) {
			c, err := s.Caller(ctx, id)
			return c, err == nil, err
		}
	}
	return awsproto.Caller{}, false, nil
}
