package router

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Names of cookies, as Application Load Balancers have them. Those that end in CORS are for requests of other sites.
const (
	cookieTarget = "AWSALB"
	cookieGroup  = "AWSALBTG"
	cookieApp    = "AWSALBAPP-0"
	cors         = "CORS"
)

// sealCookie makes the value of a cookie that binds a client to something, in a scope and for a time. Nobody but
// routers with the key can read it or make one.
func sealCookie(key []byte, scope, to string, until time.Time) string {
	aead := newAEAD(key)
	if aead == nil {
		return ""
	}
	nonce := make([]byte, aead.NonceSize(), 128)
	_, _ = rand.Read(nonce) // never fails: it ends the process instead
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(until.Unix())), to...)
	sealed := aead.Seal(nonce, nonce, plain, []byte(scope)) //nolint:gosec // the nonce is random, see above
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// openCookie reads what sealCookie made; "" if it is not of the scope, or its time is over.
func openCookie(key []byte, scope, value string, now time.Time) (to string) {
	aead := newAEAD(key)
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if aead == nil || err != nil || len(raw) < aead.NonceSize() {
		return ""
	}
	plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(scope))
	if err != nil || len(plain) < 8 || now.Unix() > int64(binary.BigEndian.Uint64(plain)) {
		return ""
	}
	return string(plain[8:])
}

func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil
	}
	return aead
}

// bound returns the group that a cookie binds the client to, if it still gets requests.
func (f *forward) bound(r *http.Request) *group {
	if f.sticky == 0 {
		return nil
	}
	for _, name := range []string{cookieGroup, cookieGroup + cors} {
		c, err := r.Cookie(name)
		if err != nil {
			continue
		}
		for i, g := range f.groups {
			if f.choice.weights[i] > 0 && openCookie(g.config.Load().cookieKey, f.rule, c.Value, time.Now()) == g.arn {
				return g
			}
		}
	}
	return nil
}

// bound returns the target that a cookie binds the client to, if it still gets requests.
func (c *groupConfig) bound(r *http.Request, g *group) *target {
	if c.stickyFor == 0 {
		return nil
	}
	names := []string{cookieTarget, cookieTarget + cors}
	if c.appCookie != "" {
		names = []string{cookieApp}
	}
	for _, name := range names {
		cookie, err := r.Cookie(name)
		if err != nil {
			continue
		}
		address := openCookie(c.cookieKey, g.arn, cookie.Value, time.Now())
		for _, t := range *g.healthy.Load() {
			if t.address == address {
				return t
			}
		}
	}
	return nil
}

// setCookies binds the client to the group and the target that it was sent to, where that is wanted.
func (x *exchange) setCookies(h http.Header, t *target, res *response) {
	now := time.Now()
	if x.forward.sticky > 0 {
		set(h, cookieGroup, sealCookie(x.config.cookieKey, x.forward.rule, x.group.arn, now.Add(x.forward.sticky)),
			now.Add(x.forward.sticky))
	}
	if x.config.stickyFor == 0 {
		return
	}
	until := now.Add(x.config.stickyFor)
	value := sealCookie(x.config.cookieKey, x.group.arn, t.address, until)
	switch {
	case x.config.appCookie == "":
		set(h, cookieTarget, value, until)
	case setsCookie(h, res, x.config.appCookie):
		h.Add("Set-Cookie", (&http.Cookie{Name: cookieApp, Value: value, Path: "/", Expires: until}).String())
	}
}

func set(h http.Header, name, value string, until time.Time) {
	h.Add("Set-Cookie", (&http.Cookie{Name: name, Value: value, Path: "/", Expires: until}).String())
	h.Add("Set-Cookie",
		(&http.Cookie{
			Name:     name + cors,
			Value:    value,
			Path:     "/",
			Expires:  until,
			SameSite: http.SameSiteNoneMode,
			Secure:   true,
		}).String())
}

// setsCookie reports whether a response sets a cookie.
func setsCookie(h http.Header, res *response, name string) bool {
	if res != nil &&
		slices.ContainsFunc(
			res.fields, func(f field) bool { return f.key == "Set-Cookie" && strings.HasPrefix(f.value, name+"=") }) {
		return true
	}
	for _, line := range h["Set-Cookie"] {
		if strings.HasPrefix(line, name+"=") {
			return true
		}
	}
	return false
}
