package sigv4_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"slipway/api/awsproto/sigv4"
)

// lookup knows the key of AWS's examples.
func lookup(secret string) sigv4.Lookup {
	return func(_ context.Context, id, _ string) (sigv4.Secret, bool, error) {
		return sigv4.Secret{Key: secret}, strings.HasPrefix(id, "AKI"), nil
	}
}

const (
	s3Secret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var may = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// TestExamples are the examples that AWS publishes: "Authenticating Requests" of the S3 API Reference, and the suite
// for Signature Version 4.
func TestExamples(t *testing.T) {
	t.Parallel()
	const credential = "AWS4-HMAC-SHA256 " +
		"Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="
	for name, c := range map[string]struct {
		r      *http.Request
		secret string
		hash   string
		now    time.Time
	}{
		"get an object": {request("GET", "http://examplebucket.s3.amazonaws.com/test.txt", "Range", "bytes=0-9",
			"X-Amz-Content-Sha256", emptyHash, "X-Amz-Date", "20130524T000000Z",
			"Authorization",
			credential+
				"host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"), s3Secret, "", may},
		"get a lifecycle": {request("GET", "http://examplebucket.s3.amazonaws.com/?lifecycle", "X-Amz-Content-Sha256",
			emptyHash, "X-Amz-Date", "20130524T000000Z",
			"Authorization",
			credential+
				"host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"), s3Secret, "", may},
		"a list": {request("GET", "http://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", "X-Amz-Content-Sha256",
			emptyHash, "X-Amz-Date", "20130524T000000Z",
			"Authorization",
			credential+
				"host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"), s3Secret, "", may},
		"presigned": {request("GET",
			"http://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"+
				"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"), s3Secret, "", may.Add(23 * time.Hour)},
		"get-vanilla": {request("GET", "http://example.amazonaws.com/", "X-Amz-Date", "20150830T123600Z",
			"Authorization",
			"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "+
				"SignedHeaders=host;x-amz-date, "+
				"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
			"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", emptyHash, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)},
	} {
		look := lookup(c.secret)
		if _, err := verify(t.Context(), c.r, c.hash, c.now, look); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.r.URL.Path += "x"
		if _, err := verify(t.Context(), c.r, c.hash, c.now, look); kind(err) != sigv4.Mismatch {
			t.Errorf("%s, of another path: %v", name, err)
		}
	}
}

// TestChunksExample is "Transferring Payload in Multiple Chunks" of the S3 API Reference.
func TestChunksExample(t *testing.T) {
	t.Parallel()
	r := request("PUT", "http://s3.amazonaws.com/examplebucket/chunkObject.txt", "X-Amz-Content-Sha256",
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "X-Amz-Date", "20130524T000000Z", "X-Amz-Storage-Class",
		"REDUCED_REDUNDANCY",
		"Content-Encoding", "aws-chunked", "X-Amz-Decoded-Content-Length", "66560", "Content-Length", "66824",
		"Authorization",
		"AWS4-HMAC-SHA256 "+
			"Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
	s, err := sigv4.Verify(t.Context(), r, may, lookup(s3Secret))
	if err != nil {
		t.Fatal(err)
	}
	chunks := s.Chunks()
	for i, c := range []struct {
		data, signature string
	}{
		{strings.Repeat("a", 64<<10), "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{strings.Repeat("a", 1024), "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		if !chunks.Chunk(sigv4.HexSHA256([]byte(c.data)), c.signature) {
			t.Errorf("chunk %d does not verify", i)
		}
	}
	if s.Chunks().Chunk(sigv4.HexSHA256([]byte("b")),
		"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648") {
		t.Error("another chunk verifies")
	}
}

func kind(err error) sigv4.Kind {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.Kind
	}
	return -1
}

func TestRefused(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	signed := func() *http.Request {
		r := request("POST", "http://slipway/", "Content-Type", "application/x-amz-json-1.1")
		sigv4.Credentials{AccessKeyID: "AKIA1", SecretAccessKey: "s"}.Sign(r, emptyHash, "eu-central-1", "codebuild",
			now)
		return r
	}
	if s, err := verify(t.Context(), signed(), emptyHash, now,
		lookup("s")); err != nil || s.AccessKeyID != "AKIA1" || s.Region != "eu-central-1" ||
		s.Service != "codebuild" || s.Presigned {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		at     time.Duration
		want   sigv4.Kind
	}{
		"not signed": {func(r *http.Request) { r.Header.Del("Authorization") }, 0, sigv4.Missing},
		"another scheme": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 0,
			sigv4.Incomplete},
		"nothing in it": {func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256") }, 0,
			sigv4.Incomplete},
		"no date":            {func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 0, sigv4.Incomplete},
		"too old":            {func(*http.Request) {}, 16 * time.Minute, sigv4.Expired},
		"from the future":    {func(*http.Request) {}, -16 * time.Minute, sigv4.Expired},
		"still fresh":        {func(*http.Request) {}, 14 * time.Minute, -1},
		"another host":       {func(r *http.Request) { r.Host = "other" }, 0, sigv4.Mismatch},
		"another method":     {func(r *http.Request) { r.Method = "PUT" }, 0, sigv4.Mismatch},
		"another query":      {func(r *http.Request) { r.URL.RawQuery = "a=b" }, 0, sigv4.Mismatch},
		"another header":     {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 0, sigv4.Mismatch},
		"an unknown key":     {func(r *http.Request) { replace(r, "AKIA1", "XXIA1") }, 0, sigv4.UnknownKey},
		"another region":     {func(r *http.Request) { replace(r, "eu-central-1", "us-east-1") }, 0, sigv4.Mismatch},
		"another day":        {func(r *http.Request) { replace(r, "20260102", "20260103") }, 0, sigv4.WrongScope},
		"host is not signed": {func(r *http.Request) { replace(r, "host;", "") }, 0, sigv4.Incomplete},
		"an unasked token": {func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, 0,
			sigv4.NotCovered},
		"an unsigned order": {func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "/a/b") }, 0,
			sigv4.NotCovered},
		"an unsigned digest": {func(r *http.Request) { r.Header.Set("Content-Md5", "x") }, 0, sigv4.NotCovered},
		// it was signed
		"an unsigned type": {func(r *http.Request) { replace(r, "content-type;", "") }, 0, sigv4.Mismatch},
		"a proxy's trace":  {func(r *http.Request) { r.Header.Set("X-Amzn-Trace-Id", "Root=1") }, 0, -1},
	} {
		r := signed()
		c.change(r)
		if _, err := verify(t.Context(), r, emptyHash, now.Add(c.at), lookup("s")); kind(err) != c.want ||
			(err == nil) != (c.want == -1) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := verify(t.Context(), signed(), sigv4.HexSHA256([]byte("x")), now,
		lookup("s")); kind(err) != sigv4.Mismatch {
		t.Errorf("another body: %v", err)
	}
}

