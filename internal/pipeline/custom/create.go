package custom

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// maxTypes is the quota of custom actions of an account in a region ("Quotas in CodePipeline").
const maxTypes = 50

func invalid(format string, args ...any) error {
	return &cp.ValidationException{Message: fmt.Sprintf(format, args...)}
}

// CreateCustomActionType implements codepipeline:CreateCustomActionType. A type that was deleted is there again if it
// is made as it was; another one needs another version.
func (s *Service) CreateCustomActionType(
	ctx context.Context,
	in *cp.CreateCustomActionTypeInput,
) (*cp.CreateCustomActionTypeOutput, error) {
	t := &actionType{Shown: cp.ActionType{
		Id: &cp.ActionTypeId{
			Category: in.Category,
			Owner:    cp.ActionOwnerCustom,
			Provider: in.Provider,
			Version:  in.Version,
		},
		Settings:                      in.Settings,
		ActionConfigurationProperties: in.ConfigurationProperties,
		InputArtifactDetails:          in.InputArtifactDetails,
		OutputArtifactDetails:         in.OutputArtifactDetails,
	}}
	if t.Shown.Settings == nil {
		t.Shown.Settings = &cp.ActionTypeSettings{}
	}
	if t.Shown.ActionConfigurationProperties == nil {
		t.Shown.ActionConfigurationProperties = []cp.ActionConfigurationProperty{}
	}
	if err := checkType(&t.Shown); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		all, err := readTypes(ctx, tx)
		if err != nil {
			return err
		}
		if err := mayCreate(all, t); err != nil {
			return err
		}
		s.changed(tx)
		if err := writeType(ctx, tx, t); err != nil {
			return err
		}
		return pipeline.TagActionType(ctx, tx, "actiontype:"+typeName(t.Shown.Id), in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &cp.CreateCustomActionTypeOutput{ActionType: &t.Shown, Tags: in.Tags}, nil
}

const upsertType = `INSERT INTO pipeline_action_types (owner, category, provider, version, doc)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (owner, category, provider, version) DO UPDATE SET doc = excluded.doc, deleted = 0`

func writeType(ctx context.Context, tx store.Tx, t *actionType) error {
	id := t.Shown.Id
	_, err := tx.Exec(ctx, upsertType, string(id.Owner), string(id.Category), *id.Provider, *id.Version, store.JSON(t))
	return err
}

// mayCreate refuses a type of a version that another has or had, and one more than an account may have.
func mayCreate(all *known, t *actionType) error {
	id := t.Shown.Id
	if before := all.byName[typeName(id)]; before != nil {
		switch {
		case !before.deleted:
			return invalid("The action type of category %s, provider %s, version %s exists already", id.Category,
				*id.Provider, *id.Version)
		case !same(&before.Shown, &t.Shown):
			return invalid("An action type of category %s, provider %s, version %s was deleted. Create it as it was, "+
				"or choose a version that was never used", id.Category, *id.Provider, *id.Version)
		}
	}
	live := 0
	for _, other := range all.sorted {
		if !other.deleted && other.Shown.Id.Owner == cp.ActionOwnerCustom {
			live++
		}
	}
	if live >= maxTypes {
		return &cp.LimitExceededException{
			Message: fmt.Sprintf("This account has %d custom action types already, the most that it may have", live),
		}
	}
	return nil
}

func same(a, b *cp.ActionType) bool {
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(one) == string(other)
}

// checkType refuses what the model does not: see CreateCustomActionType and ActionConfigurationProperty in the API
// reference.
func checkType(t *cp.ActionType) error {
	switch t.Id.Category {
	case cp.ActionCategoryApproval, cp.ActionCategoryCompute:
		return invalid("There are no custom actions of category %s: choose Build, Test, Deploy, Invoke or Source",
			t.Id.Category)
	}
	for what, d := range map[string]*cp.ArtifactDetails{
		"inputArtifactDetails":  t.InputArtifactDetails,
		"outputArtifactDetails": t.OutputArtifactDetails,
	} {
		if *d.MinimumCount > *d.MaximumCount {
			return invalid("%s: the minimumCount %d is more than the maximumCount %d", what, *d.MinimumCount,
				*d.MaximumCount)
		}
	}
	if t.Id.Category == cp.ActionCategorySource && *t.InputArtifactDetails.MaximumCount > 0 {
		return invalid("inputArtifactDetails: a source action takes no artifacts")
	}
	if err := checkProperties(t.ActionConfigurationProperties); err != nil {
		return err
	}
	return checkSettings(t)
}

func checkProperties(all []cp.ActionConfigurationProperty) error {
	seen := map[string]bool{}
	asked := ""
	for i := range all {
		p := &all[i]
		name := *p.Name
		switch {
		case seen[name]:
			return invalid("There are two configuration properties %s", name)
		case !awsproto.Value(p.Queryable):
		case asked != "":
			return invalid("The configuration properties %s and %s are both queryable: only one may be", asked, name)
		case !*p.Required || *p.Secret:
			return invalid("The configuration property %s is queryable: it must be required and not secret", name)
		default:
			asked = name
		}
		seen[name] = true
	}
	return nil
}

// checkSettings checks the addresses of a type. Those that are templates may name properties that are required and not
// secret.
func checkSettings(t *cp.ActionType) error {
	s := t.Settings
	for _, x := range []struct {
		name     string
		value    *string
		mayHave  []string
		template bool
	}{
		{"thirdPartyConfigurationUrl", s.ThirdPartyConfigurationUrl, nil, false},
		{"entityUrlTemplate", s.EntityUrlTemplate, nil, true},
		{"executionUrlTemplate", s.ExecutionUrlTemplate, []string{"ExternalExecutionId"}, true},
		{"revisionUrlTemplate", s.RevisionUrlTemplate, []string{"Revision"}, true},
	} {
		if x.value == nil {
			continue
		}
		if u, err := url.Parse(templateMember().ReplaceAllString(*x.value, "x")); err != nil || u.Host == "" ||
			u.Scheme != "https" && u.Scheme != "http" {
			return invalid("settings.%s: %q is no address: it must begin with https:// or http://", x.name, *x.value)
		}
		if !x.template {
			continue
		}
		for _, m := range templateMember().FindAllStringSubmatch(*x.value, -1) {
			if !slices.Contains(x.mayHave, m[1]) && !namesProperty(t, m[1]) {
				return invalid("settings.%s: {%s} is neither {Config:NAME} of a configuration property that is "+
					"required and not secret, nor one of %v", x.name, m[1], x.mayHave)
			}
		}
	}
	return nil
}

func namesProperty(t *cp.ActionType, member string) bool {
	name, ok := strings.CutPrefix(member, "Config:")
	return ok && slices.ContainsFunc(t.ActionConfigurationProperties, func(p cp.ActionConfigurationProperty) bool {
		return *p.Name == name && *p.Required && !*p.Secret
	})
}

// DeleteCustomActionType implements codepipeline:DeleteCustomActionType. Workers get no more jobs of the type, and
// actions of it fail. Its version is not used again.
func (s *Service) DeleteCustomActionType(
	ctx context.Context,
	in *cp.DeleteCustomActionTypeInput,
) (*cp.DeleteCustomActionTypeOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		var one int64
		ok, err := store.Find(ctx, tx, []any{&one}, `UPDATE pipeline_action_types SET deleted = 1 WHERE owner = $1 AND
			category = $2 AND provider = $3 AND version = $4 AND deleted = 0 RETURNING 1`,
			string(cp.ActionOwnerCustom), string(in.Category), *in.Provider, *in.Version)
		if err == nil && !ok {
			err = invalid("There is no custom action type of category %s, provider %s, version %s", in.Category,
				*in.Provider, *in.Version)
		}
		s.changed(tx)
		return err
	})
}

