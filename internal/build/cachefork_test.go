package build

import (
	"encoding/json"
	"strings"
	"testing"

	cb "slipway/api/codebuild"
)

func TestForkWritesNoCacheInABucket(t *testing.T) {
	for location, want := range map[string]string{"b": "arn:aws:s3:::b/*", "b/p/": "arn:aws:s3:::b/p/*",
		"b/p/q": "arn:aws:s3:::b/p/q/*"} {
		text, err := forkRights(&cb.ProjectCache{Type: cb.CacheTypeS3, Location: &location})
		if err != nil || !json.Valid([]byte(text)) ||
			!strings.Contains(text, `{"Action":"s3:PutObject","Effect":"Deny","Resource":"`+want+`"}`) {
			t.Errorf("%s: %v %s", location, err, text)
		}
	}
	if text, err := forkRights(nil); err != nil || text != forkPolicy {
		t.Error(text, err)
	}
}

func TestCacheOfAPullRequestStandsApart(t *testing.T) {
	for _, c := range []struct{ version, trigger, want string }{
		{"", "", ""}, {"main", "branch/main", ""}, {"refs/heads/x", "", ""},
		{"pr/3", "", "pull-request/3"}, {"", "pr/4", "pull-request/4"},
		{"refs/pull/5/head^{0123456789012345678901234567890123456789}", "", "pull-request/5"},
		{"refs/merge-requests/6/head", "", "pull-request/6"},
	} {
		b := &cb.Build{SourceVersion: &c.version}
		if got := cacheApart(b, map[string]string{"CODEBUILD_WEBHOOK_TRIGGER": c.trigger}); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
