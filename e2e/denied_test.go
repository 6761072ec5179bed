package e2e

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/chromedp/chromedp"
)

// TestDeniedOnThePages refuses requests, and finds on the pages what would allow them.
func TestDeniedOnThePages(t *testing.T) {
	t.Parallel()
	i := up(t)
	people := iam.NewFromConfig(i.sdk())
	anna := aws.String("anna")
	must(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: anna}))(t)
	key := must(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: anna}))(t).AccessKey
	hers := codecommit.NewFromConfig(i.sdkAs(*key.AccessKeyId, *key.SecretAccessKey))
	for range 2 {
		if _, err := hers.GetRepository(t.Context(),
			&codecommit.GetRepositoryInput{RepositoryName: aws.String("web")}); err == nil {
			t.Fatal("somebody without rights sees a repository")
		}
	}
	const guard = `{"Version": "2012-10-17", "Statement": {"Sid": "Frozen", "Effect": "Deny", "Action":
		"codecommit:DeleteRepository", "Resource": "*"}}`
	must(people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: anna, PolicyName: aws.String("guard"),
		PolicyDocument: aws.String(guard)}))(t)
	_, _ = hers.DeleteRepository(t.Context(), &codecommit.DeleteRepositoryInput{RepositoryName: aws.String("web")})
	b := newBrowser(t, i)
	b.open("/settings/denials")
	b.shows("codecommit:DeleteRepository")
	b.inspect("denied")
	b.open("/settings/users/anna")
	b.shows("Denied lately")
	b.do(chromedp.Evaluate[chromedp.Void](
		`document.querySelectorAll("section[aria-labelledby=h-denied] details").forEach((d) => d.open = true)`))
	b.shows("An explicit deny wins over every allow")
	b.inspect("denied-user")
	b.click(`section[aria-labelledby=h-denied] tbody a.btn`)
	b.shows("New policy of anna")
	b.do(chromedp.SendKeys("#policy-name", "see-web"), chromedp.Click("#save"))
	b.shows("see-web")
	b.inspect("denied-allowed")
	out := must(i.slipway("identity", "denials", "anna", "-o", "json"))(t)
	var printed struct {
		Denials []struct{ Action, Allowing string }
	}
	if err := json.Unmarshal([]byte(out), &printed); err != nil || len(printed.Denials) != 2 ||
		!strings.Contains(printed.Denials[1].Allowing, `"Action": "codecommit:GetRepository"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSignInProvidersOnThePages adds, changes and deletes an identity provider.
func TestSignInProvidersOnThePages(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, up(t))
	const path = "/settings/signin/providers"
	b.open("/settings/signin")
	b.click("#providers")
	b.shows("No sign-in providers yet")
	b.inspect("providers-none")
	b.do(
		chromedp.SendKeys("#provider-name", "corporate"),
		chromedp.SendKeys("#provider-issuer", "login.example.com"),
		chromedp.SendKeys("#provider-client", "slipway"),
		chromedp.SendKeys("#secret", "not-to-be-shown"),
		chromedp.SendKeys("#provider-claim", "groups"),
		chromedp.SendKeys("#mappings", "dev = group/developers"),
		chromedp.Click("#create"),
	)
	b.shows("Type it again")
	b.look("providers-wrong")
	b.accessible("providers-wrong")
	b.quiet("status of 422")
	b.do(
		chromedp.SetValue("#provider-issuer", "https://login.example.com"),
		chromedp.SendKeys("#secret", "not-to-be-shown"),
		chromedp.Click("#create"),
	)
	b.shows("/signin/from/corporate")
	if strings.Contains(eval[string](b, "document.documentElement.outerHTML"), "not-to-be-shown") {
		t.Error("the secret is shown")
	}
	b.inspect("provider")
	b.open(path)
	b.shows("dev = group/developers")
	b.inspect("providers")
	b.open(path + "/" + url.PathEscape("corporate"))
	b.click("main details summary")
	b.click("#delete")
	b.shows("No sign-in providers yet")
}
