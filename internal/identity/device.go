package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"image/png"
	"net/http"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

const (
	// oneTimeStep is how long a one-time password is valid, in milliseconds. RFC 6238 proposes it.
	oneTimeStep = 30_000
	// resyncSteps is how far the clock of a device may be off when it is enabled or synchronised: an hour.
	resyncSteps = 120
	// maxDevices is IAM's limit of MFA devices a user.
	maxDevices = 8
	qrSize     = 256
)

// device finds a virtual MFA device by its serial number, which is its ARN.
func (v *view) device(serial string) (*device, error) {
	full, ok := strings.CutPrefix(serial, v.s.arn("mfa/"))
	name := strings.ToLower(full[strings.LastIndexByte(full, '/')+1:])
	if d, is := v.find(deviceKind, name).(*device); ok && is && v.s.arnOf(d) == serial {
		return d, nil
	}
	return nil, &iam.NoSuchEntityException{Message: "VirtualMFADevice with serial number " + serial + " doesn't exist."}
}

// secondFactor checks a one-time password of a caller's MFA device. It reports false if none was given.
func (s *Service) secondFactor(ctx context.Context, c awsproto.Caller, serial, code *string) (bool, error) {
	if serial == nil && code == nil {
		return false, nil
	}
	refused := &awsproto.Error{Code: "AccessDenied", Status: http.StatusForbidden,
		Message: "MultiFactorAuthentication failed with invalid MFA one time pass code."}
	if serial == nil || code == nil {
		return false, invalid("SerialNumber and TokenCode must be given together.")
	}
	err := s.change(ctx, func(v *view) error {
		d, err := v.device(*serial)
		if err != nil || d.User == "" || d.User != c.UserID {
			return refused
		}
		d = edit(d)
		if !s.oneTime(d, *code) {
			return refused
		}
		v.put(d)
		return nil
	})
	return err == nil, err
}

// passwordAt is the one-time password of a step.
func passwordAt(seed string, step int64) string {
	code, err := hotp.GenerateCodeCustom(seed, uint64(step), hotp.ValidateOpts{
		Digits:    otp.DigitsSix,
		Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil { // for a seed that is no Base32, which is not made here
		return ""
	}
	return code
}

// matches looks for a password in steps around now, and returns its step.
func (s *Service) matches(d *device, code string, around int64) (step int64, ok bool) {
	seed, err := s.Seal.Open(d.Seed, "mfa "+d.ID)
	if err != nil {
		return 0, false
	}
	now := s.Now().UnixMilli()/oneTimeStep + d.Drift
	for off := -around; off <= around; off++ {
		want := passwordAt(string(seed), now+off)
		if want != "" && now+off > d.Step && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return now + off, true
		}
	}
	return 0, false
}

// oneTime takes a one-time password. None opens twice, and the device's drift is followed.
func (s *Service) oneTime(d *device, code string) bool {
	step, ok := s.matches(d, code, 1)
	if ok {
		d.Drift = step - s.Now().UnixMilli()/oneTimeStep
		d.Step = step
	}
	return ok
}

// synchronise takes two passwords that follow each other, from which it learns how far the device's clock is off.
func (s *Service) synchronise(d *device, code1, code2 string) error {
	seed, err := s.Seal.Open(d.Seed, "mfa "+d.ID)
	step, ok := s.matches(d, code1, resyncSteps)
	if err != nil || !ok || subtle.ConstantTimeCompare([]byte(passwordAt(string(seed), step+1)), []byte(code2)) != 1 {
		return &iam.InvalidAuthenticationCodeException{Message: "Authentication code for device is not valid."}
	}
	d.Step = step + 1
	d.Drift = d.Step - s.Now().UnixMilli()/oneTimeStep
	return nil
}

// CreateVirtualMFADevice implements iam:CreateVirtualMFADevice. Its seed is in the answer, and never shown again.
func (s *Service) CreateVirtualMFADevice(ctx context.Context,
	in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	d := &device{head: s.newHead("AMFA", pathOr(in.Path), *in.VirtualMFADeviceName)}
	var random [40]byte
	_, _ = rand.Read(random[:])
	seed := base32.StdEncoding.EncodeToString(random[:])
	d.Seed = s.Seal.Seal([]byte(seed), "mfa "+d.ID)
	err := s.change(ctx, func(v *view) (err error) {
		if v.find(deviceKind, d.key()) != nil {
			return exists("MFADevice entity at the same path and name already exists.")
		}
		if d.Tags, err = retag(nil, in.Tags); err != nil {
			return err
		}
		v.put(d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	picture, err := qrCode("otpauth://totp/Slipway:" + d.Name + "@" + s.Account + "?secret=" + seed + "&issuer=Slipway")
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &iam.VirtualMFADevice{
		SerialNumber:     new(s.arnOf(d)),
		Base32StringSeed: []byte(seed),
		QRCodePNG:        picture,
		Tags:             someTags(d.Tags),
	}}, err
}

// qrCode is the picture that authenticator programs read.
func qrCode(text string) ([]byte, error) {
	key, err := otp.NewKeyFromURL(text)
	if err != nil {
		return nil, err
	}
	picture, err := key.Image(qrSize, qrSize)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = png.Encode(&b, picture)
	return b.Bytes(), err
}

// EnableMFADevice implements iam:EnableMFADevice.
func (s *Service) EnableMFADevice(ctx context.Context,
	in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		u, err := v.user(*in.UserName)
		if err != nil {
			return err
		}
		d, err := v.device(*in.SerialNumber)
		switch {
		case err != nil:
			return err
		case d.User != "":
			return exists("MFA Device is already in use.")
		case len(v.devicesOf(u)) >= maxDevices:
			return exceeds("Cannot exceed quota for MFADevicesPerUser: %d", maxDevices)
		}
		d = edit(d)
		d.User, d.Enabled = u.ID, s.Now().UnixMilli()
		v.put(d)
		return s.synchronise(d, *in.AuthenticationCode1, *in.AuthenticationCode2)
	})
}

// changeDevice changes a device of a user.
func (s *Service) changeDevice(ctx context.Context, name *string, serial string, f func(d *device) error) error {
	return s.change(ctx, func(v *view) error {
		u, err := v.userOr(awsproto.CallerOf(ctx), name)
		if err != nil {
			return err
		}
		d, err := v.device(serial)
		if err == nil && d.User != u.ID {
			err = noSuch("MFA Device invalid for user.")
		}
		if err != nil {
			return err
		}
		d = edit(d)
		v.put(d)
		return f(d)
	})
}

// DeactivateMFADevice implements iam:DeactivateMFADevice.
func (s *Service) DeactivateMFADevice(ctx context.Context,
	in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	return nil, s.changeDevice(ctx, in.UserName, *in.SerialNumber, func(d *device) error {
		d.User, d.Enabled, d.Drift = "", 0, 0
		return nil
	})
}

// ResyncMFADevice implements iam:ResyncMFADevice.
func (s *Service) ResyncMFADevice(ctx context.Context,
	in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	return nil, s.changeDevice(ctx, in.UserName, *in.SerialNumber, func(d *device) error {
		return s.synchronise(d, *in.AuthenticationCode1, *in.AuthenticationCode2)
	})
}

// DeleteVirtualMFADevice implements iam:DeleteVirtualMFADevice.
func (s *Service) DeleteVirtualMFADevice(ctx context.Context,
	in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		d, err := v.device(*in.SerialNumber)
		if err != nil {
			return err
		}
		if d.User != "" {
			return &iam.DeleteConflictException{Message: "MFA VirtualDevice in use. Must deactivate first."}
		}
		v.drop(d)
		return nil
	})
}

