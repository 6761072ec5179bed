package vault

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/store"
)

// The stages that Secrets Manager gives itself.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

const (
	maxVersions = 100
	maxStages   = 20
)

// content is a value: a text or bytes.
type content struct {
	text  *string
	bytes []byte
}

func (c content) is() bool { return c.text != nil || c.bytes != nil }

func (c content) plain() []byte {
	if c.text != nil {
		return []byte(*c.text)
	}
	return c.bytes
}

func (c content) check(needed bool) error {
	switch {
	case c.text != nil && c.bytes != nil:
		return badParameter("You can't specify both a binary secret value and a string secret value in the same " +
			"secret.")
	case needed && !c.is():
		return badRequest("You must provide either SecretString or SecretBinary.")
	}
	return nil
}

// kept is a version as the database has it.
type kept struct {
	id, value, key    string
	binary            bool
	created, accessed int64
}

func (v *kept) into() []any {
	return []any{&v.id, &v.value, &v.binary, &v.key, &v.created, &v.accessed}
}

const versions = `SELECT id, value, as_bytes, kms_key, created, accessed FROM sm_versions WHERE secret = $1`

// version is a version of a secret, or nil.
func (s *Service) version(ctx context.Context, q store.Queryer, name, id string) (*kept, error) {
	v := &kept{}
	ok, err := store.Find(ctx, q, v.into(), versions+` AND id = $2`, name, id)
	if err != nil || !ok {
		return nil, err
	}
	return v, nil
}

// keep encrypts a value.
func (s *Service) keep(ctx context.Context, x *secret, version string, c content) (*kept, error) {
	blob, err := s.Keys.SealBytes(ctx, x.key(), c.plain(), s.bound(x, version))
	if err != nil {
		return nil, keyError(err, &secretsmanager.EncryptionFailure{Message: "Secrets Manager can't encrypt the " +
			"protected secret text using the provided KMS key: " + err.Error()})
	}
	return &kept{id: version, value: base64.StdEncoding.EncodeToString(blob), binary: c.text == nil, key: x.key(),
		created: s.Now().UnixMilli()}, nil
}

// open decrypts a value.
func (s *Service) open(ctx context.Context, x *secret, v *kept) (content, error) {
	blob, err := base64.StdEncoding.DecodeString(v.value)
	if err != nil {
		return content{}, err
	}
	plain, err := s.Keys.OpenBytes(ctx, blob, s.bound(x, v.id))
	switch {
	case err != nil:
		return content{}, keyError(err, &secretsmanager.DecryptionFailure{Message: "Secrets Manager can't decrypt " +
			"the protected secret text using the provided KMS key: " + err.Error()})
	case v.binary:
		return content{bytes: plain}, nil
	}
	return content{text: new(string(plain))}, nil
}

// keyError says in the words of Secrets Manager that a key cannot be used.
func keyError(err, otherwise error) error {
	switch awsproto.Code(err) {
	case "NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException",
		"InvalidCiphertextException":
		return otherwise
	}
	return err
}

// same returns an error if a version that exists is not what a request with its ID would make.
func (s *Service) same(ctx context.Context, x *secret, v *kept, c content) error {
	has, err := s.open(ctx, x, v)
	if err != nil {
		return err
	}
	if v.binary == (c.text == nil) && bytes.Equal(has.plain(), c.plain()) {
		return nil
	}
	return &secretsmanager.ResourceExistsException{Message: "You can't use ClientRequestToken " + v.id +
		" because that value is already in use for a version of secret " + s.arn(x) + "."}
}

// put adds a version with stages, and returns all stages that it has. A version that the same request made before
// stays as it is.
func (s *Service) put(ctx context.Context, x *secret, version string, c content, stages []string) ([]string, error) {
	v, err := s.version(ctx, s.db, x.name, version)
	if err != nil {
		return nil, err
	}
	if v != nil {
		if err := s.same(ctx, x, v, c); err != nil {
			return nil, err
		}
	} else if v, err = s.keep(ctx, x, version, c); err != nil {
		return nil, err
	}
	var has []string
	_, err = s.change(ctx, s.arn(x), func(tx store.Tx, x *secret) error {
		before, err := s.version(ctx, tx, x.name, version)
		if err != nil {
			return err
		}
		if before == nil {
			x.Changed = s.Now()
			if err := s.addVersion(ctx, tx, x, v, stages); err != nil {
				return err
			}
		}
		has, err = s.stagesOf(ctx, tx, x.name, version)
		return err
	})
	return has, err
}

