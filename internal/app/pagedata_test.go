package app

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	cc "slipway/api/codecommit"
	"slipway/api/codeconnections"
	cd "slipway/api/codedeploy"
	cp "slipway/api/codepipeline"
	"slipway/api/iam"
	"slipway/api/slipway"
	"slipway/internal/identity"
	"slipway/internal/store/storetest"
)

const (
	// unseen is in the name or the text of everything that is there, and in no address that the walk asks for: a page
	// that has it shows data.
	unseen = "unseen"
	// walked is the name of what the addresses name.
	walked = "walked"
)

// pageQueries are what pages are asked besides their paths.
var pageQueries = map[string]string{
	"GET /live":                     "page=/settings/users&on=pipelines&have=main:0",
	"GET /find":                     "q=s",
	"GET /repositories/{name}/file": "path=main.txt",
	"GET /repositories/{name}/raw":  "path=main.txt",
	"GET /repositories/{name}/diff": "from=FIRST&to=COMMIT",
	"GET /tests/{group}/case":       "prefix=p&name=n",
	"GET /builds/{id}/find":         "q=s",
	"GET /settings/policy":          "arn=POLICY",
	"POST /settings/policy":         "arn=POLICY",
	"GET /settings/editor":          "arn=POLICY",
	"POST /settings/editor":         "arn=POLICY",
	"GET /settings/rights":          "who=walked&action=codecommit:GitPull",
	"GET /settings/jobs":            "all",
	"GET /signin/from/{name}":       "state=x&code=y",
}

// pageForms are what forms say.
var pageForms = map[string]map[string]string{
	"POST /deployments/{id}/rollback":                 {"to": "DEPLOYMENT"},
	"POST /pipelines/{name}/retry":                    {"stage": "Ask", "execution": "EXECUTION", "mode": "FAILED_ACTIONS"},
	"POST /pipelines/{name}/rollback":                 {"stage": "Ask", "execution": "EXECUTION"},
	"POST /pipelines/{name}/override":                 {"stage": "Ask", "execution": "EXECUTION", "type": "BEFORE_ENTRY"},
	"POST /pipelines/{name}/transition":               {"stage": "Ask", "to": "Ask", "do": "disable", "reason": "x"},
	"POST /pipelines/{name}/approve/{stage}/{action}": {"token": "x", "status": "Approved", "comment": "x"},
	"POST /settings":                                  {"create": "key"},
	"POST /tests/{group}/case":                        {"prefix": "p", "name": "n", "do": "quarantine", "reason": "x", "days": "3"},
	"POST /sandboxes/{id}/commands":                   {"command": "true"},
	"POST /settings/keys/{id}":                        {"do": "delete"},
	"POST /settings/hosts":                            {"name": "new"},
	"POST /settings/images":                           {"name": "aws/codebuild/standard:7.0", "image": "debian:12"},
	"POST /settings/connections/{connection}":         {"do": "secret"},
	"POST /settings/jobs":                             {"do": "retry", "kind": "x", "key": "x"},
	"POST /settings/users":                            {"name": "new"},
	"POST /settings/users/{name}":                     {"do": "delete"},
	"POST /settings/groups":                           {"name": "new"},
	"POST /settings/groups/{name}":                    {"do": "delete"},
	"POST /settings/roles":                            {"name": "new", "service": "codebuild.amazonaws.com"},
	"POST /settings/roles/{name}":                     {"do": "delete"},
	"POST /settings/policy":                           {"do": "delete"},
	"POST /settings/editor":                           {"do": "save", "document": "POLICYTEXT"},
	"POST /settings/signin/passkeys":                  {"name": "x", "state": "x", "response": "x"},
	"POST /settings/signin/authenticator/on":          {"serial": "SERIAL", "code1": "123456", "code2": "123457"},
	"POST /settings/signin/authenticator/off":         {"serial": "SERIAL"},
	"POST /settings/signin/providers": {"name": "new", "issuer": "https://127.0.0.1:1", "client": "x",
		"mappings": "* = group/administrators"},
	"POST /settings/signin/providers/{name}": {"do": "delete"},
}

