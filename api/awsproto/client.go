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

	"github.com/fxamacker/cbor/v2"

	"slipway/api/awsproto/sigv4"
)

// Client calls the services of a server, with the same interfaces as in process.
type Client struct {
	Endpoint    string // http://127.0.0.1:8080
	Region      string
	Credentials sigv4.Credentials
	HTTP        *http.Client // nil for http.DefaultClient
	Header      http.Header  // sent with every request
	// Binary has the client speak CBOR with services that know it, which carries bytes as they are.
	Binary bool
}

// maxAnswer bounds what a client takes from a server.
const maxAnswer = 64 << 20

// Send calls an operation. An error that the server answered is the model's, or an *Error.
func Send[O any](ctx context.Context, c *Client, op *Operation, in any) (*O, error) {
	r, err := c.request(ctx, op, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	defer resp.Body.Close()
	answer, err := readAnswer(resp)
	if err != nil {
		return nil, fmt.Errorf("%s: read answer: %w", op.Name, err)
	}
	if op.Service.Protocol == Query {
		return queryAnswer[O](op, resp.StatusCode, answer)
	}
	decode := json.Unmarshal
	if isCBOR(resp) {
		decode = cbor.Unmarshal
	}
	if resp.StatusCode != http.StatusOK {
		return nil, answered(op, resp.StatusCode, answer, decode)
	}
	out := new(O)
	if len(bytes.TrimSpace(answer)) > 0 {
		if err := decode(answer, out); err != nil {
			return nil, fmt.Errorf("%s: decode answer: %w", op.Name, err)
		}
	}
	return out, nil
}

func queryAnswer[O any](op *Operation, status int, answer []byte) (*O, error) {
	if status != http.StatusOK {
		return nil, queryError(op, status, answer)
	}
	out := new(O)
	if err := decodeQuery(op, answer, out); err != nil {
		return nil, fmt.Errorf("%s: decode answer: %w", op.Name, err)
	}
	return out, nil
}

// request makes a signed request.
func (c *Client) request(ctx context.Context, op *Operation, in any) (*http.Request, error) {
	if op.Service.Protocol == Query {
		header := map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
		return c.signed(ctx, op, "/", header, encodeForm(op, in))
	}
	encode, path := json.Marshal, "/"
	header := map[string]string{
		"Content-Type": "application/x-amz-json-1.1",
		"X-Amz-Target": op.Service.Target + "." + op.Name,
	}
	if c.Binary && op.Service.Speaks(CBOR) {
		encode, path = cbor.Marshal, "/service/"+op.Service.Target+"/operation/"+op.Name
		header = map[string]string{
			"Content-Type":    "application/cbor",
			"Accept":          "application/cbor",
			"Smithy-Protocol": "rpc-v2-cbor",
		}
	}
	body, err := encode(in)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return c.signed(ctx, op, path, header, body)
}

func (c *Client) signed(
	ctx context.Context,
	op *Operation,
	path string,
	header map[string]string,
	body []byte,
) (*http.Request, error) {
	address := strings.TrimSuffix(c.Endpoint, "/") + path
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range c.Header {
		r.Header[k] = v
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	c.Credentials.Sign(r, sigv4.HexSHA256(body), c.Region, op.Service.SigningName, time.Now())
	return r, nil
}

func isCBOR(r *http.Response) bool { return r.Header.Get("Content-Type") == "application/cbor" }

// readAnswer reads an answer into a buffer of its size, where that is known.
func readAnswer(r *http.Response) ([]byte, error) {
	body := io.LimitReader(r.Body, maxAnswer)
	if r.ContentLength <= 0 || r.ContentLength > maxAnswer {
		return io.ReadAll(body)
	}
	answer := make([]byte, r.ContentLength)
	_, err := io.ReadFull(body, answer)
	return answer, err
}

func answered(op *Operation, status int, body []byte, decode func([]byte, any) error) error {
	var wire struct {
		Type     string `json:"__type"`
		Message  string `json:"message"`
		Message2 string `json:"Message"`
	}
	if decode(body, &wire) != nil || wire.Type == "" {
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
	return modelled(op, status, code, message)
}

// modelled is the model's error of a code, or an *Error.
func modelled(op *Operation, status int, code, message string) error {
	if op.Service.NewError != nil {
		if err := op.Service.NewError(code, message); err != nil {
			return err
		}
	}
	return &Error{Code: code, Status: status, Message: message}
}
