package app

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/internal/key"
)

// secretKeys asks for the right to use the key that encrypts a parameter or a secret, besides the right to these. Who
// may read a secret whose key its service manages needs no right to that key.
type secretKeys struct {
	*key.Service
	service string // which uses the key on behalf of the caller
	sealing string // the action that encrypting asks for
	rights  *rights
}

// SealBytes implements parameter.Keys and vault.Keys.
func (k secretKeys) SealBytes(ctx context.Context, id string, plain []byte, bound map[string]string) ([]byte, error) {
	arn, ok, err := k.ARN(ctx, id)
	if err == nil && ok {
		err = k.ask(ctx, k.sealing, arn, bound)
	}
	if err != nil {
		return nil, err
	}
	return k.Service.SealBytes(ctx, id, plain, bound)
}

// OpenBytes implements parameter.Keys and vault.Keys.
func (k secretKeys) OpenBytes(ctx context.Context, blob []byte, bound map[string]string) ([]byte, error) {
	if arn, ok := k.KeyOfCiphertext(blob); ok {
		if err := k.ask(ctx, "kms:Decrypt", arn, bound); err != nil {
			return nil, err
		}
	}
	return k.Service.OpenBytes(ctx, blob, bound)
}

func (k secretKeys) ask(ctx context.Context, action, arn string, bound map[string]string) error {
	if awsproto.CallerOf(ctx).ARN == "" {
		return nil
	}
	if own, ok, err := k.ARN(ctx, "alias/aws/"+k.service); err != nil || ok && own == arn {
		return err
	}
	s := k.rights
	q := &awsproto.Access{Region: s.Place.Region, Account: s.Place.Account}
	via := k.service + "." + s.Place.Region + ".amazonaws.com"
	q.Ask(action, []string{arn}).Key("kms:viaservice", []string{via}).Map("kms:encryptioncontext:", bound)
	return s.authority.Ask(ctx, q, nil)
}

// parameterARNs are the ARNs of parameters, or of paths.
func (s *rights) parameterARNs(ctx context.Context, given []string) []string {
	arns := make([]string, 0, max(len(given), 1))
	for _, v := range awsproto.Or(given, all) {
		name, err := s.parameters.NameOf(ctx, v)
		if err != nil {
			name = all
		}
		arns = append(arns, s.parameters.ARN(name))
	}
	return arns
}

// newSuffix stands for the six characters that end the ARN of a secret which is not there: policies name it with
// -?????? or -* for them, or by its name and *.
const newSuffix = "-000000"

// secretARNs are the ARNs of secrets, by their names or ARNs.
func (s *rights) secretARNs(ctx context.Context, given []string) []string {
	prefix := "arn:aws:secretsmanager:" + s.Place.Region + ":" + s.Place.Account + ":secret:"
	arns := make([]string, 0, max(len(given), 1))
	for _, v := range awsproto.Or(given, all) {
		arn, ok, err := s.vault.ARN(ctx, v)
		switch {
		case ok && err == nil:
		case v == all:
			arn = prefix + all
		case strings.HasPrefix(v, "arn:"):
			arn = v
		default:
			arn = prefix + v + newSuffix
		}
		arns = append(arns, arn)
	}
	return arns
}
