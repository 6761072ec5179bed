package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// trusting is a trust policy for a service.
func trusting(service string) *string {
	return aws.String(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
		"Principal": {"Service": "` + service + `"}}]}`)
}

// role makes a role for a service that may do some actions, and returns its ARN.
func (i *instance) role(name, service string, actions ...string) string {
	i.t.Helper()
	c := iam.NewFromConfig(i.sdk())
	ctx := i.t.Context()
	out := must(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: trusting(service)}))(i.t)
	if len(actions) > 0 {
		document := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": ["` +
			strings.Join(actions, `", "`) + `"]}]}`
		must(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("rights"),
			PolicyDocument: &document}))(i.t)
	}
	return *out.Role.Arn
}

// waiting is a build that says where its commands find credentials and tokens, and then waits to be stopped.
const waiting = `version: 0.2
phases:
  build:
    commands:
      - echo "the token is $(env | grep -c -e "$(cat "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")") times in the environment"
      - echo "AT $AWS_CONTAINER_CREDENTIALS_FULL_URI $ID_TOKEN_URL $(cat "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") $AWS_ENDPOINT_URL END"
      - sleep 600
`

// inBuild starts such a build, and returns the environment of its commands.
func (i *instance) inBuild(project string) (id string, env map[string]string) {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	id = *must(c.StartBuild(i.t.Context(), &codebuild.StartBuildInput{ProjectName: &project}))(i.t).Build.Id
	i.says(id, "\nAT http")
	_, after, _ := strings.Cut(i.printed(id), "\nAT ")
	said := strings.Fields(after)
	has(i.t, i.printed(id), "the token is 0 times in the environment")
	return id, map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": said[0],
		"ID_TOKEN_URL":                       said[1],
		"AWS_CONTAINER_AUTHORIZATION_TOKEN":  said[2],
		"AWS_ENDPOINT_URL":                   said[3],
	}
}

// A build's commands act as the role of its project: SDKs and the aws CLI find its credentials by themselves. They do
// what the role may, are refused what it may not, and end with the build.
func TestBuildActsAsItsRole(t *testing.T) {
	t.Parallel()
	i := up(t)
	arn := i.role("builder", "codebuild.amazonaws.com", "codecommit:ListRepositories", "logs:Create*", "logs:PutLogEvents")
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(t.Context(),
		&codecommit.CreateRepositoryInput{RepositoryName: aws.String("greeter")}))(t)
	i.inline("aws", waiting, func(in *codebuild.CreateProjectInput) { in.ServiceRole = &arn })
	id, env := i.inBuild("aws")
	if env["AWS_ENDPOINT_URL"] != i.url {
		t.Errorf("the build's clients call %s, want this server", env["AWS_ENDPOINT_URL"])
	}
	cfg := i.sdk()
	cfg.Credentials = aws.NewCredentialsCache(endpointcreds.New(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
		func(o *endpointcreds.Options) { o.AuthorizationToken = env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] }))
	_, unique, _ := strings.Cut(id, ":")
	session := "arn:aws:sts::" + account + ":assumed-role/builder/AWSCodeBuild-" + unique
	if who := must(sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil))(t); *who.Arn != session {
		t.Errorf("the build is %s, want %s", *who.Arn, session)
	}
	repositories := codecommit.NewFromConfig(cfg)
	if all := must(repositories.ListRepositories(t.Context(), nil))(t); len(all.Repositories) != 1 {
		t.Errorf("the build sees %d repositories, want 1", len(all.Repositories))
	}
	_, err := repositories.DeleteRepository(t.Context(),
		&codecommit.DeleteRepositoryInput{RepositoryName: aws.String("greeter")})
	if err == nil {
		t.Fatal("the build deleted a repository")
	}
	has(t, err.Error(), "AccessDeniedException: User: "+session+" is not authorized to perform: "+
		"codecommit:DeleteRepository on resource: arn:aws:codecommit:"+region+":"+account+":greeter because no "+
		"identity-based policy allows the codecommit:DeleteRepository action")
	kept := must(cfg.Credentials.Retrieve(t.Context()))(t)
	cfg.Credentials = credentials.StaticCredentialsProvider{Value: kept}
	must(codebuild.NewFromConfig(i.sdk()).StopBuild(t.Context(), &codebuild.StopBuildInput{Id: &id}))(t)
	i.ended(id)
	eventually(t, "the credentials end with the build", func() error {
		if out, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil); err == nil {
			return errors.New("they are still " + *out.Arn)
		}
		return nil
	})
}

