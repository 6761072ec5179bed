package loadbalancer

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"slipway/api/acm"
	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// Certificates of ACM are imported ones. They are in the table of IAM's, with their ARN as their name, which is no name
// that IAM takes.
const (
	isACM  = `name LIKE 'arn:%'`
	notACM = `name NOT LIKE 'arn:%'`
)

func (s *Service) acmARN(id string) string {
	return "arn:aws:acm:" + s.Region + ":" + s.Account + ":certificate/" + id
}

func noACM(arn string) error {
	return &acm.ResourceNotFoundException{Message: "Could not find certificate " + arn + "."}
}

// acmCertificate finds a certificate of ACM.
func (s *Service) acmCertificate(ctx context.Context, q store.Queryer, arn string) (*certificate, error) {
	if !strings.HasPrefix(arn, s.acmARN("")) {
		return nil, noACM(arn)
	}
	found, err := store.All(ctx, q, scanCertificate, certificateColumns+`WHERE arn = $1`, arn)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, noACM(arn)
	}
	return found[0], nil
}

// ImportCertificate implements acm:ImportCertificate. With an ARN it takes the place of that certificate, and routers
// serve it from then on.
func (s *Service) ImportCertificate(ctx context.Context,
	in *acm.ImportCertificateInput) (*acm.ImportCertificateOutput, error) {
	body, chain, key := string(in.Certificate), string(in.CertificateChain), string(in.PrivateKey)
	leaf, err := readPair(body, chain, key)
	if err != nil {
		return nil, &awsproto.Error{Code: "ValidationException", Message: err.Error()}
	}
	if in.CertificateArn != nil && len(in.Tags) > 0 {
		return nil, &acm.InvalidParameterException{Message: "Tagging is not permitted on re-import."}
	}
	arn := s.acmARN(uuid.NewString())
	if in.CertificateArn != nil {
		arn = *in.CertificateArn
	}
	m := iam.ServerCertificateMetadata{ServerCertificateName: &arn, Arn: &arn,
		UploadDate: &awsproto.Time{Time: s.Now()}, Expiration: &awsproto.Time{Time: leaf.NotAfter}}
	sealed := s.Seal.Seal([]byte(key), sealedAs(arn))
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if in.CertificateArn == nil {
			if _, err := tx.Exec(ctx, `INSERT INTO lb_certificates (arn, name, body, chain, key, doc)
				VALUES ($1, $1, $2, $3, $4, $5)`, arn, body, chain, sealed, store.JSON(m)); err != nil {
				return err
			}
			return putACMTags(ctx, tx, arn, in.Tags)
		}
		if _, err := s.acmCertificate(ctx, tx, arn); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE lb_certificates SET body = $2, chain = $3, key = $4, doc = $5 WHERE arn = $1`,
			arn, body, chain, sealed, store.JSON(m)); err != nil {
			return err
		}
		_, err := s.changed(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &acm.ImportCertificateOutput{CertificateArn: &arn}, nil
}

// leaf is the certificate itself.
func (c *certificate) leaf() (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(c.body))
	if block == nil {
		return nil, fmt.Errorf("certificate %s is not PEM", *c.Arn)
	}
	return x509.ParseCertificate(block.Bytes)
}

// algorithm names the kind of a certificate's key as ACM does.
func algorithm(c *x509.Certificate) acm.KeyAlgorithm {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return acm.KeyAlgorithm(fmt.Sprintf("RSA_%d", k.N.BitLen()))
	case *ecdsa.PublicKey:
		return map[int]acm.KeyAlgorithm{256: acm.KeyAlgorithmEcPrime256v1, 384: acm.KeyAlgorithmEcSecp384r1,
			521: acm.KeyAlgorithmEcSecp521r1}[k.Curve.Params().BitSize]
	}
	return ""
}

func (s *Service) statusOf(c *x509.Certificate) acm.CertificateStatus {
	if s.Now().After(c.NotAfter) {
		return acm.CertificateStatusExpired
	}
	return acm.CertificateStatusIssued
}

// domain is the name that ACM lists a certificate by.
func domain(c *x509.Certificate) string {
	if c.Subject.CommonName == "" && len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return c.Subject.CommonName
}

// DescribeCertificate implements acm:DescribeCertificate.
func (s *Service) DescribeCertificate(ctx context.Context,
	in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	c, err := s.acmCertificate(ctx, s.db, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	leaf, err := c.leaf()
	if err != nil {
		return nil, err
	}
	users, err := certificateUsers(ctx, s.db, *c.Arn)
	if err != nil {
		return nil, err
	}
	balancers := []string{}
	for _, l := range users {
		if b := balancerOf(l); !slices.Contains(balancers, b) {
			balancers = append(balancers, b)
		}
	}
	names := leaf.DNSNames
	if names == nil {
		names = []string{domain(leaf)}
	}
	return &acm.DescribeCertificateOutput{Certificate: &acm.CertificateDetail{
		CertificateArn:          c.Arn,
		DomainName:              new(domain(leaf)),
		SubjectAlternativeNames: names,
		Serial:                  new(serial(leaf)),
		Subject:                 new(leaf.Subject.String()),
		Issuer:                  new(leaf.Issuer.CommonName),
		CreatedAt:               c.UploadDate,
		ImportedAt:              c.UploadDate,
		Status:                  s.statusOf(leaf),
		NotBefore:               &awsproto.Time{Time: leaf.NotBefore},
		NotAfter:                &awsproto.Time{Time: leaf.NotAfter},
		KeyAlgorithm:            algorithm(leaf),
		SignatureAlgorithm:      new(strings.ReplaceAll(leaf.SignatureAlgorithm.String(), "-", "WITH")),
		InUseBy:                 balancers,
		Type:                    acm.CertificateTypeImported,
		RenewalEligibility:      acm.RenewalEligibilityIneligible,
		Options:                 &acm.CertificateOptions{},
	}}, nil
}

// serial is a certificate's serial number in hexadecimal bytes.
func serial(c *x509.Certificate) string {
	text := fmt.Sprintf("%x", c.SerialNumber.Bytes())
	var parts []string
	for i := 0; i+2 <= len(text); i += 2 {
		parts = append(parts, text[i:i+2])
	}
	return strings.Join(parts, ":")
}

// balancerOf is the ARN of the load balancer of a listener.
func balancerOf(listener string) string {
	arn := strings.Replace(listener, ":listener/", ":loadbalancer/", 1)
	return arn[:strings.LastIndex(arn, "/")]
}

// ListCertificates implements acm:ListCertificates.
func (s *Service) ListCertificates(ctx context.Context,
	in *acm.ListCertificatesInput) (*acm.ListCertificatesOutput, error) {
	if in.SortBy != "" {
		return nil, &awsproto.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
			Message: "Slipway does not implement sorted lists of certificates (SortBy)."}
	}
	p := page{op: "ListCertificates", marker: in.NextToken, size: in.MaxItems, key: "arn"}
	if in.MaxItems == nil {
		p.size = new(int32(100))
	}
	p.where = append(p.where, isACM)
	rows, next, err := list(ctx, s, p, scanCertificate, certificateColumns,
		func(c *certificate) string { return *c.Arn })
	if err != nil {
		return nil, err
	}
	users, err := allCertificateUsers(ctx, s.db)
	if err != nil {
		return nil, err
	}
	out := &acm.ListCertificatesOutput{CertificateSummaryList: []acm.CertificateSummary{}, NextToken: next}
	for _, c := range rows {
		leaf, err := c.leaf()
		if err != nil {
			return nil, err
		}
		if !listed(in, s.statusOf(leaf), algorithm(leaf)) {
			continue
		}
		out.CertificateSummaryList = append(out.CertificateSummaryList, acm.CertificateSummary{
			CertificateArn:                  c.Arn,
			DomainName:                      new(domain(leaf)),
			SubjectAlternativeNameSummaries: leaf.DNSNames,
			Status:                          s.statusOf(leaf),
			Type:                            acm.CertificateTypeImported,
			KeyAlgorithm:                    algorithm(leaf),
			InUse:                           new(len(users[*c.Arn]) > 0),
			RenewalEligibility:              acm.RenewalEligibilityIneligible,
			NotBefore:                       &awsproto.Time{Time: leaf.NotBefore},
			NotAfter:                        &awsproto.Time{Time: leaf.NotAfter},
			CreatedAt:                       c.UploadDate,
			ImportedAt:                      c.UploadDate,
		})
	}
	return out, nil
}

// listed reports whether a certificate is one that a list asks for. Without a choice of keys AWS lists RSA keys of 1024
// and 2048 bits alone; here all are listed.
func listed(in *acm.ListCertificatesInput, status acm.CertificateStatus, key acm.KeyAlgorithm) bool {
	if len(in.CertificateStatuses) > 0 && !slices.Contains(in.CertificateStatuses, status) {
		return false
	}
	if x := in.Includes; x != nil {
		return len(x.KeyTypes) == 0 || slices.Contains(x.KeyTypes, key)
	}
	return true
}

// GetCertificate implements acm:GetCertificate.
func (s *Service) GetCertificate(ctx context.Context,
	in *acm.GetCertificateInput) (*acm.GetCertificateOutput, error) {
	c, err := s.acmCertificate(ctx, s.db, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	out := &acm.GetCertificateOutput{Certificate: &c.body}
	if c.chain != "" {
		out.CertificateChain = &c.chain
	}
	return out, nil
}

// DeleteCertificate implements acm:DeleteCertificate; one that a listener uses stays.
func (s *Service) DeleteCertificate(ctx context.Context,
	in *acm.DeleteCertificateInput) (*acm.DeleteCertificateOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		c, err := s.acmCertificate(ctx, tx, *in.CertificateArn)
		if err != nil {
			return err
		}
		users, err := certificateUsers(ctx, tx, *c.Arn)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &acm.ResourceInUseException{Message: "Certificate " + *c.Arn + " is in use by " + users[0] + "."}
		}
		return remove(ctx, tx, "lb_certificates", *c.Arn)
	})
}

func putACMTags(ctx context.Context, tx store.Tx, arn string, given []acm.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return &acm.InvalidTagException{Message: "Tags that begin with aws: are reserved."}
		}
		all = append(all, store.Tag{Key: *t.Key, Value: awsproto.Value(t.Value)})
	}
	n, err := tags.Put(ctx, tx, arn, all)
	if err == nil && n > maxTags {
		err = &acm.TooManyTagsException{Message: "A certificate may have at most 50 tags."}
	}
	return err
}

// AddTagsToCertificate implements acm:AddTagsToCertificate.
func (s *Service) AddTagsToCertificate(ctx context.Context,
	in *acm.AddTagsToCertificateInput) (*acm.AddTagsToCertificateOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.acmCertificate(ctx, tx, *in.CertificateArn); err != nil {
			return err
		}
		return putACMTags(ctx, tx, *in.CertificateArn, in.Tags)
	})
}

// RemoveTagsFromCertificate implements acm:RemoveTagsFromCertificate. A tag with a value is taken away if it has that
// value.
func (s *Service) RemoveTagsFromCertificate(ctx context.Context,
	in *acm.RemoveTagsFromCertificateInput) (*acm.RemoveTagsFromCertificateOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.acmCertificate(ctx, tx, *in.CertificateArn); err != nil {
			return err
		}
		for _, t := range in.Tags {
			query, args := `DELETE FROM lb_tags WHERE arn = $1 AND key = $2`, []any{*in.CertificateArn, *t.Key}
			if t.Value != nil {
				query, args = query+` AND value = $3`, append(args, *t.Value)
			}
			if _, err := tx.Exec(ctx, query, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// ListTagsForCertificate implements acm:ListTagsForCertificate.
func (s *Service) ListTagsForCertificate(ctx context.Context,
	in *acm.ListTagsForCertificateInput) (*acm.ListTagsForCertificateOutput, error) {
	if _, err := s.acmCertificate(ctx, s.db, *in.CertificateArn); err != nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, *in.CertificateArn, "", maxTags)
	out := &acm.ListTagsForCertificateOutput{Tags: []acm.Tag{}}
	for _, t := range all {
		out.Tags = append(out.Tags, acm.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, err
}

// Tags are the tags of a resource of load balancing, or of a certificate of ACM.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	all, err := tags.List(ctx, s.db, arn, "", maxTags)
	of := make(map[string]string, len(all))
	for _, t := range all {
		of[t.Key] = t.Value
	}
	return of, err
}
