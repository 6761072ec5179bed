package view

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/api/ssm"
)

// Secret is a parameter of Parameter Store or a secret of Secrets Manager, without its value.
type Secret struct {
	Name        string         `json:"name"`
	Store       string         `json:"store"` // StoreParameters or StoreSecrets
	Type        string         `json:"type"`  // "encrypted", "plain", "list of plain values"
	Version     string         `json:"version,omitzero"`
	Changed     *awsproto.Time `json:"changed,omitzero"`
	By          string         `json:"changedBy,omitzero"`
	Used        *awsproto.Time `json:"used,omitzero"`    // its day, of a secret
	Deleted     *awsproto.Time `json:"deleted,omitzero"` // of a secret that can still be restored
	Description string         `json:"description,omitzero"`
}

// Stores of secrets.
const (
	StoreParameters = "parameter"
	StoreSecrets    = "secret"
)

// secretTypes are the types of parameters as people read them.
var secretTypes = map[ssm.ParameterType]string{
	ssm.ParameterTypeSecureString: "encrypted",
	ssm.ParameterTypeString:       "plain",
	ssm.ParameterTypeStringList:   "list of plain values",
}

// SecretPage is one page of parameters, and one of secrets, in one list by name.
type SecretPage struct {
	Secrets        []Secret `json:"secrets"`
	NextParameters *string  `json:"nextParameters,omitzero"`
	NextSecrets    *string  `json:"nextSecrets,omitzero"`
}

// secretsAPage is how many of each are on a page; DescribeParameters gives no more.
const secretsAPage = 50

// ReadSecrets lists parameters and secrets, without their values. A nil token reads from the beginning, an empty one
// nothing more.
func ReadSecrets(ctx context.Context, parameters ssm.API, secrets secretsmanager.API,
	nextParameters, nextSecrets *string) (*SecretPage, error) {
	p := &SecretPage{Secrets: []Secret{}}
	if text(nextParameters) != "" || nextParameters == nil {
		out, err := parameters.DescribeParameters(ctx,
			&ssm.DescribeParametersInput{MaxResults: new(int32(secretsAPage)), NextToken: nextParameters})
		if err != nil {
			return nil, err
		}
		for i := range out.Parameters {
			p.Secrets = append(p.Secrets, parameterOf(&out.Parameters[i]))
		}
		p.NextParameters = out.NextToken
	}
	if text(nextSecrets) != "" || nextSecrets == nil {
		out, err := secrets.ListSecrets(ctx, &secretsmanager.ListSecretsInput{MaxResults: new(int32(secretsAPage)),
			NextToken: nextSecrets, IncludePlannedDeletion: new(true)})
		if err != nil {
			return nil, err
		}
		for i := range out.SecretList {
			p.Secrets = append(p.Secrets, secretOf(&out.SecretList[i]))
		}
		p.NextSecrets = out.NextToken
	}
	slices.SortFunc(p.Secrets, func(a, b Secret) int { return strings.Compare(a.Name, b.Name) })
	return p, nil
}

func parameterOf(m *ssm.ParameterMetadata) Secret {
	s := Secret{Name: text(m.Name), Store: StoreParameters, Type: secretTypes[m.Type], Changed: m.LastModifiedDate,
		By: text(m.LastModifiedUser), Description: text(m.Description)}
	if m.Version != nil {
		s.Version = strconv.FormatInt(*m.Version, 10)
	}
	return s
}

func secretOf(e *secretsmanager.SecretListEntry) Secret {
	s := Secret{Name: text(e.Name), Store: StoreSecrets, Type: "encrypted", Changed: e.LastChangedDate,
		Used: e.LastAccessedDate, Deleted: e.DeletedDate, Description: text(e.Description)}
	for id, stages := range e.SecretVersionsToStages {
		if slices.Contains(stages, "AWSCURRENT") {
			s.Version = id
		}
	}
	return s
}
