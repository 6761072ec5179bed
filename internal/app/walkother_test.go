package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
	"slipway/api/codecommit"
	"slipway/api/iam"
)

// objectRequests are requests of S3, each with the rights that it needs.
var objectRequests = []struct {
	method, path, header string
	rights               []string
}{
	{"GET", "/", "", []string{"s3:ListAllMyBuckets"}},
	{"PUT", "/new-bucket", "", []string{"s3:CreateBucket"}},
	{"HEAD", "/walked", "", []string{"s3:ListBucket"}},
	{"GET", "/walked?list-type=2", "", []string{"s3:ListBucket"}},
	{"GET", "/walked?versions", "", []string{"s3:ListBucketVersions"}},
	{"GET", "/walked?location", "", []string{"s3:GetBucketLocation"}},
	{"GET", "/walked?versioning", "", []string{"s3:GetBucketVersioning"}},
	{"GET", "/walked?uploads", "", []string{"s3:ListBucketMultipartUploads"}},
	{"GET", "/walked?tagging", "", []string{"s3:GetBucketTagging"}},
	{"GET", "/walked?policy", "", []string{"s3:GetBucketPolicy"}},
	{"DELETE", "/walked?policy", "", []string{"s3:DeleteBucketPolicy"}},
	{"GET", "/walked?encryption", "", []string{"s3:GetEncryptionConfiguration"}},
	{"GET", "/walked?lifecycle", "", []string{"s3:GetLifecycleConfiguration"}},
	{"GET", "/walked?cors", "", []string{"s3:GetBucketCORS"}},
	{"GET", "/walked?publicAccessBlock", "", []string{"s3:GetBucketPublicAccessBlock"}},
	{"GET", "/walked?ownershipControls", "", []string{"s3:GetBucketOwnershipControls"}},
	{"GET", "/walked?acl", "", []string{"s3:GetBucketAcl"}},
	{"GET", "/walked?notification", "", []string{"s3:GetBucketNotification"}},
	{"GET", "/walked?logging", "", []string{"s3:GetBucketLogging"}},
	{"PUT", "/walked/key", "", []string{"s3:PutObject"}},
	{"PUT", "/walked/tagged", "X-Amz-Tagging: a=b", []string{"s3:PutObject", "s3:PutObjectTagging"}},
	{"PUT", "/walked/copy", "X-Amz-Copy-Source: /walked/key", []string{"s3:PutObject", "s3:GetObject"}},
	{"GET", "/walked/key", "", []string{"s3:GetObject"}},
	{"HEAD", "/walked/key", "", []string{"s3:GetObject"}},
	{"GET", "/walked/key?versionId=null", "", []string{"s3:GetObjectVersion"}},
	{"GET", "/walked/key?tagging", "", []string{"s3:GetObjectTagging"}},
	{"GET", "/walked/key?acl", "", []string{"s3:GetObjectAcl"}},
	{"POST", "/walked/large?uploads", "", []string{"s3:PutObject"}},
	{"GET", "/walked/key?uploadId=none", "", []string{"s3:ListMultipartUploadParts"}},
	{"DELETE", "/walked/key?uploadId=none", "", []string{"s3:AbortMultipartUpload"}},
	{"DELETE", "/walked/key?versionId=null", "", []string{"s3:DeleteObjectVersion"}},
	{"DELETE", "/walked/key", "", []string{"s3:DeleteObject"}},
	{"DELETE", "/walked", "", []string{"s3:DeleteBucket"}},
}