// pageData is what is there to be seen.
type pageData struct {
	w   *walker
	api contract
	ctx context.Context //nolint:containedctx // of the administrator
	// IDs of what the addresses name.
	first, commit, build, batch, execution, deployment, policy, connection string
}

func document(statements []statement) string {
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	return string(text)
}

// fill writes the IDs of what is there in a text.
func (d *pageData) fill(text string) string {
	policy := document([]statement{{"Effect": "Allow", "Action": "*", "Resource": "*"}})
	serial := "arn:aws:iam::" + d.w.Place.Account + ":mfa/x"
	return strings.NewReplacer("POLICYTEXT", policy, "SERIAL", serial, "FIRST", d.first, "COMMIT", d.commit, "POLICY", d.policy, "DEPLOYMENT", d.deployment,
		"EXECUTION", d.execution).Replace(text)
}

// value is what a variable in the pattern of a page is of. It is not ok for one that the walk does not know.
func (d *pageData) value(pattern, name string) (value string, ok bool) {
	_, path, _ := strings.Cut(pattern, " ")
	switch name {
	case "$":
		return "", true
	case "name", "app", "group", "host":
		return walked, true
	case "file":
		return "none.css", true
	case "sum": // of a file of a report
		return strings.Repeat("0", 64), true
	case "event":
		return "Install", true
	case "run": // of an action, of which none has a log of its own
		return "none", true
	case "alias": // of a public project, of which there is none
		return "guess", true
	case "stage", "action":
		return "Ask", true
	case "connection":
		return d.connection, true
	case "id":
		for prefix, id := range map[string]string{
			"/repositories/": d.commit,
			"/builds/":       d.build,
			"/batches/":      d.batch,
			"/public/":       d.build,
			"/sandboxes/":    d.build, // there is none
			"/pipelines/":    d.execution,
			"/deployments/":  d.deployment,
			"/releases/":     d.deployment,
			"/settings/":     "AKIAWALKED",
		} {
			if strings.HasPrefix(path, prefix) {
				return id, true
			}
		}
	}
	return "", false
}

func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// newPageData fills a server: of each kind of thing one whose name is in an address, and one whose name is not.
func (w *pageWalker) newPageData() *pageData {
	t := w.t
	key, _, err := w.Data.ReadKey("administrator")
	if err != nil {
		t.Fatal(err)
	}
	caller, err := w.identity.Caller(t.Context(), key.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	d := &pageData{w: w.walker, api: w.newContract(), ctx: awsproto.WithCaller(t.Context(), caller)}
	storetest.Work(t, w.db)
	d.people(t)
	d.source(t)
	d.builds(t)
	d.pipelines(t)
	d.deployments(t)
	return d
}

func (d *pageData) people(t *testing.T) {
	ctx, api := d.ctx, d.api.iam
	trust := `{"Version":"2012-10-17","Statement":[{"Sid":"unseen","Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"Service":"codebuild.amazonaws.com"}}]}`
	text := document([]statement{{"Sid": unseen, "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}})
	for _, name := range []string{walked, unseen} {
		must[*iam.CreateUserOutput](t)(api.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
		must[*iam.CreateGroupOutput](t)(api.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name}))
		must[*iam.CreateRoleOutput](t)(api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name,
			AssumeRolePolicyDocument: &trust, Description: new(unseen)}))
		p := must[*iam.CreatePolicyOutput](t)(api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name,
			PolicyDocument: &text, Description: new(unseen)}))
		if name == walked {
			d.policy = *p.Policy.Arn
		}
		c := must[*codeconnections.CreateConnectionOutput](t)(d.api.connections.CreateConnection(ctx,
			&codeconnections.CreateConnectionInput{ConnectionName: &name, ProviderType: "GitHub"}))
		if name == walked {
			_, d.connection, _ = strings.Cut(*c.ConnectionArn, "/")
		}
		must[*slipway.CreateHostOutput](t)(d.api.slipway.CreateHost(ctx, &slipway.CreateHostInput{Name: &name,
			Tags: map[string]string{"role": unseen}}))
		// The names of providers are on the page of the sign-in, for all to see.
		provider := map[string]string{walked: walked, unseen: "elsewhere"}[name]
		must[*slipway.PutSignInProviderOutput](t)(d.api.slipway.PutSignInProvider(ctx, &slipway.PutSignInProviderInput{
			Name: &provider, Issuer: new("https://127.0.0.1:1/" + unseen), ClientId: new(unseen), Claim: new("groups"),
			Mappings: []slipway.SignInMapping{{Value: new(unseen), GroupName: new("readers")}}}))
	}
	_, err := api.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new(walked), PolicyName: new(unseen),
		PolicyDocument: &text})
	if err != nil {
		t.Fatal(err)
	}
	// What was refused is data too.
	d.w.identity.Denied(&identity.Denial{
		Caller:   awsproto.Caller{ARN: d.w.identity.UserARN(walked)},
		Action:   "s3:GetObject",
		Resource: "arn:aws:s3:::" + unseen,
	})
}

