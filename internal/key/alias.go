package key

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/kms"
	"slipway/internal/store"
)

const (
	aliasPrefix = "alias/"
	// managedPrefix begins the aliases of the keys that services make for themselves.
	managedPrefix = aliasPrefix + "aws/"
)

// managed are the services whose key is made when it is first used.
var managed = []string{"codecommit", "dynamodb", "ebs", "ecr", "lambda", "rds", "s3", "secretsmanager", "sns", "sqs",
	"ssm"}

func isManaged(alias string) bool {
	service, ok := strings.CutPrefix(alias, managedPrefix)
	return ok && slices.Contains(managed, service)
}

func (s *Service) noAlias(name string) error {
	return notFound("Alias %s is not found.", s.prefix()+name)
}

// target is the ID of the key that an alias names.
func (s *Service) target(ctx context.Context, q store.Queryer, alias string) (id string, err error) {
	ok, err := store.Find(ctx, q, []any{&id}, `SELECT kms_key FROM kms_aliases WHERE name = $1`, alias)
	if err == nil && !ok {
		err = s.noAlias(alias)
	}
	return id, err
}

// use finds a key, and makes the one that a service manages if it is asked for by its alias for the first time.
func (s *Service) use(ctx context.Context, id string) (*row, error) {
	r, err := s.find(ctx, s.db, id)
	alias := strings.TrimPrefix(id, s.prefix())
	if awsproto.Code(err) != "NotFoundException" || !isManaged(alias) {
		return r, err
	}
	return r, s.db.Write(ctx, func(tx store.Tx) error {
		if r, err = s.find(ctx, tx, id); awsproto.Code(err) != "NotFoundException" {
			return err // another request made it
		}
		service := strings.TrimPrefix(alias, managedPrefix)
		r, err = s.create(ctx, tx, kms.KeyManagerTypeAws, "Default key that protects my "+service+
			" data when no other key is defined", s.defaultPolicy())
		if err != nil {
			return err
		}
		if err := s.setRotation(ctx, tx, r.id, defaultPeriod); err != nil {
			return err
		}
		return s.putAlias(ctx, tx, alias, r.id)
	})
}

func (s *Service) putAlias(ctx context.Context, tx store.Tx, name, id string) error {
	now := s.Now().UnixMilli()
	_, err := tx.Exec(ctx, `INSERT INTO kms_aliases (name, kms_key, created, updated) VALUES ($1, $2, $3, $3)
		ON CONFLICT (name) DO UPDATE SET kms_key = excluded.kms_key, updated = excluded.updated`, name, id, now)
	return err
}

func checkAlias(name string) error {
	if !strings.HasPrefix(name, aliasPrefix) || len(name) == len(aliasPrefix) {
		return invalid("Alias must start with the prefix \"alias/\". Please see " +
			"https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
	}
	if strings.HasPrefix(name, managedPrefix) {
		return &awsproto.Error{Code: "NotAuthorizedException",
			Message: "Aliases that begin with alias/aws/ are reserved."}
	}
	return nil
}

// CreateAlias implements kms:CreateAlias.
func (s *Service) CreateAlias(ctx context.Context, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	if err := checkAlias(*in.AliasName); err != nil {
		return nil, err
	}
	if err := notAlias(*in.TargetKeyId); err != nil {
		return nil, err
	}
	_, err := s.change(ctx, *in.TargetKeyId, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		_, err := s.target(ctx, tx, *in.AliasName)
		if err == nil {
			return &kms.AlreadyExistsException{
				Message: "An alias with the name " + s.prefix() + *in.AliasName + " already exists"}
		}
		if awsproto.Code(err) != "NotFoundException" {
			return err
		}
		return s.putAlias(ctx, tx, *in.AliasName, r.id)
	})
	return nil, err
}

func notAlias(target string) error {
	if strings.HasPrefix(target, aliasPrefix) || strings.Contains(target, ":"+aliasPrefix) {
		return invalid("Aliases must refer to keys. Not aliases")
	}
	return nil
}

// UpdateAlias implements kms:UpdateAlias.
func (s *Service) UpdateAlias(ctx context.Context, in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	if err := checkAlias(*in.AliasName); err != nil {
		return nil, err
	}
	if err := notAlias(*in.TargetKeyId); err != nil {
		return nil, err
	}
	_, err := s.change(ctx, *in.TargetKeyId, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		if _, err := s.target(ctx, tx, *in.AliasName); err != nil {
			return err
		}
		return s.putAlias(ctx, tx, *in.AliasName, r.id)
	})
	return nil, err
}

// DeleteAlias implements kms:DeleteAlias.
func (s *Service) DeleteAlias(ctx context.Context, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	if err := checkAlias(*in.AliasName); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.target(ctx, tx, *in.AliasName); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM kms_aliases WHERE name = $1`, *in.AliasName)
		return err
	})
}

// ListAliases implements kms:ListAliases.
func (s *Service) ListAliases(ctx context.Context, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	after, err := s.place("ListAliases", in.KeyId, in.Marker)
	if err != nil {
		return nil, err
	}
	most := limit(in.Limit, 50)
	query, args := `WHERE name > $1`, []any{after}
	if in.KeyId != nil {
		r, err := s.find(ctx, s.db, *in.KeyId)
		if err != nil {
			return nil, err
		}
		query, args = query+` AND kms_key = $2`, append(args, r.id)
	}
	args = append(args, most+1)
	all, err := store.All(ctx, s.db, s.scanAlias, `SELECT name, kms_key, created, updated FROM kms_aliases `+query+
		fmt.Sprintf(` ORDER BY name LIMIT $%d`, len(args)), args...)
	if err != nil {
		return nil, err
	}
	all, next := page(s, "ListAliases", in.KeyId, all, most, func(a kms.AliasListEntry) string { return *a.AliasName })
	if all == nil {
		all = []kms.AliasListEntry{}
	}
	return &kms.ListAliasesOutput{Aliases: all, NextMarker: next, Truncated: new(next != nil)}, nil
}

func (s *Service) scanAlias(r *sql.Rows) (a kms.AliasListEntry, err error) {
	var name, id string
	var created, updated int64
	err = r.Scan(&name, &id, &created, &updated)
	return kms.AliasListEntry{
		AliasName:       &name,
		AliasArn:        new(s.prefix() + name),
		TargetKeyId:     &id,
		CreationDate:    &awsproto.Time{Time: time.UnixMilli(created)},
		LastUpdatedDate: &awsproto.Time{Time: time.UnixMilli(updated)},
	}, err
}

// ARN is the ARN of the key that an ID means: the ID or the ARN of a key or an alias. ok is false if there is none.
func (s *Service) ARN(ctx context.Context, id string) (arn string, ok bool, err error) {
	r, err := s.find(ctx, s.db, id)
	if awsproto.Code(err) == "NotFoundException" {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return *r.Arn, true, nil
}
