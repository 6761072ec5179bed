package datachannel

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Opening is the first message of a client, in JSON as a text.
type Opening struct {
	MessageSchemaVersion string
	RequestId            string
	TokenValue           string
	ClientId             string
	ClientVersion        string
}

// maxOpening bounds a client's first message, in bytes.
const maxOpening = 16 << 10

// ReadOpening reads a client's first message. The error is for the client.
func ReadOpening(text []byte) (o Opening, err error) {
	if len(text) > maxOpening || json.Unmarshal(text, &o) != nil {
		return o, errors.New("the first message of a data channel is JSON with the member TokenValue")
	}
	if o.TokenValue == "" {
		return o, errors.New("the first message of the data channel has no TokenValue")
	}
	return o, nil
}

// WindowSize is the size of a terminal in characters.
type WindowSize struct {
	Cols uint32 `json:"cols"`
	Rows uint32 `json:"rows"`
}

// Usual is the size of a terminal whose client has not told its own.
var Usual = WindowSize{Cols: 80, Rows: 24}

// Bounded is a size with which every program can do something.
func (s WindowSize) Bounded() WindowSize {
	const most = 4096
	return WindowSize{Cols: max(1, min(s.Cols, most)), Rows: max(1, min(s.Rows, most))}
}

type acknowledgement struct {
	Type       Type   `json:"AcknowledgedMessageType"`
	ID         string `json:"AcknowledgedMessageId"`
	Sequence   int64  `json:"AcknowledgedMessageSequenceNumber"`
	Sequential bool   `json:"IsSequentialMessage"`
}

// sessionType is the kind of session that has a terminal.
const sessionType = "Standard_Stream"

// agentVersion is the version of AWS's agent whose shell sessions this one has.
const agentVersion = "3.3.0.0"

type handshakeRequest struct {
	AgentVersion           string
	RequestedClientActions []clientAction
}

type clientAction struct {
	ActionType       string
	ActionParameters any
}

type sessionTypeParameters struct {
	SessionType string
	Properties  any
}

type handshakeResponse struct {
	ClientVersion          string
	ProcessedClientActions []processedAction
	Errors                 []string
}

type processedAction struct {
	ActionType   string
	ActionStatus int
	ActionResult any
	Error        string
}

// Statuses of an action that the client was asked for.
const (
	succeeded   = 1
	unsupported = 3
)

type handshakeComplete struct {
	HandshakeTimeToComplete time.Duration
	CustomerMessage         string
}

// Ending is how a session ended.
type Ending struct {
	// Words are for the person; "" for a shell that ended by itself.
	Words string
	// ExitCode is the shell's, nil if it did not end by itself.
	ExitCode *int
}

// closedPayload is the payload of Closed. ExitCode is Slipway's own: AWS's plugin does not look at it.
type closedPayload struct {
	MessageId     string
	CreatedDate   string
	DestinationId string
	SessionId     string
	MessageType   Type
	SchemaVersion int
	Output        string
	ExitCode      *int `json:",omitempty"`
}

// Close returns the message that ends a session.
func Close(session string, e Ending, now time.Time) []byte {
	m := Message{Type: Closed, Created: now, Flags: notSequential, ID: uuid.New()}
	text, _ := json.Marshal(closedPayload{ //nolint:errchkjson // texts and numbers
		MessageId:     m.ID.String(),
		CreatedDate:   strconv.FormatInt(now.UnixMilli(), 10),
		SessionId:     session,
		MessageType:   Closed,
		SchemaVersion: schemaVersion,
		Output:        e.Words,
		ExitCode:      e.ExitCode,
	})
	m.Payload = text
	return m.Encode()
}
