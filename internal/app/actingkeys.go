package app

import (
	"context"
	"encoding/base64"
	"strings"

	"slipway/api/awsproto"
	"slipway/internal/key"
	"slipway/internal/object"
)

// keyOfS3 is the key that encrypts objects for which no key was named. Whoever may use the object may use it.
const keyOfS3 = "alias/aws/s3"

// actingKeys asks for the right to use the key that encrypts an object, besides the right to the object.
type actingKeys struct {
	key.Objects
	rights *rights
}

func (k actingKeys) DataKey(ctx context.Context, id string, bound map[string]string) (object.DataKey, error) {
	if id != "" && id != keyOfS3 {
		arn, ok, err := k.ARN(ctx, id)
		if err == nil && ok {
			err = k.ask(ctx, "kms:GenerateDataKey", arn, bound)
		}
		if err != nil {
			return object.DataKey{}, err
		}
	}
	return k.Objects.DataKey(ctx, id, bound)
}

func (k actingKeys) OpenDataKey(ctx context.Context, sealed string, bound map[string]string) ([]byte, error) {
	if blob, err := base64.StdEncoding.DecodeString(sealed); err == nil {
		if arn, ok := k.KeyOfCiphertext(blob); ok {
			if err := k.ask(ctx, "kms:Decrypt", arn, bound); err != nil {
				return nil, err
			}
		}
	}
	return k.Objects.OpenDataKey(ctx, sealed, bound)
}

// ask asks for a right on a key, by S3 on behalf of the caller. The server's own work, such as a lifecycle, has no
// caller.
func (k actingKeys) ask(ctx context.Context, action, arn string, bound map[string]string) error {
	if awsproto.CallerOf(ctx).ARN == "" {
		return nil
	}
	if own, ok, err := k.ARN(ctx, keyOfS3); err != nil || ok && own == arn {
		return err
	}
	s := k.rights
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	q.Ask(action, []string{arn}).Key("kms:viaservice", []string{"s3." + s.Place.Region + ".amazonaws.com"}).
		Map("kms:encryptioncontext:", bound)
	return s.authority.Ask(ctx, q, nil)
}

// keys finds keys of KMS by their ID, ARN or alias, or by what they encrypted. An alias is a condition key: it is the
// name by which a request names a key.
func (s *rights) keys(ctx context.Context, kind string, given []string) []string {
	prefix := "arn:aws:kms:" + s.Place.Region + ":" + s.Place.Account + ":key/"
	if kind == "alias" {
		return aliases(given)
	}
	arns := make([]string, 0, max(len(given), 1))
	for _, v := range awsproto.Or(given, all) {
		arn, ok := "", false
		if kind == "keyOfCiphertext" {
			arn, ok = s.kms.KeyOfCiphertext([]byte(v))
		} else {
			arn, ok, _ = s.kms.ARN(ctx, v) // the operation itself says why it cannot be found
		}
		if !ok {
			arn = prefix + all
		}
		arns = append(arns, arn)
	}
	return arns
}

// aliases are those of the names of keys that are aliases.
func aliases(names []string) []string {
	var all []string
	for _, name := range names {
		if i := strings.Index(name, "alias/"); i == 0 || i > 0 && name[i-1] == ':' {
			all = append(all, name[i:])
		}
	}
	return all
}
