// Command slipway takes a change from source to its users: Source, Build, Test, Deploy, Release.
package main

//go:generate sh -c "go run . reference > ../../docs/commands.md"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"slipway/internal/app"
)

var version = "dev" // set by the build

// commands are the sub-commands, each in a file of its own.
type commands struct {
	Up           upCommand           `cmd:"" help:"Start everything for one machine: the server with its pages, a runner, and a router once there is a load balancer."`
	Run          runCommand          `cmd:"" help:"Run the buildspec of this working tree here, with no server."`
	Validate     validateCommand     `cmd:"" help:"Check buildspec, appspec and pipeline files; print each error with its line."`
	Logs         logsCommand         `cmd:"" help:"Print the log of a build (-f follows it), or the script output of a deployment."`
	Why          whyCommand          `cmd:"" help:"Say why a pipeline, a build or a deployment failed."`
	Watch        watchCommand        `cmd:"" help:"Show the live board: where every change is, and what waits for a decision."`
	Pipelines    pipelinesCommand    `cmd:"" help:"List the pipelines, or the executions of one."`
	Builds       buildsCommand       `cmd:"" help:"List builds, or the phases of one."`
	Debug        debugCommand        `cmd:"" help:"Start a sandbox of a project or a build, and run commands in it."`
	Sandboxes    sandboxesCommand    `cmd:"" help:"List sandboxes, or the commands of one."`
	Deployments  deploymentsCommand  `cmd:"" help:"List deployments, or the hosts of one."`
	Releases     releasesCommand     `cmd:"" help:"List releases, or the steps of one with weights and verdicts."`
	Hosts        hostsCommand        `cmd:"" help:"List hosts and what runs on each; create or deregister one."`
	Groups       groupsCommand       `cmd:"" help:"List deployment groups and what runs in each; create or delete one."`
	Projects     projectsCommand     `cmd:"" help:"List build projects; create or delete one."`
	Policies     policiesCommand     `cmd:"" help:"Get, put or delete the release policy of a deployment group."`
	Alarms       alarmsCommand       `cmd:"" help:"List alarms with their states; create, change or delete one."`
	S3           s3Command           `cmd:"" name:"s3" help:"Create buckets; list, copy and delete objects, without the aws CLI."`
	Repositories repositoriesCommand `cmd:"" help:"List repositories."`
	Caches       cachesCommand       `cmd:"" help:"List the caches that a project's builds keep, or invalidate them."`
	Reports      reportsCommand      `cmd:"" help:"List test reports, or the tests of one."`
	Tests        testsCommand        `cmd:"" help:"List failing, flaky and slow tests; put one in quarantine, or take it out."`
	Approve      approveCommand      `cmd:"" help:"Approve the change that waits in a pipeline; without a name, list what waits."`
	Reject       rejectCommand       `cmd:"" help:"Reject the change that waits in a pipeline."`
	Rollback     rollbackCommand     `cmd:"" help:"Roll a release, a deployment or a group back to its last good version."`
	Promote      promoteCommand      `cmd:"" help:"Move a release to its next step, or let a waiting deployment continue."`
	Pause        pauseCommand        `cmd:"" help:"Pause a release, or close the transition into a stage."`
	Resume       resumeCommand       `cmd:"" help:"Resume a paused release, or open the transition into a stage."`
	Retry        retryCommand        `cmd:"" help:"Retry a failed stage, build or deployment."`
	Stop         stopCommand         `cmd:"" help:"Stop a build, a sandbox, a deployment or an execution."`
	Can          canCommand          `cmd:"" help:"Say whether a user, a group or a role may do something, and which statement decides."`
	Identity     identityCommand     `cmd:"" help:"Users, groups, roles, policies and access keys; check policy files."`
	API          apiCommand          `cmd:"" name:"api" help:"Call any operation of the API with JSON, without the aws CLI."`
	Server       serverCommand       `cmd:"" help:"Start the server alone: API, pages, Git, engine."`
	Runner       runnerCommand       `cmd:"" help:"Start a runner alone: it takes builds and runs them."`
	Router       routerCommand       `cmd:"" help:"Start a router alone: it serves the listeners of load balancers."`
	Agent        agentCommand        `cmd:"" help:"Start the agent of a host, which installs deployments there."`
	Fleets       fleetsCommand       `cmd:"" help:"List the fleets of runners: what they may run, and what they run."`
	Images       imagesCommand       `cmd:"" help:"List, set or delete what stands for CodeBuild's own images."`
	Secrets      secretsCommand      `cmd:"" help:"List, show, set or remove the parameters and secrets that builds read."`
	Jenkins      jenkinsCommand      `cmd:"" help:"List, add or delete servers of Jenkins that pipelines build on."`
	Connections  connectionsCommand  `cmd:"" help:"Connect to forges: list, add or complete connections; webhooks and what they delivered."`
	Jobs         jobsCommand         `cmd:"" help:"List the server's jobs; retry or discard one that failed."`
	Doctor       doctorCommand       `cmd:"" help:"Check a data folder and its database; say how to mend what is wrong."`
	GitHelper    credentialCommand   `cmd:"" name:"git-credential" help:"Sign git's requests, as the aws CLI's credential helper does."`
	Completion   completionCommand   `cmd:"" help:"Print a script that completes commands and names in bash, zsh or fish."`
	Reference    referenceCommand    `cmd:"" hidden:"" help:"Print the reference of all commands, docs/commands.md."`
	ActionsSteps actionsStepsCommand `cmd:"" hidden:"" name:"actions-steps" help:"Run the steps of a build in its room."`
	ActionsAgent actionsAgentCommand `cmd:"" hidden:"" name:"actions-agent" help:"Run programs of steps in a container."`
	Complete     completeCommand     `cmd:"" hidden:"" help:"Answer a shell's completion."`
	Version      versionCommand      `cmd:"" help:"Print the version."`
}