// ListMFADevices implements iam:ListMFADevices.
func (s *Service) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	v := s.view()
	u, err := v.userOr(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	some, p, err := paged(s, list{"ListMFADevices", u.ID, in.Marker, in.MaxItems}, v.devicesOf(u), (*device).key)
	out := &iam.ListMFADevicesOutput{MFADevices: []iam.MFADevice{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, d := range some {
		out.MFADevices = append(out.MFADevices, iam.MFADevice{
			UserName:     &u.Name,
			SerialNumber: new(s.arnOf(d)),
			EnableDate:   at(d.Enabled),
		})
	}
	return out, err
}

// ListVirtualMFADevices implements iam:ListVirtualMFADevices.
func (s *Service) ListVirtualMFADevices(_ context.Context,
	in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	v := s.view()
	var all []*device
	for _, d := range each[*device](v, deviceKind) {
		assigned := in.AssignmentStatus == iam.AssignmentStatusTypeAssigned
		every := in.AssignmentStatus == "" || in.AssignmentStatus == iam.AssignmentStatusTypeAny
		if every || assigned == (d.User != "") {
			all = append(all, d)
		}
	}
	l := list{"ListVirtualMFADevices", in.AssignmentStatus, in.Marker, in.MaxItems}
	some, p, err := paged(s, l, all, (*device).key)
	out := &iam.ListVirtualMFADevicesOutput{
		VirtualMFADevices: []iam.VirtualMFADevice{},
		IsTruncated:       p.truncated,
		Marker:            p.marker,
	}
	for _, d := range some {
		shown := iam.VirtualMFADevice{SerialNumber: new(s.arnOf(d))}
		if u, ok := v.get(userKind, d.User).(*user); ok {
			shown.User, shown.EnableDate = s.shownUser(u, false), at(d.Enabled)
		}
		out.VirtualMFADevices = append(out.VirtualMFADevices, shown)
	}
	return out, err
}

// GetMFADevice implements iam:GetMFADevice.
func (s *Service) GetMFADevice(_ context.Context, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	v := s.view()
	d, err := v.device(*in.SerialNumber)
	if err != nil {
		return nil, err
	}
	u, ok := v.get(userKind, d.User).(*user)
	if !ok || in.UserName != nil && !strings.EqualFold(u.Name, *in.UserName) {
		return nil, noSuch("MFA Device %s is not enabled.", *in.SerialNumber)
	}
	return &iam.GetMFADeviceOutput{
		UserName:     &u.Name,
		SerialNumber: in.SerialNumber,
		EnableDate:   at(d.Enabled),
	}, nil
}
