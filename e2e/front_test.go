package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
)

// TestRegions lets a server be asked for the regions that it was started with, and for no other.
func TestRegions(t *testing.T) {
	t.Parallel()
	i := up(t, "--regions", "us-west-2, eu-west-1")
	const list = "CodeCommit_20150413.ListRepositories"
	for where, want := range map[string]int{region: 200, "us-west-2": 200, "eu-west-1": 200, "ap-south-1": 400} {
		status, body := i.call(call{target: list, body: "{}", region: where})
		if status != want || want == 400 && !strings.Contains(body, "AWS_DEFAULT_REGION="+region) {
			t.Errorf("%s: %d %s", where, status, body)
		}
	}
}

// TestHosts answers to the server's own names, and to the operator's, and to no other: a signature that was made for
// another host opens nothing here.
func TestHosts(t *testing.T) {
	t.Parallel()
	i := up(t, "--hosts", "slipway.example.com,*.ci.example.com")
	_, port, _ := strings.Cut(i.listen, ":")
	for host, want := range map[string]int{
		"localhost:" + port: 303, "bucket.localhost": 403, "slipway.example.com": 303,
		"bucket.slipway.example.com": 403, "a.ci.example.com": 303,
		"127.0.0.1": 303, "collector.attacker.example": 421, "example.com": 421, "10.1.2.3": 421,
	} {
		path := "/board"
		if want == 403 {
			path = "/key"
		}
		if status, body, _ := askRaw(t, i.url+path, host, nil); status != want {
			t.Errorf("%s: %d, want %d: %.200s", host, status, want, body)
		}
	}
}

// TestNeverAPage sends what carries a signature, or asks for what no page has: it gets the error of an API.
func TestNeverAPage(t *testing.T) {
	t.Parallel()
	i := up(t)
	signed := func(service string) func(*http.Request) {
		return func(r *http.Request) {
			creds := sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
			creds.Sign(r, sigv4.HexSHA256(nil), region, service, time.Now())
		}
	}
	presigned := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + keyID + "%2F20260102%2F" + region +
		"%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires=691200"
	for name, c := range map[string]struct {
		path   string
		change func(*http.Request)
		status int
		words  string
	}{
		"lambda": {"/2015-03-31/functions/", signed("lambda"), 501,
			`does not implement the service \"lambda\"`},
		"a page, signed": {"/board", signed("eks"), 501, `\"eks\"`},
		"route 53":       {"/2013-04-01/hostedzone", signed("route53"), 501, "<ErrorResponse>"},
		"eight days": {"/bucket/key.zip?" + presigned, nil, 400,
			"<Code>AuthorizationQueryParametersError</Code>"},
		"half a signature":  {"/bucket/key.zip?X-Amz-Signature=00", nil, 400, "<Error>"},
		"an object's URL":   {"/bucket/key.zip", nil, 403, "<Code>AccessDenied</Code>"},
		"a page, by curl":   {"/board", nil, 303, ""},
		"no page, browsers": {"/nothing/here", func(r *http.Request) { r.Header.Set("Accept", "text/html") }, 303, ""},
	} {
		if status, body, kind := askRaw(t, i.url+c.path, "", c.change); status != c.status ||
			!strings.Contains(body, c.words) || status >= 400 && strings.Contains(kind, "html") {
			t.Errorf("%s: %d %s %.300s", name, status, kind, body)
		}
	}
}

// askRaw sends a GET and does not follow where it is sent.
func askRaw(t *testing.T, url, host string, change func(*http.Request)) (status int, body, kind string) {
	t.Helper()
	r := must(http.NewRequest(http.MethodGet, url, nil))(t)
	r.Host = host
	if change != nil {
		change(r)
	}
	resp := must(http.DefaultTransport.RoundTrip(r))(t)
	defer resp.Body.Close()
	return resp.StatusCode, string(must(io.ReadAll(resp.Body))(t)), resp.Header.Get("Content-Type")
}
