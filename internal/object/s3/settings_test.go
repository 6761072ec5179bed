package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var b = new("bucket")

// What a client finds of a bucket in which nothing was set, with AWS's codes.
func TestUnsetSettings(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	for want, ask := range map[string]func() error{
		"NoSuchTagSet": func() error {
			_, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b})
			return err
		},
		"ServerSideEncryptionConfigurationNotFoundError": func() error {
			_, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b})
			return err
		},
		"NoSuchBucketPolicy": func() error {
			_, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b})
			return err
		},
		"NoSuchLifecycleConfiguration": func() error {
			_, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
			return err
		},
		"NoSuchCORSConfiguration": func() error {
			_, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b})
			return err
		},
		"NoSuchWebsiteConfiguration": func() error {
			_, err := c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: b})
			return err
		},
		"ReplicationConfigurationNotFoundError": func() error {
			_, err := c.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: b})
			return err
		},
		"ObjectLockConfigurationNotFoundError": func() error {
			_, err := c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: b})
			return err
		},
		"NoSuchBucket": func() error {
			_, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: new("other")})
			return err
		},
		"NoSuchConfiguration": func() error {
			_, err := c.GetBucketMetricsConfiguration(ctx, &s3.GetBucketMetricsConfigurationInput{Bucket: b, Id: new("x")})
			return err
		},
	} {
		if err := ask(); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	block, err := c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b})
	if err != nil || !*block.PublicAccessBlockConfiguration.BlockPublicPolicy {
		t.Errorf("a new bucket blocks public access: %+v, %v", block, err)
	}
	owner, err := c.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: b})
	if err != nil || owner.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
		t.Errorf("a new bucket has no ACLs: %+v, %v", owner, err)
	}
	if list, err := c.ListBucketAnalyticsConfigurations(ctx, &s3.ListBucketAnalyticsConfigurationsInput{Bucket: b}); err != nil || *list.IsTruncated {
		t.Errorf("%+v, %v", list, err)
	}
	if pay, err := c.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: b}); err != nil ||
		pay.Payer != types.PayerBucketOwner {
		t.Errorf("%+v, %v", pay, err)
	}
	if log, err := c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: b}); err != nil || log.LoggingEnabled != nil {
		t.Errorf("%+v, %v", log, err)
	}
	acl, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: b})
	if err != nil || len(acl.Grants) != 1 || acl.Grants[0].Grantee.Type != types.TypeCanonicalUser {
		t.Errorf("%+v, %v", acl, err)
	}
}

// What is set comes back as it was sent, and is gone once it is removed.
func TestSettingsComeBack(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	same := func(what string, got, want any, err error) {
		t.Helper()
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.Tag{}, types.LifecycleRule{},
			types.LifecycleRuleFilter{}, types.LifecycleRuleAndOperator{}, types.LifecycleExpiration{},
			types.NoncurrentVersionExpiration{}, types.AbortIncompleteMultipartUpload{}, types.CORSRule{},
			types.ServerSideEncryptionRule{}, types.ServerSideEncryptionByDefault{}, types.LoggingEnabled{})); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", what, err, d)
		}
	}
	tags := []types.Tag{{Key: new("team"), Value: new("a & b")}}
	_, err := c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: tags}})
	got, gerr := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b})
	if err != nil || gerr != nil {
		t.Fatal(err, gerr)
	}
	same("tags", got.TagSet, tags, nil)

	rules := []types.LifecycleRule{
		{
			ID: new("old"), Status: types.ExpirationStatusEnabled,
			Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: new("logs/"), Tags: tags,
				ObjectSizeGreaterThan: new(int64(10))}},
			Expiration: &types.LifecycleExpiration{Days: new(int32(3))},
		},
		{
			ID: new("versions"), Status: types.ExpirationStatusDisabled,
			Filter: &types.LifecycleRuleFilter{Prefix: new("")},
			NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: new(int32(1)),
				NewerNoncurrentVersions: new(int32(2))},
			AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: new(int32(7))},
		},
	}
	_, err = c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: b,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules}})
	if err != nil {
		t.Fatal(err)
	}
	life, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
	same("lifecycle", life.Rules, rules, err)

	cors := []types.CORSRule{{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"https://*.example.com"},
		AllowedHeaders: []string{"x-*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(60))}}
	if _, err = c.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: b,
		CORSConfiguration: &types.CORSConfiguration{CORSRules: cors}}); err != nil {
		t.Fatal(err)
	}
	gotCORS, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b})
	same("cors", gotCORS.CORSRules, cors, err)
	h.preflight("https://a.example.com", http.StatusOK)
	h.preflight("https://example.org", http.StatusForbidden)

	log := &types.LoggingEnabled{TargetBucket: b, TargetPrefix: new("log/")}
	if _, err = c.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: b,
		BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: log}}); err != nil {
		t.Fatal(err)
	}
	gotLog, err := c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: b})
	same("logging", gotLog.LoggingEnabled, log, err)

	if _, err := c.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: b}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
	if code(err) != "NoSuchLifecycleConfiguration" {
		t.Errorf("a removed lifecycle: %v", err)
	}
}

