package agent

import (
	"errors"
	"fmt"
	"strings"

	"slipway/api/awsproto"
)

// keyError says that the server does not take the host's key, which no waiting mends.
type keyError struct{ code, message string }

func (e *keyError) Error() string { return e.code + ": " + e.message }

// newKeyError is nil for other refusals. A signature that is too old or too new is one of a clock that may be set yet.
func newKeyError(code, message string) *keyError {
	switch code {
	case "InvalidClientTokenId", "UnrecognizedClientException", "AccessDenied", "AccessDeniedException":
	case "SignatureDoesNotMatch", "InvalidSignatureException":
		if strings.Contains(message, "expired") || strings.Contains(message, "not yet current") {
			return nil
		}
	default:
		return nil
	}
	return &keyError{code, message}
}

// refused words an error that says that the server does not take the host's key; nil for any other.
func (a *agent) refused(err error) error {
	key, ok := errors.AsType[*keyError](err)
	if !ok {
		if e, service := errors.AsType[awsproto.ServiceError](err); service {
			key = newKeyError(e.ErrorCode(), e.Error())
		}
	}
	if key == nil {
		return nil
	}
	return fmt.Errorf("the server at %s does not take the access key %s for this host: %w. "+
		"Check the key, or make one with: slipway api slipway CreateHost '{\"name\": \"NAME\"}'", a.Endpoint,
		a.Credentials.AccessKeyID, key)
}
