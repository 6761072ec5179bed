package awsproto

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// routeCBOR finds the service of a request in Smithy RPC v2 CBOR: POST /service/SERVICE/operation/OPERATION.
func (s *Server) routeCBOR(q *request, smithy, path string) error {
	service, operation, ok := strings.Cut(strings.TrimPrefix(path, "/service/"), "/operation/")
	q.served, q.asked = s.targets[service], operation
	if !ok || smithy != "rpc-v2-cbor" || q.info == nil || !q.info.Speaks(CBOR) {
		return &Error{Code: "UnknownOperationException",
			Message: fmt.Sprintf("No service here answers to %.200q in the protocol %.40q.", path, smithy)}
	}
	return nil
}

// cborDecoding is strict, and bounds what a hostile body can make of itself.
var cborDecoding = sync.OnceValues(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 32, MaxArrayElements: 100_000, MaxMapPairs: 10_000,
	FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
}.DecMode)

var cborEncoding = sync.OnceValues(cbor.EncOptions{}.EncMode)

func decodeCBOR(body []byte, in any) error {
	if len(body) == 0 {
		return nil
	}
	mode, err := cborDecoding()
	if err != nil {
		return err
	}
	if err := mode.Unmarshal(body, in); err != nil {
		return &Error{Code: "SerializationException", Message: "The request is no valid CBOR: " + err.Error()}
	}
	return nil
}

func writeCBOR(w http.ResponseWriter, out any) error {
	mode, err := cborEncoding()
	if err != nil {
		return err
	}
	body, err := mode.Marshal(out)
	if err != nil {
		return err
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) //nolint:gosec // no page: its type is application/cbor, and nosniff is set
	return nil
}

func writeCBORError(w http.ResponseWriter, se ServiceError) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	w.WriteHeader(se.HTTPStatus())
	if body, err := cbor.Marshal(map[string]string{"__type": shapeOf(se), "message": messageOf(se)}); err == nil {
		_, _ = w.Write(body)
	}
}

// epochTag is the tag of a number of seconds since 1970.
const epochTag = 1

// MarshalCBOR writes epoch seconds under tag 1.
func (t Time) MarshalCBOR() ([]byte, error) {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return cbor.Marshal(cbor.Tag{Number: epochTag, Content: ms / 1000})
	}
	return cbor.Marshal(cbor.Tag{Number: epochTag, Content: float64(ms) / 1000})
}

// UnmarshalCBOR reads epoch seconds, whole or with a fraction, under tag 1.
func (t *Time) UnmarshalCBOR(b []byte) error {
	var tag cbor.RawTag
	var seconds float64
	if err := cbor.Unmarshal(b, &tag); err != nil || tag.Number != epochTag {
		return fmt.Errorf("a timestamp must be a number of seconds since 1970 under tag %d", epochTag)
	}
	if err := cbor.Unmarshal(tag.Content, &seconds); err != nil || math.IsNaN(seconds) || math.Abs(seconds) > 1e12 {
		return fmt.Errorf("a timestamp must be a number of seconds since 1970")
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}
