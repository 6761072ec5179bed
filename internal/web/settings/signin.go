package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// signInPath is the page of how its visitor signs in.
const signInPath = "/settings/signin"

func (s *pages) signInRoutes(mux *kit.Mux) {
	for pattern, p := range map[string]kit.Handler{
		"GET " + signInPath:                            s.signInPage,
		"POST " + signInPath + "/sessions/{id}":        s.endSignIn,
		"POST " + signInPath + "/recovery":             s.createCodes,
		"POST " + signInPath + "/authenticator":        s.createAuthenticator,
		"POST " + signInPath + "/authenticator/on":     s.enableAuthenticator,
		"POST " + signInPath + "/authenticator/off":    s.removeAuthenticator,
		"POST " + signInPath + "/passkeys":             s.keepPasskey,
		"POST " + signInPath + "/passkeys/ask":         s.askPasskey,
		"POST " + signInPath + "/passkeys/{id}/delete": s.deletePasskey,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
	for pattern, p := range s.providerRoutes() {
		mux.Handle(pattern, s.SignedIn(p))
	}
}

// signIn is how somebody signs in.
type signIn struct {
	SignIns        []slipway.SignIn
	User           bool // the visitor is a user, who can have second factors
	Passkeys       []slipway.Passkey
	Available      bool // browsers have passkeys for this server
	Authenticators []iam.MFADevice
	Codes          int64 // recovery codes that are left
	// What was made just now, and is shown this once.
	NewCodes []string
	New      *authenticator
}

// authenticator is a new one, before its codes are typed.
type authenticator struct {
	Serial, Seed string
	Path         string // the dark modules of its QR code, as a path of SVG
	Size         int    // in modules
	Wrong        string // why it is asked for again
}

func (s *pages) signInPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	return s.showSignIn(w, r, v, &signIn{})
}

func (s *pages) showSignIn(w http.ResponseWriter, r *http.Request, v kit.Visitor, x *signIn) error {
	ins, err := s.Slipway.ListSignIns(r.Context(), &slipway.ListSignInsInput{})
	if err != nil {
		return err
	}
	x.SignIns = ins.SignIns
	x.User = v.Caller.Session == nil || v.Caller.Session.RoleID == ""
	if x.User {
		keys, err := s.Slipway.ListPasskeys(r.Context(), &slipway.ListPasskeysInput{})
		if err != nil {
			return err
		}
		devices, err := s.IAM.ListMFADevices(r.Context(), &iam.ListMFADevicesInput{})
		if err != nil {
			return err
		}
		x.Passkeys, x.Available = keys.Passkeys, awsproto.Value(keys.Available)
		x.Codes, x.Authenticators = int64(awsproto.Value(keys.RecoveryCodes)), devices.MFADevices
	}
	s.Render(w, r, http.StatusOK, SignIn(s.Shell(r, v, "Sign-in"), x, s.Now()))
	return nil
}

func (s *pages) endSignIn(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	_, err := s.Slipway.EndSignIn(r.Context(), &slipway.EndSignInInput{SignInId: new(r.PathValue("id"))})
	return kit.Next(w, r, signInPath, err)
}

func (s *pages) createCodes(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, signInPath) {
		return nil
	}
	out, err := s.Slipway.CreateRecoveryCodes(r.Context(), &slipway.CreateRecoveryCodesInput{})
	if err != nil {
		return err
	}
	return s.showSignIn(w, r, v, &signIn{NewCodes: out.Codes})
}

// createAuthenticator makes a virtual MFA device of the visitor's name. One that was made before and never enabled is
// replaced.
func (s *pages) createAuthenticator(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, signInPath) {
		return nil
	}
	serial := "arn:aws:iam::" + v.Caller.Account + ":mfa/" + v.Caller.Name
	_, err := s.IAM.DeleteVirtualMFADevice(r.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial})
	if err != nil && awsproto.Code(err) != "NoSuchEntity" {
		return err
	}
	out, err := s.IAM.CreateVirtualMFADevice(r.Context(),
		&iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &v.Caller.Name})
	if err != nil {
		return err
	}
	d := out.VirtualMFADevice
	made := &authenticator{Serial: *d.SerialNumber, Seed: string(d.Base32StringSeed)}
	if made.Path, made.Size, err = modules(d.QRCodePNG); err != nil {
		return err
	}
	return s.showSignIn(w, r, v, &signIn{New: made})
}

