package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/api/awsproto/sigv4"
)

// call is one request by hand, and how it is signed.
type call struct {
	target, body, key, secret, region, service string
	at                                         time.Time
	unsigned                                   bool
}

func (i *instance) call(c call) (int, string) {
	i.t.Helper()
	r := must(http.NewRequest(http.MethodPost, i.url+"/", strings.NewReader(c.body)))(i.t)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", c.target)
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	if c.at.IsZero() {
		c.at = time.Now()
	}
	if !c.unsigned {
		sigv4.Credentials{AccessKeyID: or(c.key, keyID), SecretAccessKey: or(c.secret, secret)}.Sign(r,
			sigv4.HexSHA256([]byte(c.body)), or(c.region, region), or(c.service, "codecommit"), c.at)
	}
	resp := must(http.DefaultClient.Do(r))(i.t)
	defer resp.Body.Close()
	if resp.Header.Get("X-Amzn-Requestid") == "" {
		i.t.Errorf("%s: no request ID", c.target)
	}
	return resp.StatusCode, string(must(io.ReadAll(resp.Body))(i.t))
}

func TestWire(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	const list = "CodeCommit_20150413.ListRepositories"
	for name, x := range map[string]struct {
		call
		status int
		words  []string
	}{
		"good":            {call{target: list, body: "{}"}, 200, []string{`"repositories":[]`}},
		"unknown members": {call{target: list, body: `{"future": [1, {"a": null}]}`}, 200, nil},
		"not implemented": {call{target: "CodeCommit_20150413.CreatePullRequest",
			body: `{"title":"t","targets":[{"repositoryName":"r","sourceReference":"s"}]}`}, 501,
			[]string{"NotImplementedException", "CreatePullRequest"}},
		"no operation": {call{target: "CodeCommit_20150413.FlyToTheMoon", body: "{}"}, 400,
			[]string{"UnknownOperationException"}},
		"no service":   {call{target: "Moon_2015.Fly", body: "{}"}, 400, []string{"UnknownOperationException"}},
		"other region": {call{target: list, body: "{}", region: "us-west-2"}, 200, nil}, // at a loopback address
		"other service": {call{target: list, body: "{}", service: "codebuild"}, 400,
			[]string{"InvalidSignatureException", "codecommit", "codebuild"}},
		"wrong secret": {call{target: list, body: "{}", secret: "guessed"}, 400,
			[]string{"InvalidSignatureException"}},
		"unknown key": {call{target: list, body: "{}", key: "AKIANOBODY0000000000"}, 400,
			[]string{"UnrecognizedClientException"}},
		"slow clock": {call{target: list, body: "{}", at: time.Now().Add(-16 * time.Minute)}, 400,
			[]string{"InvalidSignatureException"}},
		"fast clock": {call{target: list, body: "{}", at: time.Now().Add(16 * time.Minute)}, 400,
			[]string{"InvalidSignatureException"}},
		"clock within": {call{target: list, body: "{}", at: time.Now().Add(-14 * time.Minute)}, 200, nil},
		"unsigned": {call{target: list, body: "{}", unsigned: true}, 400,
			[]string{"MissingAuthenticationTokenException"}},
		"malformed":  {call{target: list, body: `{"sortBy": `}, 400, []string{"SerializationException"}},
		"wrong type": {call{target: list, body: `{"sortBy": 7}`}, 400, []string{"SerializationException"}},
		"no object":  {call{target: list, body: `[]`}, 400, []string{"SerializationException"}},
		"body too large": {call{target: "CodeBuild_20161006.ListProjects", service: "codebuild",
			body: `{"nextToken": "` + strings.Repeat("a", 2<<20) + `"}`}, 413,
			[]string{"RequestEntityTooLargeException"}},
		"deeply nested": {call{target: list,
			body: `{"future": ` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`}, 400,
			[]string{"SerializationException"}},
		"missing member": {call{target: "CodeCommit_20150413.GetRepository", body: `{}`}, 400,
			[]string{"RepositoryNameRequiredException"}},
		"nobody's session": {call{target: list, body: "{}", key: "ASIANOBODY0000000000"}, 400,
			[]string{"UnrecognizedClientException"}},
	} {
		status, body := i.call(x.call)
		if status != x.status {
			t.Errorf("%s: status %d, not %d: %s", name, status, x.status, body)
		}
		for _, w := range x.words {
			if !strings.Contains(body, w) {
				t.Errorf("%s: no %q in %s", name, w, body)
			}
		}
	}
	// Presigned: a GetCallerIdentity whose signature stands in the URL.
	creds := must(i.sdk().Credentials.Retrieve(ctx))(t)
	form := "Action=GetCallerIdentity&Version=2011-06-15"
	for _, x := range []struct {
		age    time.Duration
		status int
	}{{0, 200}, {2 * time.Hour, 403}} {
		r := must(http.NewRequest(http.MethodPost, i.url+"/?X-Amz-Expires=60", nil))(t)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		url, header, err := v4.NewSigner().PresignHTTP(ctx, creds, r, sigv4.HexSHA256([]byte(form)), "sts", region,
			time.Now().Add(-x.age))
		if err != nil {
			t.Fatal(err)
		}
		q := must(http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(form))))(t)
		q.Header = header
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp := must(http.DefaultClient.Do(q))(t)
		body := must(io.ReadAll(resp.Body))(t)
		_ = resp.Body.Close()
		if resp.StatusCode != x.status {
			t.Errorf("presigned %s ago: %d %s", x.age, resp.StatusCode, body)
		}
	}
}

func TestCallersAndLogs(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	i, ctx := up(t), t.Context()
	who := must(sts.NewFromConfig(i.sdk()).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t)
	if *who.Account != account || *who.Arn != "arn:aws:iam::"+account+":user/administrator" || *who.UserId == "" {
		t.Errorf("caller %+v", who)
	}
	_, err := sts.NewFromConfig(i.sdkAs(keyID, "wrong")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	says(t, err, "SignatureDoesNotMatch")
	u := iam.NewFromConfig(i.sdk())
	made := must(u.CreateServiceSpecificCredential(ctx,
		&iam.CreateServiceSpecificCredentialInput{UserName: new("administrator"),
			ServiceName: new("codecommit.amazonaws.com")}))(t).ServiceSpecificCredential
	list := must(u.ListServiceSpecificCredentials(ctx,
		&iam.ListServiceSpecificCredentialsInput{UserName: new("administrator")}))(t)
	if len(list.ServiceSpecificCredentials) != 1 ||
		*list.ServiceSpecificCredentials[0].ServiceSpecificCredentialId != *made.ServiceSpecificCredentialId {
		t.Errorf("credentials %+v", list)
	}
	_, err = u.CreateServiceSpecificCredential(ctx,
		&iam.CreateServiceSpecificCredentialInput{UserName: new("nobody-here"),
			ServiceName: new("codecommit.amazonaws.com")})
	says(t, err, "NoSuchEntity")
	_, err = u.ListServiceSpecificCredentials(ctx,
		&iam.ListServiceSpecificCredentialsInput{UserName: new("nobody-here")})
	says(t, err, "NoSuchEntity")
	// A key opens until it is inactive, and is gone once it is deleted.
	key := must(u.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{}))(t).AccessKey
	asks := func() error {
		_, err := sts.NewFromConfig(i.sdkAs(*key.AccessKeyId, *key.SecretAccessKey)).GetCallerIdentity(ctx,
			&sts.GetCallerIdentityInput{})
		return err
	}
	if err := asks(); err != nil {
		t.Error(err)
	}
	must(u.UpdateAccessKey(ctx,
		&iam.UpdateAccessKeyInput{AccessKeyId: key.AccessKeyId, Status: iamtypes.StatusTypeInactive}))(t)
	says(t, asks(), "InvalidClientTokenId")
	keys := must(u.ListAccessKeys(ctx, &iam.ListAccessKeysInput{}))(t).AccessKeyMetadata
	if len(keys) != 2 || *keys[1].AccessKeyId != *key.AccessKeyId || keys[1].Status != iamtypes.StatusTypeInactive {
		t.Errorf("keys %+v", keys)
	}
	_, err = u.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
	says(t, err, "LimitExceeded")
	must(u.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId}))(t)
	_, err = u.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId})
	says(t, err, "NoSuchEntity")
	// The password is good for git, until it is deleted.
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	ask := func(user, password string) int {
		r := must(http.NewRequest(http.MethodGet, i.url+"/v1/repos/web/info/refs?service=git-upload-pack", nil))(t)
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		resp := must(http.DefaultClient.Do(r))(t)
		_ = resp.Body.Close()
		if resp.StatusCode == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic") {
			t.Error("401 without a challenge")
		}
		return resp.StatusCode
	}
	if a, b, c := ask(*made.ServiceUserName, *made.ServicePassword), ask(*made.ServiceUserName, "guessed"), ask("",
		""); a != 200 || b == 200 || c != 401 {
		t.Errorf("git: %d with the password, %d with another, %d with none", a, b, c)
	}
	must(u.DeleteServiceSpecificCredential(ctx,
		&iam.DeleteServiceSpecificCredentialInput{UserName: new("administrator"),
			ServiceSpecificCredentialId: made.ServiceSpecificCredentialId}))(t)
	if got := ask(*made.ServiceUserName, *made.ServicePassword); got == 200 {
		t.Error("a deleted password still works")
	}
	_, err = u.DeleteServiceSpecificCredential(ctx,
		&iam.DeleteServiceSpecificCredentialInput{UserName: new("administrator"),
			ServiceSpecificCredentialId: made.ServiceSpecificCredentialId})
	says(t, err, "NoSuchEntity")

	// A host's key may not do what an administrator's may.
	host := i.host("h", nil)
	_, err = codepipeline.NewFromConfig(i.sdkAs(host.AccessKeyId, host.SecretAccessKey)).ListPipelines(ctx,
		&codepipeline.ListPipelinesInput{})
	says(t, err, "AccessDeniedException")

	i.inline("print",
		"version: 0.2\nphases:\n  build:\n    commands:\n      - for n in 1 2 3 4 5 6 7; do echo \"line $n of "+
			"seven\"; done\n")
	b := i.ended(*i.start1("print"))
	l := cloudwatchlogs.NewFromConfig(i.sdk())
	groups := must(l.DescribeLogGroups(ctx,
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: new("/aws/codebuild/")}))(t).LogGroups
	if len(groups) != 1 || *groups[0].LogGroupName != *b.Logs.GroupName {
		t.Fatalf("groups %+v", groups)
	}
	_, err = l.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{NextToken: new("made up")})
	says(t, err, "InvalidParameterException")
	streams := must(l.DescribeLogStreams(ctx,
		&cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: b.Logs.GroupName}))(t).LogStreams
	if len(streams) != 1 || *streams[0].LogStreamName != *b.Logs.StreamName {
		t.Errorf("streams %+v", streams)
	}
	_, err = l.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: new("none")})
	says(t, err, "ResourceNotFoundException")
	var lines, token = []string{}, (*string)(nil)
	for {
		page := must(l.GetLogEvents(ctx,
			&cloudwatchlogs.GetLogEventsInput{LogGroupName: b.Logs.GroupName, LogStreamName: b.Logs.StreamName,
				StartFromHead: new(true), Limit: new(int32(3)), NextToken: token}))(t)
		for _, e := range page.Events {
			lines = append(lines, *e.Message)
		}
		if token != nil && *page.NextForwardToken == *token {
			break
		}
		token = page.NextForwardToken
	}
	if strings.TrimSpace(strings.Join(lines, "\n")) != strings.TrimSpace(i.printed(*b.Id)) {
		t.Errorf("GetLogEvents says\n%s\nslipway logs says\n%s", strings.Join(lines, "\n"), i.printed(*b.Id))
	}
	_, err = l.GetLogEvents(ctx,
		&cloudwatchlogs.GetLogEventsInput{LogGroupName: b.Logs.GroupName, LogStreamName: new("none")})
	says(t, err, "ResourceNotFoundException")
	found := must(l.FilterLogEvents(ctx,
		&cloudwatchlogs.FilterLogEventsInput{LogGroupName: b.Logs.GroupName,
			FilterPattern: new(`"of seven" -"line 3"`)}))(t).Events
	n := 0
	for _, e := range found {
		if strings.HasPrefix(*e.Message, "line ") {
			n++
		}
	}
	if n != 6 {
		t.Errorf("FilterLogEvents found %d of 6", n)
	}
	_, err = l.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new("none")})
	says(t, err, "ResourceNotFoundException")
}
