package runner

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
)

// Only who has a build's token gets its credentials, and they have the form that SDKs read.
func TestCredentialsOfABuild(t *testing.T) {
	t.Parallel()
	s, err := serveCredentials(Fixed(sigv4.Credentials{AccessKeyID: "ASIA1", SecretAccessKey: "s", SessionToken: "t"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	ask := func(method, url, token string) (int, map[string]string) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer := map[string]string{}
		_ = json.NewDecoder(resp.Body).Decode(&answer)
		return resp.StatusCode, answer
	}
	if status, got := ask(http.MethodGet, s.url+credentialPath, s.token); status != http.StatusOK || got["AccessKeyId"] != "ASIA1" ||
		got["SecretAccessKey"] != "s" || got["Token"] != "t" {
		t.Errorf("got %d %v, want the credentials", status, got)
	}
	for name, c := range map[string][3]string{
		"no token":          {http.MethodGet, s.url + credentialPath, ""},
		"another token":     {http.MethodGet, s.url + credentialPath, s.token + "x"},
		"another path":      {http.MethodGet, s.url + credentialPath + "/x", s.token},
		"a post":            {http.MethodPost, s.url + credentialPath, s.token},
		"a token of nobody": {http.MethodGet, s.url + tokenPath + "?audience=a", ""},
	} {
		if status, got := ask(c[0], c[1], c[2]); status != http.StatusNotFound || len(got) > 0 {
			t.Errorf("%s: got %d %v, want 404 and nothing", name, status, got)
		}
	}
}

// credentialAPI gives credentials that last for a time, and counts how often.
type credentialAPI struct {
	slipway.Unimplemented
	given   int
	refusal *string
	err     error
	until   time.Time
}

func (a *credentialAPI) GetBuildCredentials(context.Context,
	*slipway.GetBuildCredentialsInput) (*slipway.GetBuildCredentialsOutput, error) {
	a.given++
	c := testCredentials()
	c.Expiration.Time = a.until
	return &slipway.GetBuildCredentialsOutput{Credentials: c, Refusal: a.refusal}, a.err
}

// Credentials are kept while they last, renewed before they end, and kept in use while the server is away.
func TestCredentialsAreRenewed(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	api := &credentialAPI{until: now.Add(time.Hour)}
	r := &roleIdentity{api: api, id: "web:1", runner: "r", now: func() time.Time { return now }}
	get := func(want int, fails bool) {
		t.Helper()
		_, err := r.Credentials(t.Context())
		if (err != nil) != fails || api.given != want {
			t.Errorf("got %v after %d questions, want %d", err, api.given, want)
		}
	}
	get(1, false)
	now = now.Add(39 * time.Minute)
	get(1, false)
	now = now.Add(2 * time.Minute)
	api.err = errors.New("the server is away")
	get(2, false) // the old ones last for a while
	api.err, api.until = nil, now.Add(time.Hour)
	get(3, false)
	get(3, false)
	now, api.err = now.Add(2*time.Hour), errors.New("the server is away")
	get(4, true)
	api.err, api.refusal = nil, new("The role is gone")
	if _, err := r.Credentials(t.Context()); err == nil || err.Error() != "The role is gone" {
		t.Errorf("got %v, want the refusal", err)
	}
}
