package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// TestPasskey makes a passkey with a virtual authenticator of a real browser, and signs in with it alone.
func TestPasskey(t *testing.T) {
	t.Parallel()
	i := prepare(t, "")
	i.url = "http://localhost" + i.listen[strings.LastIndexByte(i.listen, ':'):] // an address has no passkeys
	i.args = []string{"--url", i.url}
	i.start()
	b := newBrowser(t, i)
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol:                    webauthn.AuthenticatorProtocolCtap2,
			Transport:                   webauthn.AuthenticatorTransportInternal,
			HasResidentKey:              true,
			HasUserVerification:         true,
			IsUserVerified:              true,
			AutomaticPresenceSimulation: true,
		}}); err != nil {
		t.Fatal(err)
	}
	b.open("/settings/signin")
	b.do(chromedp.WaitVisible("#passkey-name"), chromedp.SendKeys("#passkey-name", "My laptop"))
	b.click("#create-passkey")
	b.shows("My laptop")
	b.shows("never")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('form[action="/signout"]').requestSubmit()`),
		chromedp.WaitVisible(`form[data-passkey="get"] button`))
	b.click(`form[data-passkey="get"] button`)
	b.do(chromedp.WaitVisible("main[data-live]"))
	b.open("/settings/signin")
	b.shows("passkey with a second factor")
	b.quiet()
}
