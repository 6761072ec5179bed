package identity

import (
	"context"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/identity/passkey"
	"slipway/internal/store"
)

// shortID names a session in lists. It opens nothing.
func shortID(id string) string { return id[:16] }

// ListSignIns implements slipway:ListSignIns: the sessions of a user at the pages, the newest first. A session that an
// identity provider began with a role is listed for whoever has it.
func (s *Service) ListSignIns(ctx context.Context,
	in *slipway.ListSignInsInput) (*slipway.ListSignInsOutput, error) {
	owner, err := s.signinOwner(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := s.sign_ins(ctx, owner.id)
	out := &slipway.ListSignInsOutput{SignIns: []slipway.SignIn{}}
	for _, x := range all {
		if x.Name != owner.name {
			continue
		}
		out.SignIns = append(out.SignIns, slipway.SignIn{
			SignInId:     new(shortID(x.id)),
			Began:        awsproto.At(x.began),
			Expires:      awsproto.At(x.expires),
			Way:          &x.Way,
			SecondFactor: &x.MFA,
			Address:      &x.From.Address,
			UserAgent:    &x.From.Agent,
		})
	}
	return out, err
}

// owner is whose sessions are listed: a user, or a session of a role by its name.
type owner struct{ id, name string }

func (s *Service) signinOwner(c awsproto.Caller, name *string) (owner, error) {
	if name == nil && c.Session != nil && c.Session.RoleID != "" {
		return owner{c.Session.RoleID, c.Session.Name}, nil
	}
	u, err := s.view().userOr(c, name)
	if err != nil {
		return owner{}, err
	}
	return owner{u.ID, ""}, nil
}

// EndSignIn implements slipway:EndSignIn.
func (s *Service) EndSignIn(ctx context.Context, in *slipway.EndSignInInput) (*slipway.EndSignInOutput, error) {
	of, err := s.signinOwner(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := s.sign_ins(ctx, of.id)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(x signinRow) bool { return x.Name == of.name && shortID(x.id) == *in.SignInId })
	if i < 0 {
		return nil, &slipway.SignInNotFoundException{
			Message: "There is no session " + *in.SignInId + "; it may have ended."}
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sign_ins WHERE id = $1`, all[i].id)
		return err
	})
}

// CreateRecoveryCodes implements slipway:CreateRecoveryCodes: ten codes in the place of the caller's earlier ones, each
// of which opens once in the place of a second factor. They are in the answer alone.
func (s *Service) CreateRecoveryCodes(ctx context.Context,
	_ *slipway.CreateRecoveryCodesInput) (*slipway.CreateRecoveryCodesOutput, error) {
	codes, hashes := newRecovery()
	err := s.changeUser(ctx, nil, func(v *view, u *user) error {
		if len(v.devicesOf(u)) == 0 && len(u.Passkeys) == 0 {
			return &slipway.NoSecondFactorException{Message: "Recovery codes take the place of a second factor, and " +
				u.Name + " has none. Register a passkey or an authenticator first."}
		}
		u.Recovery = hashes
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &slipway.CreateRecoveryCodesOutput{Codes: codes}, nil
}

func noPasskeys(url string) error {
	return &slipway.PasskeyRefusedException{Message: "Browsers have no passkeys for " + url + ". They need a host " +
		"name with TLS, or localhost: start the server with --url."}
}

// RegisterPasskey implements slipway:RegisterPasskey: what a browser needs to make a passkey of the caller.
func (s *Service) RegisterPasskey(ctx context.Context,
	_ *slipway.RegisterPasskeyInput) (*slipway.RegisterPasskeyOutput, error) {
	u, err := s.view().userOr(awsproto.CallerOf(ctx), nil)
	switch {
	case err != nil:
		return nil, err
	case s.party == nil:
		return nil, noPasskeys(s.URL)
	case len(u.Passkeys) >= maxPasskeys:
		return nil, &slipway.PasskeyRefusedException{Message: "A user has 20 passkeys at most."}
	}
	options, state, err := s.party.Register(keyHolder(u))
	if err != nil {
		return nil, err
	}
	sealed := s.hold(pending{User: u.ID, State: state})
	return &slipway.RegisterPasskeyOutput{Options: &options, State: &sealed}, nil
}

// CompletePasskey implements slipway:CompletePasskey: it keeps a passkey that a browser made.
func (s *Service) CompletePasskey(ctx context.Context,
	in *slipway.CompletePasskeyInput) (*slipway.CompletePasskeyOutput, error) {
	p, ok := s.held(*in.State)
	u, _ := s.model.get(userKind, p.User).(*user)
	if s.party == nil || !ok || u == nil || u.ID != awsproto.CallerOf(ctx).UserID || !s.guesses.take(p.Once) {
		return nil, &slipway.PasskeyRefusedException{
			Message: "The passkey was not asked for here, or it took too long. Try again."}
	}
	key, err := s.party.Registered(keyHolder(u), p.State, *in.Response, s.Now())
	if err != nil {
		return nil, &slipway.PasskeyRefusedException{Message: "The passkey is not valid: " + err.Error()}
	}
	key.Name = *in.Name
	err = s.changeUser(ctx, nil, func(_ *view, u *user) error {
		u.Passkeys = append(u.Passkeys, key)
		return nil
	})
	return &slipway.CompletePasskeyOutput{Passkey: new(shownPasskey(key))}, err
}

func shownPasskey(k passkey.Key) slipway.Passkey {
	shown := slipway.Passkey{PasskeyId: &k.ID, Name: &k.Name, Created: at(k.Created)}
	if k.Used > 0 {
		shown.LastUsed = at(k.Used)
	}
	return shown
}

// ListPasskeys implements slipway:ListPasskeys: those of a user, the oldest first, and how many recovery codes are
// left.
func (s *Service) ListPasskeys(ctx context.Context,
	in *slipway.ListPasskeysInput) (*slipway.ListPasskeysOutput, error) {
	u, err := s.view().userOr(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	out := &slipway.ListPasskeysOutput{
		Passkeys:      []slipway.Passkey{},
		Available:     new(s.party != nil),
		RecoveryCodes: new(int32(len(u.Recovery))),
	}
	for _, k := range u.Passkeys {
		out.Passkeys = append(out.Passkeys, shownPasskey(k))
	}
	return out, nil
}

// DeletePasskey implements slipway:DeletePasskey.
func (s *Service) DeletePasskey(ctx context.Context,
	in *slipway.DeletePasskeyInput) (*slipway.DeletePasskeyOutput, error) {
	return nil, s.changeUser(ctx, in.UserName, func(_ *view, u *user) error {
		before := len(u.Passkeys)
		u.Passkeys = slices.DeleteFunc(u.Passkeys, func(k passkey.Key) bool { return k.ID == *in.PasskeyId })
		if len(u.Passkeys) == before {
			return &slipway.PasskeyNotFoundException{Message: "There is no passkey " + *in.PasskeyId + "."}
		}
		return nil
	})
}

// PutSignInProvider implements slipway:PutSignInProvider. Without a client secret the one from before stays.
func (s *Service) PutSignInProvider(ctx context.Context,
	in *slipway.PutSignInProviderInput) (*slipway.PutSignInProviderOutput, error) {
	if _, _, err := issuerURL(*in.Issuer); err != nil {
		return nil, &slipway.InvalidSignInProviderException{Message: err.Error()}
	}
	p := signInProvider{Name: *in.Name, Issuer: *in.Issuer, Client: *in.ClientId, Scopes: in.Scopes,
		Username: awsproto.Value(in.UserNameClaim), Claim: awsproto.Value(in.Claim)}
	if in.ClientSecret != nil {
		p.Secret = s.Seal.Seal([]byte(*in.ClientSecret), "sign-in provider "+p.Name)
	}
	err := s.change(ctx, func(v *view) error {
		var err error
		if p.Mappings, err = v.mappings(in); err != nil {
			return err
		}
		a := edit(v.settings())
		i := slices.IndexFunc(a.SignIn, func(x signInProvider) bool { return x.Name == p.Name })
		if i < 0 {
			a.SignIn = append(a.SignIn, p)
			slices.SortFunc(a.SignIn, func(a, b signInProvider) int { return strings.Compare(a.Name, b.Name) })
		} else {
			if p.Secret == "" {
				p.Secret = a.SignIn[i].Secret
			}
			a.SignIn[i] = p
		}
		v.put(a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &slipway.PutSignInProviderOutput{Provider: new(s.shownSignInProvider(p))}, nil
}

// mappings reads what claims give: groups and roles of this account.
func (v *view) mappings(in *slipway.PutSignInProviderInput) ([]mapping, error) {
	var all []mapping
	for _, m := range in.Mappings {
		x := mapping{Value: *m.Value, Group: awsproto.Value(m.GroupName), Role: awsproto.Value(m.RoleArn)}
		invalid := ""
		switch {
		case (x.Group == "") == (x.Role == ""):
			invalid = "A mapping names a group or a role."
		case x.Value != "*" && in.Claim == nil:
			invalid = "Without a claim, a mapping must have the value *, which means everybody."
		case x.Role != "" && v.roleOf(x.Role) == nil:
			invalid = "There is no role " + x.Role + "."
		case x.Group != "":
			if _, err := v.group(x.Group); err != nil {
				invalid = err.Error()
			}
		}
		if invalid != "" {
			return nil, &slipway.InvalidSignInMappingException{Message: invalid}
		}
		all = append(all, x)
	}
	return all, nil
}

func (s *Service) shownSignInProvider(p signInProvider) slipway.SignInProvider {
	shown := slipway.SignInProvider{
		Name:          &p.Name,
		Issuer:        &p.Issuer,
		ClientId:      &p.Client,
		Scopes:        p.Scopes,
		UserNameClaim: someText(p.Username),
		Claim:         someText(p.Claim),
		Mappings:      []slipway.SignInMapping{},
		CallbackUrl:   new(s.URL + callbackPath + p.Name),
	}
	for _, m := range p.Mappings {
		shown.Mappings = append(shown.Mappings, slipway.SignInMapping{
			Value:     &m.Value,
			GroupName: someText(m.Group),
			RoleArn:   someText(m.Role),
		})
	}
	return shown
}

// ListSignInProviders implements slipway:ListSignInProviders.
func (s *Service) ListSignInProviders(context.Context,
	*slipway.ListSignInProvidersInput) (*slipway.ListSignInProvidersOutput, error) {
	out := &slipway.ListSignInProvidersOutput{Providers: []slipway.SignInProvider{}}
	for _, p := range s.view().settings().SignIn {
		out.Providers = append(out.Providers, s.shownSignInProvider(p))
	}
	return out, nil
}

// DeleteSignInProvider implements slipway:DeleteSignInProvider. The users that it made stay, and cannot sign in any
// more. All sessions that came by it end, and those of its users.
func (s *Service) DeleteSignInProvider(ctx context.Context,
	in *slipway.DeleteSignInProviderInput) (*slipway.DeleteSignInProviderOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		return s.changeIn(ctx, tx, func(v *view) error {
			a := edit(v.settings())
			before := len(a.SignIn)
			a.SignIn = slices.DeleteFunc(a.SignIn, func(p signInProvider) bool { return p.Name == *in.Name })
			if len(a.SignIn) == before {
				return &slipway.SignInProviderNotFoundException{
					Message: "There is no identity provider " + *in.Name + "."}
			}
			v.put(a)
			if _, err := tx.Exec(ctx, `DELETE FROM sign_ins WHERE provider = $1`, *in.Name); err != nil {
				return err
			}
			for _, u := range each[*user](v, userKind) {
				if u.Path == externalPath+*in.Name+"/" {
					if err := endSignins(ctx, tx, u.ID); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return nil, s.Reload(ctx)
}
