package datachannel

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Type is the type of a message.
type Type string

// Types of messages. Others are ignored.
const (
	Input       Type = "input_stream_data"  // from the client
	Output      Type = "output_stream_data" // from the agent
	Acknowledge Type = "acknowledge"        // of a message of a stream
	Closed      Type = "channel_closed"     // the end of the session, with a word for the person
)

// Kind says what the payload of a stream's message is.
type Kind uint32

// Kinds of payloads.
const (
	Bytes             Kind = 1 // of the terminal, in both directions
	Size              Kind = 3 // of the client's window: WindowSize
	HandshakeRequest  Kind = 5
	HandshakeResponse Kind = 6
	HandshakeComplete Kind = 7
	Flag              Kind = 10 // a number in four bytes
)

// TerminateSession is the flag by which a client ends its session.
const TerminateSession uint32 = 2

// Layout of a message, in bytes: the length of the header up to the payload's length, the type, the version, the time
// in milliseconds since 1970, the number in its stream, flags, the ID, the SHA-256 of the payload, the kind, the
// payload's length, the payload. Numbers are big-endian.
const (
	typeAt     = 4
	versionAt  = typeAt + 32
	createdAt  = versionAt + 4
	sequenceAt = createdAt + 8
	flagsAt    = sequenceAt + 8
	idAt       = flagsAt + 8
	digestAt   = idAt + 16
	kindAt     = digestAt + 32
	lengthAt   = kindAt + 4
	payloadAt  = lengthAt + 4

	schemaVersion = 1
)

// MaxMessage bounds a message, in bytes.
const MaxMessage = 64 << 10

// notSequential are the flags of a message that is no part of a stream: it is the first and the last one.
const notSequential = 3

// Message is one message of a data channel.
type Message struct {
	Type     Type
	Created  time.Time // to the millisecond
	Sequence int64
	Flags    uint64
	ID       uuid.UUID
	Kind     Kind
	Payload  []byte
}

// Encode returns the message as it is sent.
func (m *Message) Encode() []byte {
	b := make([]byte, payloadAt+len(m.Payload))
	binary.BigEndian.PutUint32(b, lengthAt)
	copy(b[typeAt:versionAt], bytes.Repeat([]byte{' '}, versionAt-typeAt))
	copy(b[typeAt:versionAt], m.Type)
	binary.BigEndian.PutUint32(b[versionAt:], schemaVersion)
	binary.BigEndian.PutUint64(b[createdAt:], uint64(m.Created.UnixMilli()))
	binary.BigEndian.PutUint64(b[sequenceAt:], uint64(m.Sequence))
	binary.BigEndian.PutUint64(b[flagsAt:], m.Flags)
	copy(b[idAt:], m.ID[8:]) // the lower half of a UUID stands first
	copy(b[idAt+8:], m.ID[:8])
	digest := sha256.Sum256(m.Payload)
	copy(b[digestAt:], digest[:])
	binary.BigEndian.PutUint32(b[kindAt:], uint32(m.Kind))
	binary.BigEndian.PutUint32(b[lengthAt:], uint32(len(m.Payload)))
	copy(b[payloadAt:], m.Payload)
	return b
}

// Decode reads a message. Its payload is a part of b.
func Decode(b []byte) (*Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("a message of %d bytes is longer than %d", len(b), MaxMessage)
	}
	if len(b) < payloadAt {
		return nil, fmt.Errorf("a message of %d bytes is shorter than its header", len(b))
	}
	if n := binary.BigEndian.Uint32(b); n != lengthAt {
		return nil, fmt.Errorf("a message has a header of %d bytes instead of %d", n, lengthAt)
	}
	m := &Message{
		Type:     Type(bytes.TrimRight(b[typeAt:versionAt], " \x00")),
		Created:  time.UnixMilli(int64(binary.BigEndian.Uint64(b[createdAt:]))),
		Sequence: int64(binary.BigEndian.Uint64(b[sequenceAt:])),
		Flags:    binary.BigEndian.Uint64(b[flagsAt:]),
		Kind:     Kind(binary.BigEndian.Uint32(b[kindAt:])),
		Payload:  b[payloadAt:],
	}
	copy(m.ID[8:], b[idAt:])
	copy(m.ID[:8], b[idAt+8:])
	if n := binary.BigEndian.Uint32(b[lengthAt:]); int64(n) != int64(len(m.Payload)) {
		return nil, fmt.Errorf("a message says that %d bytes follow its header, and %d do", n, len(m.Payload))
	}
	if digest := sha256.Sum256(m.Payload); len(m.Payload) > 0 && !bytes.Equal(digest[:], b[digestAt:kindAt]) {
		return nil, errors.New("the payload of a message does not have the digest that its header names")
	}
	return m, nil
}

// TypeOf is the type of a message that was not decoded, "" for what is none.
func TypeOf(b []byte) Type {
	if len(b) < payloadAt {
		return ""
	}
	return Type(bytes.TrimRight(b[typeAt:versionAt], " \x00"))
}
