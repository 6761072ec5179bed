package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/secretsmanager"
	"slipway/api/slipway"
	"slipway/api/ssm"
	"slipway/internal/mask"
	"slipway/spec/buildspec"
)

// Status codes of DOWNLOAD_SOURCE when a secret cannot be had, in CodeBuild's words.
const (
	parameterError = "Decrypted Variables Error"
	secretError    = "Secrets Manager Error"
)

// reference is a variable whose value is elsewhere.
type reference struct {
	name  string
	kind  codebuild.EnvironmentVariableType
	value string // a parameter's name, or SECRET-ID:JSON-KEY:VERSION-STAGE:VERSION-ID
}

// references are the variables of the buildspec, of the project and of the start whose values are secrets. What
// outweighs a variable takes its place.
func references(o *codebuild.Build, s *buildspec.Spec) []reference {
	var all []reference
	put := func(r reference) {
		all = slices.DeleteFunc(all, func(has reference) bool { return has.name == r.name })
		if r.kind != codebuild.EnvironmentVariableTypePlaintext && r.kind != "" {
			all = append(all, r)
		}
	}
	for _, v := range s.Env.ParameterStore {
		put(reference{v.Name, codebuild.EnvironmentVariableTypeParameterStore, v.Value})
	}
	for _, v := range s.Env.SecretsManager {
		put(reference{v.Name, codebuild.EnvironmentVariableTypeSecretsManager, v.Value})
	}
	if o.Environment != nil {
		for _, v := range o.Environment.EnvironmentVariables {
			put(reference{value(v.Name), v.Type, value(v.Value)})
		}
	}
	return all
}

// resolve fetches the secrets of a build with the rights of its role, and masks them in the log.
func (b *build) resolve(ctx context.Context) error {
	all := references(&b.order.Build, b.spec)
	for _, r := range all {
		if slices.Contains(b.spec.Env.Exported, r.name) {
			return fail(yamlError, "%s is a secret and cannot be in env.exported-variables", r.name)
		}
	}
	b.secrets = map[string]string{}
	if b.order.Fork {
		b.withhold(all)
		return nil
	}
	if b.InPlace || b.Secret != nil {
		return b.given(all)
	}
	if len(all) == 0 {
		return nil
	}
	if b.Identity == nil || b.Endpoint == "" {
		return fail(clientError, "the build has secrets, and no server to read them from")
	}
	if err := b.parameters(ctx, all); err != nil {
		return err
	}
	for _, r := range all {
		if r.kind != codebuild.EnvironmentVariableTypeSecretsManager {
			continue
		}
		v, err := b.secret(ctx, r.value)
		if err != nil {
			return refusal(ctx, secretError, err)
		}
		b.keepSecret(r.name, v)
	}
	return nil
}

// withhold leaves the secrets out of a build of a pull request from a fork. It goes on without them, so that tests that
// need none can be run for everybody.
func (b *build) withhold(all []reference) {
	for _, r := range all {
		b.log.say("%s is not set: secrets are withheld from builds of pull requests from forks", r.name)
	}
}

// given takes the secrets of a build without a server from who runs it.
func (b *build) given(all []reference) error {
	for name, v := range b.Secrets {
		b.keepSecret(name, v)
	}
	all = slices.DeleteFunc(all, func(r reference) bool { _, known := b.Secrets[r.name]; return known })
	if len(all) > 0 && b.Secret == nil {
		var missing []string
		for _, r := range all {
			missing = append(missing, r.name+" ("+r.value+")")
		}
		return fail(clientError, "the buildspec has secrets that are not given: %s. Write a line NAME=VALUE for each "+
			"of them into a file and name it with --secrets FILE. At a terminal they are asked for",
			strings.Join(missing, ", "))
	}
	for _, r := range all {
		v, err := b.Secret(r.name, r.value)
		if err != nil {
			return fail(clientError, "the secret %s is not known: %w", r.name, err)
		}
		b.keepSecret(r.name, v)
	}
	return nil
}

// keepSecret gives the build's shell a variable, and masks it in the log.
func (b *build) keepSecret(name, v string) {
	b.secrets[name] = v
	if !b.log.conceal(v) {
		b.log.say("The value of %s has fewer than %d characters: it is not masked in the log", name, mask.Least)
	}
}

// client calls this server as the role of the build's project.
func (b *build) client(ctx context.Context) (*awsproto.Client, error) {
	as, err := b.Identity.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	return &awsproto.Client{Endpoint: b.Endpoint, Region: b.order.Region, Credentials: as.Key, HTTP: transport()}, nil
}

