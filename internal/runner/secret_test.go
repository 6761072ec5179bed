package runner

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/secretsmanager"
	"slipway/api/ssm"
	"slipway/internal/runner/room"
)

// parameterStub and secretStub answer as a server that has one parameter and one secret.
type parameterStub struct{ ssm.Unimplemented }

func (parameterStub) GetParameters(_ context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		switch base, selector, _ := strings.Cut(name, ":"); base {
		case "/CodeBuild/token":
			p := ssm.Parameter{Name: new(base), Value: new("value $HOME of the token"), ARN: new("arn:" + base)}
			if selector != "" {
				p.Selector = new(":" + selector)
			}
			out.Parameters = append(out.Parameters, p)
		case "/denied":
			return nil, &awsproto.Error{Code: "AccessDeniedException", Message: "User: x is not authorized"}
		default:
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}

type secretStub struct{ secretsmanager.Unimplemented }

func (secretStub) GetSecretValue(_ context.Context,
	in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	if *in.SecretId != "arn:aws:secretsmanager:r:a:secret:db-abcdef" || value(in.VersionStage) != "AWSPREVIOUS" {
		return nil, &secretsmanager.ResourceNotFoundException{
			Message: "Secrets Manager can't find the specified secret."}
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: new(`{"password":"pass\nword-2","port":54321}`)}, nil
}

// runWithSecrets runs a build whose server has the stubs' parameters and secrets.
func runWithSecrets(t *testing.T, spec string, variables ...codebuild.EnvironmentVariable) (string, string) {
	t.Helper()
	wire := &awsproto.Server{Region: "us-east-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: testKey.SecretAccessKey}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) { return awsproto.Caller{}, nil }}
	wire.Add(ssm.New(awsproto.Hooks{}, parameterStub{}), secretsmanager.New(awsproto.Hooks{}, secretStub{}))
	server := httptest.NewServer(wire)
	t.Cleanup(server.Close)
	var log watched
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o := order(spec)
	o.Build.Environment = &codebuild.ProjectEnvironment{EnvironmentVariables: variables}
	r := runJob(ctx, Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "build")}, Log: &log,
		Executor: sandbox(t), Endpoint: server.URL, Identity: Fixed(testKey)})
	failed := r.Phases[len(r.Phases)-3].Contexts[0]
	return value(failed.StatusCode) + " " + value(failed.Message), log.String()
}

// Secrets are variables of the commands, literally, and *** in the log.
func TestSecrets(t *testing.T) {
	t.Parallel()
	stored := codebuild.EnvironmentVariableTypeParameterStore
	ended, log := runWithSecrets(t, `version: 0.2
env:
  parameter-store: {TOKEN: "/CodeBuild/token:3", OVER: /none}
  secrets-manager:
    PASSWORD: "arn:aws:secretsmanager:r:a:secret:db-abcdef:password:AWSPREVIOUS"
    PORT: "arn:aws:secretsmanager:r:a:secret:db-abcdef:port:AWSPREVIOUS"
phases:
  build:
    commands:
      - '[ "$TOKEN" = "value \$HOME of the token" ] && [ "$AGAIN" = "$TOKEN" ] && [ "$OVER" = plain ]'
      - '[ "$PORT" = 54321 ] && [ "$PASSWORD" = "$(printf "pass\nword-2")" ]'
      - echo "token=$TOKEN port=$PORT"; echo "$PASSWORD"
      - printf %s "$TOKEN" | base64 -w0; echo; printf "%.10s" "$TOKEN"; printf "%s\n" "${TOKEN#??????????}"
      - for f in /proc/[0-9]*/cmdline; do if tr "\0" " " <$f | grep -q "of the to[k]en"; then echo in-argv; fi; done
      - echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI" >/dev/null; false
`, codebuild.EnvironmentVariable{Name: new("AGAIN"), Value: new("/CodeBuild/token"), Type: stored},
		codebuild.EnvironmentVariable{Name: new("OVER"), Value: new("plain")})
	if !strings.Contains(ended, "false. Reason: exit status 1") && !strings.Contains(log, "exit status 1") {
		t.Fatalf("%s\n%s", ended, log)
	}
	for _, hidden := range []string{"of the token", "54321", "word-2", "in-argv\n", "dmFsdWUg"} {
		if strings.Contains(said(log), hidden) {
			t.Errorf("the log has %q:\n%s", hidden, log)
		}
	}
	if want := "token=*** port=***\n***\n***\n"; !strings.Contains(log, want) {
		t.Errorf("the log has not %q:\n%s", want, log)
	}
}

// A secret that cannot be had ends DOWNLOAD_SOURCE with the reason.
func TestRefusedSecrets(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"{parameter-store: {A: /none, B: /nil}}": "Decrypted Variables Error parameter does not exist: /none, /nil",
		"{parameter-store: {A: /denied}}": "Decrypted Variables Error AccessDeniedException: " +
			"User: x is not authorized",
		"{secrets-manager: {A: none}}": "Secrets Manager Error ResourceNotFoundException: " +
			"Secrets Manager can't find the specified secret.",
		`{secrets-manager: {A: "arn:aws:secretsmanager:r:a:secret:db-abcdef:user:AWSPREVIOUS"}}`: "Secrets Manager Error " +
			"the JSON of the secret arn:aws:secretsmanager:r:a:secret:db-abcdef has no key user",
		"{parameter-store: {A: /CodeBuild/token}, exported-variables: [B]}": "YAML_FILE_ERROR B is a secret and cannot " +
			"be in env.exported-variables",
	} {
		got, log := runWithSecrets(t, "version: 0.2\nenv: "+spec+"\nphases: {build: {commands: [echo never]}}\n",
			codebuild.EnvironmentVariable{Name: new("B"), Value: new("/CodeBuild/token"),
				Type: codebuild.EnvironmentVariableTypeParameterStore})
		if spec == "{parameter-store: {A: /none, B: /nil}}" { // the project's B outweighs that of the buildspec
			want = "Decrypted Variables Error parameter does not exist: /none"
		}
		if got != want {
			t.Errorf("%s: %q, want %q\n%s", spec, got, want, log)
		}
	}
}
