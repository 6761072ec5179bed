package setting

import (
	"encoding/xml"
	"slices"
	"strings"
)

// CORSRule says which pages of other origins may use a bucket.
type CORSRule struct {
	ID             string   `xml:",omitempty"`
	AllowedHeaders []string `xml:"AllowedHeader"`
	AllowedMethods []string `xml:"AllowedMethod"`
	AllowedOrigins []string `xml:"AllowedOrigin"`
	ExposeHeaders  []string `xml:"ExposeHeader"`
	MaxAgeSeconds  *int     `xml:",omitempty"`
}

// CORS are the rules of a bucket; the first that fits counts.
type CORS struct {
	XMLName xml.Name
	Rules   []CORSRule `xml:"CORSRule"`
}

func (c *CORS) root() *xml.Name { return &c.XMLName }
func (*CORS) name() string      { return "CORSConfiguration" }

// Check implements Document.
func (c *CORS) Check() error {
	if len(c.Rules) == 0 || len(c.Rules) > 100 {
		return malformed("there must be 1 to 100 CORSRule elements")
	}
	for _, r := range c.Rules {
		if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 {
			return malformed("a CORSRule has an AllowedMethod and an AllowedOrigin")
		}
		for _, m := range r.AllowedMethods {
			if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "HEAD"}, m) {
				return &Error{400, "InvalidRequest",
					"Found unsupported HTTP method in CORS config. Unsupported method is " + m}
			}
		}
		for _, o := range r.AllowedOrigins {
			if strings.Count(o, "*") > 1 {
				return &Error{400, "InvalidRequest",
					`AllowedOrigin "` + o + `" can not have more than one wildcard.`}
			}
		}
		for _, h := range r.AllowedHeaders {
			if strings.Count(h, "*") > 1 {
				return &Error{400, "InvalidRequest",
					`AllowedHeader "` + h + `" can not have more than one wildcard.`}
			}
		}
	}
	return nil
}

// Match finds the rule that allows an origin a method with some headers, or nil.
func (c *CORS) Match(origin, method string, headers []string) *CORSRule {
	for i := range c.Rules {
		r := &c.Rules[i]
		if slices.Contains(r.AllowedMethods, method) && matchesAny(r.AllowedOrigins, origin, false) &&
			r.allows(headers) {
			return r
		}
	}
	return nil
}

// AnyOrigin reports whether a rule names all origins.
func (r *CORSRule) AnyOrigin() bool { return slices.Contains(r.AllowedOrigins, "*") }

func (r *CORSRule) allows(headers []string) bool {
	for _, h := range headers {
		if !matchesAny(r.AllowedHeaders, h, true) {
			return false
		}
	}
	return true
}

func matchesAny(patterns []string, text string, fold bool) bool {
	for _, p := range patterns {
		t := text
		if fold {
			p, t = strings.ToLower(p), strings.ToLower(t)
		}
		before, after, wild := strings.Cut(p, "*")
		if p == t || wild && len(t) >= len(before)+len(after) && strings.HasPrefix(t, before) &&
			strings.HasSuffix(t, after) {
			return true
		}
	}
	return false
}
