package deploy

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
	"slipway/internal/deploy/rollout"
	"slipway/internal/fault"
	"slipway/internal/identity"
	"slipway/internal/store"
)

func clientError(message string) error { return &cmd.ClientException{Message: message} }

// host finds the registered instance that a caller speaks for. A host identifier is the ARN of the instance's IAM user,
// which must be the caller's, or the instance's own ARN, which an administrator may use too.
func (s *Service) host(ctx context.Context, identifier string) (string, error) {
	caller := awsproto.CallerOf(ctx)
	var name, arn string
	if instance, ok := strings.CutPrefix(identifier, s.arn("instance/", "")); ok {
		ok, err := store.Find(ctx, s.db, []any{&name, &arn},
			`SELECT name, arn FROM deploy_instances WHERE name = $1 AND deregistered = 0`, instance)
		if err != nil {
			return "", err
		}
		if !ok || arn != caller.ARN && caller.Role != identity.Administrator {
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

// commandID names a command in the hands of a host.
type commandID struct {
	Deployment string `json:"deploymentId"`
	Host       string `json:"hostId"`
	Name       string `json:"commandName"`
	Position   int    `json:"commandPosition"`
	Attempt    int    `json:"commandAttempt"`
}

func (c commandID) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Errorf("deploy: encode a command's ID: %w", err)) //nolint:forbidigo // it has texts and numbers only
	}
	return base64.StdEncoding.EncodeToString(text)
}

// command reads the name of a command and checks that the caller speaks for its host.
func (s *Service) command(ctx context.Context, identifier string) (commandID, error) {
	var c commandID
	text, err := base64.StdEncoding.DecodeString(identifier)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || c.Deployment == "" || c.Host == "" {
		return c, clientError("The host command identifier was not made by this server.")
	}
	if _, err = s.host(ctx, s.arn("instance/", c.Host)); err != nil {
		return c, err
	}
	return c, s.sighted(ctx, c.Host, 0)
}

// PollHostCommand hands out the next command of a host. Without one it is held until there is, or until the poll has
// been held long enough.
func (s *Service) PollHostCommand(ctx context.Context,
	in *cmd.PollHostCommandInput) (*cmd.PollHostCommandOutput, error) {
	host, err := s.host(ctx, *in.HostIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.sighted(ctx, host, +1); err != nil {
		return nil, err
	}
	defer func() { s.hosts.heard(host, s.Now(), -1) }()
	end := time.NewTimer(s.Hold)
	defer end.Stop()
	for {
		woken := s.hosts.signal(host)
		c, later, err := s.next(ctx, host)
		if err != nil {
			return nil, err
		}
		if c != nil {
			return &cmd.PollHostCommandOutput{HostCommand: &cmd.HostCommandInstance{
				HostCommandIdentifier: new(c.String()), HostIdentifier: in.HostIdentifier, CommandName: &c.Name,
				Nonce:                 new(int64(c.Attempt)),
				DeploymentExecutionId: new("CodeDeploy/" + s.Region + "/Slipway/" + s.arn("deployment/", c.Deployment)),
			}}, nil
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

// next hands out the command that waits longest; without one it tells when the next will, if that is known.
func (s *Service) next(ctx context.Context, host string) (*commandID, time.Time, error) {
	const waiting = `SELECT deliverable FROM deploy_targets WHERE host = $1 ORDER BY deliverable LIMIT 1`
	var at int64
	ok, err := store.Find(ctx, s.db, []any{&at}, waiting, host)
	if err != nil || !ok {
		return nil, time.Time{}, err
	}
	if at > s.Now().UnixMilli() {
		return nil, time.UnixMilli(at), nil
	}
	var c *commandID
	err = s.db.Write(ctx, func(tx store.Tx) error {
		c = nil
		now := s.Now()
		t, err := store.Document[rollout.Target](ctx, tx,
			`SELECT doc FROM deploy_targets WHERE host = $1 AND deliverable <= $2 ORDER BY deliverable LIMIT 1`, host,
			now.UnixMilli())
		if err != nil || t == nil {
			return err
		}
		if from, ok := t.Deliverable(); !ok || from.UnixMilli() > now.UnixMilli() {
			return nil
		}
		t.Deliver(now)
		c = &commandID{*t.DeploymentId, host, *t.Event().LifecycleEventName, t.At, t.Attempt}
		return s.saveTarget(ctx, tx, t)
	})
	fault.Point("deploy.after-deliver")
	if err == nil && c == nil {
		return nil, s.Now(), nil // somebody else was faster: look again
	}
	return c, time.Time{}, err
}

// GetDeploymentSpecification tells a host what to deploy, signed. Only hosts of the deployment are told.
func (s *Service) GetDeploymentSpecification(ctx context.Context,
	in *cmd.GetDeploymentSpecificationInput) (*cmd.GetDeploymentSpecificationOutput, error) {
	host, err := s.host(ctx, *in.HostIdentifier)
	if err != nil {
		return nil, err
	}
	id := (*in.DeploymentExecutionId)[strings.LastIndexByte(*in.DeploymentExecutionId, '/')+1:]
	t, err := loadTarget(ctx, s.db, id, host)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, clientError("The host has no part in the deployment " + id + ".")
	}
	d, err := loadDeployment(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	spec := specification(d)
	if spec.BundleSHA256, err = s.bundleDigest(ctx, d.info.Revision.S3Location); err != nil {
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
	status := cd.LifecycleEventStatusFailed
	err = s.db.Write(ctx, func(tx store.Tx) error {
		_, err := s.change(ctx, tx, c.Deployment, c.Host, func(_ *deployment, t *rollout.Target) (changed bool) {
			status, changed = t.Acknowledge(c.Position, c.Attempt, s.Now())
			return changed
		})
		return err
	})
	fault.Point("deploy.after-acknowledge")
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
	t, err := loadTarget(ctx, s.db, c.Deployment, c.Host)
	if err != nil {
		return nil, err
	}
	status := cmd.HostCommandStatusFailed
	if t != nil && c.Position >= 0 && c.Position < len(t.LifecycleEvents) {
		status = cmd.HostCommandStatus(t.LifecycleEvents[c.Position].Status)
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
	d := diagnostics(in.Diagnostics, in.CommandStatus == cmd.HostCommandStatusSucceeded)
	var changed bool
	err = s.db.Write(ctx, func(tx store.Tx) (err error) {
		changed, err = s.change(ctx, tx, c.Deployment, c.Host, func(dep *deployment, t *rollout.Target) bool {
			return t.Complete(c.Position, c.Attempt, in.CommandStatus == cmd.HostCommandStatusSucceeded, d,
				is(dep.info.IgnoreApplicationStopFailures), s.Now())
		})
		return err
	})
	fault.Point("deploy.after-complete")
	if code := awsproto.Code(err); code == "DeploymentDoesNotExistException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if changed {
		s.endOutput(ctx, c, d)
	}
	return nil, nil
}

// diagnostics reads what a host reports. Codes beyond AWS's are unknown errors: 5, 6 (a script left its output open), 7
// (the agent was started anew).
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
