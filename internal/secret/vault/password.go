package vault

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	"slipway/api/secretsmanager"
)

// The characters of passwords, as at AWS.
const (
	lower       = "abcdefghijklmnopqrstuvwxyz"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// GetRandomPassword implements secretsmanager:GetRandomPassword.
func (*Service) GetRandomPassword(_ context.Context,
	in *secretsmanager.GetRandomPasswordInput) (*secretsmanager.GetRandomPasswordOutput, error) {
	length := int64(32)
	if in.PasswordLength != nil {
		length = *in.PasswordLength
	}
	var kinds []string
	for _, kind := range []struct {
		all  string
		left bool
	}{
		{lower, asked(in.ExcludeLowercase)}, {upper, asked(in.ExcludeUppercase)}, {digits, asked(in.ExcludeNumbers)},
		{punctuation, asked(in.ExcludePunctuation)}, {" ", !asked(in.IncludeSpace)},
	} {
		some := strings.Map(func(r rune) rune {
			if in.ExcludeCharacters != nil && strings.ContainsRune(*in.ExcludeCharacters, r) {
				return -1
			}
			return r
		}, kind.all)
		if !kind.left && some != "" {
			kinds = append(kinds, some)
		}
	}
	each := in.RequireEachIncludedType == nil || *in.RequireEachIncludedType
	switch {
	case len(kinds) == 0:
		return nil, badParameter("There are no characters left of which a password can be made.")
	case each && length < int64(len(kinds)):
		return nil, badParameter("PasswordLength is less than the number of the types of characters that it must have.")
	}
	password := make([]byte, length)
	from := strings.Join(kinds, "")
	for i := range password {
		password[i] = pick(from)
	}
	if each {
		for i, at := range places(len(password))[:len(kinds)] {
			password[at] = pick(kinds[i])
		}
	}
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: new(string(password))}, nil
}

func pick(from string) byte { return from[random(len(from))] }

// random is a number below n.
func random(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil { // never: the process ends instead
		return 0
	}
	return int(i.Int64())
}

// places are the numbers below n in a random order.
func places(n int) []int {
	all := make([]int, n)
	for i := range all {
		j := random(i + 1)
		all[i], all[j] = all[j], i
	}
	return all
}
