package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestKeysAreBound takes a change its way, and then asks with the keys of its host and of its runner for what they have
// no work with.
func TestKeysAreBound(t *testing.T) {
	t.Parallel()
	i := up(t)
	w := newWayOn(t, i)
	ctx := t.Context()
	own := s3.NewFromConfig(i.sdk(), func(o *s3.Options) { o.UsePathStyle = true })
	objects := must(own.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(wayName)}))(t).Contents
	if len(objects) < 2 {
		t.Fatalf("the way left %d artifacts", len(objects))
	}
	must(own.PutObject(ctx,
		&s3.PutObjectInput{Bucket: aws.String(wayName), Key: aws.String("secret"), Body: strings.NewReader("s")}))(t)
	hostID, hostSecret := strings.TrimPrefix(w.key[0], "AWS_ACCESS_KEY_ID="), strings.TrimPrefix(w.key[1],
		"AWS_SECRET_ACCESS_KEY=")
	runnerID, runnerSecret := i.key("runner")
	for name, key := range map[string][2]string{"host": {hostID, hostSecret}, "runner": {runnerID, runnerSecret}} {
		as := s3.NewFromConfig(i.sdkAs(key[0], key[1]), func(o *s3.Options) { o.UsePathStyle = true })
		for _, o := range append([]string{"secret"}, *objects[0].Key, *objects[1].Key) {
			// the deployments and builds that these were for have ended
			_, err := as.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(wayName), Key: &o})
			says(t, err, "AccessDenied")
		}
		_, err := as.PutObject(ctx,
			&s3.PutObjectInput{Bucket: aws.String(wayName), Key: aws.String("mine"), Body: strings.NewReader("x")})
		says(t, err, "AccessDenied")
		_, err = as.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(wayName)})
		says(t, err, "AccessDenied")
		request := must(http.NewRequest(http.MethodGet, i.url+"/v1/repos/"+wayName+"/info/refs?service=git-upload-pack",
			nil))(t)
		request.SetBasicAuth(key[0], "x")
		resp := must(http.DefaultClient.Do(request))(t)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("%s pulls", name)
		}
	}
	// A key of the role runner that is not the runner's speaks for it in vain.
	out, err := i.slipway("api", "slipway", "CompleteBuild",
		`{"id": "way:x", "runner": "local", "result": {"status": "SUCCEEDED"}}`)
	if err == nil || !strings.Contains(out, "belongs to another access key") {
		t.Errorf("another key completes a build of the runner: %v %s", err, out)
	}
}

// TestSessionEndsWithItsKey signs in with a key and deletes it: the session is over.
func TestSessionEndsWithItsKey(t *testing.T) {
	t.Parallel()
	i := up(t)
	ctx := t.Context()
	people := iam.NewFromConfig(i.sdk())
	made := must(people.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{}))(t).AccessKey
	client := &http.Client{Jar: must(cookiejar.New(nil))(t),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form := url.Values{"name": {*made.AccessKeyId}, "secret": {*made.SecretAccessKey}, "to": {"/board"}}
	signed := must(client.PostForm(i.url+"/signin", form))(t)
	_ = signed.Body.Close()
	board := func() int {
		resp := must(client.Get(i.url + "/board"))(t)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if status := board(); status != http.StatusOK {
		t.Fatalf("signed in, the board answers %d", status)
	}
	must(people.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: made.AccessKeyId}))(t)
	if status := board(); status != http.StatusSeeOther {
		t.Errorf("after the key was deleted, the board answers %d", status)
	}
}
