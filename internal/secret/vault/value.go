package vault

import (
	"context"
	"slices"
	"time"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/store"
)

// PutSecretValue implements secretsmanager:PutSecretValue.
func (s *Service) PutSecretValue(ctx context.Context,
	in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
	given := content{in.SecretString, in.SecretBinary}
	if err := given.check(true); err != nil {
		return nil, err
	}
	if in.RotationToken != nil {
		return nil, refused("rotation of secrets (RotationToken)")
	}
	x, err := s.alive(ctx, s.db, *in.SecretId)
	if err != nil {
		return nil, err
	}
	stages := in.VersionStages
	if stages == nil {
		stages = []string{current}
	}
	version := newVersion(in.ClientRequestToken)
	has, err := s.put(ctx, x, version, given, stages)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutSecretValueOutput{ARN: new(s.arn(x)), Name: &x.name, VersionId: &version,
		VersionStages: has}, nil
}

// GetSecretValue implements secretsmanager:GetSecretValue.
func (s *Service) GetSecretValue(ctx context.Context,
	in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	x, err := s.alive(ctx, s.db, *in.SecretId)
	if err != nil {
		return nil, err
	}
	v, err := s.wanted(ctx, x, awsproto.Value(in.VersionId), awsproto.Value(in.VersionStage))
	if err != nil {
		return nil, err
	}
	c, err := s.open(ctx, x, v)
	if err != nil {
		return nil, err
	}
	stages, err := s.stagesOf(ctx, s.db, x.name, v.id)
	if err != nil {
		return nil, err
	}
	if err := s.accessed(ctx, x, v); err != nil {
		return nil, err
	}
	return &secretsmanager.GetSecretValueOutput{
		ARN:           new(s.arn(x)),
		Name:          &x.name,
		VersionId:     &v.id,
		VersionStages: stages,
		SecretString:  c.text,
		SecretBinary:  c.bytes,
		CreatedDate:   &awsproto.Time{Time: time.UnixMilli(v.created)},
	}, nil
}

// wanted is the version that a request names by its ID, its stage or both.
func (s *Service) wanted(ctx context.Context, x *secret, id, stage string) (*kept, error) {
	if id == "" {
		if stage == "" {
			stage = current
		}
		of, err := s.staged(ctx, s.db, x.name, stage)
		if err != nil {
			return nil, err
		}
		if of == "" {
			return nil, notFound(" value for staging label: %s", stage)
		}
		id = of
	} else if stage != "" {
		of, err := s.staged(ctx, s.db, x.name, stage)
		if err != nil {
			return nil, err
		}
		if of != id {
			return nil, badRequest("You provided a VersionStage that is not associated to the provided VersionId.")
		}
	}
	v, err := s.version(ctx, s.db, x.name, id)
	if err == nil && v == nil {
		err = notFound(" value for VersionId: %s", id)
	}
	return v, err
}

