package key

import (
	"context"
	"encoding/base64"
	"errors"

	"slipway/internal/object"
)

// ofS3 is the key that objects are encrypted with that name none.
const ofS3 = managedPrefix + "s3"

// Objects are the keys as the object store wants them.
type Objects struct{ *Service }

// DataKey implements object.Keys.
func (s Objects) DataKey(ctx context.Context, key string, bound map[string]string) (object.DataKey, error) {
	if key == "" {
		key = ofS3
	}
	r, plain, blob, _, err := s.dataKey(ctx, key, 32, bound)
	if err != nil {
		return object.DataKey{}, err
	}
	return object.DataKey{Plain: plain, Sealed: base64.StdEncoding.EncodeToString(blob), KeyARN: *r.Arn}, nil
}

// OpenDataKey implements object.Keys.
func (s Objects) OpenDataKey(ctx context.Context, sealed string, bound map[string]string) ([]byte, error) {
	blob, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errors.New("the data key of the object is malformed")
	}
	_, plain, _, err := s.open(ctx, blob, bound)
	return plain, err
}

// SealBytes encrypts what another part of the server keeps, of any size, with a key.
func (s *Service) SealBytes(ctx context.Context, key string, plain []byte, bound map[string]string) ([]byte, error) {
	r, err := s.use(ctx, key)
	if err != nil {
		return nil, err
	}
	blob, _, err := s.seal(ctx, r, plain, bound)
	return blob, err
}

// OpenBytes decrypts what SealBytes made.
func (s *Service) OpenBytes(ctx context.Context, blob []byte, bound map[string]string) ([]byte, error) {
	_, plain, _, err := s.open(ctx, blob, bound)
	return plain, err
}
