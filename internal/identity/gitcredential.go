package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

const (
	gitService = "codecommit.amazonaws.com"
	// credentialsPerUser is IAM's limit of credentials of one service a user.
	credentialsPerUser = 2
)

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func randomSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// CreateServiceSpecificCredential implements iam:CreateServiceSpecificCredential for codecommit.amazonaws.com.
func (s *Service) CreateServiceSpecificCredential(ctx context.Context,
	in *iam.CreateServiceSpecificCredentialInput) (*iam.CreateServiceSpecificCredentialOutput, error) {
	if *in.ServiceName != gitService {
		return nil, &iam.ServiceNotSupportedException{
			Message: "The service " + *in.ServiceName + " does not support service-specific credentials here; " +
				gitService + " does.",
		}
	}
	c := credential{ID: "ACCA" + randomID(), Service: gitService, Created: s.Now().UnixMilli()}
	if in.CredentialAgeDays != nil {
		c.Expires = s.Now().Add(time.Duration(*in.CredentialAgeDays) * 24 * time.Hour).UnixMilli()
	}
	password := randomSecret()
	c.Hash = hashed(password)
	var shown iam.ServiceSpecificCredential
	err := s.changeUser(ctx, in.UserName, func(v *view, u *user) error {
		if len(u.Credentials) >= credentialsPerUser {
			return exceeds("Cannot exceed quota for ServiceSpecificCredentialsPerUser: %d", credentialsPerUser)
		}
		c.Username = s.freeUsername(v, u)
		u.Credentials = append(u.Credentials, c)
		shown = s.shownCredential(u, c, password)
		return nil
	})
	return &iam.CreateServiceSpecificCredentialOutput{ServiceSpecificCredential: &shown}, err
}

// freeUsername is NAME-at-ACCOUNT, or NAME+N-at-ACCOUNT if that is taken. The name has the path of a host's user before
// it.
func (s *Service) freeUsername(v *view, u *user) string {
	name := strings.TrimPrefix(u.pathName(), "/")
	if !u.host() {
		name = u.Name
	}
	username := name + "-at-" + s.Account
	for n := 1; v.usernameTaken(u, username); n++ {
		username = fmt.Sprintf("%s+%d-at-%s", name, n, s.Account)
	}
	return username
}

func (v *view) usernameTaken(u *user, username string) bool {
	if slices.ContainsFunc(u.Credentials, func(c credential) bool { return c.Username == username }) {
		return true
	}
	id, ok := v.m.loginHolder(username)
	return ok && id != u.ID
}

func (s *Service) shownCredential(u *user, c credential, password string) iam.ServiceSpecificCredential {
	shown := iam.ServiceSpecificCredential{
		CreateDate:                  at(c.Created),
		ServiceName:                 &c.Service,
		ServiceUserName:             &c.Username,
		ServicePassword:             &password,
		ServiceSpecificCredentialId: &c.ID,
		UserName:                    &u.Name,
		Status:                      iam.StatusType(s.credentialStatus(c)),
	}
	if c.Expires > 0 {
		shown.ExpirationDate = at(c.Expires)
	}
	return shown
}

func (s *Service) credentialStatus(c credential) string {
	if c.Expires > 0 && s.Now().UnixMilli() >= c.Expires {
		return "Expired"
	}
	return string(status(c.Inactive))
}

