package parameter

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/ssm"
	"slipway/internal/store"
)

// GetParameter implements ssm:GetParameter.
func (s *Service) GetParameter(ctx context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	v, selector, err := s.find(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	p, err := s.parameter(ctx, v, selector, asked(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterOutput{Parameter: p}, nil
}

// GetParameters implements ssm:GetParameters. Names that mean nothing are listed.
func (s *Service) GetParameters(ctx context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	out := &ssm.GetParametersOutput{Parameters: []ssm.Parameter{}, InvalidParameters: []string{}}
	seen := map[string]bool{}
	for _, name := range in.Names {
		if seen[name] {
			return nil, invalid("Duplicate Names: %s", name)
		}
		seen[name] = true
		v, selector, err := s.find(ctx, name)
		switch awsproto.Code(err) {
		case "ParameterNotFound", "ParameterVersionNotFound":
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		if err != nil {
			return nil, err
		}
		p, err := s.parameter(ctx, v, selector, asked(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, *p)
	}
	return out, nil
}

// GetParameterHistory implements ssm:GetParameterHistory: all versions, the oldest first.
func (s *Service) GetParameterHistory(ctx context.Context,
	in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	v, _, err := s.find(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	after := int64(0)
	if err := s.place("GetParameterHistory", v.Name, in.NextToken, &after); err != nil {
		return nil, err
	}
	most := limit(in.MaxResults, 50)
	all, err := store.All(ctx, s.db, scanVersion, columns+` WHERE v.parameter = $1 AND v.version > $2
		ORDER BY v.version LIMIT $3`, *v.Name, after, most+1)
	if err != nil {
		return nil, err
	}
	labels, err := s.labels(ctx, s.db, *v.Name)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParameterHistoryOutput{Parameters: []ssm.ParameterHistory{}}
	for i, v := range all {
		if i == most {
			out.NextToken = s.Pager.Token("GetParameterHistory", v.Name, *all[i-1].Version)
			break
		}
		value, err := s.value(ctx, v, asked(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		h := ssm.ParameterHistory{
			Name:             v.Name,
			Type:             v.Type,
			KeyId:            v.KeyId,
			LastModifiedDate: v.LastModifiedDate,
			LastModifiedUser: v.LastModifiedUser,
			Description:      v.Description,
			Value:            value,
			AllowedPattern:   v.AllowedPattern,
			Version:          v.Version,
			Labels:           labels[*v.Version],
			Tier:             v.Tier,
			DataType:         v.DataType,
		}
		if h.Labels == nil {
			h.Labels = []string{}
		}
		out.Parameters = append(out.Parameters, h)
	}
	return out, nil
}

// remove deletes a parameter with all that belongs to it. It reports false if there is none.
func (s *Service) remove(ctx context.Context, given string) (found bool, err error) {
	name, selector, err := s.parse(ctx, given)
	if err != nil || selector != "" {
		return false, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if found, err = store.Find(ctx, tx, []any{new(string)}, `SELECT name FROM ssm_parameters WHERE name = $1`,
			name); err != nil {
			return err
		}
		for _, of := range []string{"ssm_labels WHERE parameter", "ssm_tags WHERE parameter",
			"ssm_versions WHERE parameter", "ssm_parameters WHERE name"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+of+` = $1`, name); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// DeleteParameter implements ssm:DeleteParameter.
func (s *Service) DeleteParameter(ctx context.Context,
	in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	found, err := s.remove(ctx, *in.Name)
	if err == nil && !found {
		err = notFound(*in.Name)
	}
	return nil, err
}

// DeleteParameters implements ssm:DeleteParameters.
func (s *Service) DeleteParameters(ctx context.Context,
	in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	out := &ssm.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		found, err := s.remove(ctx, name)
		if err != nil && awsproto.Code(err) != "ParameterNotFound" {
			return nil, err
		}
		if found {
			out.DeletedParameters = append(out.DeletedParameters, name)
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}
