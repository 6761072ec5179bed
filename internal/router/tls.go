package router

import (
	"crypto/tls"
	"fmt"

	"slipway/api/slipway"
)

// certificates are how a listener speaks TLS.
type certificates struct{ config *tls.Config }

// oldCiphers are those of policies that take TLS 1.0 still; all have forward secrecy.
var oldCiphers = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}

var tls12Ciphers = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}

// newCertificates makes ready what a listener needs. The first certificate is for clients that name no host, or one
// that no certificate is for.
func newCertificates(l *slipway.TableListener, all []slipway.TableCertificate) (*certificates, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: tls12Ciphers, NextProtos: []string{"h2", "http/1.1"}}
	if !readSettings(l.Attributes).http2 {
		c.NextProtos = []string{"http/1.1"}
	}
	switch l.SslPolicy {
	case "ELBSecurityPolicy-TLS13-1-3-2021-06":
		c.MinVersion = tls.VersionTLS13
	case "ELBSecurityPolicy-TLS13-1-2-2021-06":
	case "ELBSecurityPolicy-TLS-1-2-2017-01":
		c.MaxVersion = tls.VersionTLS12
	case "ELBSecurityPolicy-2016-08":
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS12 // asked for by name, for old clients
		c.CipherSuites = append(append([]uint16{}, tls12Ciphers...), oldCiphers...)
	default:
		return nil, fmt.Errorf("this router knows no security policy %q", l.SslPolicy)
	}
	for _, arn := range l.Certificates {
		pair, err := find(all, arn)
		if err != nil {
			return nil, err
		}
		c.Certificates = append(c.Certificates, pair)
	}
	if len(c.Certificates) == 0 {
		return nil, fmt.Errorf("the table has no certificate for the listener")
	}
	return &certificates{c}, nil
}

func find(all []slipway.TableCertificate, arn string) (tls.Certificate, error) {
	for _, c := range all {
		if c.CertificateArn == arn {
			pair, err := tls.X509KeyPair([]byte(c.Chain), []byte(c.PrivateKey))
			if err != nil {
				return pair, fmt.Errorf("certificate %s: %w", arn, err)
			}
			return pair, nil
		}
	}
	return tls.Certificate{}, fmt.Errorf("the table lacks the certificate %s", arn)
}
