package loadbalancer

import (
	"context"
	"fmt"
	"slices"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

func without(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == one })
}

// certificatesExist checks that ARNs are those of server certificates.
func (s *Service) certificatesExist(ctx context.Context, q store.Queryer, arns ...string) error {
	for _, arn := range arns {
		found, err := store.Find(ctx, q, []any{new(string)}, `SELECT arn FROM lb_certificates WHERE arn = $1`, arn)
		if err != nil {
			return err
		}
		if !found {
			return &elb.CertificateNotFoundException{
				Message: fmt.Sprintf(
					"Certificate '%s' not found; iam:UploadServerCertificate gives a certificate an ARN", arn),
			}
		}
	}
	return nil
}

// modifyCertificates changes the certificates of an HTTPS listener.
func (s *Service) modifyCertificates(ctx context.Context, arn string, change func(store.Tx, *listener) error) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		l, err := s.findListener(ctx, tx, arn)
		if err != nil {
			return err
		}
		if l.Protocol != elb.ProtocolEnumHttps {
			return invalid("Certificates can be specified for HTTPS listeners only")
		}
		if err := change(tx, l); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE lb_listeners SET certificates = $2 WHERE arn = $1`, arn,
			store.JSON(l.certificates)); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return err
	})
}

// AddListenerCertificates implements elbv2:AddListenerCertificates; one that is there already is left.
func (s *Service) AddListenerCertificates(ctx context.Context,
	in *elb.AddListenerCertificatesInput) (*elb.AddListenerCertificatesOutput, error) {
	out := &elb.AddListenerCertificatesOutput{}
	err := s.modifyCertificates(ctx, *in.ListenerArn, func(tx store.Tx, l *listener) error {
		out.Certificates = nil
		for _, c := range in.Certificates {
			if c.IsDefault != nil {
				return invalid("IsDefault cannot be set; ModifyListener sets the default certificate")
			}
			arn := awsproto.Value(c.CertificateArn)
			if err := s.certificatesExist(ctx, tx, arn); err != nil {
				return err
			}
			if !slices.Contains(l.certificates, arn) {
				l.certificates = append(l.certificates, arn)
			}
			out.Certificates = append(out.Certificates,
				elb.Certificate{CertificateArn: &arn, IsDefault: new(arn == l.certificates[0])})
		}
		if len(l.certificates)-1 > limits.certificates {
			return &elb.TooManyCertificatesException{
				Message: fmt.Sprintf("A listener can have %d certificates besides its default one",
					limits.certificates),
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RemoveListenerCertificates implements elbv2:RemoveListenerCertificates.
func (s *Service) RemoveListenerCertificates(ctx context.Context,
	in *elb.RemoveListenerCertificatesInput) (*elb.RemoveListenerCertificatesOutput, error) {
	return nil, s.modifyCertificates(ctx, *in.ListenerArn, func(_ store.Tx, l *listener) error {
		for _, c := range in.Certificates {
			if awsproto.Value(c.CertificateArn) == l.certificates[0] {
				return &elb.OperationNotPermittedException{
					Message: "The default certificate of a listener cannot be removed",
				}
			}
			l.certificates = without(l.certificates, awsproto.Value(c.CertificateArn))
		}
		return nil
	})
}

// DescribeListenerCertificates implements elbv2:DescribeListenerCertificates; they fit on one page.
func (s *Service) DescribeListenerCertificates(ctx context.Context,
	in *elb.DescribeListenerCertificatesInput) (*elb.DescribeListenerCertificatesOutput, error) {
	l, err := s.findListener(ctx, s.db, *in.ListenerArn)
	if err != nil {
		return nil, err
	}
	out := &elb.DescribeListenerCertificatesOutput{Certificates: []elb.Certificate{}}
	for i := range l.certificates {
		out.Certificates = append(out.Certificates,
			elb.Certificate{CertificateArn: &l.certificates[i], IsDefault: new(i == 0)})
	}
	return out, nil
}
