package runner

import (
	"fmt"

	"slipway/spec/toolerror"
)

// phaseError is an error with the status code of its phase's context.
type phaseError struct {
	code string
	err  error
	kind toolerror.Kind // of the failure, where that is known
}

func (e *phaseError) Error() string { return e.err.Error() }

func (e *phaseError) Unwrap() error { return e.err }

func fail(code, format string, args ...any) error {
	return &phaseError{code: code, err: fmt.Errorf(format, args...)}
}
