package pipelinefile

import (
	"regexp"
	"slices"
	"sync"

	cp "slipway/api/codepipeline"
)

// ActionType is a kind of action: who provides it, how many artifacts it takes and makes, what it is configured with.
// Source: "Action structure reference" in the CodePipeline user guide.
type ActionType struct {
	Category cp.ActionCategory
	Owner    cp.ActionOwner
	Provider string
	Version  string
	MinIn    int32
	MaxIn    int32
	MinOut   int32
	MaxOut   int32
	Keys     []Key
	// Runs tells whether this version of Slipway runs such actions; others are kept and returned, and refused at the
	// start.
	Runs bool
}

// Key is a configuration key of an action type.
type Key struct {
	Name     string
	Required bool
	Secret   bool
	Doc      string
}

// ID is the action type's identifier.
func (t *ActionType) ID() *cp.ActionTypeId {
	return &cp.ActionTypeId{Category: t.Category, Owner: t.Owner, Provider: &t.Provider, Version: &t.Version}
}

// Key returns a configuration key by its name, or nil.
func (t *ActionType) Key(name string) *Key {
	if i := slices.IndexFunc(t.Keys, func(k Key) bool { return k.Name == name }); i >= 0 {
		return &t.Keys[i]
	}
	return nil
}

func must(name, doc string) Key { return Key{Name: name, Required: true, Doc: doc} }
func may(name, doc string) Key  { return Key{Name: name, Doc: doc} }