// preflight asks as a browser does before a page of another origin reads an object.
func (h *house) preflight(origin string, want int) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodOptions, h.url+"/bucket/k", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", "GET")
	r.Header.Set("Access-Control-Request-Headers", "x-amz-date")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != want || want == 200 && resp.Header.Get("Access-Control-Allow-Origin") != origin {
		h.t.Errorf("%s: %d %v", origin, resp.StatusCode, resp.Header)
	}
}

// What S3 refuses of a setting, and what is not done here, is refused by its code.
func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	lifecycle := func(r types.LifecycleRule) error {
		r.Status = types.ExpirationStatusEnabled
		if r.Filter == nil {
			r.Filter = &types.LifecycleRuleFilter{Prefix: new("")}
		}
		_, err := c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: b,
			LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{r}}})
		return err
	}
	notify := func(n types.NotificationConfiguration) error {
		_, err := c.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: b,
			NotificationConfiguration: &n})
		return err
	}
	created := []types.Event{types.EventS3ObjectCreated}
	for name, x := range map[string]struct {
		want string
		err  error
	}{
		"transitions": {"NotImplemented", lifecycle(types.LifecycleRule{Transitions: []types.Transition{{
			Days: new(int32(30)), StorageClass: types.TransitionStorageClassGlacier}}})},
		"no action": {"InvalidRequest", lifecycle(types.LifecycleRule{})},
		"no days": {"InvalidArgument", lifecycle(types.LifecycleRule{
			Expiration: &types.LifecycleExpiration{Days: new(int32(0))}})},
		"a queue": {"NotImplemented", notify(types.NotificationConfiguration{QueueConfigurations: []types.QueueConfiguration{{
			QueueArn: new("arn:aws:sqs:eu-central-1:123456789012:q"), Events: created}}})},
		"a bus": {"NotImplemented", notify(types.NotificationConfiguration{
			EventBridgeConfiguration: &types.EventBridgeConfiguration{}})},
		"no topic": {"InvalidArgument", notify(types.NotificationConfiguration{TopicConfigurations: []types.TopicConfiguration{{
			TopicArn: new("arn:aws:sns:eu-central-1:123456789012:none"), Events: created}}})},
		"an event": {"NotImplemented", notify(types.NotificationConfiguration{TopicConfigurations: []types.TopicConfiguration{{
			TopicArn: new("arn:aws:sns:eu-central-1:123456789012:topic"),
			Events:   []types.Event{types.EventS3ReplicationOperationFailedReplication}}}})},
	} {
		if code(x.err) != x.want {
			t.Errorf("%s: %v, want %s", name, x.err, x.want)
		}
	}
	if err := notify(types.NotificationConfiguration{TopicConfigurations: []types.TopicConfiguration{{
		TopicArn: new("arn:aws:sns:eu-central-1:123456789012:topic"), Events: created}}}); err != nil {
		t.Fatal(err)
	}
	if told := <-h.told; !strings.Contains(told[1], "s3:TestEvent") {
		t.Errorf("the topic is told %q", told)
	}
}

