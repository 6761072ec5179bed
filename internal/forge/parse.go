package forge

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Parse reads the events of a delivery whose proof was checked. One whose kind is "" is something that starts no
// build; a delivery without any events is a test of the webhook.
func (f Forge) Parse(h http.Header, body []byte) ([]Event, error) {
	if text, ok := inForm(h, body); ok {
		body = text
	}
	switch f {
	case GitHub:
		return parseGitHub(h.Get(githubEvent), body)
	case Gitea:
		return parseGitea(h.Get(giteaEvent), body)
	case GitLab:
		return parseGitLab(body)
	case Bitbucket:
		return parseBitbucket(h.Get(bitbucketEvent), body)
	}
	return nil, fmt.Errorf("deliveries of %q are not understood", f)
}

func decode(forge Forge, body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("the delivery is no JSON as %s sends it: %w", forge, err)
	}
	return nil
}

// text is a JSON number or text, as a text: forges name accounts and pull requests by either.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("want a number or a text, got %.40s", b)
	}
	*t = text(n)
	return nil
}

// changed are the files of a commit in a list of commits.
type changed struct {
	Added    []string `json:"added"`
	Removed  []string `json:"removed"`
	Modified []string `json:"modified"`
}

// union are the files that some commits changed, each once.
func union[T any](commits []T, of func(T) changed) (all []string) {
	seen := map[string]bool{}
	for _, c := range commits {
		x := of(c)
		for _, list := range [][]string{x.Added, x.Removed, x.Modified} {
			for _, f := range list {
				if !seen[f] {
					seen[f] = true
					all = append(all, f)
				}
			}
		}
	}
	return all
}
