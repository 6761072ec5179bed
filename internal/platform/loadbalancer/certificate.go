package loadbalancer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// certificate is a server certificate's row.
type certificate struct {
	iam.ServerCertificateMetadata
	body, chain, key string
}

func scanCertificate(r *sql.Rows) (*certificate, error) {
	c := &certificate{}
	return c, r.Scan(store.JSON(&c.ServerCertificateMetadata), &c.body, &c.chain, &c.key)
}

const certificateColumns = `SELECT doc, body, chain, key FROM lb_certificates `

func sealedAs(arn string) string { return "server-certificate " + arn }

func noCertificate(name string) error {
	return &iam.NoSuchEntityException{Message: "The Server Certificate with name " + name + " cannot be found."}
}

var certificatePath = regexp.MustCompile(`^/([!-~]*/)?$`)

// UploadServerCertificate implements iam:UploadServerCertificate. The private key is kept sealed, and goes to the
// routers alone.
func (s *Service) UploadServerCertificate(ctx context.Context,
	in *iam.UploadServerCertificateInput) (*iam.UploadServerCertificateOutput, error) {
	path := "/"
	if in.Path != nil {
		path = *in.Path
	}
	if !certificatePath.MatchString(path) {
		return nil, invalid(
			"The specified value for path is invalid. It must begin and end with / and contain only alphanumeric " +
				"characters and/or / characters.")
	}
	if len(in.Tags) > 0 {
		return nil, &iam.InvalidInputException{Message: "Slipway does not keep tags of server certificates."}
	}
	leaf, err := readPair(*in.CertificateBody, awsproto.Value(in.CertificateChain), *in.PrivateKey)
	if err != nil {
		return nil, err
	}
	name := *in.ServerCertificateName
	arn := "arn:aws:iam::" + s.Account + ":server-certificate" + path + name
	m := iam.ServerCertificateMetadata{Path: &path, ServerCertificateName: &name,
		ServerCertificateId: new("ASCA" + strings.ToUpper(newID())), Arn: &arn,
		UploadDate: &awsproto.Time{Time: s.Now()}, Expiration: &awsproto.Time{Time: leaf.NotAfter}}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if err := atMost(ctx, tx, 0,
			&iam.EntityAlreadyExistsException{Message: "The Server Certificate with name " + name + " already exists."},
			`SELECT COUNT(*) FROM lb_certificates WHERE name = $1`, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx,
			`INSERT INTO lb_certificates (arn, name, body, chain, key, doc) VALUES ($1, $2, $3, $4, $5, $6)`,
			arn, name, *in.CertificateBody, awsproto.Value(in.CertificateChain),
			s.Seal.Seal([]byte(*in.PrivateKey), sealedAs(arn)), store.JSON(m))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.UploadServerCertificateOutput{ServerCertificateMetadata: &m}, nil
}

// readPair checks that a certificate, its chain and its key belong together.
func readPair(body, chain, key string) (*x509.Certificate, error) {
	if block, _ := pem.Decode([]byte(body)); block == nil || block.Type != "CERTIFICATE" {
		return nil, &iam.MalformedCertificateException{
			Message: "Unable to parse certificate. Please ensure the certificate is in PEM format.",
		}
	}
	if chain != "" {
		if block, _ := pem.Decode([]byte(chain)); block == nil || block.Type != "CERTIFICATE" {
			return nil, &iam.MalformedCertificateException{
				Message: "Unable to parse certificate chain. Please ensure the certificates are in PEM format.",
			}
		}
	}
	if block, _ := pem.Decode([]byte(key)); block == nil {
		return nil, &iam.MalformedCertificateException{
			Message: "Unable to parse key; the key must be in PEM format and not encrypted.",
		}
	}
	pair, err := tls.X509KeyPair([]byte(body+"\n"+chain), []byte(key))
	if err != nil {
		return nil, &iam.KeyPairMismatchException{Message: "The private key does not belong to the certificate: " +
			err.Error()}
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, &iam.MalformedCertificateException{Message: "Unable to parse certificate: " + err.Error()}
	}
	return leaf, nil
}

