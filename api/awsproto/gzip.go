package awsproto

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// inflate reads the compressed bodies that SDKs send for large requests of some operations. The signature covers the
// compressed bytes. The uncompressed size has the limit of any request.
func (q *request) inflate(encoding string) error {
	switch strings.ToLower(encoding) {
	case "", "identity", "amz-1.0": // SDKs for Java say the last of JSON
		return nil
	case "gzip":
	default:
		return &Error{
			Code:    "SerializationException",
			Status:  http.StatusUnsupportedMediaType,
			Message: fmt.Sprintf("The Content-Encoding %.40q is not known here; gzip is.", encoding),
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(q.body))
	if err != nil {
		return &Error{Code: "SerializationException",
			Message: "The body is not gzip as its Content-Encoding says: " + err.Error()}
	}
	body, err := io.ReadAll(io.LimitReader(z, q.limit()+1))
	if err != nil {
		return &Error{Code: "SerializationException",
			Message: "The body is not gzip as its Content-Encoding says: " + err.Error()}
	}
	if int64(len(body)) > q.limit() {
		return q.tooLarge()
	}
	q.body = body
	return nil
}
