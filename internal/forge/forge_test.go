package forge

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The example of GitHub's documentation, "Validating webhook deliveries".
const (
	vectorSecret = "It's a Secret to Everybody"
	vectorBody   = "Hello, World!"
	vectorMAC    = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestProofs(t *testing.T) {
	t.Parallel()
	now := time.Now()
	signed := func(at time.Time) http.Header {
		stamp := strconv.FormatInt(at.Unix(), 10)
		sum := mac([]byte("key"), []byte("id."+stamp+"."+vectorBody))
		return headers(gitlabEvent, "Push Hook", "Webhook-Id", "id", "Webhook-Timestamp", stamp, "Webhook-Signature",
			"v1,AAAA v1,"+base64.StdEncoding.EncodeToString(sum))
	}
	form := "payload=" + strings.ReplaceAll(vectorBody, " ", "+")
	gitea := headers(giteaEvent, "push", "X-Gitea-Signature", vectorMAC, "Content-Type",
		"application/x-www-form-urlencoded")
	whsec := "whsec_" + base64.StdEncoding.EncodeToString([]byte("key"))
	for name, c := range map[string]struct {
		h            http.Header
		body, secret string
		want         error
	}{
		"github":          {headers(githubEvent, "push", "X-Hub-Signature-256", "sha256="+vectorMAC), "", "", nil},
		"github, other":   {headers(githubEvent, "push", "X-Hub-Signature-256", "sha256=00"), "", "", ErrSignature},
		"github, no hex":  {headers(githubEvent, "push", "X-Hub-Signature-256", "sha256=x"), "", "", ErrSignature},
		"github, none":    {headers(githubEvent, "push"), "", "", ErrUnsigned},
		"github, SHA-1":   {headers(githubEvent, "push", "X-Hub-Signature", "sha1=00"), "", "", ErrUnsigned},
		"gitea":           {headers(giteaEvent, "push", "X-Gitea-Signature", vectorMAC), "", "", nil},
		"gitea, a form":   {gitea, form, "", nil},
		"gitea, empty":    {headers(giteaEvent, "push", "X-Gitea-Signature", ""), "", "", ErrUnsigned},
		"bitbucket":       {headers(bitbucketEvent, "repo:push", "X-Hub-Signature", "sha256="+vectorMAC), "", "", nil},
		"gitlab":          {headers(gitlabEvent, "Push Hook", "X-Gitlab-Token", vectorSecret), "", "", nil},
		"gitlab, other":   {headers(gitlabEvent, "Push Hook", "X-Gitlab-Token", "x"), "", "", ErrSignature},
		"gitlab, none":    {headers(gitlabEvent, "Push Hook"), "", "", ErrUnsigned},
		"gitlab, signed":  {signed(now), "", whsec, nil},
		"gitlab, old":     {signed(now.Add(-time.Hour)), "", whsec, ErrOld},
		"gitlab, another": {signed(now), "another body", whsec, ErrSignature},
	} {
		body, secret := vectorBody, vectorSecret
		if c.body != "" {
			body = c.body
		}
		if c.secret != "" {
			secret = c.secret
		}
		f := ForgeOf(c.h)
		done, err := f.Early(c.h, secret)
		if err == nil && !done {
			err = f.Proof(c.h, []byte(body), secret, now)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got := hex.EncodeToString(mac([]byte(vectorSecret), []byte(vectorBody))); got != vectorMAC {
		t.Errorf("the MAC is %s", got)
	}
}

const (
	a = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	b = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	z = "0000000000000000000000000000000000000000"
)

func TestDeliveriesAreRead(t *testing.T) {
	t.Parallel()
	github := `"repository":{"id":7,"full_name":"o/r","clone_url":"https://h/o/r.git"},"sender":{"id":9,"login":"ada"}`
	pull := `"pull_request":{"number":3,"updated_at":"t","head":{"ref":"fix","sha":"` + b + `","repo":{"id":8,` +
		`"clone_url":"https://h/x/r.git"}},"base":{"ref":"main","sha":"` + a + `","repo":{"id":7}}}`
	lab := `"project":{"id":7,"path_with_namespace":"g/s/r"}`
	for name, c := range map[string]struct {
		h    http.Header
		body string
		want Event
	}{
		"a push to GitHub": {headers(githubEvent, "push"),
			`{"ref":"refs/heads/main","before":"` + a + `","after":"` + b + `","head_commit":{"message":"m"},` +
				`"commits":[{"added":["x"],"modified":["y"]},{"removed":["x"]}],` + github + `}`,
			Event{Kind: Push, Ref: "refs/heads/main", Before: a, After: b, Complete: true}},
		"a deleted branch": {headers(githubEvent, "push"),
			`{"ref":"refs/heads/x","before":"` + a + `","after":"` + z + `","head_commit":null,` + github + `}`,
			Event{Kind: Push, Ref: "refs/heads/x", Before: a}},
		"a pull request from a fork": {headers(githubEvent, "pull_request"), `{"action":"opened",` + pull + `,` + github + `}`,
			Event{Kind: PullCreated, Ref: "refs/heads/fix", Base: "refs/heads/main", Before: a, After: b, Number: "3",
				Fork: true}},
		"a label": {headers(githubEvent, "pull_request"), `{"action":"labeled",` + pull + `,` + github + `}`,
			Event{Ref: "refs/heads/fix", Base: "refs/heads/main", Before: a, After: b, Number: "3", Fork: true}},
		"a release": {headers(githubEvent, "release"),
			`{"action":"prereleased","release":{"id":1,"tag_name":"v1","name":"One"},` + github + `}`,
			Event{Kind: Prereleased, Ref: "refs/tags/v1", Tag: "v1"}},
		"a branch deleted at Gitea": {headers(giteaEvent, "delete"), `{"ref":"x","ref_type":"branch",` + github + `}`,
			Event{Kind: Push, Ref: "refs/heads/x"}},
		"a push to Gitea that lists a part": {headers(giteaEvent, "push"),
			`{"ref":"refs/heads/main","before":"` + a + `","after":"` + b + `","commits":[{"added":["x"]}],` +
				`"total_commits":6,` + github + `}`,
			Event{Kind: Push, Ref: "refs/heads/main", Before: a, After: b}},
		"a tag at GitLab": {headers(gitlabEvent, "Tag Push Hook"),
			`{"object_kind":"tag_push","ref":"refs/tags/v1","before":"` + z + `","after":"` + a + `","checkout_sha":"` + b +
				`","user_id":9,` + lab + `}`,
			Event{Kind: Push, Ref: "refs/tags/v1", After: b}},
		"a merge request whose title changed": {headers(gitlabEvent, "Merge Request Hook"),
			`{"object_kind":"merge_request","object_attributes":{"iid":3,"action":"update","source_branch":"fix",` +
				`"target_branch":"main","source_project_id":7,"target_project_id":7,"last_commit":{"id":"` + b + `"}},` + lab +
				`}`,
			Event{Ref: "refs/heads/fix", Base: "refs/heads/main", After: b, Number: "3"}},
		"a push to Bitbucket": {headers(bitbucketEvent, "repo:push"),
			`{"push":{"changes":[{"old":null,"new":{"type":"branch","name":"x","target":{"hash":"` + b + `"}}}]},` +
				`"repository":{"uuid":"{1}","full_name":"o/r"}}`,
			Event{Kind: Push, Ref: "refs/heads/x", After: b}},
	} {
		got, err := ForgeOf(c.h).Parse(c.h, []byte(c.body))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		g := got[0]
		shown := Event{Kind: g.Kind, Ref: g.Ref, Base: g.Base, Before: g.Before, After: g.After, Number: g.Number,
			Fork: g.Fork, Complete: g.Complete, Tag: g.Tag}
		if g.Repository.ID == "" || shown.Word() != c.want.Word() || shown.Key() != c.want.Key() ||
			shown.Base != c.want.Base || shown.Fork != c.want.Fork || shown.Complete != c.want.Complete {
			t.Errorf("%s: got %+v, want %+v", name, g, c.want)
		}
	}
	if got, err := GitHub.Parse(headers(githubEvent, "ping"), []byte(`{}`)); err != nil || len(got) != 0 {
		t.Errorf("a ping is %+v, %v", got, err)
	}
	for _, forge := range []Forge{GitHub, Gitea, GitLab, Bitbucket} {
		if _, err := forge.Parse(http.Header{}, []byte(`[`)); err == nil {
			t.Errorf("%s takes what is no JSON", forge)
		}
	}
}

// FuzzParse looks for deliveries that stop the reader.
func FuzzParse(f *testing.F) {
	f.Add("push", `{"ref":"x","commits":[{}]}`)
	f.Add("repo:push", `{"push":{"changes":[{}]}}`)
	f.Fuzz(func(t *testing.T, name, body string) {
		for _, forge := range []Forge{GitHub, Gitea, GitLab, Bitbucket} {
			h := headers(githubEvent, name, giteaEvent, name, bitbucketEvent, name)
			events, err := forge.Parse(h, []byte(body))
			for i := range events {
				_, _ = events[i].Key(), events[i].Trigger()
			}
			_ = err
		}
	})
}