// GetServerCertificate implements iam:GetServerCertificate.
func (s *Service) GetServerCertificate(ctx context.Context,
	in *iam.GetServerCertificateInput) (*iam.GetServerCertificateOutput, error) {
	found, err := store.All(ctx, s.db, scanCertificate, certificateColumns+`WHERE name = $1`, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, noCertificate(*in.ServerCertificateName)
	}
	c := found[0]
	out := &iam.ServerCertificate{ServerCertificateMetadata: &c.ServerCertificateMetadata, CertificateBody: &c.body}
	if c.chain != "" {
		out.CertificateChain = &c.chain
	}
	return &iam.GetServerCertificateOutput{ServerCertificate: out}, nil
}

// ListServerCertificates implements iam:ListServerCertificates.
func (s *Service) ListServerCertificates(ctx context.Context,
	in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	p := page{op: "ListServerCertificates", marker: in.Marker, size: in.MaxItems, key: "arn"}
	if in.MaxItems == nil {
		p.size = new(int32(100))
	}
	p.where = append(p.where, notACM)
	if prefix := awsproto.Value(in.PathPrefix); prefix != "" && prefix != "/" {
		begin := "arn:aws:iam::" + s.Account + ":server-certificate" + prefix
		p.args = append(p.args, len(begin), begin)
		p.where = append(p.where, "substr(arn, 1, $1) = $2")
	}
	rows, next, err := list(ctx, s, p, scanCertificate,
		certificateColumns, func(c *certificate) string { return *c.Arn })
	if err != nil {
		return nil, err
	}
	out := &iam.ListServerCertificatesOutput{
		ServerCertificateMetadataList: []iam.ServerCertificateMetadata{},
		IsTruncated:                   new(next != nil),
		Marker:                        next,
	}
	for _, c := range rows {
		out.ServerCertificateMetadataList = append(out.ServerCertificateMetadataList, c.ServerCertificateMetadata)
	}
	return out, nil
}

// DeleteServerCertificate implements iam:DeleteServerCertificate; one that a listener uses stays.
func (s *Service) DeleteServerCertificate(ctx context.Context,
	in *iam.DeleteServerCertificateInput) (*iam.DeleteServerCertificateOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		var arn string
		found, err := store.Find(ctx, tx, []any{&arn}, `SELECT arn FROM lb_certificates WHERE name = $1`,
			*in.ServerCertificateName)
		if err != nil {
			return err
		}
		if !found {
			return noCertificate(*in.ServerCertificateName)
		}
		users, err := certificateUsers(ctx, tx, arn)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &iam.DeleteConflictException{
				Message: fmt.Sprintf(
					"Certificate: %s is currently in use by %s. Please remove it first before deleting it from IAM.",
					*in.ServerCertificateName, users[0]),
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM lb_certificates WHERE arn = $1`, arn)
		return err
	})
}

// certificateUsers are the listeners that have a certificate.
func certificateUsers(ctx context.Context, q store.Queryer, arn string) ([]string, error) {
	all, err := allCertificateUsers(ctx, q)
	return all[arn], err
}

// allCertificateUsers are the listeners that have certificates, by the certificates' ARNs.
func allCertificateUsers(ctx context.Context, q store.Queryer) (map[string][]string, error) {
	all, err := store.All(ctx, q, scanListener, listenerColumns)
	users := map[string][]string{}
	for _, l := range all {
		for _, c := range l.certificates {
			users[c] = append(users[c], *l.ListenerArn)
		}
	}
	return users, err
}

// tableKey opens a certificate's private key, for the routers' table.
func (s *Service) tableKey(c *certificate) (string, error) {
	key, err := s.Seal.Open(c.key, sealedAs(*c.Arn))
	if err != nil {
		return "", errors.Join(fmt.Errorf("private key of %s", *c.Arn), err)
	}
	return string(key), nil
}
