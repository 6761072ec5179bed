package vault

import (
	"context"
	"regexp"
	"sync"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/store"
)

var nameForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9/_+=.@!\-]+$`) })

// CreateSecret implements secretsmanager:CreateSecret. A secret that the same request made before is no error.
func (s *Service) CreateSecret(ctx context.Context,
	in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	now := s.Now()
	x := &secret{name: *in.Name, suffix: suffix(), document: document{
		Description: in.Description, Key: in.KmsKeyId, Created: now, Changed: now}}
	given := content{in.SecretString, in.SecretBinary}
	version := newVersion(in.ClientRequestToken)
	if before, err := s.lookup(ctx, s.db, x.name); err != nil {
		return nil, err
	} else if before != nil {
		return s.created(ctx, before, given, version)
	}
	var v *kept
	if given.is() {
		var err error
		if v, err = s.keep(ctx, x, version, given); err != nil {
			return nil, err
		}
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		before, err := s.lookup(ctx, tx, x.name)
		if err != nil {
			return err
		}
		if before != nil {
			return exists(before)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO sm_secrets (name, suffix, doc) VALUES ($1, $2, $3)`, x.name, x.suffix,
			store.JSON(&x.document)); err != nil {
			return err
		}
		if v != nil {
			if err := s.addVersion(ctx, tx, x, v, []string{current}); err != nil {
				return err
			}
		}
		return putTags(ctx, tx, x.name, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.CreateSecretOutput{ARN: new(s.arn(x)), Name: &x.name}
	if v != nil {
		out.VersionId = &version
	}
	return out, nil
}

func checkCreate(in *secretsmanager.CreateSecretInput) error {
	switch {
	case len(in.AddReplicaRegions) > 0 || asked(in.ForceOverwriteReplicaSecret) || in.CrossAccountPrimaryARN != nil:
		return refused("replicas of secrets in other regions or accounts")
	case in.Type != nil:
		return refused("secrets that another vendor manages (Type)")
	case !nameForm().MatchString(*in.Name):
		return badParameter("Invalid name. Must be a valid name containing alphanumeric characters, or any of the " +
			"following: -/_+=.@!")
	}
	return content{in.SecretString, in.SecretBinary}.check(false)
}

// created answers a request for a secret that exists.
func (s *Service) created(ctx context.Context, x *secret, given content,
	version string) (*secretsmanager.CreateSecretOutput, error) {
	v, err := s.version(ctx, s.db, x.name, version)
	if err != nil {
		return nil, err
	}
	if v == nil || x.due > 0 {
		return nil, exists(x)
	}
	if err := s.same(ctx, x, v, given); err != nil {
		return nil, err
	}
	return &secretsmanager.CreateSecretOutput{ARN: new(s.arn(x)), Name: &x.name, VersionId: &version}, nil
}

func exists(x *secret) error {
	if x.due > 0 {
		return badRequest("You can't create this secret because a secret with this name is already scheduled for " +
			"deletion.")
	}
	return &secretsmanager.ResourceExistsException{
		Message: "The operation failed because the secret " + x.name + " already exists."}
}

// newVersion is the ID of a version: the request's token, which makes the request safe to repeat.
func newVersion(token *string) string {
	if token != nil {
		return *token
	}
	return uuid.NewString()
}

// UpdateSecret implements secretsmanager:UpdateSecret. A new key encrypts the versions of the three stages of AWS anew.
func (s *Service) UpdateSecret(ctx context.Context,
	in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	if in.Type != nil {
		return nil, refused("secrets that another vendor manages (Type)")
	}
	given := content{in.SecretString, in.SecretBinary}
	if err := given.check(false); err != nil {
		return nil, err
	}
	x, err := s.alive(ctx, s.db, *in.SecretId)
	if err != nil {
		return nil, err
	}
	newKey := in.KmsKeyId != nil && *in.KmsKeyId != awsproto.Value(x.Key)
	set := func(x *secret) {
		if in.Description != nil {
			x.Description = in.Description
		}
		if in.KmsKeyId != nil {
			x.Key = in.KmsKeyId
		}
		x.Changed = s.Now()
	}
	set(x)
	var again []*kept
	if newKey {
		if again, err = s.encryptAgain(ctx, x); err != nil {
			return nil, err
		}
	}
	if x, err = s.change(ctx, *in.SecretId, func(tx store.Tx, x *secret) error {
		set(x)
		for _, v := range again {
			if _, err := tx.Exec(ctx, `UPDATE sm_versions SET value = $3, kms_key = $4 WHERE secret = $1 AND id = $2`,
				x.name, v.id, v.value, v.key); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE sm_secrets SET doc = $2 WHERE name = $1`, x.name, store.JSON(&x.document))
		return err
	}); err != nil {
		return nil, err
	}
	out := &secretsmanager.UpdateSecretOutput{ARN: new(s.arn(x)), Name: &x.name}
	if given.is() {
		version := newVersion(in.ClientRequestToken)
		if _, err := s.put(ctx, x, version, given, []string{current}); err != nil {
			return nil, err
		}
		out.VersionId = &version
	}
	return out, nil
}

// encryptAgain encrypts the versions that have a stage of AWS with the key that the secret has now.
func (s *Service) encryptAgain(ctx context.Context, x *secret) ([]*kept, error) {
	ids, err := store.Strings(ctx, s.db, `SELECT DISTINCT version FROM sm_stages WHERE secret = $1 AND
		stage IN ($2, $3, $4)`, x.name, current, previous, pending)
	if err != nil {
		return nil, err
	}
	var all []*kept
	for _, id := range ids {
		v, err := s.version(ctx, s.db, x.name, id)
		if err != nil || v == nil {
			return nil, err
		}
		c, err := s.open(ctx, x, v)
		if err != nil {
			return nil, err
		}
		if v, err = s.keep(ctx, x, id, c); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
