package server

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/smallstep/pkcs7"
)

// signer signs deployment specifications. Its key is made once and kept: agents pin its certificate.
type signer struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

const signerFile = "deployment-signer.pem" // the key and its certificate

// openSigner reads the signer of a folder, or makes it.
func openSigner(dir string, now time.Time) (*signer, error) {
	path := filepath.Join(dir, signerFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSigner(dir, path, now); err == nil {
			content, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key that signs deployment specifications: %w", err)
	}
	s := &signer{}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			s.key, _ = key.(*rsa.PrivateKey)
		case "CERTIFICATE":
			if s.certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	if s.key == nil || s.certificate == nil {
		return nil, fmt.Errorf(
			"%s holds no RSA key with its certificate; restore it from a backup, or remove it, and then the pinned "+
				"signer of every agent", path)
	}
	return s, nil
}

// makeSigner writes a new key, durably. If another process was faster, its key stays.
func makeSigner(dir, path string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// RSA, since every agent can verify it.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Slipway deployment signer"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(30, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	content := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})...)
	f, err := os.CreateTemp(dir, "."+signerFile+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// sign wraps a text in PKCS #7 signed data that holds it, as PEM.
func (s *signer) sign(content []byte) (string, error) {
	data, err := pkcs7.NewSignedData(content)
	if err != nil {
		return "", err
	}
	data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := data.AddSigner(s.certificate, s.key, pkcs7.SignerInfoConfig{}); err != nil {
		return "", err
	}
	der, err := data.Finish()
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der})), nil
}
