package loadbalancer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	api "slipway/api/acm"
	"slipway/internal/platform/loadbalancer"
)

type acmAPI struct {
	*loadbalancer.Service
	api.Unimplemented
}

// pair makes a certificate with its key.
func pair(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// A certificate that is imported serves a listener, cannot go while it does, and is replaced in place.
func TestImportedCertificates(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	w.wire.Add(api.New(hooks, acmAPI{w.service, api.Unimplemented{}}))
	c := acm.NewFromConfig(w.config)
	body, key := pair(t, "www.example.com")
	in := must(c.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: body, PrivateKey: key,
		Tags: []acmtypes.Tag{{Key: new("a"), Value: new("b")}}}))(t)
	got := must(c.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: in.CertificateArn}))(t).Certificate
	if *got.DomainName != "www.example.com" || got.Status != acmtypes.CertificateStatusIssued ||
		got.KeyAlgorithm != acmtypes.KeyAlgorithmEcPrime256v1 || got.Type != acmtypes.CertificateTypeImported || *got.Serial != "4d" {
		t.Errorf("%+v", got)
	}
	balancer, _, blue, green := w.balanced("one", 8081)
	listener := must(w.sdk.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &balancer, Port: new(int32(8443)),
		Protocol: types.ProtocolEnumHttps, Certificates: []types.Certificate{{CertificateArn: in.CertificateArn}},
		DefaultActions: []types.Action{forward(blue, 1, green, 0)}}))(t).Listeners[0]
	if _, err := c.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: in.CertificateArn}); code(err) != "ResourceInUseException" {
		t.Errorf("a certificate that a listener has: %v", err)
	}
	if got = must(c.DescribeCertificate(ctx, &acm.DescribeCertificateInput{
		CertificateArn: in.CertificateArn}))(t).Certificate; len(got.InUseBy) != 1 || got.InUseBy[0] != balancer {
		t.Errorf("it is in use by %v", got.InUseBy)
	}
	body, key = pair(t, "new.example.com")
	if _, err := c.ImportCertificate(ctx, &acm.ImportCertificateInput{CertificateArn: in.CertificateArn, Certificate: body,
		PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	if text := must(c.GetCertificate(ctx, &acm.GetCertificateInput{CertificateArn: in.CertificateArn}))(t); *text.Certificate != string(body) {
		t.Error("the certificate is the one before")
	}
	_, other := pair(t, "x")
	if _, err := c.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: body, PrivateKey: other}); code(err) != "ValidationException" {
		t.Errorf("another's key: %v", err)
	}
	if _, err := c.RequestCertificate(ctx, &acm.RequestCertificateInput{DomainName: new("a.example.com")}); code(err) != "NotImplementedException" {
		t.Errorf("%v", err)
	}
	if _, err := w.sdk.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: listener.ListenerArn}); err != nil {
		t.Fatal(err)
	}
	if list := must(c.ListCertificates(ctx, &acm.ListCertificatesInput{}))(t); len(list.CertificateSummaryList) != 1 {
		t.Errorf("%+v", list)
	}
	if _, err := c.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: in.CertificateArn}); err != nil {
		t.Error(err)
	}
}

// What Terraform and Ansible set of a load balancer comes back.
func TestPlacement(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	balancer, _, _, _ := w.balanced("one", 8081)
	if _, err := w.sdk.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: &balancer,
		SecurityGroups: []string{"sg-1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sdk.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: &balancer,
		Subnets: []string{"subnet-1", "subnet-2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sdk.SetIpAddressType(ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: &balancer,
		IpAddressType: types.IpAddressTypeDualstack}); err != nil {
		t.Fatal(err)
	}
	b := must(w.sdk.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers[0]
	if len(b.SecurityGroups) != 1 || len(b.AvailabilityZones) != 2 || b.IpAddressType != types.IpAddressTypeDualstack ||
		*b.AvailabilityZones[0].ZoneName == *b.AvailabilityZones[1].ZoneName || *b.CanonicalHostedZoneId == "" {
		t.Errorf("%+v", b)
	}
	if r := must(w.sdk.DescribeCapacityReservation(ctx, &elb.DescribeCapacityReservationInput{
		LoadBalancerArn: &balancer}))(t); r.MinimumLoadBalancerCapacity != nil {
		t.Errorf("%+v", r)
	}
	if _, err := w.sdk.DescribeTrustStores(ctx, &elb.DescribeTrustStoresInput{Names: []string{"x"}}); code(err) != "TrustStoreNotFound" {
		t.Errorf("%v", err)
	}
}