// Types are the action types that AWS provides.
var Types = sync.OnceValue(func() []ActionType {
	build := []Key{must("ProjectName", "The build project."),
		may("PrimarySource", "The input artifact with the buildspec; needed with several inputs."),
		may("BatchEnabled", "Run as a batch build."), may("CombineArtifacts", "Combine the artifacts of a batch."),
		may("EnvironmentVariables", "A JSON array of objects with name, value and type.")}
	aws := cp.ActionOwnerAws
	return []ActionType{
		{Category: cp.ActionCategorySource, Owner: aws, Provider: "CodeCommit", Version: "1", MinOut: 1, MaxOut: 1,
			Runs: true, Keys: []Key{
				must("RepositoryName", "The repository."), must("BranchName", "The branch."),
				may("PollForSourceChanges", "Whether a push starts the pipeline."),
				may("OutputArtifactFormat", "CODE_ZIP or CODEBUILD_CLONE_REF.")}},
		{Category: cp.ActionCategorySource, Owner: aws, Provider: "S3", Version: "1", MinOut: 1, MaxOut: 1, Runs: true,
			Keys: []Key{
				must("S3Bucket", "The bucket; it keeps versions."), must("S3ObjectKey", "The key of the zip."),
				may("PollForSourceChanges", "Whether a new version starts the pipeline."),
				may("AllowOverrideForS3ObjectKey", "Whether a start may name another key.")}},
		{Category: cp.ActionCategorySource, Owner: aws, Provider: "ECR", Version: "1", MinOut: 1, MaxOut: 1,
			Keys: []Key{
				must("RepositoryName", "The image repository."), may("ImageTag", "The tag.")}},
		{Category: cp.ActionCategorySource, Owner: aws, Provider: "CodeStarSourceConnection", Version: "1", MinOut: 1,
			MaxOut: 1, Keys: []Key{
				must("ConnectionArn", "The connection."), must("FullRepositoryId", "OWNER/REPOSITORY."),
				must("BranchName", "The branch."),
				may("OutputArtifactFormat", "CODE_ZIP or CODEBUILD_CLONE_REF."),
				may("DetectChanges", "Whether a push starts the pipeline.")}},
		{Category: cp.ActionCategorySource, Owner: cp.ActionOwnerThirdParty, Provider: "GitHub", Version: "1",
			MinOut: 1, MaxOut: 1, Keys: []Key{
				must("Owner", "The owner of the repository."), must("Repo", "The repository."),
				must("Branch", "The branch."),
				{Name: "OAuthToken", Required: true, Secret: true, Doc: "A token of GitHub."},
				may("PollForSourceChanges", "Whether a push starts the pipeline.")}},
		{
			Category: cp.ActionCategoryBuild,
			Owner:    aws,
			Provider: "CodeBuild",
			Version:  "1",
			MinIn:    1,
			MaxIn:    5,
			MaxOut:   5,
			Runs:     true,
			Keys:     build,
		},
		{
			Category: cp.ActionCategoryTest,
			Owner:    aws,
			Provider: "CodeBuild",
			Version:  "1",
			MinIn:    1,
			MaxIn:    5,
			MaxOut:   5,
			Runs:     true,
			Keys:     build,
		},
		{Category: cp.ActionCategoryTest, Owner: aws, Provider: "DeviceFarm", Version: "1", MinIn: 1, MaxIn: 1,
			Keys: []Key{
				must("AppType", "The kind of app."), must("ProjectId", "The project."), must("App", "The app's file."),
				must("DevicePoolArn", "The devices."),
				must("TestType", "The kind of test."), may("Test", "The test's file."),
				may("RadioBluetoothEnabled", ""), may("RecordAppPerformanceData", ""),
				may("RecordVideo", ""), may("RadioWifiEnabled", ""), may("RadioNfcEnabled", ""),
				may("RadioGpsEnabled", ""), may("FuzzEventCount", ""),
				may("FuzzEventThrottle", ""), may("FuzzRandomizerSeed", ""), may("CustomHostMachineArtifacts", ""),
				may("CustomDeviceArtifacts", ""),
				may("UnmeteredDevicesOnly", ""), may("JobTimeoutMinutes", ""), may("Latitude", ""),
				may("Longitude", "")}},
		{Category: cp.ActionCategoryApproval, Owner: aws, Provider: "Manual", Version: "1", Runs: true, Keys: []Key{
			may("CustomData", "What the approver should know."), may("ExternalEntityLink", "What to look at."),
			may("NotificationArn", "A topic to tell.")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "S3", Version: "1", MinIn: 1, MaxIn: 1, Runs: true,
			Keys: []Key{
				must("BucketName", "The bucket."), must("Extract", "Whether the zip is unpacked."),
				may("ObjectKey", "The key, or the prefix of what is unpacked."),
				may("KMSEncryptionKeyARN", "A key."), may("CannedACL", "An access control list."),
				may("CacheControl", "The objects' Cache-Control.")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "CodeDeploy", Version: "1", MinIn: 1, MaxIn: 1,
			Runs: true, Keys: []Key{
				must("ApplicationName", "The application."), must("DeploymentGroupName", "The deployment group.")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "ECS", Version: "1", MinIn: 1, MaxIn: 1, Keys: []Key{
			must("ClusterName", "The cluster."), must("ServiceName", "The service."),
			may("FileName", "The image definitions; imagedefinitions.json."),
			may("DeploymentTimeout", "Minutes.")}},
		{
			Category: cp.ActionCategoryDeploy,
			Owner:    aws,
			Provider: "CodeDeployToECS",
			Version:  "1",
			MinIn:    1,
			MaxIn:    5,
			Keys:     codeDeployToECS(),
		},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "EKS", Version: "1", MinIn: 1, MaxIn: 1, Keys: []Key{
			must("ClusterName", "The cluster."), may("HelmReleaseName", ""), may("HelmChartLocation", ""),
			may("HelmValuesFiles", ""), may("ManifestFiles", ""),
			may("Namespace", ""), may("Subnets", ""), may("SecurityGroupIds", "")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "ElasticBeanstalk", Version: "1", MinIn: 1, MaxIn: 1,
			Keys: []Key{
				must("ApplicationName", "The application."), must("EnvironmentName", "The environment.")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "Lambda", Version: "1", MaxIn: 1, Keys: []Key{
			must("FunctionName", "The function."), may("FunctionAlias", ""), may("PublishedTargetVersion", ""),
			may("DeployStrategy", ""), may("Alarms", "")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "EC2", Version: "1", MinIn: 1, MaxIn: 1, Keys: []Key{
			must("InstanceTagKey", ""), may("InstanceTagValue", ""), must("InstanceType", "EC2 or SSM_MANAGED_NODE."),
			may("TargetDirectory", ""), may("PostScript", ""),
			may("PreScript", ""), may("DeploySpec", ""), may("MaxBatch", ""), may("MaxError", ""),
			may("TargetGroupNameList", "")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "CloudFormation", Version: "1", MaxIn: 10, MaxOut: 1,
			Keys: []Key{
				must("ActionMode", "What is done."), must("StackName", "The stack."), may("Capabilities", ""),
				may("ChangeSetName", ""), may("RoleArn", ""),
				may("TemplatePath", ""), may("OutputFileName", ""), may("ParameterOverrides", ""),
				may("TemplateConfiguration", "")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "CloudFormationStackSet", Version: "1", MinIn: 1,
			MaxIn: 10, Keys: []Key{
				must("StackSetName", ""), must("TemplatePath", ""), may("Description", ""), may("Parameters", ""),
				may("Capabilities", ""), may("PermissionModel", ""),
				may("AdministrationRoleArn", ""), may("ExecutionRoleName", ""), may("OrganizationsAutoDeployment", ""),
				may("DeploymentTargets", ""),
				may("Regions", ""), may("FailureTolerancePercentage", ""), may("MaxConcurrentPercentage", ""),
				may("CallAs", "")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "CloudFormationStackInstances", Version: "1",
			MaxIn: 1, Keys: []Key{
				must("StackSetName", ""), may("DeploymentTargets", ""), must("Regions", ""),
				may("ParameterOverrides", ""), may("FailureTolerancePercentage", ""),
				may("MaxConcurrentPercentage", ""), may("CallAs", "")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "ServiceCatalog", Version: "1", MinIn: 1, MaxIn: 1,
			Keys: []Key{
				may("TemplateFilePath", ""), may("ProductVersionName", ""), may("ProductType", ""),
				may("ProductVersionDescription", ""), must("ProductId", ""), may("ConfigurationFilePath", "")}},
		{Category: cp.ActionCategoryDeploy, Owner: aws, Provider: "AppConfig", Version: "1", MinIn: 1, MaxIn: 1,
			Keys: []Key{
				must("Application", ""), must("Environment", ""), must("ConfigurationProfile", ""),
				must("InputArtifactConfigurationPath", ""), may("DeploymentStrategy", "")}},
		{Category: cp.ActionCategoryInvoke, Owner: aws, Provider: "Lambda", Version: "1", MaxIn: 5, MaxOut: 5,
			Keys: []Key{
				must("FunctionName", "The function."), may("UserParameters", "What it is given.")}},
		{Category: cp.ActionCategoryInvoke, Owner: aws, Provider: "StepFunctions", Version: "1", MaxIn: 1, MaxOut: 1,
			Keys: []Key{
				must("StateMachineArn", ""), may("ExecutionNamePrefix", ""), may("InputType", ""), may("Input", "")}},
		{Category: cp.ActionCategoryInvoke, Owner: aws, Provider: "CodePipeline", Version: "1", MaxIn: 0, Keys: []Key{
			must("PipelineName", ""), may("SourceRevisions", ""), may("Variables", "")}},
		{Category: cp.ActionCategoryInvoke, Owner: aws, Provider: "InspectorScan", Version: "1", MinIn: 1, MaxIn: 1,
			MaxOut: 1, Keys: []Key{
				must("InspectorRunMode", ""), may("ECRRepositoryName", ""), may("ImageTag", ""),
				may("CriticalThreshold", ""), may("HighThreshold", ""),
				may("MediumThreshold", ""), may("LowThreshold", "")}},
		{Category: cp.ActionCategoryBuild, Owner: aws, Provider: "ECRBuildAndPublish", Version: "1", MinIn: 1, MaxIn: 1,
			Keys: []Key{
				must("ECRRepositoryName", ""), may("DockerFilePath", ""), may("ImageTags", ""),
				may("RegistryType", "")}},
		{Category: cp.ActionCategoryCompute, Owner: aws, Provider: "Commands", Version: "1", MinIn: 1, MaxIn: 10,
			MaxOut: 1, Keys: []Key{
				may("EnvironmentType", ""), may("ComputeType", ""), may("VpcId", ""), may("Subnets", ""),
				may("SecurityGroupIds", "")}},
	}
})

func codeDeployToECS() []Key {
	keys := []Key{must("ApplicationName", "The application."), must("DeploymentGroupName", "The deployment group."),
		must("TaskDefinitionTemplateArtifact", ""), must("AppSpecTemplateArtifact", ""),
		may("TaskDefinitionTemplatePath", "taskdef.json"), may("AppSpecTemplatePath", "appspec.yaml")}
	for _, n := range []string{"1", "2", "3", "4"} {
		keys = append(keys, may("Image"+n+"ArtifactName", ""), may("Image"+n+"ContainerName", ""))
	}
	return keys
}

// Find returns the action type of an identifier, or nil if AWS has none: it may be a custom one.
func Find(id *cp.ActionTypeId) *ActionType {
	if id == nil || id.Provider == nil {
		return nil
	}
	types := Types()
	for i := range types {
		if t := &types[i]; t.Category == id.Category && t.Owner == id.Owner && t.Provider == *id.Provider {
			return t
		}
	}
	return nil
}

var variable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`#\{([A-Za-z0-9@_-]+)\.([A-Za-z0-9@_-]+)\}`)
})

// Variables finds the variables #{namespace.key} in a configuration value, as [namespace, key] pairs.
func Variables(value string) [][2]string {
	var found [][2]string
	for _, m := range variable().FindAllStringSubmatch(value, -1) {
		found = append(found, [2]string{m[1], m[2]})
	}
	return found
}

// Expand replaces each variable #{namespace.key} of a value by what lookup says; one that lookup does not know stays.
func Expand(value string, lookup func(namespace, key string) (string, bool)) string {
	return variable().ReplaceAllStringFunc(value, func(text string) string {
		m := variable().FindStringSubmatch(text)
		if v, ok := lookup(m[1], m[2]); ok {
			return v
		}
		return text
	})
}