const description = `Slipway takes a change from source to its users: Source, Build, Test, Deploy, Release.

It speaks the API of AWS CodeCommit, CodeBuild, CodeDeploy and CodePipeline: the aws CLI works with
AWS_ENDPOINT_URL=http://127.0.0.1:8080. Slipway is independent of AWS.

  slipway up                     start it here, and print the page to open
  slipway run                    run this folder's buildspec.yml
  slipway validate               check the buildspec, appspec and pipeline files of this folder
  slipway watch                  where every change is, live
  slipway approve web            let the change that waits go on
  slipway why web                why did it fail?`

func main() {
	keepDescriptors()
	if len(os.Args) > 1 && slices.Contains(longLived, os.Args[1]) {
		if err := app.Conceal(); err != nil {
			fmt.Fprintln(os.Stderr, "slipway:", err)
			os.Exit(exitFailed)
		}
	}
	os.Exit(run(os.Args[1:]))
}

// longLived are the commands that run for long. They hide their secrets from other processes.
var longLived = []string{"up", "server", "runner", "router", "agent"}

// grammar returns the commands that the parser needs. If the arguments name one command clearly, it is that one only,
// because kong takes milliseconds to read all of them.
func grammar(args []string) any {
	all := reflect.TypeFor[commands]()
	for field := range all.Fields() {
		if len(args) > 0 && commandName(field) == args[0] && args[0] != "complete" && args[0] != "reference" {
			return reflect.New(reflect.StructOf([]reflect.StructField{field})).Interface()
		}
	}
	return new(commands)
}

// helpOf is where the command that is called says how it is called.
func helpOf(args []string) string {
	all := reflect.TypeFor[commands]()
	for field := range all.Fields() {
		if len(args) > 0 && commandName(field) == args[0] {
			return "slipway " + args[0] + " --help"
		}
	}
	return "slipway --help"
}

func commandName(field reflect.StructField) string {
	if name := field.Tag.Get("name"); name != "" {
		return name
	}
	return strings.ToLower(field.Name)
}

func run(args []string) int {
	parser, err := kong.New(grammar(args), kong.Name("slipway"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}), kong.ShortUsageOnError())
	if err == nil {
		err = forgetEmpty(parser)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "slipway:", err)
		return 2
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "--version":
		args = []string{"version"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "slipway:", misused(err))
		fmt.Fprintln(os.Stderr, "See: "+helpOf(args))
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(parser)
	if err := parsed.Run(); err != nil {
		code := exitCode(err)
		if _, said := errors.AsType[exitError](err); said {
			return code
		}
		fmt.Fprintln(os.Stderr, "slipway:", plain(err))
		if near := suggestion(ctx, args, err); near != "" {
			fmt.Fprintln(os.Stderr, near)
		}
		if code == exitUsage {
			fmt.Fprintln(os.Stderr, "See: "+helpOf(args))
		}
		return code
	}
	return 0
}

type versionCommand struct{}

func (versionCommand) Run() error {
	_, err := fmt.Println("slipway", version)
	return err
}