func (s *pages) enableAuthenticator(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	_, err := s.IAM.EnableMFADevice(r.Context(), &iam.EnableMFADeviceInput{
		UserName:            &v.Caller.Name,
		SerialNumber:        new(r.PostForm.Get("serial")),
		AuthenticationCode1: new(strings.ReplaceAll(r.PostForm.Get("code1"), " ", "")),
		AuthenticationCode2: new(strings.ReplaceAll(r.PostForm.Get("code2"), " ", "")),
	})
	if err != nil && (awsproto.Code(err) == "InvalidAuthenticationCode" || awsproto.Code(err) == "ValidationError") {
		const wrong = "The codes are not two that follow each other. Wait for the next code, and type both."
		return s.showSignIn(w, r, v, &signIn{New: &authenticator{Serial: r.PostForm.Get("serial"), Wrong: wrong}})
	}
	return kit.Next(w, r, signInPath, err)
}

func (s *pages) removeAuthenticator(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, signInPath) {
		return nil
	}
	serial := r.PostForm.Get("serial")
	_, err := s.IAM.DeactivateMFADevice(r.Context(),
		&iam.DeactivateMFADeviceInput{UserName: &v.Caller.Name, SerialNumber: &serial})
	if err == nil {
		_, err = s.IAM.DeleteVirtualMFADevice(r.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial})
	}
	return kit.Next(w, r, signInPath, err)
}

// askPasskey answers a script with what the browser needs to make a passkey.
func (s *pages) askPasskey(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Recent(v) {
		http.Error(w, "Sign in again first: this session began more than 15 minutes ago.", http.StatusForbidden)
		return nil
	}
	out, err := s.Slipway.RegisterPasskey(r.Context(), &slipway.RegisterPasskeyInput{})
	if err != nil {
		status := http.StatusBadRequest
		if kit.Denied(err) {
			status = http.StatusForbidden
		}
		http.Error(w, err.Error(), status)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"options": json.RawMessage(*out.Options), "state": *out.State})
}

func (s *pages) keepPasskey(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	_, err := s.Slipway.CompletePasskey(r.Context(), &slipway.CompletePasskeyInput{
		Name:     new(r.PostForm.Get("name")),
		State:    new(r.PostForm.Get("state")),
		Response: new(r.PostForm.Get("response")),
	})
	return kit.Next(w, r, signInPath, err)
}

func (s *pages) deletePasskey(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, signInPath) {
		return nil
	}
	_, err := s.Slipway.DeletePasskey(r.Context(), &slipway.DeletePasskeyInput{PasskeyId: new(r.PathValue("id"))})
	return kit.Next(w, r, signInPath, err)
}

func signInAction(parts ...string) string {
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return signInPath + "/" + strings.Join(parts, "/")
}

// finder is how many modules the corners of a QR code are wide.
const finder = 7

// modules reads the dark modules of a picture of a QR code, because pages have no pictures from elsewhere than files.
func modules(picture []byte) (path string, size int, err error) {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return "", 0, err
	}
	dark := func(x, y int) bool {
		r, _, _, _ := img.At(x, y).RGBA()
		return r < 1<<15
	}
	b := img.Bounds()
	from, ok := firstDark(b, dark)
	if !ok {
		return "", 0, fmt.Errorf("a picture of %d pixels has no QR code", b.Dx())
	}
	run := from.X
	for run < b.Max.X && dark(run, from.Y) {
		run++
	}
	step := (run - from.X) / finder
	if step == 0 {
		return "", 0, fmt.Errorf("a QR code of %d pixels is too small", b.Dx())
	}
	size = (b.Dx() - 2*(from.X-b.Min.X)) / step
	var p strings.Builder
	for y := range size {
		for x := range size {
			if dark(from.X+x*step+step/2, from.Y+y*step+step/2) {
				fmt.Fprintf(&p, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	return p.String(), size, nil
}

func firstDark(b image.Rectangle, dark func(x, y int) bool) (image.Point, bool) {
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if dark(x, y) {
				return image.Pt(x, y), true
			}
		}
	}
	return image.Point{}, false
}
