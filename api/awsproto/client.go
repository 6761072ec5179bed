package awsproto

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// Client calls a server's JSON services: the same interfaces as in process, from another one.
type Client struct {
	Endpoint    string // http://127.0.0.1:8080
	Region      string
	Credentials sigv4.Credentials
	HTTP        *http.Client // nil for http.DefaultClient
	Header      http.Header  // sent with every request
}

// maxAnswer bounds what a client takes from a server.
const maxAnswer = 64 << 20

// Send calls an operation. An error that the server answered is the model's, or an *Error.
func Send[O any](ctx context.Context, c *Client, op *Operation, in any) (*O, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("%s: encode: %w", op.Name, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Endpoint, "/")+"/",
		bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	for k, v := range c.Header {
		r.Header[k] = v
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", op.Service.Target+"."+op.Name)
	c.Credentials.Sign(r, sigv4.HexSHA256(body), c.Region, op.Service.SigningName, time.Now())
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s: read answer: %w", op.Name, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, answered(op, resp.StatusCode, answer)
	}
	out := new(O)
	if len(bytes.TrimSpace(answer)) > 0 {
		if err := json.Unmarshal(answer, out); err != nil {
			return nil, fmt.Errorf("%s: decode answer: %w", op.Name, err)
		}
	}
	return out, nil
}

func answered(op *Operation, status int, body []byte) error {
	var wire struct {
		Type     string `json:"__type"`
		Message  string `json:"message"`
		Message2 string `json:"Message"`
	}
	if json.Unmarshal(body, &wire) != nil || wire.Type == "" {
		return &Error{
			Code:    http.StatusText(status),
			Status:  status,
			Message: fmt.Sprintf("%s answered %d: %.200s", op.Name, status, body),
		}
	}
	code := wire.Type[strings.LastIndexByte(wire.Type, '#')+1:]
	message := wire.Message
	if message == "" {
		message = wire.Message2
	}
	if op.Service.NewError != nil {
		if err := op.Service.NewError(code, message); err != nil {
			return err
		}
	}
	return &Error{Code: code, Status: status, Message: message}
}
