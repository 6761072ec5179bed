package forge

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRolesOfPeople(t *testing.T) {
	t.Parallel()
	answers := map[string]any{
		"/repos/o/r/collaborators/ada/permission": map[string]any{"permission": "write", "role_name": "maintain"},
		"/repos/o/r/collaborators/bob/permission": map[string]any{"permission": "none"},
		"/projects/g%2Fp/members/all/7":           map[string]any{"access_level": 30},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := answers[r.URL.EscapedPath()]; a != nil {
			_ = json.NewEncoder(w).Encode(a)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	for _, c := range []struct {
		at         Forge
		repository string
		who        Person
		want       string
	}{
		{GitHub, "o/r", Person{Name: "ada"}, "GITHUB_MAINTAIN"},
		{GitHub, "o/r", Person{Name: "bob"}, ""},
		{GitHub, "o/r", Person{Name: "../eve"}, ""},
		{GitLab, "g/p", Person{ID: "7"}, "GITLAB_DEVELOPER"},
		{GitLab, "g/p", Person{ID: "8"}, ""},
	} {
		a := &API{Client: s.Client(), Forge: c.at, Base: s.URL, Token: "t"}
		if got, err := a.Role(t.Context(), c.repository, c.who); got != c.want || err != nil {
			t.Errorf("%+v at %s: %q, %v; want %q", c.who, c.at, got, err, c.want)
		}
	}
}

func TestCommentsBelowMergeRequests(t *testing.T) {
	t.Parallel()
	note := func(state, of string) Event {
		h := http.Header{}
		h.Set("X-Gitlab-Event", "Note Hook")
		all, err := GitLab.Parse(h, []byte(`{"object_kind":"note","user":{"id":5,"username":"ada"},
			"project":{"id":1,"path_with_namespace":"g/p"},
			"object_attributes":{"id":99,"note":"ship it","noteable_type":"`+of+`","action":"create"},
			"merge_request":{"iid":4,"state":"`+state+`","author_id":6,"source_branch":"topic","target_branch":"main",
			"source_project_id":2,"target_project_id":1,"last_commit":{"id":"abc"}}}`))
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0]
	}
	e := note("opened", "MergeRequest")
	if e.Comment != "ship it" || e.Number != "4" || e.After != "abc" || e.Author.ID != "6" || e.Actor != "ada" ||
		!e.Fork || e.Stamp != "99" {
		t.Errorf("the comment is %+v", e)
	}
	for _, other := range []Event{note("merged", "MergeRequest"), note("opened", "Issue")} {
		if other.Comment != "" {
			t.Errorf("a comment that approves nothing is %+v", other)
		}
	}
}