// TestSessionTokens has temporary credentials sign in headers and in a query.
func TestSessionTokens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	look := func(_ context.Context, id, token string) (sigv4.Secret, bool, error) {
		if token == "old" {
			return sigv4.Secret{}, false, &sigv4.Error{Kind: sigv4.ExpiredToken}
		}
		return sigv4.Secret{Key: "s", SessionToken: "good"}, id == "ASIA1", nil
	}
	for token, want := range map[string]sigv4.Kind{"good": -1, "old": sigv4.ExpiredToken, "other": sigv4.UnknownKey,
		"": sigv4.UnknownKey} {
		inHeader := request("POST", "http://slipway/")
		sigv4.Credentials{AccessKeyID: "ASIA1", SecretAccessKey: "s", SessionToken: token}.Sign(inHeader, emptyHash,
			"eu-central-1", "codebuild", now)
		out := request("GET", "http://slipway/b/k?X-Amz-Expires=60")
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: "ASIA1",
			SecretAccessKey: "s",
			SessionToken:    token}, out, "UNSIGNED-PAYLOAD", "s3", "eu-central-1", now)
		if err != nil {
			t.Fatal(err)
		}
		for form, r := range map[string]*http.Request{"a header": inHeader, "a query": request("GET", signed)} {
			hash := emptyHash
			if form == "a query" {
				hash = ""
			}
			s, err := verify(t.Context(), r, hash, now, look)
			if kind(err) != want || want == -1 && (err != nil || s.Token != token) {
				t.Errorf("the token %q in %s: %v", token, form, err)
			}
		}
	}
}

