package awsproto

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"slipway/api/awsproto/sigv4"
)

// claim checks of the signature what needs no body.
func (s *Server) claim(q *request, r *http.Request) (*sigv4.Claim, error) {
	c, err := sigv4.Begin(r.Context(), r, s.Now(), s.Lookup)
	if err != nil {
		return nil, refused(q.protocol, err)
	}
	if c.Service != q.info.SigningName {
		return nil, refusal(q.protocol,
			wrongScope("Credential should be scoped to correct service: '%s', not '%s'.", q.info.SigningName,
				c.Service))
	}
	if !q.info.global() && !s.serves(c.Region) {
		return nil, refusal(q.protocol,
			wrongScope(
				"Credential should be scoped to a valid region: this server is %s, the request was signed for %s. "+
					"Set AWS_DEFAULT_REGION=%s, or start the server with --regions.", s.Region, c.Region, s.Region))
	}
	return c, nil
}

// serves reports whether requests that are signed for a region are accepted.
func (s *Server) serves(region string) bool {
	return region == s.Region || s.Regions != nil && s.Regions(region)
}

func wrongScope(format string, args ...any) *sigv4.Error {
	return &sigv4.Error{Kind: sigv4.WrongScope, Message: fmt.Sprintf(format, args...)}
}

// refused translates an error of a signature. It returns other errors unchanged.
func refused(p Protocol, err error) error {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return refusal(p, e)
	}
	return err
}

func (s *Server) authenticate(q *request, r *http.Request, c *sigv4.Claim) (Caller, error) {
	sig, err := c.Verify(sigv4.HexSHA256(q.body))
	if err != nil {
		return Caller{}, refused(q.protocol, err)
	}
	return s.Caller(r.Context(), sig.AccessKeyID, sig.Token)
}

func refusal(p Protocol, e *sigv4.Error) error {
	codes := map[sigv4.Kind]string{
		sigv4.Missing: "MissingAuthenticationTokenException", sigv4.Incomplete: "IncompleteSignatureException",
		sigv4.UnknownKey: "UnrecognizedClientException", sigv4.Mismatch: "InvalidSignatureException",
		sigv4.Expired: "InvalidSignatureException", sigv4.WrongScope: "InvalidSignatureException",
		sigv4.NotCovered: "AccessDeniedException", sigv4.ExpiredToken: "ExpiredTokenException",
	}
	status := http.StatusBadRequest
	if p == Query {
		status = http.StatusForbidden
		codes = map[sigv4.Kind]string{
			sigv4.Missing: "MissingAuthenticationToken", sigv4.Incomplete: "IncompleteSignature",
			sigv4.UnknownKey: "InvalidClientTokenId", sigv4.Mismatch: "SignatureDoesNotMatch",
			sigv4.Expired: "SignatureDoesNotMatch", sigv4.WrongScope: "SignatureDoesNotMatch",
			sigv4.NotCovered: "AccessDenied", sigv4.ExpiredToken: "ExpiredToken",
		}
	}
	message := e.Message
	if len(e.Headers) > 0 {
		message += ": " + strings.Join(e.Headers, ", ")
	}
	return &Error{Code: codes[e.Kind], Status: status, Message: message}
}
