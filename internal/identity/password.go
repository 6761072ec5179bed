package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Costs of an argon2id hash: 19 MiB and two passes, OWASP's first recommendation.
const (
	argonTime   = 2
	argonMemory = 19 << 10 // KiB
	argonKey    = 32
)

// hashing limits how many passwords are hashed at the same time. Each takes 19 MiB.
var hashing = make(chan struct{}, 2)

// argon fails only where ctx ends before its turn has come.
func argon(ctx context.Context, password, salt string) (string, error) {
	select {
	case hashing <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-hashing }()
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), []byte(salt), argonTime, argonMemory, 1,
		argonKey)), nil
}

func hashPassword(ctx context.Context, password string) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:])
	salt := base64.RawStdEncoding.EncodeToString(b[:])
	hash, err := argon(ctx, password, salt)
	return fmt.Sprintf("argon2id$%d$%d$%s$%s", argonMemory, argonTime, salt, hash), err
}

// matchesPassword compares at the same cost whether there is a hash or not, so that the time taken says nothing.
func matchesPassword(ctx context.Context, hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	salt, want := "none", ""
	if len(parts) == 5 {
		salt, want = parts[3], parts[4]
	}
	got, err := argon(ctx, password, salt)
	return err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1, err
}
