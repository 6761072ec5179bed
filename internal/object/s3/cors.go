package s3

import (
	"net/http"
	"strconv"
	"strings"

	"slipway/internal/object"
	"slipway/internal/object/setting"
)

// Preflight reports whether a request is a browser's question whether a page of another origin may use a bucket.
// Browsers do not sign it.
func Preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers it by the bucket's rules.
func (q *request) preflight() error {
	if q.bucket == "" {
		return corsRefused()
	}
	var headers []string
	for h := range strings.SplitSeq(q.Header.Get("Access-Control-Request-Headers"), ",") {
		if h = strings.TrimSpace(h); h != "" {
			headers = append(headers, h)
		}
	}
	method := q.Header.Get("Access-Control-Request-Method")
	rule, err := q.corsRule(method, headers)
	if err != nil {
		return err
	}
	if rule == nil {
		return corsRefused()
	}
	q.tellCORS(rule)
	h := q.w.Header()
	h.Set("Access-Control-Allow-Methods", strings.Join(rule.AllowedMethods, ", "))
	if len(headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	}
	if rule.MaxAgeSeconds != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(*rule.MaxAgeSeconds))
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func corsRefused() error {
	return fail(http.StatusForbidden, "AccessForbidden",
		"CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request "+
			"method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "+
			"resource's CORS spec.")
}

// corsRule finds the rule of the bucket that allows the request's origin a method, or nil. Nothing is told of a bucket
// without rules, not even whether it exists.
func (q *request) corsRule(method string, headers []string) (*setting.CORSRule, error) {
	text, ok, err := q.h.Objects.Setting(q.Context(), q.bucket, object.CORS)
	if err != nil || !ok {
		return nil, err
	}
	var c setting.CORS
	if err := setting.Parse(text, &c); err != nil {
		return nil, err
	}
	return c.Match(q.Header.Get("Origin"), method, headers), nil
}

// tellCORS lets the page that asks read the answer.
func (q *request) tellCORS(rule *setting.CORSRule) {
	h := q.w.Header()
	if rule.AnyOrigin() {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", q.Header.Get("Origin"))
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(rule.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	h.Add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}

// crossOrigin adds the headers of CORS to the answer of a request that a page of another origin makes.
func (q *request) crossOrigin() error {
	if q.Header.Get("Origin") == "" || q.bucket == "" {
		return nil
	}
	rule, err := q.corsRule(q.Method, nil)
	if err == nil && rule != nil {
		q.tellCORS(rule)
	}
	return err
}
