package key

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/google/uuid"

	"slipway/api/kms"
	"slipway/internal/store"
)

// A ciphertext is the byte of its form, the key's ID, the version of the material, a nonce, and what AES-256-GCM made.
// What stands before the nonce, and the encryption context, are authenticated with it.
const (
	form       = 1
	headSize   = 1 + 16 + 4
	nonceSize  = 12
	leastBytes = headSize + nonceSize + 16
)

// materialID names a material of a key to clients.
func materialID(id string, version int64) string {
	sum := sha256.Sum256([]byte(sealedPlace(id, version)))
	return hex.EncodeToString(sum[:])
}

// bound is what a ciphertext is bound to: its head and the encryption context, each text with its length.
func bound(head []byte, encryptionContext map[string]string) []byte {
	b := slices.Clone(head)
	for _, k := range slices.Sorted(maps.Keys(encryptionContext)) {
		for _, text := range []string{k, encryptionContext[k]} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
			b = append(b, text...)
		}
	}
	return b
}

func gcm(material []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(material)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// encrypt makes a ciphertext with a material of a key.
func encrypt(id string, version int64, material, plain []byte, encryptionContext map[string]string) ([]byte, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return nil, err
	}
	aead, err := gcm(material)
	if err != nil {
		return nil, err
	}
	blob := append(make([]byte, 0, leastBytes+len(plain)), form)
	blob = append(blob, u[:]...)
	blob = binary.BigEndian.AppendUint32(blob, uint32(version))
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails: it ends the process instead
	with := bound(blob, encryptionContext)
	return aead.Seal(append(blob, nonce...), nonce, plain, with), nil
}

// parse reads of which key and of which version of its material a ciphertext is.
func parse(blob []byte) (id string, version int64, ok bool) {
	if len(blob) < leastBytes || blob[0] != form {
		return "", 0, false
	}
	u, err := uuid.FromBytes(blob[1:17])
	return u.String(), int64(binary.BigEndian.Uint32(blob[17:headSize])), err == nil
}

// decrypt opens a ciphertext that parse has read.
func decrypt(blob, material []byte, encryptionContext map[string]string) ([]byte, error) {
	aead, err := gcm(material)
	if err != nil {
		return nil, err
	}
	nonce := blob[headSize : headSize+nonceSize]
	plain, err := aead.Open(nil, nonce, blob[headSize+nonceSize:], bound(blob[:headSize], encryptionContext))
	if err != nil {
		return nil, badCiphertext()
	}
	return plain, nil
}

// badCiphertext is also AWS's answer for another encryption context, without a message.
func badCiphertext() error { return &kms.InvalidCiphertextException{} }

// KeyOfCiphertext is the ARN of the key that a ciphertext says it is of.
func (s *Service) KeyOfCiphertext(blob []byte) (arn string, ok bool) {
	id, _, ok := parse(blob)
	return s.arn(id), ok
}

// seal encrypts with the newest material of a key.
func (s *Service) seal(ctx context.Context, r *row, plain []byte,
	encryptionContext map[string]string) (blob []byte, material string, err error) {
	if err := r.usable(); err != nil {
		return nil, "", err
	}
	var version int64
	var sealed string
	if err := s.db.QueryRow(ctx, `SELECT version, sealed FROM kms_materials WHERE kms_key = $1
		ORDER BY version DESC LIMIT 1`, r.id).Scan(&version, &sealed); err != nil {
		return nil, "", err
	}
	m, err := s.Seal.Open(sealed, sealedPlace(r.id, version))
	if err != nil {
		return nil, "", err
	}
	blob, err = encrypt(r.id, version, m, plain, encryptionContext)
	return blob, materialID(r.id, version), err
}

// open decrypts with the material that a ciphertext names.
func (s *Service) open(ctx context.Context, blob []byte,
	encryptionContext map[string]string) (r *row, plain []byte, material string, err error) {
	id, version, ok := parse(blob)
	if !ok {
		return nil, nil, "", badCiphertext()
	}
	if r, err = s.find(ctx, s.db, id); err != nil {
		return nil, nil, "", err
	}
	if err := r.usable(); err != nil {
		return nil, nil, "", err
	}
	var sealed string
	ok, err = store.Find(ctx, s.db, []any{&sealed}, `SELECT sealed FROM kms_materials WHERE kms_key = $1
		AND version = $2`, id, version)
	if err != nil {
		return nil, nil, "", err
	}
	if !ok {
		return nil, nil, "", badCiphertext()
	}
	m, err := s.Seal.Open(sealed, sealedPlace(id, version))
	if err != nil {
		return nil, nil, "", err
	}
	plain, err = decrypt(blob, m, encryptionContext)
	return r, plain, materialID(id, version), err
}
