package object

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"slipway/internal/object/setting"
)

// Keys give objects data keys that are sealed under a key of KMS.
type Keys interface {
	// DataKey makes a data key of 256 bits under a key of KMS, that of S3 if key is "". The same encryption context
	// opens it again.
	DataKey(ctx context.Context, key string, bound map[string]string) (DataKey, error)
	// OpenDataKey opens the sealed form of a data key.
	OpenDataKey(ctx context.Context, sealed string, bound map[string]string) ([]byte, error)
}

// DataKey is a key that one object, or the parts of one upload, are encrypted with.
type DataKey struct {
	Plain  []byte
	Sealed string // what is kept of it
	KeyARN string // of the key of KMS that it is sealed under
}

// Sealer seals the data keys of objects that are encrypted with the server's own key (AES256).
type Sealer interface {
	Seal(plain []byte, place string) string
	Open(sealed, place string) ([]byte, error)
}

// ErrNoKeys says that this store has no keys to encrypt with.
var ErrNoKeys = errors.New("this server has no keys for encryption at rest")

// dataKey makes the data key of an object if its description asks for encryption, and notes it there.
func (s *Store) dataKey(ctx context.Context, bucket, key string, m *Meta) (plain []byte, err error) {
	m.DataKey = ""
	switch m.Encryption {
	case "":
		return nil, nil
	case setting.AES256:
		if s.seal == nil {
			return nil, ErrNoKeys
		}
		plain = make([]byte, 32)
		_, _ = rand.Read(plain) // never fails: it ends the process instead
		m.DataKey = s.seal.Seal(plain, sealedPlace(bucket, key))
		return plain, nil
	}
	if s.keys == nil {
		return nil, ErrNoKeys
	}
	k, err := s.keys.DataKey(ctx, m.EncryptionKey, boundTo(bucket, key, m))
	if err != nil {
		return nil, err
	}
	m.DataKey, m.EncryptionKey = k.Sealed, k.KeyARN
	return k.Plain, nil
}

// openKey opens the data key of an object, or returns nil if the object is not encrypted.
func (s *Store) openKey(ctx context.Context, bucket, key string, m *Meta) ([]byte, error) {
	switch {
	case m.DataKey == "":
		return nil, nil
	case m.Encryption == setting.AES256 && s.seal != nil:
		return s.seal.Open(m.DataKey, sealedPlace(bucket, key))
	case m.Encryption != setting.AES256 && s.keys != nil:
		return s.keys.OpenDataKey(ctx, m.DataKey, boundTo(bucket, key, m))
	}
	return nil, ErrNoKeys
}

func sealedPlace(bucket, key string) string { return "object " + bucket + "/" + key }

// boundTo is the encryption context of an object: its ARN, or its bucket's with a bucket key, as S3 has it.
func boundTo(bucket, key string, m *Meta) map[string]string {
	arn := "arn:aws:s3:::" + bucket
	if !m.BucketKey {
		arn += "/" + key
	}
	return map[string]string{"aws:s3:arn": arn}
}

// An encrypted blob has a header of headSize bytes, a magic text and a salt, and then chunks of plainChunk bytes, each
// encrypted with AES-256-GCM. The key of the blob is derived from the data key and the salt. A chunk's nonce has its
// number and whether it is the last one, so that chunks cannot be moved, left out or cut off.
const (
	magic      = "SLIPENC1"
	headSize   = len(magic) + saltSize
	saltSize   = 24
	plainChunk = 64 << 10
	tagSize    = 16
	sealChunk  = plainChunk + tagSize
)

func blobCipher(dataKey, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, dataKey, salt, "slipway object", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func nonceOf(index int64, last bool) []byte {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[3:], uint64(index))
	if last {
		nonce[11] = 1
	}
	return nonce
}

// sealing encrypts what it reads, and counts and sums up the plain text.
type sealing struct {
	from  io.Reader
	aead  cipher.AEAD
	index int64
	plain []byte // what was read and not yet encrypted: a chunk, and one byte that says that it is not the last
	out   []byte // encrypted, not yet passed on
	ended bool
	size  int64
	sum   hash.Hash
}

