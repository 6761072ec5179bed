package identity

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

const (
	// sshKeysPerUser is IAM's limit of SSH public keys a user.
	sshKeysPerUser = 5
	minRSA         = 2048 // bits
)

// parseSSH reads a public key in the form of authorized_keys, or in PEM.
func parseSSH(body string) (ssh.PublicKey, error) {
	unreadable := &iam.UnrecognizedPublicKeyEncodingException{
		Message: "The public key must be in the form of ssh-keygen (ssh-rsa AAAA…) or in PEM."}
	if block, _ := pem.Decode([]byte(body)); block != nil {
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, unreadable
		}
		public, err := ssh.NewPublicKey(key)
		if err != nil {
			return nil, &iam.InvalidPublicKeyException{Message: "Keys of this kind are not taken."}
		}
		return public, nil
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(body))
	if err != nil {
		return nil, unreadable
	}
	return public, nil
}

func cryptoKey(k ssh.PublicKey) any {
	if c, ok := k.(ssh.CryptoPublicKey); ok {
		return c.CryptoPublicKey()
	}
	return nil
}

// UploadSSHPublicKey implements iam:UploadSSHPublicKey. IAM takes RSA alone; other kinds are taken here too.
func (s *Service) UploadSSHPublicKey(ctx context.Context,
	in *iam.UploadSSHPublicKeyInput) (*iam.UploadSSHPublicKeyOutput, error) {
	public, err := parseSSH(*in.SSHPublicKeyBody)
	if err != nil {
		return nil, err
	}
	if k, ok := cryptoKey(public).(*rsa.PublicKey); ok && k.N.BitLen() < minRSA {
		return nil, &iam.InvalidPublicKeyException{Message: "An RSA key must have 2048 bits at least."}
	}
	k := sshKey{
		ID:          "APKA" + randomID(),
		Body:        strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))),
		Fingerprint: ssh.FingerprintLegacyMD5(public),
		Uploaded:    s.Now().UnixMilli(),
	}
	var shown *iam.SSHPublicKey
	err = s.changeUser(ctx, in.UserName, func(_ *view, u *user) error {
		if slices.ContainsFunc(u.SSHKeys, func(x sshKey) bool { return x.Body == k.Body }) {
			return &iam.DuplicateSSHPublicKeyException{Message: "The user has this public key already."}
		}
		if len(u.SSHKeys) >= sshKeysPerUser {
			return exceeds("Cannot exceed quota for SSHPublicKeysPerUser: %d", sshKeysPerUser)
		}
		u.SSHKeys = append(u.SSHKeys, k)
		shown = shownSSH(u, k)
		return nil
	})
	return &iam.UploadSSHPublicKeyOutput{SSHPublicKey: shown}, err
}

func shownSSH(u *user, k sshKey) *iam.SSHPublicKey {
	return &iam.SSHPublicKey{
		UserName:         &u.Name,
		SSHPublicKeyId:   &k.ID,
		Fingerprint:      &k.Fingerprint,
		SSHPublicKeyBody: &k.Body,
		Status:           status(k.Inactive),
		UploadDate:       at(k.Uploaded),
	}
}

func (u *user) sshKey(id string) (int, error) {
	i := slices.IndexFunc(u.SSHKeys, func(k sshKey) bool { return k.ID == id })
	if i < 0 {
		return 0, noSuch("The Public Key with id %s cannot be found.", id)
	}
	return i, nil
}

// GetSSHPublicKey implements iam:GetSSHPublicKey.
func (s *Service) GetSSHPublicKey(_ context.Context,
	in *iam.GetSSHPublicKeyInput) (*iam.GetSSHPublicKeyOutput, error) {
	u, err := s.view().user(*in.UserName)
	if err != nil {
		return nil, err
	}
	i, err := u.sshKey(*in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	shown := shownSSH(u, u.SSHKeys[i])
	if in.Encoding == iam.EncodingTypePem {
		public, err := parseSSH(*shown.SSHPublicKeyBody)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKIXPublicKey(cryptoKey(public))
		if err != nil {
			return nil, &iam.UnrecognizedPublicKeyEncodingException{Message: "This kind of key has no form in PEM."}
		}
		shown.SSHPublicKeyBody = new(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	}
	return &iam.GetSSHPublicKeyOutput{SSHPublicKey: shown}, nil
}

// ListSSHPublicKeys implements iam:ListSSHPublicKeys. There are so few that a page holds them all.
func (s *Service) ListSSHPublicKeys(ctx context.Context,
	in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	u, err := s.view().userOr(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []iam.SSHPublicKeyMetadata{}, IsTruncated: new(false)}
	for _, k := range u.SSHKeys {
		out.SSHPublicKeys = append(out.SSHPublicKeys, iam.SSHPublicKeyMetadata{
			UserName:       &u.Name,
			SSHPublicKeyId: &k.ID,
			Status:         status(k.Inactive),
			UploadDate:     at(k.Uploaded),
		})
	}
	return out, nil
}

// ListSigningCertificates implements iam:ListSigningCertificates. Nobody has one, because they sign requests of SOAP,
// which nothing here understands. Clients ask before they delete a user.
func (s *Service) ListSigningCertificates(ctx context.Context,
	in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	_, err := s.view().userOr(awsproto.CallerOf(ctx), in.UserName)
	return &iam.ListSigningCertificatesOutput{Certificates: []iam.SigningCertificate{}, IsTruncated: new(false)}, err
}

// UpdateSSHPublicKey implements iam:UpdateSSHPublicKey.
func (s *Service) UpdateSSHPublicKey(ctx context.Context,
	in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	return nil, s.changeUser(ctx, in.UserName, func(_ *view, u *user) error {
		i, err := u.sshKey(*in.SSHPublicKeyId)
		if err == nil {
			u.SSHKeys[i].Inactive = in.Status != iam.StatusTypeActive
		}
		return err
	})
}

// DeleteSSHPublicKey implements iam:DeleteSSHPublicKey.
func (s *Service) DeleteSSHPublicKey(ctx context.Context,
	in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	return nil, s.changeUser(ctx, in.UserName, func(_ *view, u *user) error {
		i, err := u.sshKey(*in.SSHPublicKeyId)
		if err == nil {
			u.SSHKeys = slices.Delete(u.SSHKeys, i, i+1)
		}
		return err
	})
}
