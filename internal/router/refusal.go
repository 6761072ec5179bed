package router

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// refusal is the status with which a request that cannot be read is answered; -1 for a client that went away.
func refusal(q *http.Request, err error) int {
	switch {
	case errors.Is(err, errHeadTooLarge):
		return http.StatusRequestHeaderFieldsTooLarge
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return -1
	case err != nil:
		if _, network := errors.AsType[net.Error](err); network {
			return -1
		}
		if strings.Contains(err.Error(), "transfer encoding") {
			return http.StatusNotImplemented
		}
		return http.StatusBadRequest
	case q.ProtoMajor != 1 || q.Host == "" && q.ProtoMinor > 0 || !httpguts.ValidHostHeader(q.Host), q.Method == http.MethodConnect:
		return http.StatusBadRequest
	}
	for key, values := range q.Header {
		if !httpguts.ValidHeaderFieldName(key) {
			return http.StatusBadRequest
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return http.StatusBadRequest
			}
		}
	}
	if expect := q.Header.Get("Expect"); expect != "" && !strings.EqualFold(expect, "100-continue") {
		return http.StatusExpectationFailed
	}
	return 0
}
