package s3

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// isV2 reports whether a request has the Version 2 query that `aws s3 presign` still makes for some regions.
func isV2(r *http.Request) bool { return r.URL.Query().Has("AWSAccessKeyId") }

// signedInV2 are the query members that a Version 2 signature covers.
var signedInV2 = []string{"delete", "location", "partNumber", "response-cache-control", "response-content-disposition",
	"response-content-encoding",
	"response-content-language", "response-content-type", "response-expires", "uploadId", "uploads", "versionId",
	"versioning", "versions"}

// verifyV2 checks a Version 2 query ("Signing and authenticating REST requests" in the S3 developer guide) and returns
// its access key and session token.
func verifyV2(ctx context.Context, r *http.Request, bucket, key string, now time.Time,
	lookup sigv4.Lookup) (id, token string, err error) {
	query := r.URL.Query()
	id = query.Get("AWSAccessKeyId")
	expires, err := strconv.ParseInt(query.Get("Expires"), 10, 64)
	if err != nil {
		return "", "", fail(http.StatusForbidden, "AccessDenied",
			"Invalid date (should be seconds since epoch): "+query.Get("Expires"))
	}
	if now.Unix() > expires {
		return "", "", fail(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	if expires > now.Add(sigv4.MaxExpires+sigv4.Skew).Unix() {
		return "", "", fail(http.StatusForbidden, "AccessDenied",
			"Expires lies more than a week ahead: a URL is valid for a week at most")
	}
	token = query.Get("x-amz-security-token")
	secret, ok, err := lookup(ctx, id, token)
	if refused, is := errors.AsType[*sigv4.Error](err); is {
		return "", "", signatureError(refused, true)
	}
	if err != nil {
		return "", "", err
	}
	if !ok || subtle.ConstantTimeCompare([]byte(secret.SessionToken), []byte(token)) != 1 {
		return "", "", signatureError(&sigv4.Error{Kind: sigv4.UnknownKey}, true)
	}
	mac := hmac.New(sha1.New, []byte(secret.Key))
	mac.Write([]byte(toSignV2(r, bucket, key)))
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(want), []byte(query.Get("Signature"))) != 1 {
		return "", "", signatureError(&sigv4.Error{Kind: sigv4.Mismatch,
			Message: "The request signature we calculated does not match the signature you provided. Check your key " +
				"and signing method."}, true)
	}
	return id, token, nil
}

func toSignV2(r *http.Request, bucket, key string) string {
	query := r.URL.Query()
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.Header.Get("Content-Md5") + "\n" + r.Header.Get("Content-Type") + "\n" +
		query.Get("Expires") + "\n")
	var amz []string
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			amz = append(amz, name+":"+strings.Join(values, ",")+"\n")
		}
	}
	if t := query.Get("x-amz-security-token"); t != "" {
		amz = append(amz, "x-amz-security-token:"+t+"\n")
	}
	slices.Sort(amz)
	b.WriteString(strings.Join(amz, "") + "/" + sigv4.Escape(bucket, false) + "/" + sigv4.Escape(key, false))
	separator := "?"
	for _, name := range signedInV2 {
		if query.Has(name) {
			b.WriteString(separator + name)
			if v := query.Get(name); v != "" {
				b.WriteString("=" + v)
			}
			separator = "&"
		}
	}
	return b.String()
}
