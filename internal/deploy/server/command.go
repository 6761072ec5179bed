package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	cmd "slipway/api/codedeploycommand"
	"slipway/internal/deploy"
	"slipway/internal/store"
)

func clientError(message string) error { return &cmd.ClientException{Message: message} }

// ActForHost is the right to do what hosts do: to speak for one, and to say where its service is.
const ActForHost = "slipway:ActForHost"

// host finds the registered instance that a caller speaks for. A host identifier is the ARN of the instance's IAM user,
// which must be the caller's, or the instance's own ARN, which one who may act for hosts may use too.
func (s *Service) host(ctx context.Context, identifier string) (string, error) {
	caller := awsproto.CallerOf(ctx)
	var name, arn string
	if instance, ok := strings.CutPrefix(identifier, s.arn("instance/", "")); ok {
		ok, err := store.Find(ctx, s.db, []any{&name, &arn},
			`SELECT name, arn FROM deploy_instances WHERE name = $1 AND deregistered = 0`, instance)
		if err != nil {
			return "", err
		}
		if !ok || arn != caller.ARN && !awsproto.May(ctx, ActForHost, "host/"+name) {
			return "", strangers(caller, identifier)
		}
		return name, nil
	}
	if identifier != caller.ARN {
		return "", strangers(caller, identifier)
	}
	ok, err := store.Find(ctx, s.db, []any{&name},
		`SELECT name FROM deploy_instances WHERE arn = $1 AND deregistered = 0`, identifier)
	if err == nil && !ok {
		err = clientError("No on-premises instance is registered with the identity " + identifier +
			". Register it: aws deploy register-on-premises-instance --instance-name NAME --iam-user-arn " + identifier)
	}
	return name, err
}

func strangers(caller awsproto.Caller, identifier string) error {
	return &awsproto.Error{Code: "AccessDeniedException",
		Message: "User: " + caller.ARN + " is not authorized to act for the host " + identifier +
			": it is no registered instance of that user."}
}

// commandID is the name of a command in the hands of a host, as the wire has it.
type commandID struct {
	Deployment string `json:"deploymentId"`
	Host       string `json:"hostId"`
	Name       string `json:"commandName"`
	Position   int    `json:"commandPosition"`
	Attempt    int    `json:"commandAttempt"`
}

func encodeCommand(c deploy.Command) string {
	text, err := json.Marshal(commandID{c.Deployment, c.Unit, c.Event, c.Position, c.Attempt})
	if err != nil {
		panic(fmt.Errorf("server: encode a command's ID: %w", err)) //nolint:forbidigo // it has texts and numbers only
	}
	return base64.StdEncoding.EncodeToString(text)
}

// command reads the name of a command and checks that the caller speaks for its host.
func (s *Service) command(ctx context.Context, identifier string) (deploy.Command, error) {
	var id commandID
	text, err := base64.StdEncoding.DecodeString(identifier)
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	if err != nil || id.Deployment == "" || id.Host == "" {
		return deploy.Command{}, clientError("The host command identifier was not made by this server.")
	}
	if _, err = s.host(ctx, s.arn("instance/", id.Host)); err != nil {
		return deploy.Command{}, err
	}
	c := deploy.Command{
		Deployment: id.Deployment,
		Unit:       id.Host,
		Event:      id.Name,
		Position:   id.Position,
		Attempt:    id.Attempt,
	}
	return c, s.platform.sighted(ctx, id.Host, 0)
}

