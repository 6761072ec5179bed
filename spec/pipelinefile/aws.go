package pipelinefile

import (
	"slices"
	"sync"

	cp "slipway/api/codepipeline"
)

// AWS is the catalogue of the action types that AWS provides, whether Slipway runs them or not.
var AWS = sync.OnceValue(func() Catalogue {
	return slices.Concat(sourceTypes(), buildTypes(), deployTypes(), templateTypes(), invokeTypes())
})

// aws declares a type that AWS owns.
func aws(category cp.ActionCategory, provider string, inputs, outputs Range, keys ...Key) ActionType {
	return ActionType{
		Category: category,
		Owner:    cp.ActionOwnerAws,
		Provider: provider,
		Version:  "1",
		Inputs:   inputs,
		Outputs:  outputs,
		Keys:     keys,
	}
}

func must(name, doc string) Key     { return Key{Name: name, Required: true, Doc: doc} }
func may(name, doc string) Key      { return Key{Name: name, Doc: doc} }
func mustFlag(name, doc string) Key { return Key{Name: name, Required: true, Boolean: true, Doc: doc} }
func flag(name, doc string) Key     { return Key{Name: name, Boolean: true, Doc: doc} }

// settings are optional keys that Slipway only keeps.
func settings(names ...string) []Key {
	keys := make([]Key, len(names))
	for i, name := range names {
		keys[i] = may(name, "")
	}
	return keys
}

var one, none = Range{1, 1}, Range{}

func sourceTypes() []ActionType {
	commit := aws(cp.ActionCategorySource, "CodeCommit", none, one,
		must("RepositoryName", "The repository."),
		must("BranchName", "The branch."),
		flag("PollForSourceChanges", "Whether a push starts the pipeline."),
		may("OutputArtifactFormat", "CODE_ZIP or CODEBUILD_CLONE_REF."))
	commit.Check = checkCodeCommit
	object := aws(cp.ActionCategorySource, "S3", none, one,
		must("S3Bucket", "The bucket; it keeps versions."),
		must("S3ObjectKey", "The key of the zip."),
		flag("PollForSourceChanges", "Whether a new version starts the pipeline."),
		may("AllowOverrideForS3ObjectKey", "Whether a start may name another key."))
	image := aws(cp.ActionCategorySource, "ECR", none, one,
		must("RepositoryName", "The image repository."),
		may("ImageTag", "The tag."))
	connection := aws(cp.ActionCategorySource, "CodeStarSourceConnection", none, one,
		must("ConnectionArn", "The connection."),
		must("FullRepositoryId", "OWNER/REPOSITORY."),
		must("BranchName", "The branch."),
		may("OutputArtifactFormat", "CODE_ZIP or CODEBUILD_CLONE_REF."),
		flag("DetectChanges", "Whether a push starts the pipeline."))
	github := aws(cp.ActionCategorySource, "GitHub", none, one,
		must("Owner", "The owner of the repository."),
		must("Repo", "The repository."),
		must("Branch", "The branch."),
		Key{Name: "OAuthToken", Required: true, Secret: true, Doc: "A token of GitHub."},
		flag("PollForSourceChanges", "Whether a push starts the pipeline."))
	github.Owner = cp.ActionOwnerThirdParty
	return []ActionType{commit, object, image, connection, github}
}

func buildTypes() []ActionType {
	build := aws(cp.ActionCategoryBuild, "CodeBuild", Range{1, 5}, Range{0, 5},
		must("ProjectName", "The build project."),
		may("PrimarySource", "The input artifact with the buildspec; needed with several inputs."),
		flag("BatchEnabled", "Run as a batch build."),
		flag("CombineArtifacts", "Combine the artifacts of a batch."),
		may("EnvironmentVariables", "A JSON array of objects with name, value and type."))
	build.BuildVariables, build.Check = true, checkCodeBuild
	test := build
	test.Category = cp.ActionCategoryTest
	devices := aws(cp.ActionCategoryTest, "DeviceFarm", one, none, slices.Concat([]Key{
		must("AppType", "The kind of app."),
		must("ProjectId", "The project."),
		must("App", "The app's file."),
		must("DevicePoolArn", "The devices."),
		must("TestType", "The kind of test."),
		may("Test", "The test's file.")},
		settings("RadioBluetoothEnabled", "RecordAppPerformanceData", "RecordVideo", "RadioWifiEnabled",
			"RadioNfcEnabled", "RadioGpsEnabled", "FuzzEventCount", "FuzzEventThrottle", "FuzzRandomizerSeed",
			"CustomHostMachineArtifacts", "CustomDeviceArtifacts", "UnmeteredDevicesOnly", "JobTimeoutMinutes",
			"Latitude", "Longitude"))...)
	approval := aws(cp.ActionCategoryApproval, "Manual", none, none,
		may("CustomData", "What the approver should know."),
		may("ExternalEntityLink", "What to look at."),
		may("NotificationArn", "A topic to tell."))
	return []ActionType{build, test, devices, approval}
}

