package awsproto

import (
	"errors"
	"fmt"
	"net/http"
)

// ServiceError is an error that can be sent: it has AWS's code and an HTTP status. The generated errors of every
// service implement it.
type ServiceError interface {
	error
	ErrorCode() string
	HTTPStatus() int
}

// Error is a ServiceError that is not in a service's model: an error of the protocol (signatures, serialization,
// limits), or one that a client does not know.
type Error struct {
	Code    string
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorCode is the code on the wire.
func (e *Error) ErrorCode() string { return e.Code }

// HTTPStatus returns the status the error is sent with. It is 400 if none was set.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// NotImplemented is the error of an operation that Slipway does not implement, with HTTP status 501. Such an operation
// never pretends to succeed.
func NotImplemented(service, operation string) error {
	return &Error{
		Code: "NotImplementedException", Status: http.StatusNotImplemented,
		Message: fmt.Sprintf(
			"Slipway does not implement %s:%s. docs/compatibility.md lists every operation that it does.", service,
			operation),
	}
}

// Code returns the wire code of an error, or "" if it carries none.
func Code(err error) string {
	if se, ok := errors.AsType[ServiceError](err); ok {
		return se.ErrorCode()
	}
	return ""
}

// Message returns the message of an error, without the code that an Error's text begins with.
func Message(err error) string {
	if se, ok := errors.AsType[ServiceError](err); ok {
		return messageOf(se)
	}
	return err.Error()
}

// messageOf returns the message of an error without the code before it.
func messageOf(err ServiceError) string {
	if e, ok := err.(*Error); ok {
		return e.Message
	}
	return err.Error()
}

// shapeOf returns the name of the error's shape in the model, which JSON and CBOR use. It is the code, unless Query has
// another code for the error.
func shapeOf(err ServiceError) string {
	if e, ok := err.(interface{ ErrorShape() string }); ok {
		return e.ErrorShape()
	}
	return err.ErrorCode()
}
