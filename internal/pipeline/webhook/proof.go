package webhook

import (
	"crypto/hmac"
	"crypto/sha1" // GitHub's older header has an HMAC of it, which is not broken
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"net/netip"
	"strings"

	cp "slipway/api/codepipeline"
)

// checkAuthentication refuses a configuration that does not belong to the way in which deliveries prove themselves.
func checkAuthentication(d *cp.WebhookDefinition) error {
	c, wrong := d.AuthenticationConfiguration, ""
	switch d.Authentication {
	case cp.WebhookAuthenticationTypeGithubHmac:
		if c.SecretToken == nil || c.AllowedIPRange != nil {
			wrong = "GITHUB_HMAC takes a SecretToken, and nothing else"
		}
	case cp.WebhookAuthenticationTypeIp:
		if c.AllowedIPRange == nil || c.SecretToken != nil {
			wrong = "IP takes an AllowedIPRange, and nothing else"
		} else if _, err := netip.ParsePrefix(*c.AllowedIPRange); err != nil {
			wrong = "The AllowedIPRange " + *c.AllowedIPRange + " is not a range of addresses such as 192.0.2.0/24"
		}
	case cp.WebhookAuthenticationTypeUnauthenticated:
		if c.SecretToken != nil || c.AllowedIPRange != nil {
			wrong = "UNAUTHENTICATED takes neither a SecretToken nor an AllowedIPRange"
		}
	}
	if wrong != "" {
		return &cp.InvalidWebhookAuthenticationParametersException{Message: wrong}
	}
	return nil
}

// Errors of a delivery's proof. None says more of a secret than that it does not fit.
var (
	errUnsigned  = errors.New("the request has neither of GitHub's headers X-Hub-Signature-256 and X-Hub-Signature")
	errSignature = errors.New("the signature of the request does not fit the webhook's secret")
	errAddress   = errors.New("the request does not come from the webhook's range of addresses")
)

// early checks what can be checked before the body is read.
func (w *webhook) early(h http.Header, from netip.Addr) error {
	switch w.definition.Authentication {
	case cp.WebhookAuthenticationTypeGithubHmac:
		if h.Get(signature256) == "" && h.Get(signature1) == "" {
			return errUnsigned
		}
	case cp.WebhookAuthenticationTypeIp:
		r, err := netip.ParsePrefix(*w.definition.AuthenticationConfiguration.AllowedIPRange)
		if err != nil || !r.Contains(from) {
			return errAddress
		}
	case cp.WebhookAuthenticationTypeUnauthenticated: // its URL is all that there is to know
	}
	return nil
}

const signature256, signature1 = "X-Hub-Signature-256", "X-Hub-Signature"

// proof checks the signature over the bytes that came, in constant time. The stronger of two signatures counts.
func (w *webhook) proof(h http.Header, body []byte) error {
	if w.definition.Authentication != cp.WebhookAuthenticationTypeGithubHmac {
		return nil
	}
	given, ok, sum := "", false, sha256.New
	if text := h.Get(signature256); text != "" {
		given, ok = strings.CutPrefix(text, "sha256=")
	} else {
		given, ok = strings.CutPrefix(h.Get(signature1), "sha1=")
		sum = sha1.New
	}
	is, err := hex.DecodeString(given)
	if !ok || err != nil || !hmac.Equal(is, mac(sum, w.secret, body)) {
		return errSignature
	}
	return nil
}

func mac(sum func() hash.Hash, key string, text []byte) []byte {
	m := hmac.New(sum, []byte(key))
	_, _ = m.Write(text)
	return m.Sum(nil)
}
