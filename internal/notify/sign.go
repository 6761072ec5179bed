package notify

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // what SignatureVersion 1 is
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"time"

	"slipway/internal/store"
)

// signer signs messages. All servers on one database have the same.
type signer struct {
	key         *rsa.PrivateKey
	certificate string // PEM
}

const signingPlace = "notify signing key"

// path is where the certificate is served.
func (g *signer) path() string {
	sum := sha256.Sum256([]byte(g.certificate))
	return certificatePath + hex.EncodeToString(sum[:16]) + ".pem"
}

const certificatePath = "/SimpleNotificationService-"

// signing returns the signer, which is made the first time.
func (s *Service) signing(ctx context.Context) (*signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.signer != nil {
		return s.signer, nil
	}
	g, err := s.readSigner(ctx, s.db)
	if err != nil {
		return nil, err
	}
	if g == nil {
		if g, err = s.makeSigner(ctx); err != nil {
			return nil, err
		}
	}
	s.signer = g
	return g, nil
}

func (s *Service) readSigner(ctx context.Context, q store.Queryer) (*signer, error) {
	var sealed string
	g := &signer{}
	ok, err := store.Find(ctx, q, []any{&sealed, &g.certificate},
		`SELECT sealed, certificate FROM sns_signing WHERE id = 1`)
	if err != nil || !ok {
		return nil, err
	}
	der, err := s.Seal.Open(sealed, signingPlace)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	g.key, ok = key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key that messages are signed with is no RSA key")
	}
	return g, nil
}

// makeSigner makes a key with its certificate. If another server was first, its own is taken.
func (s *Service) makeSigner(ctx context.Context) (g *signer, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "sns." + s.Region + ".slipway"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(20, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO sns_signing (id, sealed, certificate) VALUES (1, $1, $2)
			ON CONFLICT (id) DO NOTHING`, s.Seal.Seal(private, signingPlace), text); err != nil {
			return err
		}
		g, err = s.readSigner(ctx, tx)
		return err
	})
	return g, err
}

// sign signs a message: version 1 with SHA-1, version 2 with SHA-256.
func (s *Service) sign(ctx context.Context, e *envelope, version string) error {
	g, err := s.signing(ctx)
	if err != nil {
		return err
	}
	var sum []byte
	hash := crypto.SHA1
	if version == "2" {
		hash = crypto.SHA256
		h := sha256.Sum256(e.toSign())
		sum = h[:]
	} else {
		version = "1"
		h := sha1.Sum(e.toSign())
		sum = h[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, g.key, hash, sum)
	if err != nil {
		return err
	}
	e.SignatureVersion, e.Signature = version, base64.StdEncoding.EncodeToString(signature)
	e.SigningCertURL = strings.TrimSuffix(s.URL, "/") + g.path()
	return nil
}
