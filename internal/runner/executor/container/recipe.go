package container

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"slipway/internal/runner/room"
)

// recipeLimit bounds how long an image is built.
const recipeLimit = 30 * time.Minute

// BuildImage implements room.Services. The image is named after its context, so that it is built once.
func (e *Executor) BuildImage(ctx context.Context, r room.Recipe, say func(string)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, recipeLimit)
	defer cancel()
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %q\n", r.Dockerfile, r.Network)
	_, _ = sum.Write(r.Context)
	image := "slipway-action:" + hex.EncodeToString(sum.Sum(nil)[:16])
	err := e.api.call(ctx, http.MethodGet, "/images/"+image+"/json", nil, nil)
	if !gone(err) {
		return image, err
	}
	l := limitsOf(r.Limits)
	query := url.Values{"t": {image}, "dockerfile": {r.Dockerfile}, "rm": {"1"}, "forcerm": {"1"},
		"memory": {strconv.FormatInt(l.Memory, 10)}, "memswap": {strconv.FormatInt(l.MemorySwap, 10)},
		"cpushares": {strconv.FormatInt(l.CpuShares, 10)}}
	if r.Network == room.NetworkNone {
		query.Set("networkmode", "none")
	}
	answer, err := e.api.send(ctx, http.MethodPost, "/build?"+query.Encode(), bytes.NewReader(r.Context))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return image, built(answer.Body, say)
}

// built reads what the engine says while it builds an image.
func built(from io.Reader, say func(string)) error {
	for in := json.NewDecoder(from); ; {
		var said struct{ Stream, Error string }
		if err := in.Decode(&said); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if said.Error != "" {
			return errors.New(strings.TrimSpace(said.Error))
		}
		for line := range strings.Lines(said.Stream) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				say(line)
			}
		}
	}
}
