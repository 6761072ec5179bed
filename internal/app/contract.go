package app

import (
	"slipway/api/acm"
	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codeconnections"
	"slipway/api/codedeploy"
	"slipway/api/codedeploycommand"
	"slipway/api/codepipeline"
	"slipway/api/ec2"
	"slipway/api/elbv2"
	"slipway/api/iam"
	"slipway/api/kms"
	"slipway/api/logs"
	"slipway/api/secretsmanager"
	"slipway/api/slipway"
	"slipway/api/sns"
	"slipway/api/ssm"
	"slipway/api/sts"
	"slipway/internal/build"
	"slipway/internal/deploy"
	deployserver "slipway/internal/deploy/server"
	"slipway/internal/event"
	"slipway/internal/identity"
	"slipway/internal/jobs"
	"slipway/internal/key"
	logsface "slipway/internal/logs"
	"slipway/internal/notify"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/custom"
	"slipway/internal/pipeline/jenkins"
	"slipway/internal/pipeline/webhook"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/platform/network"
	"slipway/internal/release"
	"slipway/internal/release/monitor"
	"slipway/internal/report"
	"slipway/internal/secret/parameter"
	"slipway/internal/secret/vault"
	"slipway/internal/source"
	"slipway/internal/source/connection"
	"slipway/internal/view"
)

// The parts of the contract, named so that a struct can embed several of them.
type (
	sourcePart    = source.Service
	buildPart     = build.Service
	reportPart    = report.Service
	deployPart    = deploy.Service
	hostPart      = deployserver.Service
	pipelinePart  = pipeline.Service
	jobWorkerPart = custom.Service
	jenkinsPart   = jenkins.Service
	triggerPart   = webhook.Service
	releasePart   = release.Service
	monitorPart   = monitor.Service
	balancerPart  = loadbalancer.Service
	identityPart  = identity.Service
	logsPart      = logsface.Service
	keyPart       = key.Service
	topicPart     = notify.Service
	parameterPart = parameter.Service
	vaultPart     = vault.Service
	networkPart   = network.Service
	viewPart      = view.Service
	jobsPart      = jobs.Service
	hintsPart     = event.Hints

	connectionPart = connection.Service
)

// Implementations of the services, each made of the parts that have its operations. An operation is there if a part has
// a method of its name. One with a wrong signature, or that two parts have, does not compile.
type (
	codecommitAPI struct {
		*sourcePart
		codecommit.Unimplemented
	}
	codebuildAPI struct {
		*buildPart
		*reportPart
		codebuild.Unimplemented
	}
	codepipelineAPI struct {
		*pipelinePart
		*jobWorkerPart
		*triggerPart
		codepipeline.Unimplemented
	}
	codeconnectionsAPI struct {
		*connectionPart
		codeconnections.Unimplemented
	}
	codedeployAPI struct {
		*deployPart
		*hostPart
		codedeploy.Unimplemented
	}
	commandAPI struct {
		*hostPart
		codedeploycommand.Unimplemented
	}
	logsAPI struct {
		*logsPart
		logs.Unimplemented
	}
	stsAPI struct {
		*identityPart
		sts.Unimplemented
	}
	iamAPI struct {
		*identityPart
		*balancerPart
		iam.Unimplemented
	}
	elbv2API struct {
		*balancerPart
		elbv2.Unimplemented
	}
	cloudwatchAPI struct {
		*monitorPart
		cloudwatch.Unimplemented
	}
	kmsAPI struct {
		*keyPart
		kms.Unimplemented
	}
	snsAPI struct {
		*topicPart
		sns.Unimplemented
	}
	ssmAPI struct {
		*parameterPart
		*buildPart
		ssm.Unimplemented
	}
	secretsmanagerAPI struct {
		*vaultPart
		secretsmanager.Unimplemented
	}
	ec2API struct {
		*networkPart
		ec2.Unimplemented
	}
	acmAPI struct {
		*balancerPart
		acm.Unimplemented
	}
	slipwayAPI struct {
		*viewPart
		*buildPart
		*deployPart
		*hostPart
		*pipelinePart
		*jobWorkerPart
		*jenkinsPart
		*releasePart
		*logsPart
		*balancerPart
		*sourcePart
		*reportPart
		*hintsPart
		*jobsPart
		*identityPart
		connectionOperations
		slipway.Unimplemented
	}
)

// implementations are all of them. They are also read by reflection, to list what is implemented.
type implementations struct {
	codecommit     codecommitAPI
	codebuild      codebuildAPI
	codepipeline   codepipelineAPI
	codedeploy     codedeployAPI
	command        commandAPI
	logs           logsAPI
	sts            stsAPI
	iam            iamAPI
	elbv2          elbv2API
	cloudwatch     cloudwatchAPI
	kms            kmsAPI
	sns            snsAPI
	ssm            ssmAPI
	secretsmanager secretsmanagerAPI
	ec2            ec2API
	acm            acmAPI
	slipway        slipwayAPI

	connections codeconnectionsAPI
}

// contract has the decorated services. All callers use these.
type contract struct {
	codecommit     *codecommit.Service
	codebuild      *codebuild.Service
	codepipeline   *codepipeline.Service
	codedeploy     *codedeploy.Service
	command        *codedeploycommand.Service
	logs           *logs.Service
	sts            *sts.Service
	iam            *iam.Service
	elbv2          *elbv2.Service
	cloudwatch     *cloudwatch.Service
	kms            *kms.Service
	sns            *sns.Service
	ssm            *ssm.Service
	secretsmanager *secretsmanager.Service
	ec2            *ec2.Service
	acm            *acm.Service
	slipway        *slipway.Service

	connections *codeconnections.Service
}

func newContract(hooks awsproto.Hooks, parts implementations) contract {
	return contract{
		codecommit:     codecommit.New(hooks, parts.codecommit),
		codebuild:      codebuild.New(hooks, parts.codebuild),
		codepipeline:   codepipeline.New(hooks, parts.codepipeline),
		codedeploy:     codedeploy.New(hooks, parts.codedeploy),
		command:        codedeploycommand.New(hooks, parts.command),
		logs:           logs.New(hooks, parts.logs),
		sts:            sts.New(hooks, parts.sts),
		iam:            iam.New(hooks, parts.iam),
		elbv2:          elbv2.New(hooks, parts.elbv2),
		cloudwatch:     cloudwatch.New(hooks, parts.cloudwatch),
		kms:            kms.New(hooks, parts.kms),
		sns:            sns.New(hooks, parts.sns),
		ssm:            ssm.New(hooks, parts.ssm),
		secretsmanager: secretsmanager.New(hooks, parts.secretsmanager),
		ec2:            ec2.New(hooks, parts.ec2),
		acm:            acm.New(hooks, parts.acm),
		slipway:        slipway.New(hooks, parts.slipway),

		connections: codeconnections.New(hooks, parts.connections),
	}
}

// all are the services of a contract, as the wire serves them.
func (c contract) all() []awsproto.Service {
	return []awsproto.Service{
		c.codecommit,
		c.codebuild,
		c.codepipeline,
		c.codedeploy,
		c.command,
		c.logs,
		c.sts,
		c.iam,
		c.elbv2,
		c.cloudwatch,
		c.kms,
		c.sns,
		c.ssm,
		c.secretsmanager,
		c.ec2,
		c.acm,
		c.connections,
		c.slipway,
	}
}
