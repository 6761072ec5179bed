package app

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"slipway/internal/store/seal"
)

const (
	authorityLife   = 10 * 365 * day
	certificateLife = 90 * day
	renewBefore     = 30 * day
)

// Authority is a data folder's own certificate authority. Agents, runners and routers elsewhere trust it by the file
// with its certificate.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// AuthorityFile is the file with the certificate of the folder's own authority. It is not secret.
func (d Data) AuthorityFile() string { return filepath.Join(string(d), "ca.pem") }

func (d Data) authorityKey() string { return filepath.Join(d.Keys(), "ca") }

// Authority reads the folder's own authority, and makes it the first time.
func (d Data) Authority() (*Authority, error) {
	text, err := os.ReadFile(d.authorityKey())
	if errors.Is(err, fs.ErrNotExist) {
		return d.newAuthority()
	}
	if err != nil {
		return nil, err
	}
	bad := fmt.Errorf(
		"%s and %s are not a key and its certificate; restore both from a backup",
		d.authorityKey(),
		d.AuthorityFile(),
	)
	block, _ := pem.Decode(text)
	public, err := os.ReadFile(d.AuthorityFile())
	if err != nil || block == nil {
		return nil, errors.Join(bad, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	certBlock, _ := pem.Decode(public)
	if err != nil || certBlock == nil {
		return nil, errors.Join(bad, err)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.Join(bad, err)
	}
	return &Authority{cert, signer}, nil
}

func (d Data) newAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject: pkix.Name{
			CommonName:   "Slipway's own authority of " + filepath.Base(string(d)),
			Organization: []string{"Slipway"},
		},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	// The certificate is written first. With the key alone, a crash would leave an authority whose certificate is lost.
	err = seal.WriteFile(d.AuthorityFile(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if err == nil {
		err = seal.WriteFile(d.authorityKey(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	}
	return &Authority{cert, key}, err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return big.NewInt(time.Now().UnixNano())
	}
	return n
}

// forNames issues a certificate for names and addresses, and a new one before it expires.
func (a *Authority) forNames(names []string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var mu sync.Mutex
	var held *tls.Certificate
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		if held != nil && time.Until(held.Leaf.NotAfter) > renewBefore {
			return held, nil
		}
		fresh, err := a.issue(names)
		if err == nil {
			held = fresh
		}
		return held, err
	}
}

func (a *Authority) issue(names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "slipway"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n, "*."+n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, err
}

// Trust has this process's clients trust the authorities in a file too, beside the machine's own. An empty path
// changes nothing.
func Trust(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the authorities to trust: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s holds no certificate in PEM", path)
	}
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return errors.New("this process's HTTP transport takes no authorities")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return nil
}
