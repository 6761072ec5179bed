package identity

import (
	"strings"

	"slipway/api/iam"
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