// PollHostCommand hands out the next command of a host. Without one it is held until there is, or until the poll has
// been held long enough.
func (s *Service) PollHostCommand(ctx context.Context,
	in *cmd.PollHostCommandInput) (*cmd.PollHostCommandOutput, error) {
	host, err := s.host(ctx, *in.HostIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.platform.sighted(ctx, host, +1); err != nil {
		return nil, err
	}
	defer func() { s.platform.presence.heard(host, s.Now(), -1) }()
	c, err := s.await(ctx, host)
	if err != nil || c == nil {
		return nil, err
	}
	execution := "CodeDeploy/" + s.Region + "/Slipway/" + s.arn("deployment/", c.Deployment)
	return &cmd.PollHostCommandOutput{HostCommand: &cmd.HostCommandInstance{
		HostCommandIdentifier: new(encodeCommand(*c)),
		HostIdentifier:        in.HostIdentifier,
		CommandName:           &c.Event,
		Nonce:                 new(int64(c.Attempt)),
		DeploymentExecutionId: &execution,
	}}, nil
}

// await takes the next command of a host. It returns nil if there was none while the poll was held.
func (s *Service) await(ctx context.Context, host string) (*deploy.Command, error) {
	woken, stop := s.deployments.Waiting(host)
	defer stop()
	end := time.NewTimer(s.Hold)
	defer end.Stop()
	for {
		c, later, err := s.deployments.Take(ctx, host)
		if err != nil || c != nil {
			return c, err
		}
		again := make(<-chan time.Time)
		if !later.IsZero() {
			again = time.After(later.Sub(s.Now()))
		}
		select {
		case <-woken:
		case <-again:
		case <-end.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// GetDeploymentSpecification tells a host what to deploy, signed. Only hosts of the deployment are told.
func (s *Service) GetDeploymentSpecification(ctx context.Context,
	in *cmd.GetDeploymentSpecificationInput) (*cmd.GetDeploymentSpecificationOutput, error) {
	host, err := s.host(ctx, *in.HostIdentifier)
	if err != nil {
		return nil, err
	}
	id := (*in.DeploymentExecutionId)[strings.LastIndexByte(*in.DeploymentExecutionId, '/')+1:]
	d, u, err := s.deployments.Part(ctx, id, host)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, clientError("The host has no part in the deployment " + id + ".")
	}
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	spec := specification(d)
	if spec.BundleSHA256, err = s.bundleDigest(ctx, d.Info.Revision.S3Location); err != nil {
		return nil, err
	}
	content, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	payload, err := signer.sign(content)
	if err != nil {
		return nil, err
	}
	return &cmd.GetDeploymentSpecificationOutput{DeploymentSystem: new("CodeDeploy"),
		DeploymentSpecification: &cmd.DeploymentSpecification{
			GenericEnvelope: &cmd.Envelope{Format: new("PKCS7/JSON"), Payload: &payload}}}, nil
}

// PutHostCommandAcknowledgement tells a host whether it may run a command: it may not if the status is Succeeded or
// Failed.
func (s *Service) PutHostCommandAcknowledgement(ctx context.Context,
	in *cmd.PutHostCommandAcknowledgementInput) (*cmd.PutHostCommandAcknowledgementOutput, error) {
	c, err := s.command(ctx, *in.HostCommandIdentifier)
	if err != nil {
		return nil, err
	}
	status, err := s.deployments.Acknowledge(ctx, c)
	if err != nil {
		return nil, err
	}
	return &cmd.PutHostCommandAcknowledgementOutput{CommandStatus: cmd.HostCommandStatus(status)}, nil
}

// PostHostCommandUpdate is taken and means nothing, as at AWS: no agent calls it.
func (s *Service) PostHostCommandUpdate(ctx context.Context,
	in *cmd.PostHostCommandUpdateInput) (*cmd.PostHostCommandUpdateOutput, error) {
	c, err := s.command(ctx, *in.HostCommandIdentifier)
	if err != nil {
		return nil, err
	}
	_, u, err := s.deployments.Part(ctx, c.Deployment, c.Unit)
	if err != nil {
		return nil, err
	}
	status := cmd.HostCommandStatusFailed
	if u != nil && c.Position >= 0 && c.Position < len(u.Events) {
		status = cmd.HostCommandStatus(u.Events[c.Position].Status)
	}
	return &cmd.PostHostCommandUpdateOutput{CommandStatus: status}, nil
}

// maxTail is how much of a script's output an event keeps, in characters.
const maxTail = 2048

// PutHostCommandComplete ends a command with what came of it. The first report counts: AWS's agent sends a second one
// after a failure.
func (s *Service) PutHostCommandComplete(ctx context.Context,
	in *cmd.PutHostCommandCompleteInput) (*cmd.PutHostCommandCompleteOutput, error) {
	if in.CommandStatus != cmd.HostCommandStatusSucceeded && in.CommandStatus != cmd.HostCommandStatusFailed {
		return nil, clientError("A command ends as Succeeded or Failed, not as " + string(in.CommandStatus) + ".")
	}
	c, err := s.command(ctx, *in.HostCommandIdentifier)
	if err != nil {
		return nil, err
	}
	succeeded := in.CommandStatus == cmd.HostCommandStatusSucceeded
	err = s.deployments.Complete(ctx, c, succeeded, diagnostics(in.Diagnostics, succeeded))
	if awsproto.Code(err) == "DeploymentDoesNotExistException" {
		return nil, nil
	}
	return nil, err
}

// PutHostCommandOutput adds a piece of a script's output to the log of its event. The answer is where to go on.
func (s *Service) PutHostCommandOutput(ctx context.Context,
	in *cmd.PutHostCommandOutputInput) (*cmd.PutHostCommandOutputOutput, error) {
	c, err := s.command(ctx, *in.HostCommandIdentifier)
	if err != nil {
		return nil, err
	}
	next, err := s.deployments.Print(ctx, c, *in.Offset, in.Data)
	if errors.Is(err, deploy.ErrNoCommand) {
		return nil, clientError("The host has no such command.")
	}
	if err != nil {
		return nil, err
	}
	return &cmd.PutHostCommandOutputOutput{NextOffset: &next}, nil
}

// diagnostics reads what a host reports. Codes beyond AWS's are unknown errors: 5, 6 (a script left its output open), 7
// (the agent was restarted).
func diagnostics(e *cmd.Envelope, succeeded bool) *cd.Diagnostics {
	var wire struct {
		Code    json.Number `json:"error_code"`
		Script  string      `json:"script_name"`
		Message string      `json:"message"`
		Log     string      `json:"log"`
	}
	if e != nil && e.Payload != nil {
		if err := json.Unmarshal([]byte(*e.Payload), &wire); err != nil {
			var kind *json.UnmarshalTypeError
			if !errors.As(err, &kind) { // a code that is a text: the rest was read
				wire.Message = "The host's report could not be read: " + err.Error()
			}
		}
	}
	codes := map[string]cd.LifecycleErrorCode{"0": cd.LifecycleErrorCodeSuccess,
		"1": cd.LifecycleErrorCodeScriptMissing, "2": cd.LifecycleErrorCodeScriptNotExecutable,
		"3": cd.LifecycleErrorCodeScriptTimedOut, "4": cd.LifecycleErrorCodeScriptFailed}
	code, ok := codes[wire.Code.String()]
	switch {
	case succeeded:
		code = cd.LifecycleErrorCodeSuccess
	case !ok || code == cd.LifecycleErrorCodeSuccess:
		code = cd.LifecycleErrorCodeUnknownError
	}
	message := wire.Message
	if succeeded && message == "" {
		message = "Succeeded"
	}
	message = strings.ToValidUTF8(cut(message, 4*maxTail), "\uFFFD")
	return &cd.Diagnostics{
		ErrorCode:  code,
		ScriptName: new(cut(wire.Script, maxTail)),
		Message:    &message,
		LogTail:    new(tail(wire.Log, maxTail)),
	}
}

// cut keeps the first n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// tail keeps the last n characters.
func tail(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[len(r)-n:])
	}
	return s
}
