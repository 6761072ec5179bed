// Package buildspec reads build specifications, buildspec.yml, versions 0.1 and 0.2, as CodeBuild does, and says of
// every mistake where it is. Source: "Build specification reference for CodeBuild" and "Batch build buildspec
// reference" in the AWS CodeBuild user guide.
package buildspec

import "slipway/spec/workflow"

// Spec is a build specification. What is not in the file is zero.
type Spec struct {
	File    string
	Version string // 0.1: each command in a new shell; 0.2: all commands in one
	RunAs   string
	Env     Env
	Proxy   Proxy
	Phases  Phases
	Reports []Report
	// Artifacts is nil if there are none.
	Artifacts *Artifacts
	Cache     *Cache
	Batch     *Batch
	// Warnings are about what is ignored: keys that nothing has.
	Warnings Errors

	placed map[string]Place // where each part that Unsupported names stands
}

// Env is the environment of all commands.
type Env struct {
	Shell               string // bash, /bin/sh, powershell.exe, cmd.exe; "" is the system's default
	Variables           []Variable
	ParameterStore      []Variable // the value is the parameter's name
	SecretsManager      []Variable // the value is SECRET-ID:JSON-KEY:VERSION-STAGE:VERSION-ID
	Exported            []string   // names of variables that the build hands on
	GitCredentialHelper bool
}

// Variable is a name with its value, which is literal.
type Variable struct {
	Place
	Name, Value string
}

// Proxy says what goes through an explicit proxy server.
type Proxy struct{ UploadArtifacts, Logs bool }

// Phases are what runs, in this order.
type Phases struct{ Install, PreBuild, Build, PostBuild Phase }

// Phase is a list of commands, and what to do when one fails.
type Phase struct {
	Place
	RunAs           string
	OnFailure       OnFailure
	RuntimeVersions []Variable // of install only
	Commands        []Command
	Steps           []workflow.Step // of GitHub Actions, instead of commands
	Finally         []Command       // run after the commands, also when one of them failed
}

// Command is one entry of a list of commands; it can have several lines.
type Command struct {
	Place
	Text string
}

// Action is what a failed phase leads to.
type Action string

// Actions of on-failure. Without one a failed BUILD goes on to POST_BUILD and other phases end the build.
const (
	Abort    Action = "ABORT"
	Continue Action = "CONTINUE"
	Retry    Action = "RETRY"
)

// OnFailure is an action, and of RETRY how often and on which error messages.
type OnFailure struct {
	Action  Action
	Count   int
	Pattern string // a regular expression
}

// Report names files with test or coverage results.
type Report struct {
	Place
	Name          string // or the ARN of a report group
	Format        string // in capitals
	Files         []string
	Attachments   []string // patterns of files that the tests have left; beyond AWS
	BaseDirectory string
	DiscardPaths  bool
}

// Artifacts are what the build puts out: a primary artifact and secondary ones.
type Artifacts struct {
	Artifact
	Secondary []Artifact
}

// Artifact is a set of files.
type Artifact struct {
	Place
	Identifier     string // of a secondary artifact
	Name           string // expanded by the shell
	Files          []string
	ExcludePaths   []string
	BaseDirectory  string
	DiscardPaths   bool
	EnableSymlinks bool
	S3Prefix       string
}

// Cache is what is kept between builds.
type Cache struct {
	Place
	Key           string
	FallbackKeys  []string
	Paths         []string
	Restore, Save bool
}

// Batch says which builds a batch consists of: one of the four.
type Batch struct {
	Place
	FastFail bool
	List     []BatchBuild
	Graph    []BatchBuild
	Matrix   *Matrix
	Fanout   *Fanout
}

// BatchBuild is a build of a list or graph.
type BatchBuild struct {
	Place
	Identifier    string
	Buildspec     string
	DependOn      []string
	Env           BatchEnv
	IgnoreFailure bool
	DebugSession  bool
}

// BatchEnv overrides the project's environment.
type BatchEnv struct {
	ComputeType, Image, Type, Fleet string
	PrivilegedMode                  *bool
	Variables                       []Variable
}

// Matrix is all combinations of the lists in its dynamic part.
type Matrix struct {
	IgnoreFailure bool
	Env           BatchEnv
	Buildspec     []string
	ComputeType   []string
	Image         []string
	Variables     []Values
}

// Values are a variable's in a matrix.
type Values struct {
	Name   string
	Values []string
}

// Fanout is the same build several times.
type Fanout struct {
	Parallelism   int
	IgnoreFailure bool
}

// Unsupported is a part of the file that this version of Slipway does not execute.
type Unsupported struct {
	Place
	What string // the part, such as env.parameter-store
	Why  string // a sentence
	// Refuse says that the build would do something else without it, and must not run; else a note in its log is
	// enough.
	Refuse bool
}
