package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// certificate makes a certificate for hosts, signed by itself, and its key, in PEM.
func certificate(t testing.TB, hosts ...string) (body, key string) {
	t.Helper()
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private))(t)
	keyDER := must(x509.MarshalECPrivateKey(private))(t)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

// upload gives a certificate an ARN.
func (i *instance) upload(name string, hosts ...string) (arn, body string) {
	i.t.Helper()
	body, key := certificate(i.t, hosts...)
	out := must(iam.NewFromConfig(i.sdk()).UploadServerCertificate(i.t.Context(),
		&iam.UploadServerCertificateInput{ServerCertificateName: &name, CertificateBody: &body, PrivateKey: &key}))(i.t)
	return *out.ServerCertificateMetadata.Arn, body
}

func TestServerCertificates(t *testing.T) {
	t.Parallel()
	i := up(t, "--metrics", free(t))
	ctx, c := t.Context(), iam.NewFromConfig(i.sdk())
	arn, body := i.upload("web", "web.example.com")
	if want := "arn:aws:iam::" + account + ":server-certificate/web"; arn != want {
		t.Errorf("ARN %s, want %s", arn, want)
	}
	got := must(c.GetServerCertificate(ctx,
		&iam.GetServerCertificateInput{ServerCertificateName: aws.String("web")}))(t).ServerCertificate
	if strings.TrimSpace(*got.CertificateBody) != strings.TrimSpace(body) ||
		got.ServerCertificateMetadata.Expiration.Before(time.Now()) {
		t.Errorf("%+v", got)
	}
	i.upload("api", "api.example.com")
	var names []string
	for p := iam.NewListServerCertificatesPaginator(c,
		&iam.ListServerCertificatesInput{MaxItems: aws.Int32(1)}); p.HasMorePages(); {
		for _, m := range must(p.NextPage(ctx))(t).ServerCertificateMetadataList {
			names = append(names, *m.ServerCertificateName)
		}
	}
	if !slices.Equal(names, []string{"api", "web"}) {
		t.Errorf("listed %v", names)
	}
	b1, _ := certificate(t, "a")
	_, k2 := certificate(t, "a")
	for code, in := range map[string]*iam.UploadServerCertificateInput{
		"KeyPairMismatch": {ServerCertificateName: aws.String("x"), CertificateBody: &b1, PrivateKey: &k2},
		"MalformedCertificate": {ServerCertificateName: aws.String("x"), CertificateBody: aws.String("nonsense"),
			PrivateKey: &k2},
	} {
		_, err := c.UploadServerCertificate(ctx, in)
		says(t, err, code)
	}
	b, k := certificate(t, "web.example.com")
	_, err := c.UploadServerCertificate(ctx,
		&iam.UploadServerCertificateInput{ServerCertificateName: aws.String("web"), CertificateBody: &b,
			PrivateKey: &k})
	says(t, err, "EntityAlreadyExists")
	must(c.DeleteServerCertificate(ctx, &iam.DeleteServerCertificateInput{ServerCertificateName: aws.String("api")}))(t)
	_, err = c.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: aws.String("api")})
	says(t, err, "NoSuchEntity")
}
