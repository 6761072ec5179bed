package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

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
	// The CLI's helper signs the host without its port, git-remote-codecommit with it.
	hosts := []string{host}
	if bare, _, err := net.SplitHostPort(host); err == nil {
		hosts = append(hosts, bare)
	}
	for _, h := range hosts {
		if signedForGit(secret.Key, password, h, path, region, s.now()) {
			c, err := s.Caller(ctx, id)
			return c, err == nil, err
		}
	}
	return awsproto.Caller{}, false, nil
}

// signedForGit verifies TIMESTAMP "Z" SIGNATURE. The method signed is GIT, the query is empty, and no payload's hash follows.
func signedForGit(secret, password, host, path, region string, now time.Time) bool {
	stamp, signature, ok := strings.Cut(password, "Z")
	when, err := time.Parse("20060102T150405", stamp)
	if !ok || err != nil || now.Sub(when).Abs() > sigv4.Skew {
		return false
	}
	canonical := "GIT\n" + path + "\n\nhost:" + host + "\n\nhost\n"
	date := stamp[:8]
	toSign := "AWS4-HMAC-SHA256\n" + stamp + "\n" + date + "/" + region + "/codecommit/aws4_request\n" + sigv4.HexSHA256([]byte(canonical))
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, "codecommit", "aws4_request", toSign} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(key)), []byte(signature)) == 1
}
