package server

import (
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy"
)

// hostSpecification is what agents read, with the names that AWS's agent has for its members. It never has
// AllPossibleLifecycleEvents: where that stands, AWS's agent 1.x looks for a class that only its command
// codedeploy-local loads, and every Install fails.
type hostSpecification struct {
	ApplicationName      *string
	DeploymentId         string
	DeploymentGroupId    string
	DeploymentGroupName  *string
	DeploymentCreator    cd.DeploymentCreator
	DeploymentType       cd.DeploymentType
	AppSpecFilename      string
	AgentActionOverrides struct {
		AgentOverrides struct{ FileExistsBehavior cd.FileExistsBehavior }
	}
	Revision struct {
		RevisionType cd.RevisionLocationType
		S3Revision   s3Revision
	}
	// ReuseArchiveFromDeploymentId names a deployment whose unpacked bundle is used again, if it is still on the host.
	// AWS's agent knows it since 2.1.
	ReuseArchiveFromDeploymentId string `json:",omitzero"`
	// BundleSHA256 binds the content of the bundle, in hex, to this signed specification. It is Slipway's own; so is
	// LifecycleEvents, the hooks that an application specification may have.
	BundleSHA256    string `json:",omitzero"`
	LifecycleEvents []string
}

type s3Revision struct {
	Bucket, Key *string
	BundleType  cd.BundleType
	Version     *string `json:",omitzero"`
	ETag        *string `json:",omitzero"`
}

func specification(d deploy.Deployment) *hostSpecification {
	l := d.Info.Revision.S3Location
	s := &hostSpecification{
		ApplicationName:              d.Info.ApplicationName,
		DeploymentId:                 d.ID,
		DeploymentGroupId:            d.GroupID,
		DeploymentGroupName:          d.Info.DeploymentGroupName,
		DeploymentCreator:            d.Info.Creator,
		DeploymentType:               d.Info.DeploymentStyle.DeploymentType,
		AppSpecFilename:              "appspec.yml",
		ReuseArchiveFromDeploymentId: d.Reuse,
		LifecycleEvents: []string{
			"BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install",
			"AfterInstall",
			"ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic",
		},
	}
	s.AgentActionOverrides.AgentOverrides.FileExistsBehavior = d.Info.FileExistsBehavior
	s.Revision.RevisionType = d.Info.Revision.RevisionType
	s.Revision.S3Revision = s3Revision{
		Bucket:     l.Bucket,
		Key:        l.Key,
		BundleType: l.BundleType,
		Version:    l.Version,
		ETag:       l.ETag,
	}
	return s
}