// patiently calls the server until it answers, be it with an error.
func (b *build) patiently(ctx context.Context, call func(*awsproto.Client) error) error {
	for pause := time.Duration(0); ; {
		c, err := b.client(ctx)
		if err == nil {
			err = call(c)
		}
		if err == nil || awsproto.Code(err) != "" || ctx.Err() != nil {
			return err
		}
		if pause == 0 {
			b.log.say("The build waits for its secrets: %v", err)
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(ctx, pause)
	}
}

// refusal is an answer of the server in the form of CodeBuild's log.
func refusal(ctx context.Context, status string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if code := awsproto.Code(err); code != "" && !strings.HasPrefix(err.Error(), code) {
		return fail(status, "%s: %w", code, err)
	}
	return fail(status, "%w", err)
}

// atOnce is how many parameters a call reads.
const atOnce = 10

// parameters reads the parameters of variables.
func (b *build) parameters(ctx context.Context, all []reference) error {
	var names []string
	for _, r := range all {
		if r.kind == codebuild.EnvironmentVariableTypeParameterStore && !slices.Contains(names, r.value) {
			names = append(names, r.value)
		}
	}
	values := map[string]string{}
	for some := range slices.Chunk(names, atOnce) {
		var out *ssm.GetParametersOutput
		err := b.patiently(ctx, func(c *awsproto.Client) (err error) {
			in := &ssm.GetParametersInput{Names: some, WithDecryption: new(true)}
			out, err = ssm.Client{Client: c}.GetParameters(ctx, in)
			return err
		})
		if err != nil {
			return refusal(ctx, parameterError, err)
		}
		if len(out.InvalidParameters) > 0 {
			return fail(parameterError, "parameter does not exist: %s", strings.Join(out.InvalidParameters, ", "))
		}
		for _, p := range out.Parameters {
			for _, named := range []*string{p.Name, p.ARN} {
				values[value(named)+value(p.Selector)] = value(p.Value)
			}
		}
	}
	for _, r := range all {
		if r.kind == codebuild.EnvironmentVariableTypeParameterStore {
			b.keepSecret(r.name, values[r.value])
		}
	}
	return nil
}

// secretParts parts SECRET-ID:JSON-KEY:VERSION-STAGE:VERSION-ID. The ID may be an ARN, which has colons of its own.
func secretParts(given string) (id, key, stage, version string) {
	head := ""
	if strings.HasPrefix(given, "arn:") {
		parts := strings.SplitN(given, ":", 7)
		head, given = strings.Join(parts[:len(parts)-1], ":")+":", parts[len(parts)-1]
	}
	parts := append(strings.SplitN(given, ":", 4), "", "", "")
	return head + parts[0], parts[1], parts[2], parts[3]
}

// secret reads a secret, or a member of its JSON.
func (b *build) secret(ctx context.Context, given string) (string, error) {
	id, key, stage, version := secretParts(given)
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if stage != "" {
		in.VersionStage = &stage
	}
	if version != "" {
		in.VersionId = &version
	}
	var out *secretsmanager.GetSecretValueOutput
	err := b.patiently(ctx, func(c *awsproto.Client) (err error) {
		out, err = secretsmanager.Client{Client: c}.GetSecretValue(ctx, in)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case out.SecretString == nil:
		return "", fmt.Errorf("the secret %s has bytes and no text, which no variable can have", id)
	case key == "":
		return *out.SecretString, nil
	}
	return jsonMember(*out.SecretString, id, key)
}

// jsonMember is a member of a secret that is a JSON object. A member that is no text stays as it is written.
func jsonMember(text, id, key string) (string, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return "", fmt.Errorf("the secret %s is no JSON object, and has no key %s", id, key)
	}
	member, ok := members[key]
	if !ok {
		return "", fmt.Errorf("the JSON of the secret %s has no key %s", id, key)
	}
	var s string
	if json.Unmarshal(member, &s) == nil {
		return s, nil
	}
	return string(member), nil
}

// masking is an identity whose credentials are masked in a build's log.
type masking struct {
	Identity
	log *logbook
}

// Credentials implements Identity.
func (m masking) Credentials(ctx context.Context) (Temporary, error) {
	t, err := m.Identity.Credentials(ctx)
	if err == nil {
		m.log.conceal(t.Key.SecretAccessKey)
		m.log.conceal(t.Key.SessionToken)
	}
	return t, err
}

// Token implements Tokens.
func (m masking) Token(ctx context.Context, audience string) (string, time.Time, error) {
	of, ok := m.Identity.(Tokens)
	if !ok {
		return "", time.Time{}, errors.New("the build has no identity tokens")
	}
	token, expires, err := of.Token(ctx, audience)
	if err == nil {
		m.log.conceal(token)
	}
	return token, expires, err
}

// PutReportFile implements ReportFiles.
func (m masking) PutReportFile(ctx context.Context, report string, body awsproto.Body) error {
	if of, ok := m.Identity.(ReportFiles); ok {
		return of.PutReportFile(ctx, report, body)
	}
	return errors.New("nobody keeps files of this build")
}

// ReportExports implements ReportExports. An identity that knows of none has none.
func (m masking) ReportExports(ctx context.Context, reports []string) ([]slipway.ReportExport, error) {
	if of, ok := m.Identity.(ReportExports); ok {
		return of.ReportExports(ctx, reports)
	}
	return nil, nil
}

// finishSecrets masks what a build reports of itself besides its log.
func (b *build) finishSecrets() {
	b.log.end()
	if c := b.result.Cause; c != nil {
		c.Message, c.Command = b.log.concealed(c.Message), b.log.concealed(c.Command)
		if f := c.Finding; f != nil { // its message and its lines are of the log, where secrets are masked already
			f.Message = new(b.log.concealed(*f.Message))
		}
	}
}