// addVersion writes a version and gives it stages. The first version is the current one.
func (s *Service) addVersion(ctx context.Context, tx store.Tx, x *secret, v *kept, stages []string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO sm_versions (secret, id, value, as_bytes, kms_key, created)
		VALUES ($1, $2, $3, $4, $5, $6)`, x.name, v.id, v.value, number(v.binary), v.key, v.created); err != nil {
		return err
	}
	hasCurrent, err := s.staged(ctx, tx, x.name, current)
	if err != nil {
		return err
	}
	if hasCurrent == "" && !slices.Contains(stages, current) {
		stages = append([]string{current}, stages...)
	}
	for _, stage := range stages {
		if err := s.stage(ctx, tx, x.name, stage, v.id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE sm_secrets SET doc = $2 WHERE name = $1`, x.name,
		store.JSON(&x.document)); err != nil {
		return err
	}
	return prune(ctx, tx, x.name)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// prune deletes versions without a stage once there are too many, the oldest first.
func prune(ctx context.Context, tx store.Tx, name string) error {
	ids, err := store.Strings(ctx, tx, `SELECT id FROM sm_versions v WHERE secret = $1 ORDER BY created DESC, id`, name)
	if err != nil || len(ids) <= maxVersions {
		return err
	}
	staged, err := store.Strings(ctx, tx, `SELECT version FROM sm_stages WHERE secret = $1`, name)
	if err != nil {
		return err
	}
	for _, id := range ids[maxVersions:] {
		if slices.Contains(staged, id) {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sm_versions WHERE secret = $1 AND id = $2`, name, id); err != nil {
			return err
		}
	}
	return nil
}

// staged is the version that has a stage; "" if none has.
func (s *Service) staged(ctx context.Context, q store.Queryer, name, stage string) (version string, err error) {
	_, err = store.Find(ctx, q, []any{&version}, `SELECT version FROM sm_stages WHERE secret = $1 AND stage = $2`, name,
		stage)
	return version, err
}

func (s *Service) stagesOf(ctx context.Context, q store.Queryer, name, version string) ([]string, error) {
	return store.Strings(ctx, q, `SELECT stage FROM sm_stages WHERE secret = $1 AND version = $2 ORDER BY stage`, name,
		version)
}

// stage gives a stage to a version, and takes it from the one that had it. The version that was the current one is the
// previous one then.
func (s *Service) stage(ctx context.Context, tx store.Tx, name, stage, version string) error {
	before, err := s.staged(ctx, tx, name, stage)
	if err != nil || before == version {
		return err
	}
	if stage == current && before != "" {
		if err := s.stage(ctx, tx, name, previous, before); err != nil {
			return err
		}
	}
	if _, err = tx.Exec(ctx, `INSERT INTO sm_stages (secret, stage, version) VALUES ($1, $2, $3)
		ON CONFLICT (secret, stage) DO UPDATE SET version = excluded.version`, name, stage, version); err != nil {
		return err
	}
	has, err := s.stagesOf(ctx, tx, name, version)
	if err == nil && len(has) > maxStages {
		err = &secretsmanager.LimitExceededException{Message: "A version has at most 20 staging labels."}
	}
	return err
}

// allStages are the stages of all versions of a secret.
func (s *Service) allStages(ctx context.Context, name string) (map[string][]string, error) {
	type row struct{ stage, version string }
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.stage, &x.version) },
		`SELECT stage, version FROM sm_stages WHERE secret = $1 ORDER BY stage`, name)
	of := map[string][]string{}
	for _, x := range all {
		of[x.version] = append(of[x.version], x.stage)
	}
	return of, err
}