// accessed notes the day on which a version was read last, as AWS does.
func (s *Service) accessed(ctx context.Context, x *secret, v *kept) error {
	day := s.Now().UTC().Truncate(24 * time.Hour).UnixMilli()
	if v.accessed == day {
		return nil
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE sm_versions SET accessed = $3 WHERE secret = $1 AND id = $2`, x.name, v.id, day)
		return err
	})
}

// BatchGetSecretValue implements secretsmanager:BatchGetSecretValue. A secret that cannot be read is listed with its
// error.
func (s *Service) BatchGetSecretValue(ctx context.Context,
	in *secretsmanager.BatchGetSecretValueInput) (*secretsmanager.BatchGetSecretValueOutput, error) {
	if (in.SecretIdList == nil) == (in.Filters == nil) {
		return nil, badParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	}
	if in.SecretIdList != nil && (in.MaxResults != nil || in.NextToken != nil) {
		return nil, badParameter("MaxResults and NextToken are for Filters, and not for SecretIdList.")
	}
	ids := in.SecretIdList
	out := &secretsmanager.BatchGetSecretValueOutput{SecretValues: []secretsmanager.SecretValueEntry{},
		Errors: []secretsmanager.APIErrorType{}}
	if ids == nil {
		list, err := s.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: in.Filters,
			MaxResults: new(int32(limit(in.MaxResults, 20))), NextToken: in.NextToken})
		if err != nil {
			return nil, err
		}
		for _, e := range list.SecretList {
			ids = append(ids, *e.ARN)
		}
		out.NextToken = list.NextToken
	}
	for _, id := range ids {
		v, err := s.mayGet(ctx, id)
		if err != nil {
			code := awsproto.Code(err)
			if code == "" {
				return nil, err
			}
			out.Errors = append(out.Errors, secretsmanager.APIErrorType{SecretId: &id, ErrorCode: &code,
				Message: new(err.Error())})
			continue
		}
		out.SecretValues = append(out.SecretValues, secretsmanager.SecretValueEntry(*v))
	}
	return out, nil
}

// mayGet reads a secret if the caller may.
func (s *Service) mayGet(ctx context.Context, id string) (*secretsmanager.GetSecretValueOutput, error) {
	resource := "secret:" + id
	if x, err := s.lookup(ctx, s.db, id); err != nil {
		return nil, err
	} else if x != nil {
		resource = "secret:" + x.name + "-" + x.suffix
	}
	if !awsproto.May(ctx, "secretsmanager:GetSecretValue", resource) {
		return nil, &awsproto.Error{Code: "AccessDeniedException", Message: "User: " + awsproto.CallerOf(ctx).ARN +
			" is not authorized to perform: secretsmanager:GetSecretValue on resource: " + id}
	}
	return s.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
}

// UpdateSecretVersionStage implements secretsmanager:UpdateSecretVersionStage.
func (s *Service) UpdateSecretVersionStage(ctx context.Context,
	in *secretsmanager.UpdateSecretVersionStageInput) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	stage, from, to := *in.VersionStage, awsproto.Value(in.RemoveFromVersionId), awsproto.Value(in.MoveToVersionId)
	if from == "" && to == "" {
		return nil, badParameter("You must provide either RemoveFromVersionId or MoveToVersionId.")
	}
	x, err := s.change(ctx, *in.SecretId, func(tx store.Tx, x *secret) error {
		has, err := s.staged(ctx, tx, x.name, stage)
		if err != nil {
			return err
		}
		switch {
		case from != "" && has != from:
			return badParameter("The staging label %s isn't currently attached to version %s.", stage, from)
		case from == "" && has != "" && has != to:
			return badParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently "+
				"attached to version %s, so you must explicitly reference that version in "+
				"RemoveFromVersionId.", stage, has)
		case to == "" && stage == current:
			return badParameter("You can only move staging label AWSCURRENT to a different secret version. It can't " +
				"be completely removed.")
		case to == "":
			_, err := tx.Exec(ctx, `DELETE FROM sm_stages WHERE secret = $1 AND stage = $2`, x.name, stage)
			return err
		}
		v, err := s.version(ctx, tx, x.name, to)
		if err != nil {
			return err
		}
		if v == nil {
			return notFound(" value for VersionId: %s", to)
		}
		return s.stage(ctx, tx, x.name, stage, to)
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.UpdateSecretVersionStageOutput{ARN: new(s.arn(x)), Name: &x.name}, nil
}

// ListSecretVersionIds implements secretsmanager:ListSecretVersionIds.
func (s *Service) ListSecretVersionIds(ctx context.Context,
	in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	x, err := s.find(ctx, s.db, *in.SecretId)
	if err != nil {
		return nil, err
	}
	of := []any{x.name, in.IncludeDeprecated}
	after := ""
	if err := s.place("ListSecretVersionIds", of, in.NextToken, &after); err != nil {
		return nil, err
	}
	stages, err := s.allStages(ctx, x.name)
	if err != nil {
		return nil, err
	}
	all, err := s.versionsOf(ctx, x.name)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.ListSecretVersionIdsOutput{ARN: new(s.arn(x)), Name: &x.name,
		Versions: []secretsmanager.SecretVersionsListEntry{}}
	most := limit(in.MaxResults, 100)
	for _, v := range all {
		if v.id <= after || len(stages[v.id]) == 0 && !asked(in.IncludeDeprecated) {
			continue
		}
		if len(out.Versions) == most {
			out.NextToken = s.Pager.Token("ListSecretVersionIds", of, *out.Versions[most-1].VersionId)
			break
		}
		e := secretsmanager.SecretVersionsListEntry{VersionId: &v.id, VersionStages: slices.Clone(stages[v.id]),
			CreatedDate: &awsproto.Time{Time: time.UnixMilli(v.created)}, KmsKeyIds: []string{keyName(v.key)}}
		if v.accessed > 0 {
			e.LastAccessedDate = &awsproto.Time{Time: time.UnixMilli(v.accessed)}
		}
		out.Versions = append(out.Versions, e)
	}
	return out, nil
}

// keyName is how a list names a key.
func keyName(key string) string {
	if key == ofSecrets {
		return "DefaultEncryptionKey"
	}
	return key
}
