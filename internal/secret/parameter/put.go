package parameter

import (
	"cmp"
	"context"
	"regexp"

	"slipway/api/awsproto"
	"slipway/api/ssm"
	"slipway/internal/store"
)

const (
	maxVersions = 100
	maxStandard = 4 << 10
	maxAdvanced = 8 << 10
	text        = "text" // the type of data that is not checked
)

// PutParameter implements ssm:PutParameter.
func (s *Service) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	name, selector, err := s.parse(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	if selector != "" {
		return nil, invalid(nameWords)
	}
	if err := checkPut(name, in); err != nil {
		return nil, err
	}
	for { // until nobody has changed the parameter while its value was encrypted, which the database does not wait for
		out, done, err := s.put(ctx, name, in)
		if done || err != nil {
			return out, err
		}
	}
}

// put adds a version after the newest one. It reports false if that is not the newest any more.
func (s *Service) put(ctx context.Context, name string,
	in *ssm.PutParameterInput) (out *ssm.PutParameterOutput, done bool, err error) {
	before, err := newest(ctx, s.db, name)
	if err != nil {
		return nil, false, err
	}
	m, err := s.next(ctx, name, before, in)
	if err != nil {
		return nil, false, err
	}
	kept, err := s.keep(ctx, m, *in.Value)
	if err != nil {
		return nil, false, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		now, err := newest(ctx, tx, name)
		if err != nil {
			return err
		}
		if done = (now == nil) == (before == nil) && (now == nil || *now.Version == *before.Version); !done {
			return nil
		}
		return s.add(ctx, tx, m, kept, in.Tags)
	})
	return &ssm.PutParameterOutput{Version: m.Version, Tier: m.Tier}, done, err
}

// checkPut refuses what no parameter can be.
func checkPut(name string, in *ssm.PutParameterInput) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch data := awsproto.Value(in.DataType); {
	case in.Policies != nil && *in.Policies != "[{}]" && *in.Policies != "[]":
		return refused("policies of parameters (Policies), such as an expiration")
	case data != "" && data != text:
		return refused("parameters of the data type " + data + "; the data type is text")
	case *in.Value == "":
		return invalid("1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have " +
			"length greater than or equal to 1")
	case asked(in.Overwrite) && len(in.Tags) > 0:
		return invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, " +
			"please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or " +
			"RemoveTagsFromResource.")
	}
	return nil
}

// next is the metadata of the version that follows another, or of the first one.
func (s *Service) next(ctx context.Context, name string, before *version,
	in *ssm.PutParameterInput) (*ssm.ParameterMetadata, error) {
	m := &ssm.ParameterMetadata{
		Name:             &name,
		Type:             in.Type,
		LastModifiedDate: &awsproto.Time{Time: s.Now()},
		LastModifiedUser: new(awsproto.CallerOf(ctx).ARN),
		Description:      in.Description,
		AllowedPattern:   in.AllowedPattern,
		KeyId:            in.KeyId,
		Version:          new(int64(1)),
		DataType:         new(text),
	}
	tier := ssm.ParameterTierStandard
	if before != nil {
		if !asked(in.Overwrite) {
			return nil, &ssm.ParameterAlreadyExists{Message: "The parameter already exists. To overwrite this value, " +
				"set the overwrite option in the request to true."}
		}
		follow(m, before)
		tier = before.Tier
	}
	if err := checkType(m, before); err != nil {
		return nil, err
	}
	var err error
	if m.Tier, err = chooseTier(in.Tier, tier, len(*in.Value)); err != nil {
		return nil, err
	}
	return m, checkPattern(awsproto.Value(m.AllowedPattern), *in.Value)
}

// follow takes over what an overwriting request does not give.
func follow(m *ssm.ParameterMetadata, before *version) {
	m.Version = new(*before.Version + 1)
	m.Type = cmp.Or(m.Type, before.Type)
	m.Description = cmp.Or(m.Description, before.Description)
	m.AllowedPattern = cmp.Or(m.AllowedPattern, before.AllowedPattern)
	if m.Type == ssm.ParameterTypeSecureString {
		m.KeyId = cmp.Or(m.KeyId, before.KeyId)
	}
}