// A build whose role is gone, or may not write its log, ends with the reason, and a project cannot be given a role that CodeBuild may not assume.
func TestBuildWithoutItsRole(t *testing.T) {
	t.Parallel()
	i := up(t)
	c := iam.NewFromConfig(i.sdk())
	arn := i.role("short", "codebuild.amazonaws.com")
	i.inline("short", "version: 0.2\nphases: {build: {commands: ['true']}}",
		func(in *codebuild.CreateProjectInput) { in.ServiceRole = &arn })
	other := i.role("other", "codedeploy.amazonaws.com")
	_, err := codebuild.NewFromConfig(i.sdk()).UpdateProject(t.Context(),
		&codebuild.UpdateProjectInput{Name: aws.String("short"), ServiceRole: &other})
	if err == nil {
		t.Error("a project took a role that does not trust CodeBuild")
	} else {
		has(t, err.Error(), "InvalidInputException", "does not let codebuild.amazonaws.com assume it",
			"aws iam update-assume-role-policy --role-name other")
	}
	build := func(what ...string) {
		t.Helper()
		b := i.build(&codebuild.StartBuildInput{ProjectName: aws.String("short")})
		why, _ := i.slipway("builds", "why", *b.Id)
		text := string(b.BuildStatus) + why
		for _, p := range b.Phases {
			for _, x := range p.Contexts {
				text += aws.ToString(x.StatusCode) + aws.ToString(x.Message)
			}
		}
		has(t, text, append(what, "FAILED", "ACCESS_DENIED")...)
	}
	build("Service role "+arn+" does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build",
		"is not authorized to perform: logs:CreateLog", "This statement in a policy of the role allows it: ")
	must(c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("short")}))(t)
	build("is not authorized to perform: sts:AssumeRole on service role " + arn)
}

// A build proves to others which build it is, by a token that they verify with this server's keys: here this server
// itself, whose STS gives a role for it.
func TestBuildHasIdentityTokens(t *testing.T) {
	t.Parallel()
	i := up(t)
	c := iam.NewFromConfig(i.sdk())
	ctx := t.Context()
	provider := must(c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("http://" + i.listen), ClientIDList: []string{"sts.amazonaws.com"}}))(t)
	trust := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
		"Principal": {"Federated": "` + *provider.OpenIDConnectProviderArn + `"},
		"Condition": {"StringEquals": {"` + i.listen + `:aud": "sts.amazonaws.com", "` + i.listen +
		`:sub": "project:teller"}}}]}`
	must(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("told"), AssumeRolePolicyDocument: &trust}))(t)
	i.inline("teller", waiting)
	i.inline("other", waiting)
	assume := func(project string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		_, env := i.inBuild(project)
		r := must(http.NewRequestWithContext(ctx, http.MethodGet, env["ID_TOKEN_URL"]+"?audience=sts.amazonaws.com",
			http.NoBody))(t)
		r.Header.Set("Authorization", env["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
		resp := must(http.DefaultClient.Do(r))(t)
		defer resp.Body.Close()
		var token struct{ Value string }
		if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
			t.Fatal(err)
		}
		cfg := i.sdk()
		cfg.Credentials = aws.AnonymousCredentials{}
		return sts.NewFromConfig(cfg).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
			RoleArn:          aws.String("arn:aws:iam::" + account + ":role/told"),
			RoleSessionName:  aws.String("teller"),
			WebIdentityToken: &token.Value,
		})
	}
	if out := must(assume("teller"))(t); *out.SubjectFromWebIdentityToken != "project:teller" {
		t.Errorf("the token is of %s", *out.SubjectFromWebIdentityToken)
	}
	if _, err := assume("other"); err == nil {
		t.Error("another project got the role")
	} else {
		has(t, err.Error(), "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
}

// A pipeline is refused if its role could not assume the role of an action, as CodePipeline does when it is defined.
func TestPipelineChecksRolesOfActions(t *testing.T) {
	t.Parallel()
	f := newFlow(t)
	pipelineRole := f.role("line", "codepipeline.amazonaws.com", "sts:AssumeRole", "s3:*")
	f.role("other", "codepipeline.amazonaws.com")
	f.assumable("own", "role/line", "")
	with := func(own string) error {
		d := declare("with-"+own, source(), stage("Approve", approval("Ask")))
		d.RoleArn = &pipelineRole
		d.Stages[1].Actions[0].RoleArn = aws.String("arn:aws:iam::" + account + ":role/" + own)
		_, err := f.CreatePipeline(t.Context(), &codepipeline.CreatePipelineInput{Pipeline: d})
		return err
	}
	for own, want := range map[string]string{
		"missing": `does not exist. Create it: aws iam create-role --role-name missing ` +
			`--assume-role-policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow",` +
			`"Principal":{"AWS":"` + pipelineRole + `"}}],"Version":"2012-10-17"}'`,
		"other": "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::" + account + ":role/other",
	} {
		err := with(own)
		says(t, err, "InvalidStructureException: "+pipelineRole+" is not authorized to perform AssumeRole on role ")
		says(t, err, want)
	}
	if err := with("own"); err != nil {
		t.Error(err)
	}
}
