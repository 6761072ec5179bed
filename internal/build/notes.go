package build

import (
	"fmt"
	"strings"

	cb "slipway/api/codebuild"
)

// refuse names what a build asks for that it could not do without and that is not executed.
func refuse(b *cb.Build, debug bool) error {
	for _, v := range b.Environment.EnvironmentVariables {
		if v.Type != cb.EnvironmentVariableTypePlaintext && v.Type != "" {
			return invalid(
				"The environment variable %s is of type %s, which Slipway does not resolve yet. Give it as PLAINTEXT, "+
					"or let the build's commands fetch it.", text(v.Name), v.Type)
		}
	}
	switch b.Environment.Type {
	case cb.EnvironmentTypeWindowsContainer, cb.EnvironmentTypeWindowsServer2019Container,
		cb.EnvironmentTypeWindowsServer2022Container,
		cb.EnvironmentTypeWindowsEc2, cb.EnvironmentTypeMacArm:
		return invalid(
			"The environment type %s is not executed: builds run on the runner's own host, which is Linux. Use "+
				"LINUX_CONTAINER.", b.Environment.Type)
	}
	switch {
	case len(b.FileSystemLocations) > 0:
		return invalid("fileSystemLocations are not mounted by Slipway yet; take them out of the project %s.",
			*b.ProjectName)
	case debug:
		return invalid("Debug sessions (debugSessionEnabled) are not offered by Slipway yet.")
	}
	return nil
}

// notes says, for the head of the log, what of a build is not done as the project asks.
func notes(b *cb.Build, p *cb.Project, logs *cb.LogsConfig) []string {
	var all []string
	note := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	e := b.Environment
	note("The build runs on the runner's host: the image %s is not used.", text(e.Image))
	if number(e.PrivilegedMode) {
		note("privilegedMode is ignored: the build has the rights of the runner.")
	}
	switch e.Type {
	case cb.EnvironmentTypeLinuxContainer, "":
	default:
		note("The environment type %s is ignored: the build runs on the runner's own processor.", e.Type)
	}
	if e.ComputeConfiguration != nil {
		note("computeConfiguration is ignored: the build has what the runner's host has.")
	}
	if e.DockerServer != nil {
		note("dockerServer is ignored: there is none.")
	}
	if number(p.AutoRetryLimit) > 0 && b.Source.Type == cb.SourceTypeCodepipeline {
		note("autoRetryLimit is ignored: a pipeline retries its stages (onFailure, RetryStageExecution).")
	}
	if e.Fleet != nil {
		note("The fleet %s is ignored.", text(e.Fleet.FleetArn))
	}
	if e.RegistryCredential != nil {
		note("registryCredential is ignored: no image is pulled.")
	}
	if e.Certificate != nil {
		note("The certificate %s is ignored.", text(e.Certificate))
	}
	if b.VpcConfig != nil {
		note("vpcConfig is ignored: the build has the network of the runner.")
	}
	all = append(all, cacheNotes(b.Cache)...)
	if logs != nil {
		if c := logs.CloudWatchLogs; c != nil && c.Status == cb.LogsConfigStatusTypeDisabled {
			note("cloudWatchLogs is DISABLED, but the log is kept: it is the only one.")
		}
		if c := logs.S3Logs; c != nil && c.Status == cb.LogsConfigStatusTypeEnabled {
			note("s3Logs is ignored: the log is not copied to %s.", text(c.Location))
		}
	}
	if b.EncryptionKey != nil && !strings.HasSuffix(*b.EncryptionKey, ":alias/aws/s3") {
		note("encryptionKey is ignored: artifacts are not encrypted with %s.", *b.EncryptionKey)
	}
	if number(b.Source.ReportBuildStatus) {
		note("reportBuildStatus is ignored: nobody is told at %s.", text(b.Source.Location))
	}
	if number(b.Source.InsecureSsl) {
		note("insecureSsl is ignored: certificates are checked.")
	}
	if b.Source.Auth != nil {
		note("The source's auth is ignored: it is fetched as nobody, or as the runner's own Git settings say.")
	}
	if p.BuildBatchConfig != nil {
		note("buildBatchConfig is ignored: this is a single build.")
	}
	return all
}

// cacheNotes says what of a project's cache is not done. The runner acts on local custom caches alone.
func cacheNotes(c *cb.ProjectCache) (all []string) {
	if c == nil || c.Type == cb.CacheTypeNoCache || c.Type == "" {
		return nil
	}
	if c.Type != cb.CacheTypeLocal {
		return []string{fmt.Sprintf("The cache of type %s is neither restored nor saved.", c.Type)}
	}
	for _, mode := range c.Modes {
		if mode != cb.CacheModeLocalCustomCache {
			all = append(all, fmt.Sprintf("The cache mode %s is ignored.", mode))
		}
	}
	if len(c.Modes) == 0 {
		all = append(all, "The cache of type LOCAL has no mode and keeps nothing. Give it the mode LOCAL_CUSTOM_CACHE.")
	}
	return all
}