func checkType(m *ssm.ParameterMetadata, before *version) error {
	switch {
	case m.Type == "":
		return invalid("A parameter type is required when you create a parameter.")
	case before != nil && before.Type != m.Type:
		return &ssm.HierarchyTypeMismatchException{Message: "Parameter Store does not change the type of a " +
			"parameter: " +
			*m.Name + " is a " + string(before.Type) + ". Create a new, unique parameter."}
	case m.Type != ssm.ParameterTypeSecureString && m.KeyId != nil:
		return invalid("KeyId is required for SecureString type parameter only.")
	case m.Type == ssm.ParameterTypeSecureString && m.KeyId == nil:
		m.KeyId = new(ofSSM)
	}
	return nil
}

// chooseTier is the tier of a version: the one asked for, or that of the version before. An advanced parameter stays
// one.
func chooseTier(asked, before ssm.ParameterTier, size int) (ssm.ParameterTier, error) {
	tier := cmp.Or(asked, before)
	if tier == ssm.ParameterTierIntelligentTiering {
		tier = before
		if size > maxStandard {
			tier = ssm.ParameterTierAdvanced
		}
	}
	switch {
	case tier == ssm.ParameterTierStandard && before == ssm.ParameterTierAdvanced:
		return "", invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from " +
			"the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced " +
			"parameter and recreate it as a standard parameter.")
	case tier == ssm.ParameterTierStandard && size > maxStandard:
		return "", invalid("Standard tier parameters support a maximum parameter value of %d characters. To create a "+
			"larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, "+
			"see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
			maxStandard)
	case size > maxAdvanced:
		return "", invalid("Advanced tier parameters support a maximum parameter value of %d characters.", maxAdvanced)
	}
	return tier, nil
}

// checkPattern refuses a value that an allowed pattern does not match. The pattern is of Go here and of Java at AWS.
func checkPattern(pattern, value string) error {
	if pattern == "" {
		return nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return &ssm.InvalidAllowedPatternException{Message: "The allowed pattern is not a regular expression: " +
			err.Error()}
	}
	if !re.MatchString(value) {
		return &ssm.ParameterPatternMismatchException{
			Message: "Parameter value, cannot be validated against allowedPattern: " + pattern}
	}
	return nil
}

// add writes a version, and makes it the newest.
func (s *Service) add(ctx context.Context, tx store.Tx, m *ssm.ParameterMetadata, kept string, given []ssm.Tag) error {
	if _, err := tx.Exec(ctx, `INSERT INTO ssm_parameters (name, version) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET version = excluded.version`, *m.Name, *m.Version); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO ssm_versions (parameter, version, doc, value) VALUES ($1, $2, $3, $4)`,
		*m.Name, *m.Version, store.JSON(m), kept); err != nil {
		return err
	}
	if err := prune(ctx, tx, *m.Name); err != nil {
		return err
	}
	return putTags(ctx, tx, *m.Name, given)
}

// prune deletes the oldest version once there are too many, unless it has a label.
func prune(ctx context.Context, tx store.Tx, name string) error {
	var count int
	var oldest int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*), MIN(version) FROM ssm_versions WHERE parameter = $1`,
		name).Scan(&count, &oldest); err != nil || count <= maxVersions {
		return err
	}
	labelled, err := store.Find(ctx, tx, []any{new(string)}, `SELECT label FROM ssm_labels WHERE parameter = $1 AND
		version = $2 LIMIT 1`, name, oldest)
	if err != nil {
		return err
	}
	if labelled {
		return &ssm.ParameterMaxVersionLimitExceeded{Message: "You attempted to create a new version of " + name +
			" by calling the PutParameter API with the overwrite flag. The oldest version can't be deleted because " +
			"it has a label associated with it. Move the label to another version of the parameter, and try again."}
	}
	_, err = tx.Exec(ctx, `DELETE FROM ssm_versions WHERE parameter = $1 AND version = $2`, name, oldest)
	return err
}
