// Package slipway is what AWS has no operation for, as one more service.
package slipway

import (
	"slipway/api/awsproto"
	"slipway/api/codebuild"
)

// Order is all that a runner needs to run a build; it travels in BuildOrder.order.
type Order struct {
	// Build is the build as it was submitted: the project with the overrides of StartBuild over it. Its environment
	// holds the merged variables, its source the buildspec (a path, or inline text), its timeouts are in minutes.
	Build codebuild.Build `json:"build"`
	// Sources are what is fetched: the primary one first, with an empty identifier.
	Sources []Source `json:"sources"`
	// Outputs are where artifacts go: the primary one first, with an empty identifier. None is NO_ARTIFACTS.
	Outputs []Output `json:"outputs,omitzero"`
	// Variables are the built-in ones that only the server knows: CODEBUILD_INITIATOR, CODEBUILD_BUILD_NUMBER, …
	Variables map[string]string `json:"variables,omitzero"`
	// Image is what the build's container is made of; "" is the runner's own machine.
	Image string `json:"image,omitzero"`
	// Privileged gives the build's container the rights of the machine's administrator.
	Privileged bool `json:"privileged,omitzero"`
	// ReadBatch lets the build end once it has the source, with the batch section of its buildspec as Result.Batch.
	ReadBatch bool `json:"readBatch,omitzero"`
	// Sandbox keeps the build, once it has its source and its environment, for the commands of PollCommandExecution.
	// The phases of its buildspec are not run.
	Sandbox bool `json:"sandbox,omitzero"`
	// Hosted says that the build runs a job of GitHub Actions, as a runner that takes this one job, instead of the
	// commands of the phase BUILD.
	Hosted bool `json:"hosted,omitzero"`
	// Fork says that the build is of a pull request from a fork: no secret is read for it.
	Fork bool `json:"fork,omitzero"`
	// CachesSince is when the caches of the build's project were invalidated last, in milliseconds since 1970: those of
	// builds that were submitted before are not used. 0 is never.
	CachesSince int64 `json:"cachesSince,omitzero"`
	// CacheApart, if set, names whose caches this build saves beside those of its project, which no other build reads:
	// a pull request. The build may read its project's.
	CacheApart string `json:"cacheApart,omitzero"`
	// Group and Stream name the log in the journal.
	Group  string `json:"group"`
	Stream string `json:"stream"`
	// TestTimes are how long suites of tests took before, for a build of a fan-out; all builds of a batch get the same.
	TestTimes []TestTime `json:"testTimes,omitzero"`
	// Notes are lines that the runner writes at the head of the log: what of the project is not done as it asks.
	Notes []string `json:"notes,omitzero"`
	// Region and Account are the server's.
	Region  string `json:"region"`
	Account string `json:"account"`
}

// SourceKind tells how a source is fetched.
type SourceKind string

// Source kinds.
const (
	SourceGit  SourceKind = "git"  // clone URL, check out Version
	SourceZip  SourceKind = "zip"  // unpack the object Bucket/Key
	SourceDir  SourceKind = "dir"  // copy the objects under the prefix Bucket/Key (it ends in a slash)
	SourceNone SourceKind = "none" // an empty folder
)

// Source is one source of a build.
type Source struct {
	Identifier string     `json:"identifier,omitzero"` // "" for the primary one
	Kind       SourceKind `json:"kind"`
	// URL is of a Git repository: http, https or ssh. With Here it is one of this server's, and the runner signs for
	// it.
	URL  string `json:"url,omitzero"`
	Here bool   `json:"here,omitzero"`
	// Version is a commit, branch, tag or full ref; "" is the default branch. For an object it is its version ID.
	Version    string `json:"version,omitzero"`
	Depth      int32  `json:"depth,omitzero"` // 0 is the whole history
	Submodules bool   `json:"submodules,omitzero"`
	Bucket     string `json:"bucket,omitzero"`
	Key        string `json:"key,omitzero"`
}

// Output is where an artifact of a build goes.
type Output struct {
	Identifier string `json:"identifier,omitzero"` // "" for the primary one
	Bucket     string `json:"bucket"`
	// Key is the whole key of a zip, exactly as a pipeline asks for it. Without it the key is put together from
	// Path, Namespace and Name as CodeBuild does.
	Key       string `json:"key,omitzero"`
	Path      string `json:"path,omitzero"`
	Namespace bool   `json:"namespace,omitzero"` // BUILD_ID
	Name      string `json:"name,omitzero"`
	// OverrideName takes the artifact's name from the buildspec.
	OverrideName bool `json:"overrideName,omitzero"`
	Zip          bool `json:"zip,omitzero"` // packaging ZIP; else the files lie under the name
}