// ListServiceSpecificCredentials implements iam:ListServiceSpecificCredentials.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context,
	in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	v := s.view()
	var users []*user
	if awsproto.Value(in.AllUsers) {
		if in.UserName != nil {
			return nil, &iam.InvalidInputException{Message: "AllUsers and UserName cannot be given together."}
		}
		users = each[*user](v, userKind)
	} else {
		u, err := v.userOr(awsproto.CallerOf(ctx), in.UserName)
		if err != nil {
			return nil, err
		}
		users = []*user{u}
	}
	all := []iam.ServiceSpecificCredentialMetadata{}
	for _, u := range users {
		for _, c := range u.Credentials {
			if in.ServiceName == nil || *in.ServiceName == c.Service {
				all = append(all, s.credentialMetadata(u, c))
			}
		}
	}
	key := func(m iam.ServiceSpecificCredentialMetadata) string {
		return strings.ToLower(*m.UserName) + " " + *m.ServiceSpecificCredentialId
	}
	slices.SortStableFunc(all, func(a, b iam.ServiceSpecificCredentialMetadata) int {
		return strings.Compare(key(a), key(b))
	})
	filter := []any{in.UserName, in.AllUsers, in.ServiceName}
	some, p, err := paged(s, list{"ListServiceSpecificCredentials", filter, in.Marker, in.MaxItems}, all, key)
	return &iam.ListServiceSpecificCredentialsOutput{
		ServiceSpecificCredentials: some,
		IsTruncated:                p.truncated,
		Marker:                     p.marker,
	}, err
}

func (s *Service) credentialMetadata(u *user, c credential) iam.ServiceSpecificCredentialMetadata {
	shown := s.shownCredential(u, c, "")
	return iam.ServiceSpecificCredentialMetadata{
		UserName:                    shown.UserName,
		Status:                      shown.Status,
		ServiceName:                 shown.ServiceName,
		ServiceUserName:             shown.ServiceUserName,
		ServiceSpecificCredentialId: shown.ServiceSpecificCredentialId,
		CreateDate:                  shown.CreateDate,
		ExpirationDate:              shown.ExpirationDate,
	}
}

// changeCredential changes a service-specific credential of a user.
func (s *Service) changeCredential(ctx context.Context, name *string, id string, f func(u *user, i int)) error {
	return s.changeUser(ctx, name, func(_ *view, u *user) error {
		i := slices.IndexFunc(u.Credentials, func(c credential) bool { return c.ID == id })
		if i < 0 {
			return noSuch("The service-specific credential %s cannot be found.", id)
		}
		f(u, i)
		return nil
	})
}

// UpdateServiceSpecificCredential implements iam:UpdateServiceSpecificCredential.
func (s *Service) UpdateServiceSpecificCredential(ctx context.Context,
	in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	return nil, s.changeCredential(ctx, in.UserName, *in.ServiceSpecificCredentialId, func(u *user, i int) {
		u.Credentials[i].Inactive = in.Status != iam.StatusTypeActive
	})
}

// ResetServiceSpecificCredential implements iam:ResetServiceSpecificCredential: another password, in the answer alone.
func (s *Service) ResetServiceSpecificCredential(ctx context.Context,
	in *iam.ResetServiceSpecificCredentialInput) (*iam.ResetServiceSpecificCredentialOutput, error) {
	password := randomSecret()
	var shown iam.ServiceSpecificCredential
	err := s.changeCredential(ctx, in.UserName, *in.ServiceSpecificCredentialId, func(u *user, i int) {
		u.Credentials[i].Hash = hashed(password)
		shown = s.shownCredential(u, u.Credentials[i], password)
	})
	return &iam.ResetServiceSpecificCredentialOutput{ServiceSpecificCredential: &shown}, err
}

// DeleteServiceSpecificCredential implements iam:DeleteServiceSpecificCredential.
func (s *Service) DeleteServiceSpecificCredential(ctx context.Context,
	in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	return nil, s.changeCredential(ctx, in.UserName, *in.ServiceSpecificCredentialId, func(u *user, i int) {
		u.Credentials = slices.Delete(u.Credentials, i, i+1)
	})
}

// gitPassword verifies a static Git credential.
func (s *Service) gitPassword(username, password string) (awsproto.Caller, bool) {
	id, ok := s.model.loginHolder(username)
	if !ok {
		return awsproto.Caller{}, false
	}
	u, _ := s.model.get(userKind, id).(*user)
	if u == nil {
		return awsproto.Caller{}, false
	}
	for _, c := range u.Credentials {
		if c.Username == username && s.credentialStatus(c) == string(iam.StatusTypeActive) &&
			subtle.ConstantTimeCompare([]byte(c.Hash), []byte(hashed(password))) == 1 {
			return s.callerOf(u, ""), true
		}
	}
	return awsproto.Caller{}, false
}
