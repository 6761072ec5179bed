package forge

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Forge is a kind of server that sends deliveries.
type Forge string

// The forges whose deliveries are understood.
const (
	GitHub    Forge = "GitHub"
	Gitea     Forge = "Gitea"
	GitLab    Forge = "GitLab"
	Bitbucket Forge = "Bitbucket"
)

// Headers by which forges say what a delivery is.
const (
	giteaEvent     = "X-Gitea-Event"
	githubEvent    = "X-GitHub-Event"
	gitlabEvent    = "X-Gitlab-Event"
	bitbucketEvent = "X-Event-Key"
)

// ForgeOf tells by the headers of a delivery who sent it; "" is none that is known. Gitea sends GitHub's headers too.
func ForgeOf(h http.Header) Forge {
	switch {
	case h.Get(giteaEvent) != "":
		return Gitea
	case h.Get(githubEvent) != "":
		return GitHub
	case h.Get(gitlabEvent) != "":
		return GitLab
	case h.Get(bitbucketEvent) != "":
		return Bitbucket
	}
	return ""
}

// DeliveryID is what a forge calls a delivery, which stays the same when it is delivered again; "" if it says none.
func (f Forge) DeliveryID(h http.Header) string {
	switch f {
	case GitHub:
		return h.Get("X-GitHub-Delivery")
	case Gitea:
		return h.Get("X-Gitea-Delivery")
	case GitLab:
		if id := h.Get("Idempotency-Key"); id != "" {
			return id
		}
		if id := h.Get("Webhook-Id"); id != "" {
			return id
		}
		return h.Get("X-Gitlab-Event-UUID")
	case Bitbucket:
		return h.Get("X-Request-UUID")
	}
	return ""
}

// Errors of Proof. None says more of a secret than that it does not fit.
var (
	ErrUnsigned = errors.New("the delivery is not signed. Give the webhook at the forge the secret that was shown " +
		"when it was made")
	ErrSignature = errors.New("the delivery's signature does not fit the webhook's secret. Give the webhook at the " +
		"forge the secret that was shown when it was made, or make a new secret")
	ErrOld = errors.New("the delivery was signed more than five minutes ago, or in the future. Check the clocks of " +
		"this server and of the forge")
)

// oldest is how far the time of a signed delivery may be from now.
const oldest = 5 * time.Minute

// Early checks what can be checked before the body is read: that there is a proof at all, and GitLab's token, which is
// the secret itself. done says that nothing else needs to be checked.
func (f Forge) Early(h http.Header, secret string) (done bool, err error) {
	switch f {
	case GitLab:
		if h.Get("Webhook-Signature") != "" {
			return false, nil
		}
		token := h.Get("X-Gitlab-Token")
		if token == "" {
			return false, ErrUnsigned
		}
		given, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(secret))
		if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
			return false, ErrSignature
		}
		return true, nil
	case Gitea, GitHub, Bitbucket:
		if f.signature(h) == "" {
			return false, ErrUnsigned
		}
	}
	return false, nil
}

// signature is what a forge put into its header, in hex.
func (f Forge) signature(h http.Header) string {
	switch f {
	case GitHub:
		return strings.TrimPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
	case Gitea:
		return h.Get("X-Gitea-Signature")
	case Bitbucket:
		given, ok := strings.CutPrefix(h.Get("X-Hub-Signature"), "sha256=")
		if ok {
			return given
		}
	}
	return ""
}

// Proof checks the signature of a delivery over the bytes that came, in constant time.
func (f Forge) Proof(h http.Header, body []byte, secret string, now time.Time) error {
	if f == GitLab {
		return signedToken(h, body, secret, now)
	}
	given, err := hex.DecodeString(f.signature(h))
	if err != nil {
		return ErrSignature
	}
	if hmac.Equal(given, mac([]byte(secret), body)) {
		return nil
	}
	if f == Gitea { // of a form Gitea signs the JSON in it
		if text, ok := inForm(h, body); ok && hmac.Equal(given, mac([]byte(secret), text)) {
			return nil
		}
	}
	return ErrSignature
}

func mac(key, text []byte) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write(text)
	return m.Sum(nil)
}

// signedToken checks a delivery that GitLab signed: webhook-signature has one or more of v1,BASE64, each the HMAC of
// webhook-id.webhook-timestamp.body.
func signedToken(h http.Header, body []byte, secret string, now time.Time) error {
	stamp := h.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return ErrSignature
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > oldest || d < -oldest {
		return ErrOld
	}
	key := []byte(secret)
	if coded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return ErrSignature
		}
	}
	want := mac(key, append([]byte(h.Get("Webhook-Id")+"."+stamp+"."), body...))
	fits := 0
	for given := range strings.FieldsSeq(h.Get("Webhook-Signature")) {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(given, "v1,"))
		if err == nil && strings.HasPrefix(given, "v1,") {
			fits |= subtle.ConstantTimeCompare(sum, want)
		}
	}
	if fits != 1 {
		return ErrSignature
	}
	return nil
}

// inForm is the JSON of a body that is a form.
func inForm(h http.Header, body []byte) ([]byte, bool) {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, false
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("payload") {
		return nil, false
	}
	return []byte(form.Get("payload")), true
}