func newSealing(from io.Reader, dataKey []byte) (*sealing, error) {
	head := make([]byte, headSize)
	copy(head, magic)
	_, _ = rand.Read(head[len(magic):])
	aead, err := blobCipher(dataKey, head[len(magic):])
	if err != nil {
		return nil, err
	}
	return &sealing{from: from, aead: aead, out: head, plain: make([]byte, 0, plainChunk+1), sum: md5.New()}, nil
}

func (s *sealing) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

// next encrypts one more chunk.
func (s *sealing) next() error {
	for len(s.plain) <= plainChunk {
		n, err := s.from.Read(s.plain[len(s.plain):cap(s.plain)])
		read := s.plain[len(s.plain) : len(s.plain)+n]
		s.sum.Write(read)
		s.size += int64(n)
		s.plain = s.plain[:len(s.plain)+n]
		if err == io.EOF {
			s.ended = true
			break
		}
		if err != nil {
			return err
		}
	}
	// At the end there may be a whole chunk and one byte more, which is the last one.
	last := s.ended && len(s.plain) <= plainChunk
	n := min(len(s.plain), plainChunk)
	s.out = s.aead.Seal(make([]byte, 0, n+tagSize), nonceOf(s.index, last), s.plain[:n], nil)
	s.index++
	rest := copy(s.plain, s.plain[n:])
	s.plain = s.plain[:rest]
	if s.ended && !last {
		s.ended = false // the byte that is left is read again as the last chunk
		s.from = eof{}
	}
	return nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// stage writes a body to a blob, encrypted if there is a data key. Size and sum are the plain text's.
func (s *Store) stage(body io.Reader, dataKey []byte) (Staged, error) {
	if dataKey == nil {
		return s.blobs.Stage(body)
	}
	sealed, err := newSealing(body, dataKey)
	if err != nil {
		return Staged{}, err
	}
	st, err := s.blobs.Stage(sealed)
	st.Size, st.MD5 = sealed.size, sealed.sum.Sum(nil)
	return st, err
}

// open opens a blob of a size, decrypted if there is a data key.
func (s *Store) open(blob string, size int64, dataKey []byte) (File, error) {
	f, err := s.blobs.Open(blob)
	if err != nil || dataKey == nil {
		return f, err
	}
	head := make([]byte, headSize)
	_, err = f.ReadAt(head, 0)
	if err == nil && string(head[:len(magic)]) != magic {
		err = fmt.Errorf("object data %s is not encrypted as its description says; restore it from a backup", blob)
	}
	var aead cipher.AEAD
	if err == nil {
		aead, err = blobCipher(dataKey, head[len(magic):])
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &opened{f: f, blob: blob, aead: aead, size: size, cached: -1}, nil
}

// opened is an encrypted blob as its plain text.
type opened struct {
	f      File
	blob   string
	aead   cipher.AEAD
	size   int64
	at     int64
	cached int64 // the chunk in text; -1 for none
	text   []byte
}

func (o *opened) Close() error { return o.f.Close() }

// chunk decrypts a chunk.
func (o *opened) chunk(index int64) ([]byte, error) {
	last := max(0, (o.size-1)/plainChunk)
	n := int64(plainChunk)
	if index == last {
		n = o.size - last*plainChunk
	}
	sealed := make([]byte, n+tagSize)
	if _, err := o.f.ReadAt(sealed, int64(headSize)+index*sealChunk); err != nil {
		return nil, fmt.Errorf("object data %s: %w", o.blob, noEOF(err))
	}
	plain, err := o.aead.Open(sealed[:0], nonceOf(index, index == last), sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("object data %s was changed: it does not decrypt; restore it from a backup", o.blob)
	}
	return plain, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ReadAt implements io.ReaderAt.
func (o *opened) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	for n < len(p) {
		if off >= o.size {
			return n, io.EOF
		}
		text, err := o.chunk(off / plainChunk)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], text[off%plainChunk:])
		n, off = n+m, off+int64(m)
	}
	return n, nil
}

// Read implements io.Reader.
func (o *opened) Read(p []byte) (int, error) {
	if o.at >= o.size {
		return 0, io.EOF
	}
	index := o.at / plainChunk
	if index != o.cached {
		text, err := o.chunk(index)
		if err != nil {
			return 0, err
		}
		o.cached, o.text = index, text
	}
	n := copy(p, o.text[o.at%plainChunk:])
	o.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (o *opened) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("negative offset")
	}
	o.at = offset
	return offset, nil
}
