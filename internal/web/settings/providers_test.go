package settings

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

// elsewhere has one identity provider, and takes what is saved and deleted.
type elsewhere struct {
	slipway.Unimplemented
	put     *slipway.PutSignInProviderInput
	deleted string
}

func (*elsewhere) ListSignInProviders(context.Context,
	*slipway.ListSignInProvidersInput) (*slipway.ListSignInProvidersOutput, error) {
	return &slipway.ListSignInProvidersOutput{Providers: []slipway.SignInProvider{{
		Name:        new("corp"),
		Issuer:      new("https://login.example.com"),
		ClientId:    new("slipway"),
		Claim:       new("groups"),
		CallbackUrl: new("http://slipway.example/signin/from/corp"),
		Mappings: []slipway.SignInMapping{
			{Value: new("dev"), GroupName: new("developers")},
			{Value: new("guests"), RoleArn: new("arn:aws:iam::123456789012:role/guest")},
		},
	}}}, nil
}

func (e *elsewhere) PutSignInProvider(_ context.Context,
	in *slipway.PutSignInProviderInput) (*slipway.PutSignInProviderOutput, error) {
	for _, m := range in.Mappings {
		if m.GroupName != nil && *m.GroupName == "none" {
			return nil, &slipway.InvalidSignInMappingException{Message: "There is no group none."}
		}
	}
	if !strings.HasPrefix(*in.Issuer, "https://") {
		return nil, &slipway.InvalidSignInProviderException{Message: "The issuer must be an address with https."}
	}
	e.put = in
	return &slipway.PutSignInProviderOutput{}, nil
}

func (e *elsewhere) DeleteSignInProvider(_ context.Context,
	in *slipway.DeleteSignInProviderInput) (*slipway.DeleteSignInProviderOutput, error) {
	e.deleted = *in.Name
	return &slipway.DeleteSignInProviderOutput{}, nil
}

func TestSignInProvidersAreChangedOnTheirPages(t *testing.T) {
	e := &elsewhere{}
	p := webtest.Open(t, Routes, kit.Config{Slipway: e})
	p.Shows(providersPath, "corp", "https://login.example.com", "dev = group/developers", "Add a provider")
	p.Shows(providersPath+"/corp", "http://slipway.example/signin/from/corp",
		"guests = arn:aws:iam::123456789012:role/guest", "Delete this provider")
	if got := p.Status(providersPath + "/none"); got != http.StatusNotFound {
		t.Errorf("a provider that is not there answers %d", got)
	}
	form := url.Values{"name": {"other"}, "issuer": {"https://id.example.com"}, "client": {"ci"}, "secret": {"s3cret"},
		"scopes": {"email  groups"}, "claim": {"groups"}, "mappings": {"a b = group/readers\r\n\r\nx = arn:aws:iam::1:role/r"}}
	if to := p.Send(providersPath, form); to != providersPath+"/other" {
		t.Errorf("it leads to %s", to)
	}
	if in := e.put; *in.Name != "other" || *in.ClientSecret != "s3cret" || len(in.Scopes) != 2 || in.UserNameClaim != nil ||
		*in.Claim != "groups" || *in.Mappings[0].Value != "a b" || *in.Mappings[0].GroupName != "readers" ||
		*in.Mappings[1].RoleArn != "arn:aws:iam::1:role/r" {
		t.Errorf("created %+v", in)
	}
	form.Del("secret")
	if p.Send(providersPath+"/corp", form); *e.put.Name != "corp" || e.put.ClientSecret != nil {
		t.Errorf("saved %+v", e.put)
	}
	if to := p.Send(providersPath+"/corp", url.Values{"do": {"delete"}}); to != providersPath || e.deleted != "corp" {
		t.Errorf("deleted %q, it leads to %s", e.deleted, to)
	}
}

func TestErrorsOfASignInProviderStandAtTheirFields(t *testing.T) {
	e := &elsewhere{}
	p := webtest.Open(t, Routes, kit.Config{Slipway: e})
	good := map[string]string{"name": "other", "issuer": "https://id.example.com", "client": "ci", "secret": "s3cret",
		"mappings": "* = group/readers"}
	for _, c := range []struct{ field, value, want string }{
		{"name", "corp", "There is a provider corp already"},
		{"issuer", "http://x", "The issuer must be an address with https."},
		{"client", "", "This is needed."},
		{"mappings", "* = group/readers\nwrong", "Line 2: write VALUE = group/NAME"},
		{"mappings", "x = developers", "Line 1: developers is neither group/NAME nor the ARN of a role."},
		{"mappings", "x = group/none", "There is no group none."},
		{"mappings", " ", "Without a line nobody gets in."},
	} {
		form := url.Values{}
		for k, v := range good {
			form.Set(k, v)
		}
		form.Set(c.field, c.value)
		read, status := p.Answer(providersPath, form)
		if status != http.StatusUnprocessableEntity || !strings.Contains(read, c.want) ||
			!strings.Contains(read, "Type it again") {
			t.Errorf("%s %q is answered with %d: %s", c.field, c.value, status, read)
		}
		if strings.Contains(read, "s3cret") || e.put != nil {
			t.Errorf("%s %q shows the secret, or is saved", c.field, c.value)
		}
	}
}
