package key

import (
	"context"
	"crypto/rand"

	"slipway/api/kms"
)

const symmetric = kms.EncryptionAlgorithmSpecSymmetricDefault

// checkAlgorithm refuses what a symmetric key cannot do.
func checkAlgorithm(a kms.EncryptionAlgorithmSpec) error {
	if a != "" && a != symmetric {
		return &kms.InvalidKeyUsageException{
			Message: "The encryption algorithm " + string(a) + " is not one of this key's: it is SYMMETRIC_DEFAULT."}
	}
	return nil
}

func checkRecipient(r *kms.RecipientInfo) error {
	if r != nil {
		return notImplemented("answers for a recipient in an enclave (Recipient)")
	}
	return nil
}

// checkTokens refuses tokens of grants: there are no grants.
func checkTokens(tokens []string) error {
	if len(tokens) > 0 {
		return &kms.InvalidGrantTokenException{
			Message: "There is no grant with this token; Slipway does not implement grants."}
	}
	return nil
}

func asked(b *bool) bool { return b != nil && *b }

// Encrypt implements kms:Encrypt.
func (s *Service) Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	r, err := s.use(ctx, *in.KeyId)
	if err != nil {
		return nil, err
	}
	blob, _, err := s.seal(ctx, r, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if asked(in.DryRun) {
		return nil, wouldHaveSucceeded()
	}
	return &kms.EncryptOutput{CiphertextBlob: blob, KeyId: r.Arn, EncryptionAlgorithm: symmetric}, nil
}

// Decrypt implements kms:Decrypt.
func (s *Service) Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if err := checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	if err := s.checkSource(ctx, in.KeyId, in.CiphertextBlob); err != nil {
		return nil, err
	}
	r, plain, material, err := s.open(ctx, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if asked(in.DryRun) {
		return nil, wouldHaveSucceeded()
	}
	return &kms.DecryptOutput{KeyId: r.Arn, Plaintext: plain, EncryptionAlgorithm: symmetric,
		KeyMaterialId: &material}, nil
}

// checkSource refuses a ciphertext that is not of the key that the caller names.
func (s *Service) checkSource(ctx context.Context, named *string, blob []byte) error {
	if named == nil {
		return nil
	}
	r, err := s.find(ctx, s.db, *named)
	if err != nil {
		return err
	}
	if id, _, ok := parse(blob); ok && id != r.id {
		return &kms.IncorrectKeyException{
			Message: "The key ID in the request does not identify a CMK that can perform this operation."}
	}
	return nil
}

// ReEncrypt implements kms:ReEncrypt.
func (s *Service) ReEncrypt(ctx context.Context, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	for _, a := range []kms.EncryptionAlgorithmSpec{in.SourceEncryptionAlgorithm, in.DestinationEncryptionAlgorithm} {
		if err := checkAlgorithm(a); err != nil {
			return nil, err
		}
	}
	if err := checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	if err := s.checkSource(ctx, in.SourceKeyId, in.CiphertextBlob); err != nil {
		return nil, err
	}
	from, plain, source, err := s.open(ctx, in.CiphertextBlob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	to, err := s.use(ctx, *in.DestinationKeyId)
	if err != nil {
		return nil, err
	}
	blob, destination, err := s.seal(ctx, to, plain, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	if asked(in.DryRun) {
		return nil, wouldHaveSucceeded()
	}
	return &kms.ReEncryptOutput{
		CiphertextBlob:                 blob,
		SourceKeyId:                    from.Arn,
		KeyId:                          to.Arn,
		SourceEncryptionAlgorithm:      symmetric,
		DestinationEncryptionAlgorithm: symmetric,
		SourceKeyMaterialId:            &source,
		DestinationKeyMaterialId:       &destination,
	}, nil
}

// dataKeySize is the number of bytes of a data key that a request asks for.
func dataKeySize(spec kms.DataKeySpec, number *int32) (int, error) {
	switch {
	case (spec == "") == (number == nil):
		return 0, invalid("Please specify either number of bytes or key spec.")
	case spec == kms.DataKeySpecAes128:
		return 16, nil
	case spec == kms.DataKeySpecAes256:
		return 32, nil
	}
	return int(*number), nil
}

// dataKey makes a data key under a key.
func (s *Service) dataKey(ctx context.Context, id string, size int,
	encryptionContext map[string]string) (r *row, plain, blob []byte, material string, err error) {
	if r, err = s.use(ctx, id); err != nil {
		return nil, nil, nil, "", err
	}
	plain = make([]byte, size)
	_, _ = rand.Read(plain) // never fails: it ends the process instead
	blob, material, err = s.seal(ctx, r, plain, encryptionContext)
	return r, plain, blob, material, err
}

// GenerateDataKey implements kms:GenerateDataKey.
func (s *Service) GenerateDataKey(ctx context.Context,
	in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if err := checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	size, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	r, plain, blob, material, err := s.dataKey(ctx, *in.KeyId, size, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if asked(in.DryRun) {
		return nil, wouldHaveSucceeded()
	}
	return &kms.GenerateDataKeyOutput{CiphertextBlob: blob, Plaintext: plain, KeyId: r.Arn,
		KeyMaterialId: &material}, nil
}

// GenerateDataKeyWithoutPlaintext implements kms:GenerateDataKeyWithoutPlaintext.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context,
	in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	if err := checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	size, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	r, _, blob, material, err := s.dataKey(ctx, *in.KeyId, size, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if asked(in.DryRun) {
		return nil, wouldHaveSucceeded()
	}
	return &kms.GenerateDataKeyWithoutPlaintextOutput{CiphertextBlob: blob, KeyId: r.Arn, KeyMaterialId: &material}, nil
}

// GenerateRandom implements kms:GenerateRandom.
func (s *Service) GenerateRandom(_ context.Context, in *kms.GenerateRandomInput) (*kms.GenerateRandomOutput, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if in.CustomKeyStoreId != nil {
		return nil, unsupported("custom key stores")
	}
	if in.NumberOfBytes == nil {
		return nil, invalid("NumberOfBytes is required.")
	}
	random := make([]byte, *in.NumberOfBytes)
	_, _ = rand.Read(random) // never fails: it ends the process instead
	return &kms.GenerateRandomOutput{Plaintext: random}, nil
}