// A policy is checked, kept as it was sent, and a public one is refused while the bucket blocks it.
func TestBucketPolicy(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	put := func(text string) error {
		_, err := c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: &text})
		return err
	}
	const own = `{"Version":"2012-10-17", "Statement":[{"Effect":"Allow",
		"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`
	public := strings.Replace(own, `{"AWS":"arn:aws:iam::123456789012:root"}`, `"*"`, 1)
	if err := put(own); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b})
	if err != nil || *got.Policy != own {
		t.Errorf("%v, %v", got, err)
	}
	if err := put("{}"); code(err) != "MalformedPolicy" {
		t.Errorf("an empty policy: %v", err)
	}
	if err := put(public); code(err) != "AccessDenied" {
		t.Errorf("a public policy: %v", err)
	}
	if _, err := c.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: b}); err != nil {
		t.Fatal(err)
	}
	if err := put(public); err != nil {
		t.Fatal(err)
	}
	status, err := c.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: b})
	if err != nil || !*status.PolicyStatus.IsPublic {
		t.Errorf("%+v, %v", status, err)
	}
	if _, err := c.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: b}); err != nil {
		t.Fatal(err)
	}
}

// ACLs are canned ones, and only where the bucket's ownership allows them.
func TestACLs(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	h.put("k", "x")
	put := func(acl types.ObjectCannedACL) error {
		_, err := c.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: b, Key: new("k"), ACL: acl})
		return err
	}
	if err := put(types.ObjectCannedACLPublicRead); code(err) != "AccessControlListNotSupported" {
		t.Errorf("an ACL in a bucket without: %v", err)
	}
	if _, err := c.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: b,
		OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{
			ObjectOwnership: types.ObjectOwnershipObjectWriter}}}}); err != nil {
		t.Fatal(err)
	}
	if err := put(types.ObjectCannedACLPublicRead); code(err) != "AccessDenied" {
		t.Errorf("a public ACL while it is blocked: %v", err)
	}
	if err := put(types.ObjectCannedACLBucketOwnerRead); err != nil {
		t.Error(err)
	}
	if _, err := c.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: b}); err != nil {
		t.Fatal(err)
	}
	if err := put(types.ObjectCannedACLPublicRead); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: b, Key: new("k")})
	if err != nil || len(got.Grants) != 2 || got.Grants[1].Permission != types.PermissionRead {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := c.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: b, AccessControlPolicy: &types.AccessControlPolicy{
		Owner: got.Owner, Grants: got.Grants}}); err != nil {
		t.Errorf("the grants of a canned ACL: %v", err)
	}
	acl, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: b})
	if err != nil || len(acl.Grants) != 2 {
		t.Errorf("%+v, %v", acl, err)
	}
	got.Grants[1].Permission = types.PermissionWriteAcp
	if _, err := c.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: b, AccessControlPolicy: &types.AccessControlPolicy{
		Owner: got.Owner, Grants: got.Grants}}); code(err) != "NotImplemented" {
		t.Errorf("grants that no canned ACL has: %v", err)
	}
}

func TestObjectTags(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: new("k"), Body: strings.NewReader("x"),
		Tagging: new("a=1&b=%26")}); err != nil {
		t.Fatal(err)
	}
	tags := func(key string) string {
		got, err := c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: b, Key: &key})
		if err != nil {
			return code(err)
		}
		text := ""
		for _, tag := range got.TagSet {
			text += *tag.Key + "=" + *tag.Value + ";"
		}
		return text
	}
	if got := tags("k"); got != "a=1;b=&;" {
		t.Errorf("tags of the header: %s", got)
	}
	for key, in := range map[string]*s3.CopyObjectInput{
		"kept":     {},
		"replaced": {TaggingDirective: types.TaggingDirectiveReplace, Tagging: new("c=3")},
	} {
		in.Bucket, in.Key, in.CopySource = b, &key, new("bucket/k")
		if _, err := c.CopyObject(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	if tags("kept") != "a=1;b=&;" || tags("replaced") != "c=3;" || tags("none") != "NoSuchKey" {
		t.Errorf("%s %s %s", tags("kept"), tags("replaced"), tags("none"))
	}
	if _, err := c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: b, Key: new("k"), Tagging: &types.Tagging{
		TagSet: []types.Tag{{Key: new("z"), Value: new("")}}}}); err != nil || tags("k") != "z=;" {
		t.Errorf("%v %s", err, tags("k"))
	}
	if _, err := c.DeleteObjectTagging(ctx, &s3.DeleteObjectTaggingInput{Bucket: b, Key: new("k")}); err != nil || tags("k") != "" {
		t.Errorf("%v %s", err, tags("k"))
	}
}
