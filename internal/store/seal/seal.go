// Package seal keeps secrets unreadable at rest: AES-256-GCM under a key in a file that only its owner reads.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sealer seals and opens.
type Sealer struct {
	aead cipher.AEAD
	key  []byte
}

const version = "v1:"

// Open reads the key file, and makes it, durably, the first time.
func Open(path string) (*Sealer, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key for sealing secrets: %w", err)
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("%s must hold 32 bytes, not %d; restore it from a backup", path, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Sealer{aead, key}, err
}

func create(path string) ([]byte, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the process instead
	return key, WriteFile(path, key)
}

// WriteFile writes a file that its owner alone may read, whole or not at all, and durably.
func WriteFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Key derives a key for another purpose than sealing. It is for signing what only servers with this key read back, such
// as page tokens.
func (s *Sealer) Key(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.key, nil, "slipway "+purpose, 32)
	if err != nil { // for a length that SHA-256 can't give alone
		return nil
	}
	return key
}

// Fingerprint tells keys apart and says nothing about them.
func (s *Sealer) Fingerprint() string { return hex.EncodeToString(s.Key("fingerprint")[:8]) }

// Seal encrypts a secret for a place. Open needs the same place.
func (s *Sealer) Seal(plain []byte, place string) string {
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return version + base64.RawStdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(place)))
}

// Open decrypts what Seal made for the place.
func (s *Sealer) Open(sealed, place string) ([]byte, error) {
	text, ok := strings.CutPrefix(sealed, version)
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if !ok || err != nil || len(raw) < s.aead.NonceSize() {
		return nil, errors.New("sealed secret is malformed")
	}
	plain, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], []byte(place))
	if err != nil {
		return nil, errors.New("sealed secret does not open: it was sealed with another key file")
	}
	return plain, nil
}