func (d *pageData) source(t *testing.T) {
	for _, name := range []string{walked, unseen} {
		must[*cc.CreateRepositoryOutput](t)(d.api.codecommit.CreateRepository(d.ctx, &cc.CreateRepositoryInput{
			RepositoryName: &name, RepositoryDescription: new(unseen)}))
	}
	put := &cc.PutFileInput{RepositoryName: new(walked), BranchName: new("main"), FilePath: new("main.txt"),
		FileContent: []byte(unseen + "\n"), CommitMessage: new(unseen)}
	d.first = *must[*cc.PutFileOutput](t)(d.api.codecommit.PutFile(d.ctx, put)).CommitId
	put.ParentCommitId, put.FileContent = &d.first, []byte(unseen+" 2\n")
	d.commit = *must[*cc.PutFileOutput](t)(d.api.codecommit.PutFile(d.ctx, put)).CommitId
}

func (d *pageData) builds(t *testing.T) {
	for _, name := range []string{walked, unseen} {
		must[*codebuild.CreateProjectOutput](t)(d.api.codebuild.CreateProject(d.ctx, &codebuild.CreateProjectInput{
			Name:        &name,
			Description: new(unseen),
			ServiceRole: new(d.role()),
			Source: &codebuild.ProjectSource{Type: codebuild.SourceTypeNoSource,
				Buildspec: new("version: 0.2\nphases:\n  build:\n    commands: [echo unseen]\n")},
			Artifacts:        &codebuild.ProjectArtifacts{Type: codebuild.ArtifactsTypeNoArtifacts},
			BuildBatchConfig: &codebuild.ProjectBuildBatchConfig{ServiceRole: new(d.role())},
			Environment: &codebuild.ProjectEnvironment{
				Type:        codebuild.EnvironmentTypeLinuxContainer,
				ComputeType: codebuild.ComputeTypeBuildGeneral1Small,
				Image:       new(unseen),
				EnvironmentVariables: []codebuild.EnvironmentVariable{
					{Name: new("WHAT"), Value: new(unseen)},
				},
			},
		}))
		b := must[*codebuild.StartBuildOutput](t)(d.api.codebuild.StartBuild(d.ctx,
			&codebuild.StartBuildInput{ProjectName: &name}))
		batch := must[*codebuild.StartBuildBatchOutput](t)(d.api.codebuild.StartBuildBatch(d.ctx,
			&codebuild.StartBuildBatchInput{ProjectName: &name}))
		if name == walked {
			d.build, d.batch = *b.Build.Id, *batch.BuildBatch.Id
		}
		must[*codebuild.CreateReportGroupOutput](t)(d.api.codebuild.CreateReportGroup(d.ctx,
			&codebuild.CreateReportGroupInput{Name: &name, Type: codebuild.ReportTypeTest,
				ExportConfig: &codebuild.ReportExportConfig{ExportConfigType: codebuild.ReportExportConfigTypeNoExport}}))
	}
}