// Artifact is a bundle that a pipeline hands from action to action: a zip in a bucket.
type Artifact struct {
	Name   string `json:"name"`
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// PipelineJob is what a pipeline's action adds to StartBuild. Its key makes the start idempotent.
type PipelineJob struct {
	Key      string     `json:"key"`      // the action execution's ID
	Pipeline string     `json:"pipeline"` // its name: the initiator is codepipeline/NAME
	Primary  string     `json:"primary,omitzero"`
	Inputs   []Artifact `json:"inputs,omitzero"`
	Outputs  []Artifact `json:"outputs,omitzero"`
	// Version is the commit of the primary input, if its source was a repository.
	Version string `json:"version,omitzero"`
	// Execution is the ID of the pipeline's execution.
	Execution string `json:"execution,omitzero"`
}

// CommandsProject begins what stands in place of a project's name in builds of a pipeline's commands; the pipeline's
// name follows. No project's name has an @.
const CommandsProject = "codepipeline@"

// BuildTarget begins the target of sessions with a build; its ID follows. Builds show it as debugSession.sessionTarget.
const BuildTarget = "codebuild:"

// Paused is the status code of the context of a phase in which codebuild-breakpoint has paused the build.
const Paused = "PAUSED"

// Progress is how far a build has come; it travels in UpdateBuild.progress. It can be lost: Result says all once more.
type Progress struct {
	CurrentPhase          string                 `json:"currentPhase"`
	Phases                []codebuild.BuildPhase `json:"phases"`
	ResolvedSourceVersion string                 `json:"resolvedSourceVersion,omitzero"`
}

// Result is how a build ended; it travels in CompleteBuild.result.
type Result struct {
	Status codebuild.StatusType `json:"status"`
	// Phases are those that the runner ran, from PROVISIONING to COMPLETED.
	Phases                []codebuild.BuildPhase                  `json:"phases"`
	End                   *awsproto.Time                          `json:"end"`
	ResolvedSourceVersion string                                  `json:"resolvedSourceVersion,omitzero"`
	Exported              []codebuild.ExportedEnvironmentVariable `json:"exported,omitzero"`
	// Artifacts are what was uploaded; the primary one has no identifier.
	Artifacts []codebuild.BuildArtifacts `json:"artifacts,omitzero"`
	Reports   []Report                   `json:"reports,omitzero"`
	Cause     *Cause                     `json:"cause,omitzero"`
	Batch     *Batch                     `json:"batch,omitzero"` // of an order with ReadBatch
	// Caches are what became of kept caches in the build.
	Caches []CacheUse `json:"caches,omitzero"`
	// Image is what the build's container was made of, with its digest, "" for a build without one.
	Image string `json:"image,omitzero"`
}

// Surroundings are what a build found on its runner, which its definition does not say.
type Surroundings struct {
	// Image is what its container was made of, with its digest: NAME@sha256:HEX. "" is the runner's own machine.
	Image string `json:"image,omitzero"`
	// Caches are those that were restored, one line each.
	Caches []string `json:"caches,omitzero"`
}

// PastBuild is a build with what it ran in.
type PastBuild struct {
	codebuild.Build
	Surroundings
}

// CacheEvent is something that happened to a kept cache.
type CacheEvent string

// Cache events.
const (
	CacheHit     CacheEvent = "hit"     // it was restored
	CacheSaved   CacheEvent = "saved"   // it was written
	CacheRemoved CacheEvent = "removed" // to make room, or because it was damaged
)

// LocalCaches is the place of caches on the runner itself.
const LocalCaches = "LOCAL"

// CacheUse is what happened to a kept cache in a build.
type CacheUse struct {
	Event CacheEvent `json:"event"`
	Place string     `json:"place"` // LocalCaches, or s3://BUCKET/PREFIX
	// Scope names whose builds share it: an ARN. Version is of its directories.
	Scope   string `json:"scope"`
	Version string `json:"version"`
	Key     string `json:"key"` // "" for the one of a project without keys
	// Build and Number are of the build that saved it, and Project is that one's.
	Project string   `json:"project"`
	Build   string   `json:"build"`
	Number  int64    `json:"number"`
	Dirs    []string `json:"dirs,omitzero"` // as the buildspec names them
	Size    int64    `json:"size"`          // bytes of its files
	Stored  int64    `json:"stored"`        // bytes that it takes, what it shares with others included
	Files   int64    `json:"files"`
	Saved   int64    `json:"saved"` // in milliseconds since 1970
}

// Batch is what a buildspec says of a batch: its builds, combinations of a matrix written out.
type Batch struct {
	FastFail bool         `json:"fastFail,omitzero"`
	Builds   []BatchBuild `json:"builds"`
}

// BatchBuild is one build of a batch, and what of the project it replaces; "" replaces nothing.
type BatchBuild struct {
	Identifier     string                          `json:"identifier"`
	Buildspec      string                          `json:"buildspec,omitzero"`
	DependsOn      []string                        `json:"dependsOn,omitzero"`
	IgnoreFailure  bool                            `json:"ignoreFailure,omitzero"`
	DebugSession   bool                            `json:"debugSession,omitzero"`
	ComputeType    codebuild.ComputeType           `json:"computeType,omitzero"`
	Image          string                          `json:"image,omitzero"`
	Type           codebuild.EnvironmentType       `json:"type,omitzero"`
	Fleet          string                          `json:"fleet,omitzero"`
	PrivilegedMode *bool                           `json:"privilegedMode,omitzero"`
	Variables      []codebuild.EnvironmentVariable `json:"variables,omitzero"`
}

// Report is what a build's tests reported, under one name of the buildspec's reports.
type Report struct {
	Name  string               `json:"name"` // a name, or a report group's ARN
	Type  codebuild.ReportType `json:"type"`
	Cases []codebuild.TestCase `json:"cases,omitzero"`
	// Truncated says that the files held more cases than a report takes; Error why there is no result.
	Truncated bool `json:"truncated,omitzero"`
	// Counts are how many cases had each status, and Nanoseconds what all of them took, those beyond the kept ones
	// included; nil from runners that did not count.
	Counts      map[string]int32 `json:"counts,omitzero"`
	Nanoseconds int64            `json:"nanoseconds,omitzero"`
	Error       string           `json:"error,omitzero"`
	Coverage    *Coverage        `json:"coverage,omitzero"` // of a report of code coverage
	// Flaky are the tests that failed and then passed when the tool ran them again; Files are what the tests have left.
	Flaky []TestName   `json:"flaky,omitzero"`
	Files []ReportFile `json:"files,omitzero"`
}

// TestName names a test case within a report group.
type TestName struct {
	Prefix string `json:"prefix,omitzero"`
	Name   string `json:"name"`
}

// Coverage is what a report of code coverage says. The sums are of all files, those beyond the kept ones included.
type Coverage struct {
	Sums
	Files []FileCoverage `json:"files,omitzero"`
}

// Sums are how many lines and branches ran, and how many did not.
type Sums struct {
	LinesCovered    int32 `json:"linesCovered"`
	LinesMissed     int32 `json:"linesMissed"`
	BranchesCovered int32 `json:"branchesCovered,omitzero"`
	BranchesMissed  int32 `json:"branchesMissed,omitzero"`
}

// FileCoverage is the coverage of a file. Covered and Missed are numbers of lines such as 3-5,9. Both are absent where
// a report has too many to keep.
type FileCoverage struct {
	Path string `json:"path"`
	Sums
	Covered string `json:"covered,omitzero"`
	Missed  string `json:"missed,omitzero"`
}

// TestTime is how long the tests of a suite took together: of a class, a module, a file.
type TestTime struct {
	Suite       string `json:"suite"`
	Nanoseconds int64  `json:"nanoseconds"`
}

// Origin is what a build was made of, as far as it is known: the commit, its branch, and the branch that its pull
// request is to go to.
type Origin struct{ Commit, Branch, Base string }

// Cause is why a build failed, as far as the runner knows: `slipway why` and the pages begin with it.
type Cause struct {
	Phase    string `json:"phase"`
	Command  string `json:"command,omitzero"`
	ExitCode *int32 `json:"exitCode,omitzero"`
	Message  string `json:"message"`
	// Line is the number of the log's line, from 0, with which the failing command's output begins, and Lines the first
	// lines that look like an error, with their numbers.
	Line  *int64 `json:"line,omitzero"`
	Lines []Line `json:"lines,omitzero"`
	// Finding is what its tools said is wrong, or what the runner knows of the end; nil if neither is known. Lines are
	// then those that say so.
	Finding *Finding `json:"finding,omitzero"`
	// Test is the first test that failed, of FailedTests in all; the server adds them when it keeps the build's
	// reports.
	Test        *FailedTest `json:"test,omitzero"`
	FailedTests int         `json:"failedTests,omitzero"`
}

// MaxCommandOutput is how much is kept of what a command of a sandbox wrote to each of its two outputs, in bytes: the
// last part. All of it is in the log.
const MaxCommandOutput = 24_000

// CommandResult is how a command of a sandbox ended; it travels in CompleteCommandExecution.result.
type CommandResult struct {
	ExitCode int32 `json:"exitCode"`
	// Interrupted says that it was ended before it was over. There is no exit code then.
	Interrupted bool   `json:"interrupted,omitzero"`
	Output      string `json:"output,omitzero"` // the last part of what it wrote to its standard output
	Errors      string `json:"errors,omitzero"` // the same of its standard error
}
