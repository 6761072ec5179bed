package e2e

import (
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
)

// fed runs a command of the binary with a standard input.
func (i *instance) fed(input string, args ...string) (string, error) {
	c := exec.Command(i.program, args...)
	c.Env = append(environment(), i.client()...)
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	return string(out), err
}

// Parameters and secrets are set, listed, shown and removed by commands that never take a value as an argument, and a
// page lists them without values.
func TestSecretsByCommands(t *testing.T) {
	t.Parallel()
	i := up(t)
	has(t, must(i.slipway("secrets"))(t), "Nothing is here.")
	has(t, must(i.fed("swordfish-1\n", "secrets", "put", "/web/token"))(t), "/web/token has version 1.")
	has(t, must(i.fed("swordfish-2\n", "secrets", "put", "/web/token"))(t), "/web/token has version 2.")
	has(t, must(i.fed("en", "secrets", "put", "--plain", "/web/language"))(t), "version 1")
	has(t, must(i.fed("{}", "secrets", "put", "--secret", "db"))(t), "The secret db is created.")
	has(t, must(i.fed("swordfish-3", "secrets", "put", "--secret", "db"))(t), "db has version ")
	if out, err := i.fed("", "secrets", "put", "/web/token"); err == nil || !strings.Contains(out, "is empty") {
		t.Errorf("nothing was set: %v, %s", err, out)
	}
	list := must(i.slipway("secrets"))(t)
	has(t, list, "/web/token", "encrypted", "/web/language", "plain", "db", "never")
	show := must(i.slipway("secrets", "show", "/web/token"))(t)
	shownSecret := must(i.slipway("secrets", "show", "db"))(t)
	has(t, shownSecret, "AWSCURRENT", "AWSPREVIOUS")
	listed := must(i.slipway("secrets", "-o", "json", "/web"))(t)
	page := newPerson(t, i).page("/settings/secrets")
	has(t, page, "/web/token", "db")
	for _, text := range []string{list, show, shownSecret, listed, page} {
		if strings.Contains(text, "swordfish") {
			t.Errorf("a value is shown: %s", text)
		}
	}
	if out := must(i.slipway("secrets", "show", "/web/token", "--reveal"))(t); out != "swordfish-2\n" {
		t.Errorf("the value is %q", out)
	}
	if out := must(i.slipway("secrets", "show", "db", "--reveal"))(t); out != "swordfish-3\n" {
		t.Errorf("the value is %q", out)
	}
	must(i.slipway("secrets", "remove", "/web/token"))(t)
	if out, err := i.slipway("secrets", "remove", "/web/token"); err == nil || !strings.Contains(out, "no parameter") {
		t.Errorf("removed twice: %v, %s", err, out)
	}
	has(t, must(i.slipway("secrets", "remove", "--secret", "db"))(t), "restore-secret --secret-id db")
	has(t, must(i.slipway("secrets"))(t), "db", "removed")
	must(i.slipway("secrets", "remove", "--secret", "--now", "db"))(t)
	if left := must(i.slipway("secrets"))(t); strings.Contains(left, "db") || strings.Contains(left, "token") {
		t.Errorf("after the removal: %s", left)
	}
}

// What stands for an image is set and taken back on a page.
func TestPageOfImages(t *testing.T) {
	t.Parallel()
	i := up(t)
	p := newPerson(t, i)
	page := p.page("/settings/images")
	has(t, page, "Nothing stands for an image")
	_, token, _ := strings.Cut(page, `name="csrf" value="`)
	token, _, _ = strings.Cut(token, `"`)
	send := func(form url.Values) {
		t.Helper()
		form.Set("csrf", token)
		resp := must(p.client.PostForm(p.url+"/settings/images", form))(t)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("the answer is %s", resp.Status)
		}
	}
	send(url.Values{"name": {"aws/codebuild/standard:7.0"}, "image": {"debian:12"}})
	has(t, p.page("/settings/images"), "aws/codebuild/standard:7.0", "debian:12")
	has(t, must(i.slipway("images"))(t), "aws/codebuild/standard:7.0", "debian:12")
	send(url.Values{"name": {"aws/codebuild/standard:7.0"}, "do": {"delete"}})
	has(t, p.page("/settings/images"), "Nothing stands for an image")
}
