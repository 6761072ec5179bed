package sigv4

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials sign outgoing requests.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// Sign signs an outgoing request in its Authorization header. bodyHash is the hex SHA-256 of its body,
// or UnsignedPayload (for s3 only).
func (c Credentials) Sign(r *http.Request, bodyHash, region, service string, now time.Time) {
	now = now.UTC()
	r.Header.Set("X-Amz-Date", now.Format(timeFormat))
	if c.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", c.SessionToken)
	}
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", bodyHash)
	}
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	p := &parsed{
		accessKey: c.AccessKeyID,
		date:      now.Format("20060102"),
		region:    region,
		service:   service,
		when:      now,
		headers:   []string{"host"},
	}
	for name := range r.Header {
		if name := strings.ToLower(name); name == "content-type" || strings.HasPrefix(name, "x-amz-") {
			p.headers = append(p.headers, name)
		}
	}
	slices.Sort(p.headers)
	key := signingKey(c.SecretAccessKey, p.date, region, service)
	signature := sign(key, stringToSign(now, p.scope(), canonical(r, p, bodyHash)))
	r.Header.Set("Authorization",
		algorithm+" Credential="+c.AccessKeyID+"/"+p.scope()+", SignedHeaders="+strings.Join(p.headers, ";")+
			", Signature="+signature)
}