func replace(r *http.Request, old, with string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
}

// TestAsTheSDKSigns has AWS's own signer sign all kinds of requests.
func TestAsTheSDKSigns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		service := rapid.SampledFrom([]string{"s3", "codebuild"}).Draw(t, "service")
		piece := rapid.StringOfN(rapid.RuneFrom([]rune("ab /+&=?%~é*'()!:@$,;.")), 0, 12, -1)
		u := &url.URL{Scheme: "http", Host: "slipway:8080",
			Path: "/b/" + strings.ReplaceAll(piece.Draw(t, "path"), "//", "/")}
		if service != "s3" {
			u.Path = "/"
		}
		u.RawPath = sigv4.Escape(u.Path, false) // as the clients of S3 send it
		q := url.Values{}
		for range rapid.IntRange(0, 3).Draw(t, "queries") {
			q.Add(rapid.StringMatching(`[a-c][a-c._~-]{0,3}`).Draw(t, "name"), piece.Draw(t, "value"))
		}
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
		out, err := http.NewRequest("GET", u.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		out.Header.Set("X-Amz-Meta-X", piece.Draw(t, "header"))
		creds := aws.Credentials{AccessKeyID: "AKIA1", SecretAccessKey: "s"}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
		hash := emptyHash
		var in *http.Request
		if service == "s3" && rapid.Bool().Draw(t, "presigned") {
			v := out.URL.Query()
			v.Set("X-Amz-Expires", "60")
			out.URL.RawQuery = strings.ReplaceAll(v.Encode(), "+", "%20")
			signedURL, header, err := signer.PresignHTTP(context.Background(), creds, out, "UNSIGNED-PAYLOAD", service,
				"eu-central-1", now)
			if err != nil {
				t.Fatal(err)
			}
			in = httptest.NewRequest("GET", signedURL, nil)
			in.Header, hash = header.Clone(), ""
			in.Header.Del("Host")
		} else {
			if service == "s3" {
				out.Header.Set("X-Amz-Content-Sha256", emptyHash)
			}
			if err := signer.SignHTTP(context.Background(), creds, out, emptyHash, service, "eu-central-1",
				now); err != nil {
				t.Fatal(err)
			}
			in = httptest.NewRequest("GET", out.URL.String(), nil)
			in.Header = out.Header.Clone()
		}
		if _, err := verify(context.Background(), in, hash, now, lookup("s")); err != nil {
			t.Fatalf("%s %s: %v", service, in.URL, err)
		}
	})
}

// FuzzVerify feeds what no client sends: it is refused with a reason, and never verified.
// verify verifies a request whose body's hash is known.
func verify(ctx context.Context, r *http.Request, hash string, now time.Time,
	look sigv4.Lookup) (*sigv4.Signature, error) {
	c, err := sigv4.Begin(ctx, r, now, look)
	if err != nil {
		return nil, err
	}
	return c.Verify(hash)
}

func FuzzVerify(f *testing.F) {
	f.Add(
		"AWS4-HMAC-SHA256 Credential=AKIA1/20260102/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-date, "+
			"Signature=00", "20260102T030405Z", "a=b")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;;host,Signature=,", "Mon, 02 Jan 2006 15:04:05 GMT",
		"X-Amz-Signature=1")
	f.Add("", "",
		"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&X-Amz-Credential=AKIA1/20260102/r/s3/aws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host")
	f.Add("", "", "X-Amz-Signature=%zz&X-Amz-Expires=99999999999999999999")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := request("GET", "http://slipway/")
		r.URL.RawQuery = query
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		r.Header.Set("X-Amz-Date", date)
		sigv4.Scope(r)
		_, err := sigv4.Verify(t.Context(), r, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			lookup("a secret that no fuzzer guesses"))
		if err == nil {
			t.Fatal("verified")
		}
		if kind(err) == -1 {
			t.Fatalf("no reason: %v", err)
		}
	})
}
