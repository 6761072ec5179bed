package app

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// TLS says how a server is reached by https: with a certificate in files, one of the data folder's own authority, or
// one of an ACME authority. The zero value is plain http.
type TLS struct {
	Cert, Key string   // files in PEM; they are read again when they change
	Own       bool     // the data folder's own authority; its certificate is ca.pem in the folder
	ACME      []string // the domains to ask for
	// Directory is the URL of the ACME authority; "" for Let's Encrypt.
	Directory string
}

// On reports whether the server uses TLS.
func (t TLS) On() bool { return t.Cert != "" || t.Key != "" || t.Own || len(t.ACME) > 0 }

// Check refuses a setting that is ambiguous or incomplete.
func (t TLS) Check() error {
	ways := 0
	for _, on := range []bool{t.Cert != "" || t.Key != "", t.Own, len(t.ACME) > 0} {
		if on {
			ways++
		}
	}
	switch {
	case ways > 1:
		return fmt.Errorf(
			"--tls-cert, --tls-own and --acme exclude each other: choose where the certificate comes from")
	case (t.Cert == "") != (t.Key == ""):
		return fmt.Errorf("--tls-cert and --tls-key must be given together")
	}
	return nil
}

// config returns the server's TLS configuration, or nil for plain http.
func (t TLS) config(d Data, names []string) (*tls.Config, error) {
	if err := t.Check(); err != nil || !t.On() {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case len(t.ACME) > 0:
		m := &autocert.Manager{
			Prompt:     autocert.AcceptTOS,
			HostPolicy: autocert.HostWhitelist(t.ACME...),
			Cache:      autocert.DirCache(d.Keys() + "/acme"),
		}
		if t.Directory != "" {
			m.Client = &acme.Client{DirectoryURL: t.Directory}
		}
		c.GetCertificate = m.GetCertificate
		c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	case t.Own:
		ca, err := d.Authority()
		if err != nil {
			return nil, err
		}
		c.GetCertificate = ca.forNames(names)
	default:
		pair := &pairFile{cert: t.Cert, key: t.Key}
		if _, err := pair.get(nil); err != nil {
			return nil, err
		}
		c.GetCertificate = pair.get
	}
	return c, nil
}

// pairFile is a certificate and its key in files, read again when one of them changes.
type pairFile struct {
	cert, key string

	mu      sync.Mutex
	changed time.Time
	pair    *tls.Certificate
}

func (p *pairFile) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var changed time.Time
	for _, path := range []string{p.cert, p.key} {
		info, err := os.Stat(path)
		if err != nil {
			return p.pair, p.unless(fmt.Errorf("read the certificate: %w", err))
		}
		if info.ModTime().After(changed) {
			changed = info.ModTime()
		}
	}
	if p.pair != nil && changed.Equal(p.changed) {
		return p.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return p.pair, p.unless(fmt.Errorf("the certificate %s and the key %s can't be used: %w", p.cert, p.key, err))
	}
	p.pair, p.changed = &pair, changed
	return p.pair, nil
}

// unless returns err if there is no certificate yet. Otherwise the present certificate stays in use, because its files
// may just be in the middle of being replaced.
func (p *pairFile) unless(err error) error {
	if p.pair != nil {
		return nil
	}
	return err
}

// certificateNames are the names that a certificate of the own authority is for.
func certificateNames(serverURL, listen string, hosts []string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	for _, n := range newHosts(serverURL, listen, hosts).names {
		if n = strings.TrimPrefix(n, "."); n != "" && !net.ParseIP(n).IsUnspecified() {
			names = append(names, n)
		}
	}
	return names
}
