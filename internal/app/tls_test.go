package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTLSCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		TLS
		on   bool
		want string
	}{
		"plain":       {TLS{}, false, ""},
		"files":       {TLS{Cert: "c", Key: "k"}, true, ""},
		"own":         {TLS{Own: true}, true, ""},
		"acme":        {TLS{ACME: []string{"example.com"}, Directory: "https://ca.example.com"}, true, ""},
		"no key":      {TLS{Cert: "c"}, true, "must be given together"},
		"no cert":     {TLS{Key: "k"}, true, "must be given together"},
		"two ways":    {TLS{Cert: "c", Key: "k", Own: true}, true, "exclude each other"},
		"other ways":  {TLS{Own: true, ACME: []string{"example.com"}}, true, "exclude each other"},
		"three of it": {TLS{Key: "k", Own: true, ACME: []string{"example.com"}}, true, "exclude each other"},
	} {
		if got := c.On(); got != c.on {
			t.Errorf("%s: on = %t, want %t", name, got, c.on)
		}
		says(t, name, c.Check(), c.want)
	}
}

// pair writes a certificate of an authority and its key to files.
func pair(t *testing.T, a *Authority, cert, key, name string) {
	t.Helper()
	c, err := a.issue([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// The names of the certificate that a configuration serves.
func served(t *testing.T, c *tls.Config) string {
	t.Helper()
	got, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "a.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(got.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.DNSNames[0]
}

// A certificate in files is read again when it changes, and stays in use while the files are not whole.
func TestCertificateFiles(t *testing.T) {
	t.Parallel()
	d := newData(t)
	ca, err := d.Authority()
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	way := TLS{Cert: cert, Key: key}
	_, err = way.config(d, nil)
	says(t, "no files", err, "read the certificate")
	write(t, cert, "")
	write(t, key, "")
	_, err = way.config(d, nil)
	says(t, "empty files", err, "can't be used")
	pair(t, ca, cert, key, "a.example.com")
	c, err := way.config(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := served(t, c); got != "a.example.com" {
		t.Errorf("got %s, want a.example.com", got)
	}
	pair(t, ca, cert, key, "b.example.com")
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(cert, later, later); err != nil {
		t.Fatal(err)
	}
	if got := served(t, c); got != "b.example.com" {
		t.Errorf("after a change: got %s, want b.example.com", got)
	}
	write(t, key, "half a key")
	if err := os.Chtimes(key, later.Add(time.Minute), later.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := served(t, c); got != "b.example.com" {
		t.Errorf("with a damaged key: got %s, want b.example.com", got)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if got := served(t, c); got != "b.example.com" {
		t.Errorf("with no certificate: got %s, want b.example.com", got)
	}
}

// The folder's own authority stays the same, and issues certificates that its file verifies.
func TestAuthority(t *testing.T) {
	t.Parallel()
	d := newData(t)
	first, err := d.Authority()
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Authority()
	if err != nil || !again.cert.Equal(first.cert) {
		t.Fatalf("the authority changed (%v)", err)
	}
	certificate := again.forNames([]string{"ci.example.com", "127.0.0.1", "ci.example.com"})
	c, err := certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(first.cert)
	for _, name := range []string{"ci.example.com", "bucket.ci.example.com", "127.0.0.1"} {
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "evil.example.net"}); err == nil {
		t.Error("the certificate is for a name that the server has not")
	}
	if same, err := certificate(nil); err != nil || same != c {
		t.Errorf("a certificate that lasts was issued anew (%v)", err)
	}
	c.Leaf.NotAfter = time.Now().Add(renewBefore - time.Minute)
	if fresh, err := certificate(nil); err != nil || fresh == c {
		t.Errorf("a certificate that expires soon is kept (%v)", err)
	}
}

func TestDamagedAuthority(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, d Data){
		"no certificate":  func(t *testing.T, d Data) { t.Helper(); _ = os.Remove(d.AuthorityFile()) },
		"bad certificate": func(t *testing.T, d Data) { t.Helper(); write(t, d.AuthorityFile(), "x") },
		"bad key":         func(t *testing.T, d Data) { t.Helper(); write(t, d.authorityKey(), "x") },
		"no DER": func(t *testing.T, d Data) {
			t.Helper()
			write(t, d.AuthorityFile(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newData(t)
			if _, err := d.Authority(); err != nil {
				t.Fatal(err)
			}
			damage(t, d)
			_, err := d.Authority()
			says(t, "the authority", err, "restore both from a backup")
			_, err = TLS{Own: true}.config(d, nil)
			says(t, "the configuration", err, "restore both from a backup")
		})
	}
}

func TestACME(t *testing.T) {
	t.Parallel()
	c, err := TLS{ACME: []string{"ci.example.com"}, Directory: "https://ca.example.com"}.config(newData(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.GetCertificate(&tls.ClientHelloInfo{ServerName: "evil.example.net"})
	says(t, "another domain", err, "not configured")
}

func TestTrust(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ca.pem")
	says(t, "no file", Trust(""), "")
	says(t, "a missing file", Trust(path), "read the authorities to trust")
	write(t, path, "no certificate")
	says(t, "a file without a certificate", Trust(path), "holds no certificate in PEM")
}
