package webhook

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"testing"

	cp "slipway/api/codepipeline"
)

func rule(path, equals string) cp.WebhookFilterRule {
	f := cp.WebhookFilterRule{JsonPath: &path}
	if equals != "" {
		f.MatchEquals = &equals
	}
	return f
}

var source = &cp.ActionDeclaration{
	Name:          new("Source"),
	Configuration: map[string]string{"Branch": "main", "Repo": "shop"},
}

func TestFiltersDecide(t *testing.T) {
	t.Parallel()
	body := `{"ref": "refs/heads/main", "n": 3, "big": 12345678901234567890, "yes": true, "none": null,
		"commits": [{"id": "a"}, {"id": "b"}], "repository": {"name": "shop", "a.b": "dotted"}}`
	for name, x := range map[string]struct {
		filters []cp.WebhookFilterRule
		ok      bool
	}{
		"no filters":               {nil, true},
		"a branch of the action":   {[]cp.WebhookFilterRule{rule("$.ref", "refs/heads/{Branch}")}, true},
		"another branch":           {[]cp.WebhookFilterRule{rule("$.ref", "refs/heads/{Repo}")}, false},
		"all must fit":             {[]cp.WebhookFilterRule{rule("$.ref", "refs/heads/main"), rule("$.n", "4")}, false},
		"two that fit":             {[]cp.WebhookFilterRule{rule("$.ref", "refs/heads/main"), rule("$.n", "3")}, true},
		"a number beyond floats":   {[]cp.WebhookFilterRule{rule("$.big", "12345678901234567890")}, true},
		"a truth":                  {[]cp.WebhookFilterRule{rule("$.yes", "true")}, true},
		"null":                     {[]cp.WebhookFilterRule{rule("$.none", "null")}, true},
		"an element":               {[]cp.WebhookFilterRule{rule("$.commits[1].id", "b")}, true},
		"the last element":         {[]cp.WebhookFilterRule{rule("$.commits[-1].id", "b")}, true},
		"no such element":          {[]cp.WebhookFilterRule{rule("$.commits[2].id", "b")}, false},
		"a member with a dot":      {[]cp.WebhookFilterRule{rule("$.repository['a.b']", "dotted")}, true},
		"is there":                 {[]cp.WebhookFilterRule{rule("$.repository.name", "")}, true},
		"is not there":             {[]cp.WebhookFilterRule{rule("$.repository.owner", "")}, false},
		"an object is no text":     {[]cp.WebhookFilterRule{rule("$.repository", "shop")}, false},
		"a text is matched whole":  {[]cp.WebhookFilterRule{rule("$.ref", "refs/heads/mai")}, false},
		"a value that is gone now": {[]cp.WebhookFilterRule{rule("$.ref", "{Gone}")}, false},
	} {
		if ok, why := decide(x.filters, source, []byte(body)); ok != x.ok || ok == (why != "") {
			t.Errorf("%s: %v %q", name, ok, why)
		}
	}
	for _, body := range []string{"", "no JSON", "{} {}", "\xff"} {
		if ok, _ := decide([]cp.WebhookFilterRule{rule("$.ref", "")}, source, []byte(body)); ok {
			t.Errorf("%q fits", body)
		}
	}
}

func TestFiltersAreChecked(t *testing.T) {
	t.Parallel()
	for f, ok := range map[[2]string]bool{
		{"$.ref", "refs/heads/{Branch}"}: true,
		{"$.ref", ""}:                    true,
		{"$", ""}:                        true,
		{"$.ref", "{Gone}"}:              false,
		{"ref", ""}:                      false,
		{"$.", ""}:                       false,
		{"$..ref", ""}:                   false,
		{"$.commits[*].id", ""}:          false,
		{"$.commits[?@.id == 'a']", ""}:  false,
		{"$['a','b']", ""}:               false,
	} {
		if err := checkFilters([]cp.WebhookFilterRule{rule(f[0], f[1])}, source); (err == nil) != ok {
			t.Errorf("%q: %v", f, err)
		}
	}
}

// The signatures of a body as GitHub's documentation has them: of "Hello, World!" with the secret "It's a Secret to
// Everybody".
func TestProof(t *testing.T) {
	t.Parallel()
	const sum = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	w := &webhook{secret: "It's a Secret to Everybody"}
	w.definition.Authentication = cp.WebhookAuthenticationTypeGithubHmac
	for name, x := range map[string]struct {
		header, value string
		ok            bool
	}{
		"SHA-256":          {signature256, "sha256=" + sum, true},
		"a wrong one":      {signature256, "sha256=" + sum[1:] + "0", false},
		"no kind":          {signature256, sum, false},
		"no hex":           {signature256, "sha256=zz", false},
		"empty":            {signature256, "sha256=", false},
		"SHA-1":            {signature1, "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59", true},
		"a wrong SHA-1":    {signature1, "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca58", false},
		"SHA-256 as SHA-1": {signature1, "sha256=" + sum, false},
	} {
		h := http.Header{}
		h.Set(x.header, x.value)
		if err := w.proof(h, []byte("Hello, World!")); (err == nil) != x.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	both := http.Header{}
	both.Set(signature256, "sha256=00")
	both.Set(signature1, "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59")
	if w.proof(both, []byte("Hello, World!")) == nil {
		t.Error("the weaker of two signatures counts")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	w := &webhook{}
	w.definition.Authentication = cp.WebhookAuthenticationTypeIp
	w.definition.AuthenticationConfiguration = &cp.WebhookAuthConfiguration{AllowedIPRange: new("192.0.2.0/24")}
	for address, ok := range map[string]bool{"192.0.2.7": true, "192.0.3.7": false, "2001:db8::1": false} {
		if err := w.early(nil, netip.MustParseAddr(address)); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	if w.early(nil, netip.Addr{}) == nil {
		t.Error("no address is in the range")
	}
}

func FuzzDecide(f *testing.F) {
	f.Add("$.a[0]", "x", `{"a": ["x"]}`)
	f.Fuzz(func(t *testing.T, path, equals, body string) {
		filters := []cp.WebhookFilterRule{rule(path, equals)}
		if checkFilters(filters, source) != nil {
			return
		}
		if ok, _ := decide(filters, source, []byte(body)); ok && !json.Valid([]byte(body)) {
			t.Errorf("%q fits", body)
		}
	})
}