// UpdateActionType implements codepipeline:UpdateActionType, for types of the owner ThirdParty whose work job workers
// do. One that is not there is made: at AWS its staff does so.
func (s *Service) UpdateActionType(
	ctx context.Context,
	in *cp.UpdateActionTypeInput,
) (*cp.UpdateActionTypeOutput, error) {
	d := in.ActionType
	shown := shownOf(d)
	if err := checkDeclaration(d); err != nil {
		return nil, err
	}
	if err := checkType(&shown); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		all, err := readTypes(ctx, tx)
		if err != nil {
			return err
		}
		t := &actionType{Shown: shown, Declaration: d, Client: uuid.NewString()}
		if before := all.byName[typeName(shown.Id)]; before != nil {
			t.Client = before.Client
		}
		s.changed(tx)
		return writeType(ctx, tx, t)
	})
}

// checkDeclaration refuses types that are not for UpdateActionType, and executors that are not there.
func checkDeclaration(d *cp.ActionTypeDeclaration) error {
	id := d.Id
	owner := *id.Owner
	if owner != string(cp.ActionOwnerThirdParty) {
		return &cp.ActionTypeNotFoundException{Message: "Action types of the owner " + owner + " cannot be updated"}
	}
	known := pipelinefile.AWS().Find(&cp.ActionTypeId{
		Category: id.Category,
		Owner:    cp.ActionOwnerThirdParty,
		Provider: id.Provider,
	})
	switch {
	case known != nil:
		return invalid("The action type %s of category %s is there already and cannot be updated", *id.Provider,
			id.Category)
	case d.Executor.Type != cp.ExecutorTypeJobWorker:
		return invalid("Slipway does not implement the executor %s of action types: use JobWorker", d.Executor.Type)
	case d.Executor.PolicyStatementsTemplate != nil:
		return invalid("Slipway does not implement policyStatementsTemplate of action types: the role of the " +
			"pipeline has what the job may do")
	}
	return nil
}

// shownOf is a declared type as ListActionTypes shows it.
func shownOf(d *cp.ActionTypeDeclaration) cp.ActionType {
	t := cp.ActionType{
		Id: &cp.ActionTypeId{
			Category: d.Id.Category,
			Owner:    cp.ActionOwner(*d.Id.Owner),
			Provider: d.Id.Provider,
			Version:  d.Id.Version,
		},
		Settings:                      &cp.ActionTypeSettings{},
		ActionConfigurationProperties: []cp.ActionConfigurationProperty{},
		InputArtifactDetails:          (*cp.ArtifactDetails)(d.InputArtifactDetails),
		OutputArtifactDetails:         (*cp.ArtifactDetails)(d.OutputArtifactDetails),
	}
	if u := d.Urls; u != nil {
		t.Settings = &cp.ActionTypeSettings{
			ThirdPartyConfigurationUrl: u.ConfigurationUrl,
			EntityUrlTemplate:          u.EntityUrlTemplate,
			ExecutionUrlTemplate:       u.ExecutionUrlTemplate,
			RevisionUrlTemplate:        u.RevisionUrlTemplate,
		}
	}
	for i := range d.Properties {
		p := &d.Properties[i]
		t.ActionConfigurationProperties = append(t.ActionConfigurationProperties, cp.ActionConfigurationProperty{
			Name:        p.Name,
			Required:    new(!*p.Optional),
			Key:         p.Key,
			Secret:      p.NoEcho,
			Queryable:   p.Queryable,
			Description: p.Description,
		})
	}
	return t
}
