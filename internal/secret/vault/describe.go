package vault

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/store"
)

func (s *Service) versionsOf(ctx context.Context, name string) ([]*kept, error) {
	return store.All(ctx, s.db, func(r *sql.Rows) (*kept, error) {
		v := &kept{}
		return v, r.Scan(v.into()...)
	}, versions+` ORDER BY id`, name)
}

// entry is a secret as lists show it.
func (s *Service) entry(ctx context.Context, x *secret) (*secretsmanager.SecretListEntry, error) {
	stages, err := s.allStages(ctx, x.name)
	if err != nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, x.name, "", maxTags)
	if err != nil {
		return nil, err
	}
	var accessed int64
	if err := s.db.QueryRow(ctx, `SELECT COALESCE(MAX(accessed), 0) FROM sm_versions WHERE secret = $1`,
		x.name).Scan(&accessed); err != nil {
		return nil, err
	}
	e := &secretsmanager.SecretListEntry{
		ARN:                    new(s.arn(x)),
		Name:                   &x.name,
		Description:            x.Description,
		CreatedDate:            &awsproto.Time{Time: x.Created},
		LastChangedDate:        &awsproto.Time{Time: x.Changed},
		SecretVersionsToStages: stages,
		Tags:                   []secretsmanager.Tag{},
	}
	if key := awsproto.Value(x.Key); key != "" {
		e.KmsKeyId = &key
	}
	if accessed > 0 {
		e.LastAccessedDate = &awsproto.Time{Time: time.UnixMilli(accessed)}
	}
	if x.deleted > 0 {
		e.DeletedDate = &awsproto.Time{Time: time.UnixMilli(x.deleted)}
	}
	for _, t := range all {
		e.Tags = append(e.Tags, secretsmanager.Tag{Key: &t.Key, Value: &t.Value})
	}
	return e, nil
}

// DescribeSecret implements secretsmanager:DescribeSecret.
func (s *Service) DescribeSecret(ctx context.Context,
	in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	x, err := s.find(ctx, s.db, *in.SecretId)
	if err != nil {
		return nil, err
	}
	e, err := s.entry(ctx, x)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DescribeSecretOutput{
		ARN:                e.ARN,
		Name:               e.Name,
		Description:        e.Description,
		KmsKeyId:           e.KmsKeyId,
		LastChangedDate:    e.LastChangedDate,
		LastAccessedDate:   e.LastAccessedDate,
		DeletedDate:        e.DeletedDate,
		CreatedDate:        e.CreatedDate,
		Tags:               e.Tags,
		VersionIdsToStages: e.SecretVersionsToStages,
	}, nil
}

// ListSecrets implements secretsmanager:ListSecrets, by name.
func (s *Service) ListSecrets(ctx context.Context,
	in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	descending := in.SortOrder == secretsmanager.SortOrderTypeDesc
	if in.SortBy != "" && in.SortBy != secretsmanager.SortByTypeName {
		return nil, refused("lists of secrets that are sorted by " + string(in.SortBy) + " (SortBy); they are by name")
	}
	of := []any{in.Filters, in.SortOrder, in.IncludePlannedDeletion}
	after := ""
	if err := s.place("ListSecrets", of, in.NextToken, &after); err != nil {
		return nil, err
	}
	all, err := s.behind(ctx, after, descending, asked(in.IncludePlannedDeletion))
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.ListSecretsOutput{SecretList: []secretsmanager.SecretListEntry{}}
	most := limit(in.MaxResults, 100)
	for _, x := range all {
		e, err := s.entry(ctx, x)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(in.Filters, func(f secretsmanager.Filter) bool { return !s.matches(f, e) }) {
			continue
		}
		if len(out.SecretList) == most {
			out.NextToken = s.Pager.Token("ListSecrets", of, *out.SecretList[most-1].Name)
			break
		}
		out.SecretList = append(out.SecretList, *e)
	}
	return out, nil
}

// behind are the secrets whose names follow one, "" for all, in the order asked for; with planned those too that are
// about to be deleted.
func (s *Service) behind(ctx context.Context, after string, descending, planned bool) ([]*secret, error) {
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (*secret, error) {
		x := &secret{}
		return x, r.Scan(x.into()...)
	}, columns+` ORDER BY name`)
	all = slices.DeleteFunc(all, func(x *secret) bool {
		passed := after != "" && (!descending && x.name <= after || descending && x.name >= after)
		return passed || x.due > 0 && !planned
	})
	if descending {
		slices.Reverse(all)
	}
	return all, err
}

// matches tells whether a secret is one of those that a filter lets through: one of its values matches, and none of
// those after a !.
func (s *Service) matches(f secretsmanager.Filter, e *secretsmanager.SecretListEntry) bool {
	some, positive := false, false
	for _, want := range f.Values {
		not := strings.HasPrefix(want, "!")
		has := s.has(f.Key, strings.TrimPrefix(want, "!"), e)
		if not && has {
			return false
		}
		positive = positive || !not
		some = some || !not && has
	}
	return some || !positive
}

// has tells whether a secret begins in some respect as a filter says.
func (s *Service) has(key secretsmanager.FilterNameStringType, want string,
	e *secretsmanager.SecretListEntry) bool {
	begins := func(of string) bool { return strings.HasPrefix(of, want) }
	description := strings.ToLower(awsproto.Value(e.Description))
	anyTag := func(of func(secretsmanager.Tag) string) bool {
		return slices.ContainsFunc(e.Tags, func(t secretsmanager.Tag) bool { return begins(of(t)) })
	}
	switch key {
	case secretsmanager.FilterNameStringTypeName:
		return begins(*e.Name)
	case secretsmanager.FilterNameStringTypeDescription:
		return strings.HasPrefix(description, strings.ToLower(want))
	case secretsmanager.FilterNameStringTypeTagKey:
		return anyTag(func(t secretsmanager.Tag) string { return *t.Key })
	case secretsmanager.FilterNameStringTypeTagValue:
		return anyTag(func(t secretsmanager.Tag) string { return *t.Value })
	case secretsmanager.FilterNameStringTypePrimaryRegion:
		return begins(s.Region)
	case secretsmanager.FilterNameStringTypeAll:
		words := []string{*e.Name, description}
		for _, t := range e.Tags {
			words = append(words, *t.Key, *t.Value)
		}
		return strings.Contains(strings.ToLower(strings.Join(words, " ")), strings.ToLower(want))
	}
	return false // no other service owns any
}