// Each request of S3 asks for its rights: one that is missing, or denied, refuses it.
func TestEveryObjectRequestAsksForItsRights(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	send := func(method, path, header string, c *sigv4.Credentials) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+path, http.NoBody)
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header.Set(name, value)
		}
		if c != nil {
			c.Sign(r, sigv4.HexSHA256(nil), w.Place.Region, "s3", time.Now())
		}
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		return rec.Code, rec.Body.String()
	}
	allow := func(actions []string) statement {
		return statement{"Effect": "Allow", "Action": actions, "Resource": "*"}
	}
	w.give(allow([]string{"s3:*"}))
	for _, path := range []string{"/walked", "/walked/key"} {
		if status, answer := send("PUT", path, "", &w.key); status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
	wrong := w.key
	wrong.SecretAccessKey += "x"
	for _, c := range objectRequests {
		name := c.method + " " + c.path
		if status, _ := send(c.method, c.path, c.header, &wrong); status != http.StatusForbidden {
			t.Errorf("%s with a wrong secret: got %d, want 403", name, status)
		}
		if status, answer := send(c.method, c.path, c.header, nil); status < 300 {
			t.Errorf("%s of a stranger: got %d %s", name, status, answer)
		}
		refused := map[string][]statement{
			"nothing":               nil,
			"all of another bucket": {{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::other*"}},
			"a deny":                {allow([]string{"s3:*"}), {"Effect": "Deny", "Action": c.rights[:1], "Resource": "*"}},
		}
		if len(c.rights) > 1 {
			refused["a part"] = []statement{allow(c.rights[:1])}
		}
		for what, rights := range refused {
			w.give(rights...)
			if status, answer := send(c.method, c.path, c.header, &w.key); status != http.StatusForbidden {
				t.Errorf("%s with %s: got %d %s, want 403", name, what, status, answer)
			}
		}
		w.give(allow(append([]string{"s3:ListBucket"}, c.rights...)))
		if status, answer := send(c.method, c.path, c.header, &w.key); status == http.StatusForbidden {
			t.Errorf("%s with its rights: got %d %s", name, status, answer)
		}
	}
}

// Git asks for the right on its repository, and a push for each ref that it updates.
func TestGitAsksForItsRights(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	in := &codecommit.CreateRepositoryInput{RepositoryName: new("greeter")}
	if _, err := w.sources.CreateRepository(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	out, err := w.identity.CreateServiceSpecificCredential(t.Context(), &iam.CreateServiceSpecificCredentialInput{
		UserName: new(walkUser), ServiceName: new("codecommit.amazonaws.com")})
	if err != nil {
		t.Fatal(err)
	}
	git := out.ServiceSpecificCredential
	id := strings.Repeat("0123456789", 4)
	push := func(ref string) string {
		line := id + " " + id + " " + ref + "\x00report-status"
		return string("0123456789abcdef"[(len(line)+4)>>12&15]) + string("0123456789abcdef"[(len(line)+4)>>8&15]) +
			string("0123456789abcdef"[(len(line)+4)>>4&15]) + string("0123456789abcdef"[(len(line)+4)&15]) + line + "0000"
	}
	arn := "arn:aws:codecommit:" + w.Place.Region + ":" + w.Place.Account + ":greeter"
	pull := statement{"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": arn}
	pushes := statement{"Effect": "Allow", "Action": "codecommit:GitPush", "Resource": arn}
	// AWS's own example: only an administrator pushes to main.
	notMain := statement{"Effect": "Deny", "Action": "codecommit:GitPush", "Resource": arn, "Condition": map[string]any{
		"StringEqualsIfExists": map[string]any{"codecommit:References": []string{"refs/heads/main"}},
		"Null":                 map[string]any{"codecommit:References": "false"},
	}}
	for _, c := range []struct {
		what, method, path, body string
		rights                   []statement
		refused                  bool
	}{
		{"a pull without rights", "GET", "/info/refs?service=git-upload-pack", "", nil, true},
		{"a pull with the right to push", "GET", "/info/refs?service=git-upload-pack", "", []statement{pushes}, true},
		{"a pull", "GET", "/info/refs?service=git-upload-pack", "", []statement{pull}, false},
		{"a push with the right to pull", "GET", "/info/refs?service=git-receive-pack", "", []statement{pull}, true},
		{"a push's beginning", "GET", "/info/refs?service=git-receive-pack", "", []statement{pushes, notMain}, false},
		{"a push to main", "POST", "/git-receive-pack", push("refs/heads/main"), []statement{pushes, notMain}, true},
		{"a push to a branch", "POST", "/git-receive-pack", push("refs/heads/x"), []statement{pushes, notMain}, false},
		{"a push without rights", "POST", "/git-receive-pack", push("refs/heads/x"), nil, true},
	} {
		w.give(c.rights...)
		r := httptest.NewRequestWithContext(t.Context(), c.method, "http://127.0.0.1/v1/repos/greeter"+c.path,
			strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/x-git-receive-pack-request")
		r.SetBasicAuth(*git.ServiceUserName, *git.ServicePassword)
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if (rec.Code == http.StatusForbidden) != c.refused {
			t.Errorf("%s: got %d %s, want refused = %t", c.what, rec.Code, rec.Body, c.refused)
		}
		if c.refused && !strings.Contains(rec.Body.String(), "is not authorized to perform: codecommit:Git") {
			t.Errorf("%s is refused by %q", c.what, rec.Body)
		}
		r.SetBasicAuth(*git.ServiceUserName, "wrong")
		rec = httptest.NewRecorder()
		if w.handler.ServeHTTP(rec, r); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s with a wrong password: got %d, want 401", c.what, rec.Code)
		}
	}
}

// A topic can be watched by who may see it.
func TestTopics(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	arn := func(service, name string) string {
		return "arn:aws:" + service + ":" + w.Place.Region + ":" + w.Place.Account + ":" + name
	}
	for topic, right := range map[string][2]string{
		"pipeline/web":       {"codepipeline:GetPipelineState", arn("codepipeline", "web")},
		"build/web:1":        {"codebuild:BatchGetBuilds", arn("codebuild", "project/web")},
		"deployment/d-12345": {"codedeploy:GetDeployment", "*"},
		"release/d-12345":    {"codedeploy:GetDeployment", "*"},
		"alarm/errors":       {"cloudwatch:DescribeAlarms", arn("cloudwatch", "alarm:errors")},
	} {
		for _, c := range []struct {
			rights []statement
			may    bool
		}{
			{nil, false},
			{[]statement{{"Effect": "Allow", "Action": right[0], "Resource": right[1]}}, true},
			{[]statement{{"Effect": "Allow", "Action": right[0], "Resource": arn("codepipeline", "other")}}, false},
		} {
			w.give(c.rights...)
			body := `{"topics": ["` + topic + `"]}`
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", "Slipway_20261124.WaitForChange")
			w.key.Sign(r, sigv4.HexSHA256([]byte(body)), w.Place.Region, "slipway", time.Now())
			if code, answer := w.code(r); denied(code) == c.may {
				t.Errorf("%s with %v: got %s, want allowed = %t", topic, c.rights, answer, c.may)
			}
		}
	}
}
