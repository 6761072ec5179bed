package identity

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// changeAccount changes the account's settings.
func (s *Service) changeAccount(ctx context.Context, f func(a *account) error) error {
	return s.change(ctx, func(v *view) error {
		a := edit(v.settings())
		if err := f(a); err != nil {
			return err
		}
		v.put(a)
		return nil
	})
}

// CreateAccountAlias implements iam:CreateAccountAlias. It takes the place of an alias that is there.
func (s *Service) CreateAccountAlias(ctx context.Context,
	in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	return nil, s.changeAccount(ctx, func(a *account) error {
		a.Alias = *in.AccountAlias
		return nil
	})
}

// DeleteAccountAlias implements iam:DeleteAccountAlias.
func (s *Service) DeleteAccountAlias(ctx context.Context,
	in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	return nil, s.changeAccount(ctx, func(a *account) error {
		if a.Alias != *in.AccountAlias {
			return noSuch("The account alias %s cannot be found.", *in.AccountAlias)
		}
		a.Alias = ""
		return nil
	})
}

// ListAccountAliases implements iam:ListAccountAliases.
func (s *Service) ListAccountAliases(context.Context,
	*iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	aliases := []string{}
	if alias := s.view().settings().Alias; alias != "" {
		aliases = append(aliases, alias)
	}
	return &iam.ListAccountAliasesOutput{AccountAliases: aliases, IsTruncated: new(false)}, nil
}

// UpdateAccountPasswordPolicy implements iam:UpdateAccountPasswordPolicy. What is left out becomes IAM's default, not
// what it was.
func (s *Service) UpdateAccountPasswordPolicy(ctx context.Context,
	in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	const defaultLength = 6
	p := &passwordPolicy{
		Length:     defaultLength,
		Symbols:    awsproto.Value(in.RequireSymbols),
		Numbers:    awsproto.Value(in.RequireNumbers),
		Upper:      awsproto.Value(in.RequireUppercaseCharacters),
		Lower:      awsproto.Value(in.RequireLowercaseCharacters),
		OwnChange:  awsproto.Value(in.AllowUsersToChangePassword),
		MaxAge:     awsproto.Value(in.MaxPasswordAge),
		Reuse:      awsproto.Value(in.PasswordReusePrevention),
		HardExpiry: awsproto.Value(in.HardExpiry),
	}
	if in.MinimumPasswordLength != nil {
		p.Length = *in.MinimumPasswordLength
	}
	return nil, s.changeAccount(ctx, func(a *account) error {
		a.Passwords = p
		return nil
	})
}

func noPasswordPolicy(s *Service) error {
	return noSuch("The Password Policy with domain name %s cannot be found.", s.Account)
}

// GetAccountPasswordPolicy implements iam:GetAccountPasswordPolicy.
func (s *Service) GetAccountPasswordPolicy(context.Context,
	*iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	p := s.view().settings().Passwords
	if p == nil {
		return nil, noPasswordPolicy(s)
	}
	shown := &iam.PasswordPolicy{
		MinimumPasswordLength:      &p.Length,
		RequireSymbols:             &p.Symbols,
		RequireNumbers:             &p.Numbers,
		RequireUppercaseCharacters: &p.Upper,
		RequireLowercaseCharacters: &p.Lower,
		AllowUsersToChangePassword: &p.OwnChange,
		ExpirePasswords:            new(p.MaxAge > 0),
		HardExpiry:                 &p.HardExpiry,
	}
	if p.MaxAge > 0 {
		shown.MaxPasswordAge = &p.MaxAge
	}
	if p.Reuse > 0 {
		shown.PasswordReusePrevention = &p.Reuse
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: shown}, nil
}

// DeleteAccountPasswordPolicy implements iam:DeleteAccountPasswordPolicy.
func (s *Service) DeleteAccountPasswordPolicy(ctx context.Context,
	_ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	return nil, s.changeAccount(ctx, func(a *account) error {
		if a.Passwords == nil {
			return noPasswordPolicy(s)
		}
		a.Passwords = nil
		return nil
	})
}

// GetAccountSummary implements iam:GetAccountSummary.
func (s *Service) GetAccountSummary(context.Context,
	*iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	v := s.view()
	count := func(k kind) int32 { return int32(len(v.all(k))) }
	devices := each[*device](v, deviceKind)
	inUse, versions := int32(0), int32(0)
	for _, d := range devices {
		if d.User != "" {
			inUse++
		}
	}
	for _, p := range each[*managedPolicy](v, policyKind) {
		versions += int32(len(p.Versions))
	}
	// Quotas that nothing here is held to are those of an AWS account.
	return &iam.GetAccountSummaryOutput{SummaryMap: map[iam.SummaryKeyType]int32{
		"AccessKeysPerUserQuota":            keysPerUser,
		"AccountAccessKeysPresent":          0,
		"AccountMFAEnabled":                 0,
		"AccountPasswordPresent":            0,
		"AccountSigningCertificatesPresent": 0,
		"AssumeRolePolicySizeQuota":         maxTrust,
		"AttachedPoliciesPerGroupQuota":     maxAttached,
		"AttachedPoliciesPerRoleQuota":      maxAttached,
		"AttachedPoliciesPerUserQuota":      maxAttached,
		"GlobalEndpointTokenVersion":        1,
		"GroupPolicySizeQuota":              int32(maxInline[groupKind]),
		"Groups":                            count(groupKind),
		"GroupsPerUserQuota":                maxGroups,
		"GroupsQuota":                       300,
		"InstanceProfiles":                  count(profileKind),
		"InstanceProfilesQuota":             1000,
		"MFADevices":                        int32(len(devices)),
		"MFADevicesInUse":                   inUse,
		"Policies":                          count(policyKind),
		"PoliciesQuota":                     1500,
		"PolicySizeQuota":                   maxManaged,
		"PolicyVersionsInUse":               versions,
		"PolicyVersionsInUseQuota":          10000,
		"Providers":                         count(providerKind),
		"RolePolicySizeQuota":               int32(maxInline[roleKind]),
		"Roles":                             count(roleKind),
		"RolesQuota":                        1000,
		"ServerCertificatesQuota":           20,
		"SigningCertificatesPerUserQuota":   2,
		"UserPolicySizeQuota":               int32(maxInline[userKind]),
		"Users":                             count(userKind),
		"UsersQuota":                        5000,
		"VersionsPerPolicyQuota":            maxVersions,
	}}, nil
}
