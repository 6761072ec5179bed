package build

import (
	"fmt"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

// refuse names what a build asks for that it could not do without and that is not executed.
func refuse(b *cb.Build) error {
	switch b.Environment.Type {
	case cb.EnvironmentTypeWindowsContainer, cb.EnvironmentTypeWindowsServer2019Container,
		cb.EnvironmentTypeWindowsServer2022Container,
		cb.EnvironmentTypeWindowsEc2, cb.EnvironmentTypeMacArm:
		return invalid(
			"The environment type %s is not executed: builds run on the runner's own host, which is Linux. Use "+
				"LINUX_CONTAINER.", b.Environment.Type)
	}
	if len(b.FileSystemLocations) > 0 {
		return invalid("fileSystemLocations are not mounted by Slipway yet; take them out of the project %s.",
			*b.ProjectName)
	}
	return nil
}

// remark is a note that applies or not.
type remark struct {
	applies bool
	note    string
}

// notes says, for the head of the log, what of a build is not done as the project asks.
func notes(b *cb.Build, p *cb.Project, logs *cb.LogsConfig, at site) []string {
	var all []string
	if at.note != "" {
		all = append(all, at.note)
	}
	for _, r := range slices.Concat(environmentRemarks(b.Environment, at), remarks(b, p), logRemarks(logs)) {
		if r.applies {
			all = append(all, r.note)
		}
	}
	return append(all, cacheNotes(b.Cache)...)
}

func environmentRemarks(e *cb.ProjectEnvironment, at site) []remark {
	return []remark{
		{awsproto.Value(e.PrivilegedMode) && at.image == "",
			"privilegedMode is ignored: the build runs on the runner's machine, without an administrator's rights."},
		{e.Type != cb.EnvironmentTypeLinuxContainer && e.Type != "",
			"The environment type " + string(e.Type) + " is ignored: the build runs on the runner's own processor."},
		{e.ComputeConfiguration != nil && at.image == "",
			"computeConfiguration is ignored: the build has what the runner's machine has."},
		{e.DockerServer != nil, "dockerServer is ignored: there is none."},
		{e.RegistryCredential != nil && at.image == "",
			"registryCredential is ignored: the build runs on the runner's machine, and pulls no image."},
		{e.Certificate != nil, "The certificate " + awsproto.Value(e.Certificate) + " is ignored."},
	}
}

// fleetNotes says what of a build's fleet is not done as it asks.
func fleetNotes(f *cb.Fleet) (all []string) {
	if f == nil {
		return nil
	}
	if f.VpcConfig != nil {
		all = append(all, "The fleet's vpcConfig is ignored: the build has the network of its runner.")
	}
	if f.ImageId != nil {
		all = append(all, "The fleet's imageId "+*f.ImageId+" is ignored: its machines are those of its runners.")
	}
	return all
}

// overflowNote says that a build runs outside of its fleet.
func overflowNote(r *row) []string {
	if !r.Overflow {
		return nil
	}
	return []string{"The fleet " + fleetName(r.fleet) + " had no free capacity, so that the build runs on the runner " +
		r.Runner + " (overflowBehavior ON_DEMAND)."}
}

func remarks(b *cb.Build, p *cb.Project) []remark {
	key := awsproto.Value(b.EncryptionKey)
	return []remark{
		{awsproto.Value(p.AutoRetryLimit) > 0 && b.Source.Type == cb.SourceTypeCodepipeline,
			"autoRetryLimit is ignored: a pipeline retries its stages (onFailure, RetryStageExecution)."},
		{b.VpcConfig != nil, "vpcConfig is ignored: the build has the network of the runner."},
		{b.EncryptionKey != nil && !strings.HasSuffix(key, ":alias/aws/s3"),
			"encryptionKey is ignored: artifacts are not encrypted with " + key + "."},
		{awsproto.Value(b.Source.ReportBuildStatus),
			"reportBuildStatus is ignored: nobody is told at " + awsproto.Value(b.Source.Location) + "."},
		{awsproto.Value(b.Source.InsecureSsl), "insecureSsl is ignored: certificates are checked."},
		{b.Source.Auth != nil,
			"The source's auth is ignored: it is fetched as nobody, or as the runner's own Git settings say."},
		{p.BuildBatchConfig != nil, "buildBatchConfig is ignored: this is a single build."},
	}
}

func logRemarks(logs *cb.LogsConfig) []remark {
	var all []remark
	if logs == nil {
		return all
	}
	if c := logs.CloudWatchLogs; c != nil {
		all = append(all, remark{c.Status == cb.LogsConfigStatusTypeDisabled,
			"cloudWatchLogs is DISABLED, but the log is kept: it is the only one."})
	}
	if c := logs.S3Logs; c != nil {
		all = append(all, remark{c.Status == cb.LogsConfigStatusTypeEnabled,
			"s3Logs is ignored: the log is not copied to " + awsproto.Value(c.Location) + "."})
	}
	return all
}

// cacheNotes says what of a project's cache is not done.
func cacheNotes(c *cb.ProjectCache) (all []string) {
	if c == nil || c.Type != cb.CacheTypeLocal {
		return nil
	}
	for _, mode := range c.Modes {
		if mode != cb.CacheModeLocalCustomCache && mode != cb.CacheModeLocalSourceCache {
			all = append(all, fmt.Sprintf("The cache mode %s is ignored.", mode))
		}
	}
	if len(c.Modes) == 0 {
		all = append(all, "The cache of type LOCAL has no mode and keeps nothing. Give it the mode LOCAL_CUSTOM_CACHE.")
	}
	return all
}
