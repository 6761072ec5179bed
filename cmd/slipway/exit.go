package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"slipway/api/awsproto"
)

// Exit codes, for scripts.
const (
	exitFailed  = 1   // it was done and failed, or an error that is none of the others
	exitUsage   = 2   // arguments and flags
	exitMissing = 3   // what was named does not exist
	exitServer  = 4   // no server answers
	exitAccess  = 5   // no key, a wrong one, or one that may not
	exitState   = 6   // not possible in the state that it is in: nothing waits, nothing failed, it has ended
	exitBroken  = 130 // SIGINT
)

// exitError ends the program with an exit code. The message was printed already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// coded is an error that knows its exit code.
type coded struct {
	error
	code int
}

func (e coded) Unwrap() error { return e.error }

func exit(code int, err error) error { return coded{err, code} }

func missing(format string, args ...any) error {
	return coded{fmt.Errorf(format, args...), exitMissing}
}

func usage(format string, args ...any) error {
	return coded{fmt.Errorf(format, args...), exitUsage}
}

// refused says why something cannot be done now.
func refused(format string, args ...any) error {
	return coded{fmt.Errorf(format, args...), exitState}
}

// exitCode is the code that an error ends the program with.
func exitCode(err error) int {
	if e, ok := errors.AsType[exitError](err); ok {
		return int(e)
	}
	if e, ok := errors.AsType[coded](err); ok {
		return e.code
	}
	if errors.Is(err, context.Canceled) {
		return exitBroken
	}
	if e, ok := errors.AsType[awsproto.ServiceError](err); ok {
		return answerCode(e.ErrorCode(), e.HTTPStatus())
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return exitServer
	}
	return exitFailed
}

// answerCode returns the exit code for a server's error. It depends on the error's code, because nearly all of AWS's
// have the status 400.
func answerCode(code string, status int) int {
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(code, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("NotFound", "DoesNotExist"):
		return exitMissing
	case has("AccessDenied", "UnrecognizedClient", "InvalidSignature", "SignatureDoesNotMatch", "IncompleteSignature",
		"MissingAuthentication", "InvalidClientToken"),
		status == http.StatusForbidden,
		status == http.StatusUnauthorized:
		return exitAccess
	case has("StateException", "AlreadyCompleted", "NotRetryable", "NotStoppable", "NotLatest", "IsNotInReadyState",
		"DuplicatedStopRequest", "Conflict", "ApprovalAlreadyCompleted", "LimitExceeded"):
		return exitState
	case status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return exitServer
	}
	return exitFailed
}
