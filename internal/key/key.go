package key

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/kms"
	"slipway/internal/identity/policy"
	"slipway/internal/store"
)

// row is a key as it is kept.
type row struct {
	kms.KeyMetadata
	id       string
	state    kms.KeyState
	policy   string
	deletion int64
	period   int32
	next     int64
}

// find finds the key that an ID means: the ID or the ARN of a key or of an alias. Keys that AWS manages are made when
// they are first asked for.
func (s *Service) find(ctx context.Context, q store.Queryer, id string) (*row, error) {
	given := id
	if strings.HasPrefix(id, "arn:") {
		rest, ok := strings.CutPrefix(id, s.prefix())
		if !ok {
			return nil, notFound("Invalid arn %.300s: the keys here are of region %s and account %s", given, s.Region,
				s.Account)
		}
		id = strings.TrimPrefix(rest, "key/")
	}
	if alias, ok := strings.CutPrefix(id, aliasPrefix); ok {
		of, err := s.target(ctx, q, aliasPrefix+alias)
		if err != nil {
			return nil, err
		}
		id = of
	}
	r := &row{id: id}
	into := []any{store.JSON(&r.KeyMetadata), &r.state, &r.policy, &r.deletion, &r.period, &r.next}
	ok, err := store.Find(ctx, q, into,
		`SELECT doc, state, policy, deletion, period, next FROM kms_keys WHERE id = $1`, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("Key '%s' does not exist", s.arn(id))
	}
	return r, nil
}

// metadata is a key as it is answered.
func (r *row) metadata() *kms.KeyMetadata {
	m := r.KeyMetadata
	m.KeyState, m.Enabled = r.state, new(r.state == kms.KeyStateEnabled)
	if r.deletion > 0 {
		m.DeletionDate = &awsproto.Time{Time: time.UnixMilli(r.deletion)}
	}
	return &m
}

// usable returns an error for a key that cannot encrypt and decrypt.
func (r *row) usable() error {
	switch r.state {
	case kms.KeyStateEnabled:
		return nil
	case kms.KeyStateDisabled:
		return &kms.DisabledException{Message: *r.Arn + " is disabled."}
	}
	return r.wrongState()
}

// alive returns an error for a key that is about to be deleted.
func (r *row) alive() error {
	if r.state == kms.KeyStatePendingDeletion {
		return r.wrongState()
	}
	return nil
}

func (r *row) wrongState() error {
	return &kms.KMSInvalidStateException{Message: fmt.Sprintf("%s is pending deletion.", *r.Arn)}
}

// own returns an error for a key that AWS manages, which its users do not change.
func (r *row) own() error {
	if r.KeyManager == kms.KeyManagerTypeAws {
		return &awsproto.Error{Code: "AccessDeniedException",
			Message: *r.Arn + " is managed by the services that use it, and cannot be changed."}
	}
	return nil
}

func checkCreate(in *kms.CreateKeyInput) error {
	spec := string(in.KeySpec)
	if spec == "" {
		spec = string(in.CustomerMasterKeySpec)
	}
	switch {
	case spec != "" && spec != string(kms.KeySpecSymmetricDefault):
		return unsupported("keys of the spec " + spec + "; keys are SYMMETRIC_DEFAULT")
	case in.KeyUsage != "" && in.KeyUsage != kms.KeyUsageTypeEncryptDecrypt:
		return unsupported("keys of the usage " + string(in.KeyUsage) + "; keys are for ENCRYPT_DECRYPT")
	case in.Origin != "" && in.Origin != kms.OriginTypeAwsKms:
		return unsupported("keys of the origin " + string(in.Origin) + "; their material is made here (AWS_KMS)")
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return unsupported("custom key stores")
	case in.MultiRegion != nil && *in.MultiRegion:
		return unsupported("multi-Region keys; a server has one region")
	}
	return nil
}