// role is one that everything may run with.
func (d *pageData) role() string { return "arn:aws:iam::" + d.w.Place.Account + ":role/slipway" }

func (d *pageData) pipelines(t *testing.T) {
	if err := d.w.objects.CreateBucket(d.ctx, "artifacts"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{unseen, walked} {
		take := action("Take", cp.ActionCategorySource, "CodeCommit")
		take.Configuration = map[string]string{"RepositoryName": walked, "BranchName": "main"}
		take.OutputArtifacts = []cp.OutputArtifact{{Name: new("source")}}
		ask := action("Ask", cp.ActionCategoryApproval, "Manual")
		ask.Configuration = map[string]string{"CustomData": unseen}
		must[*cp.CreatePipelineOutput](t)(d.api.codepipeline.CreatePipeline(d.ctx, &cp.CreatePipelineInput{
			Pipeline: &cp.PipelineDeclaration{
				Name:          &name,
				RoleArn:       new(d.role()),
				ArtifactStore: &cp.ArtifactStore{Type: cp.ArtifactStoreTypeS3, Location: new("artifacts")},
				Stages: []cp.StageDeclaration{
					{Name: new("Source"), Actions: []cp.ActionDeclaration{take}},
					{Name: new("Ask"), Actions: []cp.ActionDeclaration{ask}},
				},
			},
		}))
	}
	d.asked(t)
}

// asked waits until the pipeline waits for its approval.
func (d *pageData) asked(t *testing.T) {
	changed, stop := d.w.hints.Listen("pipeline/" + walked)
	defer stop()
	for {
		out := must[*cp.GetPipelineStateOutput](t)(d.api.codepipeline.GetPipelineState(d.ctx,
			&cp.GetPipelineStateInput{Name: new(walked)}))
		waits := func(a cp.ActionState) bool { return a.LatestExecution != nil && a.LatestExecution.Token != nil }
		failed := func(a cp.ActionState) bool {
			return a.LatestExecution != nil && a.LatestExecution.Status == cp.ActionExecutionStatusFailed
		}
		for _, stage := range out.StageStates {
			if i := slices.IndexFunc(stage.ActionStates, failed); i >= 0 {
				t.Fatalf("an action failed: %s", *stage.ActionStates[i].LatestExecution.ErrorDetails.Message)
			}
			if slices.ContainsFunc(stage.ActionStates, waits) {
				d.execution = *stage.LatestExecution.PipelineExecutionId
				return
			}
		}
		within(t, changed, "the approval")
	}
}

func (d *pageData) deployments(t *testing.T) {
	for _, name := range []string{unseen, walked} {
		must[*cd.CreateApplicationOutput](t)(d.api.codedeploy.CreateApplication(d.ctx,
			&cd.CreateApplicationInput{ApplicationName: &name}))
		must[*cd.CreateDeploymentGroupOutput](t)(d.api.codedeploy.CreateDeploymentGroup(d.ctx,
			&cd.CreateDeploymentGroupInput{ApplicationName: &name, DeploymentGroupName: &name,
				ServiceRoleArn: new(d.role()),
				OnPremisesInstanceTagFilters: []cd.TagFilter{{Key: new("role"), Value: new(unseen),
					Type: cd.TagFilterTypeKeyAndValue}}}))
		out := must[*cd.CreateDeploymentOutput](t)(d.api.codedeploy.CreateDeployment(d.ctx, &cd.CreateDeploymentInput{
			ApplicationName:     &name,
			DeploymentGroupName: &name,
			Description:         new(unseen),
			Revision: &cd.RevisionLocation{RevisionType: cd.RevisionLocationTypeS3,
				S3Location: &cd.S3Location{Bucket: new("artifacts"), Key: new(unseen), BundleType: cd.BundleTypeZip}},
		}))
		d.deployment = *out.DeploymentId
	}
}
