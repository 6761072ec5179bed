package awsproto

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// Pager makes and reads page tokens. A token is opaque to clients. It holds the place to continue from, is signed, and
// is bound to the operation and the filter it was made for.
type Pager struct{ Key []byte }

// Token returns the token that goes on after the place `after`.
func (p Pager) Token(op string, filter, after any) *string {
	place, err := json.Marshal(after)
	if err != nil {
		panic(fmt.Errorf("awsproto: encode a list's place: %w", err)) //nolint:forbidigo // a fault of this program
	}
	t := base64.RawURLEncoding.EncodeToString(place) + "." +
		base64.RawURLEncoding.EncodeToString(p.sign(op, filter, place))
	return &t
}

// Place reads a token into after. It returns false if the token was not made here for this operation and filter. A nil
// or empty token is the beginning and leaves after unchanged.
func (p Pager) Place(op string, filter any, token *string, after any) (ok bool) {
	if token == nil || *token == "" {
		return true
	}
	place64, sum64, _ := strings.Cut(*token, ".")
	place, err1 := base64.RawURLEncoding.DecodeString(place64)
	sum, err2 := base64.RawURLEncoding.DecodeString(sum64)
	if err1 != nil || err2 != nil || subtle.ConstantTimeCompare(sum, p.sign(op, filter, place)) != 1 {
		return false
	}
	return json.Unmarshal(place, after) == nil
}

func (p Pager) sign(op string, filter any, place []byte) []byte {
	f, err := json.Marshal(filter)
	if err != nil {
		panic(fmt.Errorf("awsproto: encode a list's filter: %w", err)) //nolint:forbidigo // a fault of this program
	}
	h := hmac.New(sha256.New, p.Key)
	h.Write([]byte(op + "\x00" + string(f) + "\x00"))
	h.Write(place)
	return h.Sum(nil)[:16]
}