// CreateKey implements kms:CreateKey.
func (s *Service) CreateKey(ctx context.Context, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	text := s.defaultPolicy()
	if in.Policy != nil {
		text = *in.Policy
		if err := checkPolicy(text); err != nil {
			return nil, err
		}
	}
	var r *row
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		r, err = s.create(ctx, tx, kms.KeyManagerTypeCustomer, awsproto.Value(in.Description), text)
		if err != nil {
			return err
		}
		return putTags(ctx, tx, r.id, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &kms.CreateKeyOutput{KeyMetadata: r.metadata()}, nil
}

// create makes a key with its first material.
func (s *Service) create(ctx context.Context, tx store.Tx, manager kms.KeyManagerType,
	description, text string) (*row, error) {
	id := uuid.NewString()
	r := &row{id: id, state: kms.KeyStateEnabled, policy: text}
	r.KeyMetadata = kms.KeyMetadata{
		AWSAccountId:          &s.Account,
		KeyId:                 &id,
		Arn:                   new(s.arn(id)),
		CreationDate:          &awsproto.Time{Time: s.Now()},
		Description:           &description,
		KeyUsage:              kms.KeyUsageTypeEncryptDecrypt,
		Origin:                kms.OriginTypeAwsKms,
		KeyManager:            manager,
		CustomerMasterKeySpec: kms.CustomerMasterKeySpecSymmetricDefault,
		KeySpec:               kms.KeySpecSymmetricDefault,
		EncryptionAlgorithms:  []kms.EncryptionAlgorithmSpec{kms.EncryptionAlgorithmSpecSymmetricDefault},
		MultiRegion:           new(false),
	}
	if _, err := tx.Exec(ctx, `INSERT INTO kms_keys (id, state, doc, policy) VALUES ($1, $2, $3, $4)`, id, r.state,
		store.JSON(&r.KeyMetadata), text); err != nil {
		return nil, err
	}
	return r, s.addMaterial(ctx, tx, id, 1, "")
}

// addMaterial gives a key new material, which encrypts from now on.
func (s *Service) addMaterial(ctx context.Context, tx store.Tx, id string, version int64, kind kms.RotationType) error {
	material := make([]byte, 32)
	_, _ = rand.Read(material) // never fails: it ends the process instead
	_, err := tx.Exec(ctx, `INSERT INTO kms_materials (kms_key, version, sealed, kind, created)
		VALUES ($1, $2, $3, $4, $5)`, id, version, s.Seal.Seal(material, sealedPlace(id, version)), kind,
		s.Now().UnixMilli())
	return err
}

func sealedPlace(id string, version int64) string { return fmt.Sprintf("kms key %s %d", id, version) }

// defaultPolicy is what AWS gives a key without a policy: the account's own policies decide.
func (s *Service) defaultPolicy() string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::` + s.Account + `:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

func checkPolicy(text string) error {
	if len(text) > 32<<10 {
		return &kms.LimitExceededException{Message: "A key policy has at most 32 KB."}
	}
	if _, err := policy.Parse(policy.Resource, text); err != nil {
		return &kms.MalformedPolicyDocumentException{Message: err.Error()}
	}
	return nil
}

// DescribeKey implements kms:DescribeKey.
func (s *Service) DescribeKey(ctx context.Context, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	r, err := s.use(ctx, *in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: r.metadata()}, nil
}

// ListKeys implements kms:ListKeys.
func (s *Service) ListKeys(ctx context.Context, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	after, err := s.place("ListKeys", nil, in.Marker)
	if err != nil {
		return nil, err
	}
	most := limit(in.Limit, 100)
	ids, err := store.Strings(ctx, s.db, `SELECT id FROM kms_keys WHERE id > $1 ORDER BY id LIMIT $2`, after, most+1)
	if err != nil {
		return nil, err
	}
	ids, next := page(s, "ListKeys", nil, ids, most, func(id string) string { return id })
	out := &kms.ListKeysOutput{Keys: []kms.KeyListEntry{}, NextMarker: next, Truncated: new(next != nil)}
	for _, id := range ids {
		out.Keys = append(out.Keys, kms.KeyListEntry{KeyId: &id, KeyArn: new(s.arn(id))})
	}
	return out, nil
}

// change changes a key of the account's own.
func (s *Service) change(ctx context.Context, id string, f func(tx store.Tx, r *row) error) (r *row, err error) {
	return r, s.db.Write(ctx, func(tx store.Tx) error {
		if r, err = s.find(ctx, tx, id); err != nil {
			return err
		}
		if err := r.own(); err != nil {
			return err
		}
		return f(tx, r)
	})
}

// UpdateKeyDescription implements kms:UpdateKeyDescription.
func (s *Service) UpdateKeyDescription(ctx context.Context,
	in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	_, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		r.Description = in.Description
		_, err := tx.Exec(ctx, `UPDATE kms_keys SET doc = $2 WHERE id = $1`, r.id, store.JSON(&r.KeyMetadata))
		return err
	})
	return nil, err
}

// EnableKey implements kms:EnableKey.
func (s *Service) EnableKey(ctx context.Context, in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	return nil, s.setState(ctx, *in.KeyId, kms.KeyStateEnabled)
}

// DisableKey implements kms:DisableKey. What is encrypted with the key cannot be read until it is enabled again.
func (s *Service) DisableKey(ctx context.Context, in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	return nil, s.setState(ctx, *in.KeyId, kms.KeyStateDisabled)
}

func (s *Service) setState(ctx context.Context, id string, state kms.KeyState) error {
	_, err := s.change(ctx, id, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE kms_keys SET state = $2 WHERE id = $1`, r.id, state)
		return err
	})
	return err
}

// GetKeyPolicy implements kms:GetKeyPolicy.
func (s *Service) GetKeyPolicy(ctx context.Context, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	r, err := s.find(ctx, s.db, *in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyOutput{Policy: &r.policy, PolicyName: new("default")}, nil
}

func checkPolicyName(name *string) error {
	if name != nil && *name != "default" {
		return notFound("No such policy exists")
	}
	return nil
}

// PutKeyPolicy implements kms:PutKeyPolicy. That the policy lets its author change it again is not checked.
func (s *Service) PutKeyPolicy(ctx context.Context, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	if err := checkPolicy(*in.Policy); err != nil {
		return nil, err
	}
	_, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE kms_keys SET policy = $2 WHERE id = $1`, r.id, *in.Policy)
		return err
	})
	return nil, err
}

// ListKeyPolicies implements kms:ListKeyPolicies: a key has one, which is called default.
func (s *Service) ListKeyPolicies(ctx context.Context,
	in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	if _, err := s.find(ctx, s.db, *in.KeyId); err != nil {
		return nil, err
	}
	return &kms.ListKeyPoliciesOutput{PolicyNames: []string{"default"}, Truncated: new(false)}, nil
}
