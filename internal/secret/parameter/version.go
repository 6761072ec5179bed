package parameter

import (
	"context"
	"database/sql"
	"encoding/base64"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/ssm"
	"slipway/internal/store"
)

// version is a version of a parameter as it is kept. Value, in the metadata of KMS, is not in the document.
type version struct {
	ssm.ParameterMetadata
	kept string // the value
}

const columns = `SELECT v.doc, v.value FROM ssm_versions v`

func scanVersion(r *sql.Rows) (*version, error) {
	v := &version{}
	return v, r.Scan(store.JSON(&v.ParameterMetadata), &v.kept)
}

// newest is the newest version of a parameter, or nil.
func newest(ctx context.Context, q store.Queryer, name string) (*version, error) {
	v := &version{}
	ok, err := store.Find(ctx, q, []any{store.JSON(&v.ParameterMetadata), &v.kept}, columns+
		` JOIN ssm_parameters p ON p.name = v.parameter AND p.version = v.version WHERE p.name = $1`, name)
	if err != nil || !ok {
		return nil, err
	}
	return v, nil
}

// find is the version that a request names.
func (s *Service) find(ctx context.Context, given string) (v *version, selector string, err error) {
	name, selector, err := s.parse(ctx, given)
	if err != nil {
		return nil, "", err
	}
	v, err = newest(ctx, s.db, name)
	if err == nil && v == nil {
		err = notFound(given)
	}
	if err != nil || selector == "" {
		return v, "", err
	}
	v = &version{}
	into := []any{store.JSON(&v.ParameterMetadata), &v.kept}
	var ok bool
	if n, bad := strconv.ParseInt(selector, 10, 64); bad == nil {
		ok, err = store.Find(ctx, s.db, into, columns+` WHERE v.parameter = $1 AND v.version = $2`, name, n)
	} else {
		ok, err = store.Find(ctx, s.db, into, columns+` JOIN ssm_labels l ON l.parameter = v.parameter AND
			l.version = v.version WHERE v.parameter = $1 AND l.label = $2`, name, selector)
	}
	if err == nil && !ok {
		err = &ssm.ParameterVersionNotFound{Message: "Systems Manager could not find version " + selector + " " +
			"of " + name +
			". Verify the version and try again."}
	}
	return v, ":" + selector, err
}

// encrypted begins the values that a key of KMS encrypts.
const encrypted = "kms:"

// keep makes of a value what the database may hold.
func (s *Service) keep(ctx context.Context, m *ssm.ParameterMetadata, value string) (string, error) {
	if m.Type != ssm.ParameterTypeSecureString {
		return s.Seal.Seal([]byte(value), s.sealedPlace(*m.Name)), nil
	}
	blob, err := s.Keys.SealBytes(ctx, *m.KeyId, []byte(value), s.bound(*m.Name))
	if err != nil {
		return "", keyError(err)
	}
	return encrypted + base64.StdEncoding.EncodeToString(blob), nil
}

func (s *Service) sealedPlace(name string) string { return "ssm parameter " + name }

// bound is the encryption context of a parameter, as at AWS.
func (s *Service) bound(name string) map[string]string {
	return map[string]string{"PARAMETER_ARN": s.ARN(name)}
}

// value is the value of a version: of a SecureString that is not to be decrypted it is the ciphertext.
func (s *Service) value(ctx context.Context, v *version, decrypt bool) (*string, error) {
	text, isEncrypted := strings.CutPrefix(v.kept, encrypted)
	if !isEncrypted {
		plain, err := s.Seal.Open(v.kept, s.sealedPlace(*v.Name))
		return new(string(plain)), err
	}
	if !decrypt {
		return &text, nil
	}
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	plain, err := s.Keys.OpenBytes(ctx, blob, s.bound(*v.Name))
	return new(string(plain)), keyError(err)
}

// keyError says in the words of the Parameter Store that a key cannot be used.
func keyError(err error) error {
	switch awsproto.Code(err) {
	case "NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException":
		return &ssm.InvalidKeyId{Message: err.Error()}
	}
	return err
}

// parameter is a version as the reading operations answer it.
func (s *Service) parameter(ctx context.Context, v *version, selector string, decrypt bool) (*ssm.Parameter, error) {
	value, err := s.value(ctx, v, decrypt)
	if err != nil {
		return nil, err
	}
	p := &ssm.Parameter{
		Name:             v.Name,
		Type:             v.Type,
		Value:            value,
		Version:          v.Version,
		LastModifiedDate: v.LastModifiedDate,
		ARN:              new(s.ARN(*v.Name)),
		DataType:         v.DataType,
	}
	if selector != "" {
		p.Selector = &selector
	}
	return p, nil
}