func deployTypes() []ActionType {
	object := aws(cp.ActionCategoryDeploy, "S3", one, none,
		must("BucketName", "The bucket."),
		mustFlag("Extract", "Whether the zip is unpacked."),
		may("ObjectKey", "The key, or the prefix of what is unpacked."),
		may("KMSEncryptionKeyARN", "A key."),
		may("CannedACL", "An access control list."),
		may("CacheControl", "The objects' Cache-Control."))
	object.Check = checkS3Deploy
	return []ActionType{
		object,
		aws(cp.ActionCategoryDeploy, "CodeDeploy", one, none,
			must("ApplicationName", "The application."),
			must("DeploymentGroupName", "The deployment group.")),
		aws(cp.ActionCategoryDeploy, "ECS", one, none,
			must("ClusterName", "The cluster."),
			must("ServiceName", "The service."),
			may("FileName", "The image definitions; imagedefinitions.json."),
			may("DeploymentTimeout", "Minutes.")),
		aws(cp.ActionCategoryDeploy, "CodeDeployToECS", Range{1, 5}, none, codeDeployToECS()...),
		aws(cp.ActionCategoryDeploy, "EKS", one, none, append([]Key{must("ClusterName", "The cluster.")},
			settings("HelmReleaseName", "HelmChartLocation", "HelmValuesFiles", "ManifestFiles", "Namespace",
				"Subnets", "SecurityGroupIds")...)...),
		aws(cp.ActionCategoryDeploy, "ElasticBeanstalk", one, none,
			must("ApplicationName", "The application."),
			must("EnvironmentName", "The environment.")),
		aws(cp.ActionCategoryDeploy, "Lambda", Range{0, 1}, none, append([]Key{must("FunctionName", "The function.")},
			settings("FunctionAlias", "PublishedTargetVersion", "DeployStrategy", "Alarms")...)...),
		aws(cp.ActionCategoryDeploy, "EC2", one, none, append([]Key{
			must("InstanceTagKey", ""),
			may("InstanceTagValue", ""),
			must("InstanceType", "EC2 or SSM_MANAGED_NODE.")},
			settings("TargetDirectory", "PostScript", "PreScript", "DeploySpec", "MaxBatch", "MaxError",
				"TargetGroupNameList")...)...),
	}
}

// templateTypes are the types of deploy actions whose input describes resources.
func templateTypes() []ActionType {
	return []ActionType{
		aws(cp.ActionCategoryDeploy, "CloudFormation", Range{0, 10}, Range{0, 1}, append([]Key{
			must("ActionMode", "What is done."),
			must("StackName", "The stack.")},
			settings("Capabilities", "ChangeSetName", "RoleArn", "TemplatePath", "OutputFileName",
				"ParameterOverrides", "TemplateConfiguration")...)...),
		aws(cp.ActionCategoryDeploy, "CloudFormationStackSet", Range{1, 10}, none, append([]Key{
			must("StackSetName", ""),
			must("TemplatePath", "")},
			settings("Description", "Parameters", "Capabilities", "PermissionModel", "AdministrationRoleArn",
				"ExecutionRoleName", "OrganizationsAutoDeployment", "DeploymentTargets", "Regions",
				"FailureTolerancePercentage", "MaxConcurrentPercentage", "CallAs")...)...),
		aws(cp.ActionCategoryDeploy, "CloudFormationStackInstances", Range{0, 1}, none, append([]Key{
			must("StackSetName", ""),
			may("DeploymentTargets", ""),
			must("Regions", "")},
			settings("ParameterOverrides", "FailureTolerancePercentage", "MaxConcurrentPercentage", "CallAs")...)...),
		aws(cp.ActionCategoryDeploy, "ServiceCatalog", one, none, append(
			settings("TemplateFilePath", "ProductVersionName", "ProductType", "ProductVersionDescription"),
			must("ProductId", ""),
			may("ConfigurationFilePath", ""))...),
		aws(cp.ActionCategoryDeploy, "AppConfig", one, none,
			must("Application", ""),
			must("Environment", ""),
			must("ConfigurationProfile", ""),
			must("InputArtifactConfigurationPath", ""),
			may("DeploymentStrategy", "")),
	}
}

func codeDeployToECS() []Key {
	keys := []Key{
		must("ApplicationName", "The application."),
		must("DeploymentGroupName", "The deployment group."),
		must("TaskDefinitionTemplateArtifact", ""),
		must("AppSpecTemplateArtifact", ""),
		may("TaskDefinitionTemplatePath", "taskdef.json"),
		may("AppSpecTemplatePath", "appspec.yaml"),
	}
	for _, n := range []string{"1", "2", "3", "4"} {
		keys = append(keys, may("Image"+n+"ArtifactName", ""), may("Image"+n+"ContainerName", ""))
	}
	return keys
}

func invokeTypes() []ActionType {
	return []ActionType{
		aws(cp.ActionCategoryInvoke, "Lambda", Range{0, 5}, Range{0, 5},
			must("FunctionName", "The function."),
			may("UserParameters", "What it is given.")),
		aws(cp.ActionCategoryInvoke, "StepFunctions", Range{0, 1}, Range{0, 1},
			must("StateMachineArn", ""),
			may("ExecutionNamePrefix", ""),
			may("InputType", ""),
			may("Input", "")),
		aws(cp.ActionCategoryInvoke, "CodePipeline", none, none,
			must("PipelineName", ""),
			may("SourceRevisions", ""),
			may("Variables", "")),
		aws(cp.ActionCategoryInvoke, "InspectorScan", one, Range{0, 1}, append([]Key{must("InspectorRunMode", "")},
			settings("ECRRepositoryName", "ImageTag", "CriticalThreshold", "HighThreshold", "MediumThreshold",
				"LowThreshold")...)...),
		aws(cp.ActionCategoryBuild, "ECRBuildAndPublish", one, none, append([]Key{must("ECRRepositoryName", "")},
			settings("DockerFilePath", "ImageTags", "RegistryType")...)...),
		aws(cp.ActionCategoryCompute, "Commands", Range{1, 10}, Range{0, 1},
			settings("EnvironmentType", "ComputeType", "VpcId", "Subnets", "SecurityGroupIds")...),
	}
}
