package awsproto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

func contentType(p Protocol) string {
	if p == JSON10 {
		return "application/x-amz-json-1.0"
	}
	return "application/x-amz-json-1.1"
}

func decodeJSON(body []byte, in any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, in); err != nil {
		return serialization(err)
	}
	return nil
}

func serialization(err error) error {
	message := "The request is no valid JSON: " + err.Error()
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		message = fmt.Sprintf("%s can not be converted to %s at '%s'", e.Value, e.Type, e.Field)
	}
	return &Error{Code: "SerializationException", Message: message}
}

func writeJSON(w http.ResponseWriter, q *request, out any) error {
	w.Header().Set("Content-Type", contentType(q.protocol))
	if q.endpoint.Op.Empty {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, _ = w.Write(body) // a client that has gone away needs no answer
	return nil
}

func writeJSONError(w http.ResponseWriter, q *request, se ServiceError) {
	w.Header().Set("Content-Type", contentType(q.protocol))
	w.Header().Set("X-Amzn-Errortype", shapeOf(se))
	w.WriteHeader(se.HTTPStatus())
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": shapeOf(se), "message": messageOf(se)})
}
